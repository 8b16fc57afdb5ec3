//! What the sidecar says about its work: access lines, audit lines, diagnostics.
mod access_json;
mod line;
mod visible;
mod writer;

pub use line::{Access, Audit, AuditEvent, CredentialKind, Outcome};
pub use writer::Writer;

use crate::config::{Log, LogFormat};
use std::{io::Write, sync::Arc};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

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
        Self {
            writer: Arc::new(Writer::new(sink)),
            log,
        }
    }

    /// One line per request, when its answer has ended.
    pub fn access(&self, access: &Access<'_>) {
        match self.log.format {
            LogFormat::Text => self.write(access),
            LogFormat::Json => {
                if let Some(line) = access_json::format(access) {
                    self.writer.visible_line(&line);
                }
            }
        }
    }

    /// One line per sign-in, refusal, token exchange and logout.
    pub fn audit(&self, audit: &Audit<'_>) {
        self.write(audit);
    }

    fn write(&self, line: &impl serde::Serialize) {
        self.writer.line(&line::format(line, self.log.format));
    }

    /// Makes this the destination of the process's diagnostics (`tracing`), of this crate
    /// alone: libraries print the contents of messages when they are asked for details.
    /// The first call in a process counts.
    pub fn install(&self) {
        let targets = Targets::new().with_target("ocient_sidecar", self.log.level);
        let base = tracing_subscriber::registry().with(targets);
        let lines = tracing_subscriber::fmt::layer().with_writer(self.writer.clone());
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

/// An error with its causes, outermost first. The errors of this crate hold no secret.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
