//! One command of the demo, and what its answer has to look like.
use std::time::Duration;

/// A command for a shell, on its own: it needs nothing but files that lines before it wrote.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it shows.
    pub(crate) title: &'static str,
    /// What to paste.
    pub(crate) command: String,
    status: u16,
    words: &'static [&'static str],
    is_streamed: bool,
}

/// What a command printed.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The answer's body, and then the status that `curl -w` adds.
    pub(crate) text: String,
    /// From the command's start to the first byte.
    pub(crate) first_byte: Duration,
    /// From the command's start to its end.
    pub(crate) end: Duration,
}

impl Line {
    /// A line that is to be answered with this status, and with all of these words.
    pub(crate) fn new(
        title: &'static str,
        command: String,
        status: u16,
        words: &'static [&'static str],
    ) -> Self {
        Self {
            title,
            command,
            status,
            words,
            is_streamed: false,
        }
    }

    /// Its answer has to begin long before it ends.
    pub(crate) fn streamed(self) -> Self {
        Self {
            is_streamed: true,
            ..self
        }
    }

    /// What is wrong with an answer.
    pub(crate) fn faults(&self, answer: &Answer) -> Vec<String> {
        let mut faults = Vec::new();
        let status = answer.status();
        if status != Some(self.status) {
            let got = status.map_or("none".to_owned(), |status| status.to_string());
            faults.push(format!("status {} expected, got {got}", self.status));
        }
        let missing = self
            .words
            .iter()
            .filter(|word| !answer.text.contains(**word));
        faults.extend(missing.map(|word| format!("{word:?} is not in the answer")));
        // Half is far from both ends: the statement gives its rows at even distances.
        if self.is_streamed && answer.first_byte > answer.end / 2 {
            let (first, end) = (answer.first_byte, answer.end);
            faults.push(format!(
                "the first object came after {first:.1?} of {end:.1?}: nothing was streamed"
            ));
        }
        faults
    }
}

impl Answer {
    /// The answer without the status line.
    pub(crate) fn body(&self) -> &str {
        let text = self.text.trim_end();
        text.rsplit_once('\n').map_or("", |(body, _)| body)
    }

    /// The last line, as [`crate::commands::STATUS`] has it written.
    pub(crate) fn status(&self) -> Option<u16> {
        self.text.trim_end().rsplit('\n').next()?.parse().ok()
    }
}
