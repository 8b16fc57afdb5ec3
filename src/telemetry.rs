//! What the sidecar says about its work: access lines, audit lines, diagnostics.
mod access_json;
mod diagnostics;
mod line;
mod severity;
mod visible;
mod waiting;
mod writer;

pub use line::{Access, Audit, AuditEvent, CredentialKind, Outcome};

use crate::config::{Log, LogFormat};
use diagnostics::Diagnostics;
use severity::Severity;
use std::{
    fmt::Display,
    io::{self, Write},
    sync::Arc,
};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
use waiting::Share;
use writer::Writer;

/// Where lines go. Cheap to clone. Nothing here waits for the reader of the log: lines wait in
/// a bounded buffer for a thread of their own.
#[derive(Clone, Debug)]
pub struct Telemetry {
    writer: Arc<Writer>,
    log: Log,
}

impl Telemetry {
    /// Writes to `sink`, one line at a time.
    pub fn new(log: Log, sink: impl Write + Send + 'static) -> Self {
        Self::writing(log, sink, false)
    }

    /// Writes to standard error; where that leads to the journal, each line begins with its severity
    /// (`<3>` to `<7>`, sd-daemon(3)), which the journal takes off.
    pub fn to_standard_error(log: Log) -> Self {
        Self::writing(log, io::stderr(), severity::journal_has_standard_error())
    }

    fn writing(log: Log, sink: impl Write + Send + 'static, is_journal: bool) -> Self {
        Self {
            writer: Arc::new(Writer::new(sink, is_journal)),
            log,
        }
    }

    /// One line per request, when its answer has ended.
    pub fn access(&self, access: &Access<'_>) {
        let (share, severity) = (Share::Access, Severity::Informational);
        match self.log.format {
            LogFormat::Text => self.write(share, severity, access),
            LogFormat::Json => {
                if let Some(line) = access_json::format(access) {
                    self.writer.visible_line(share, severity, &line);
                }
            }
        }
    }

    /// One line per sign-in, refusal, token exchange and logout. Refusals, which anybody can cause,
    /// have a share of their own in what waits, and push out none of the others.
    pub fn audit(&self, audit: &Audit<'_>) {
        let share = match audit.event {
            AuditEvent::Refusal => Share::Refusals,
            _ => Share::Audit,
        };
        let severity = match audit.reason {
            Some(_) => Severity::Warning,
            None => Severity::Notice,
        };
        self.write(share, severity, audit);
    }

    fn write(&self, share: Share, severity: Severity, line: &impl serde::Serialize) {
        let line = line::format(line, self.log.format);
        self.writer.line(share, severity, &line);
    }

    /// Makes this the destination of the process's diagnostics (`tracing`), of this crate
    /// alone: libraries print the contents of messages when they are asked for details.
    /// The first call in a process counts.
    pub fn install(&self) {
        let targets = Targets::new().with_target("ocient_sidecar", self.log.level);
        let base = tracing_subscriber::registry().with(targets);
        let lines = tracing_subscriber::fmt::layer().with_writer(Diagnostics(self.writer.clone()));
        let _first = match self.log.format {
            LogFormat::Json => base.with(lines.json().flatten_event(true)).try_init(),
            LogFormat::Text => base.with(lines.with_ansi(false)).try_init(),
        };
    }

    /// Waits until everything said so far is written.
    pub fn flush(&self) {
        self.writer.flush();
    }
}

/// Writes `text` to standard error, for a start that fails before there is a log. Where that leads
/// to the journal, every line of it is an error's.
pub fn complain(text: impl Display) {
    let text = match severity::journal_has_standard_error() {
        true => severity::on_every_line(Severity::Error, &text.to_string()),
        false => format!("{text}\n"),
    };
    drop(io::stderr().write_all(text.as_bytes()));
}

/// An error with its causes, outermost first. The errors of this crate hold no secret.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
