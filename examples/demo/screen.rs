//! What the demo prints.
use crate::{
    failure::Failure,
    folder::Folder,
    line::{Answer, Line},
    lines::sign_in_url,
    settings::Places,
};
use std::{error::Error, io::Write};

/// Where it prints. A reader that goes away is nobody's trouble.
pub(crate) struct Screen<W>(W);

/// Lines of an answer that are shown; all of them are checked.
const SHOWN_LINES: usize = 4;

/// Characters of such a line: what a wide terminal has, twice.
const SHOWN_CHARACTERS: usize = 240;

impl<W: Write> Screen<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(out)
    }

    /// Where everything is, and who there is.
    pub(crate) fn welcome(&mut self, places: &Places, folder: &Folder) {
        let (config, log) = (folder.shown("config.toml"), folder.shown("sidecar.log"));
        let (sidecar, sign_in) = (places.public_url(), sign_in_url(places));
        let (admin, ca) = (places.admin_port, folder.shown("ca.crt"));
        let (sql_node, issuer) = (&places.sql_node, &places.issuer);
        self.remark(&format!(
            "\
Sidecar        {sidecar}    (operator: http://127.0.0.1:{admin}/readyz)
SQL node       {sql_node}     databases retail_analytics, system
Provider       {issuer}

Configuration  {config}
Log            {log}
Authority      {ca}, for curl and, if you like, for your browser

At the provider   alice / alice-password   analysts: databases retail_*
                  bob   / bob-password     admins: every database
                  carol / carol-password   no group: no database
At the SQL node   alice / wonderland       retail_analytics
                  admin / admin            system, retail_analytics

To sign in with a browser, open  {sign_in}

Tokens for the lines below are in the demo's folder and live for twelve hours. The lines build on
each other; paste them in this order."
        ));
    }

    /// The commands, ready to be pasted.
    pub(crate) fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            self.remark(&format!("\n# {}\n{}", line.title, line.command));
        }
        self.remark("");
    }

    /// A command and its answer, and what is wrong with it.
    pub(crate) fn step(&mut self, line: &Line, answer: &Answer, faults: &[String]) {
        self.remark(&format!("\n# {}\n{}", line.title, line.command));
        for text in shortened(answer.body()) {
            self.remark(&format!("    {text}"));
        }
        let status = answer
            .status()
            .map_or("no status".to_owned(), |status| status.to_string());
        let verdict = if faults.is_empty() {
            "as expected"
        } else {
            "WRONG"
        };
        let milliseconds = answer.end.as_millis();
        self.remark(&format!("--> {status} in {milliseconds} ms, {verdict}"));
        for fault in faults {
            self.remark(&format!("    {fault}"));
        }
    }

    /// One line of text.
    pub(crate) fn remark(&mut self, text: &str) {
        drop(writeln!(self.0, "{text}"));
    }

    /// Why the demo ends, with all causes.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.remark(&format!("\nFailed: {failure}"));
        let mut cause = failure.source();
        while let Some(error) = cause {
            self.remark(&format!("  because: {error}"));
            cause = error.source();
        }
    }
}

fn shortened(text: &str) -> Vec<String> {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let mut shown: Vec<String> = lines.by_ref().take(SHOWN_LINES).map(cut).collect();
    let hidden = lines.count();
    if hidden > 0 {
        shown.push(format!("… and {hidden} lines more"));
    }
    shown
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
