//! `[log]`: what is written to standard error, and how.
use super::{section::Section, values::choice};
use tracing::Level;

/// `[log]`
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// Default JSON.
    pub format: LogFormat,
    /// The least severe level that is written; default info.
    pub level: Level,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for programs.
    Json,
    /// Plain text, for people.
    Text,
}

impl Log {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let formats = choice(&[("json", LogFormat::Json), ("text", LogFormat::Text)]);
        let format = section.defaulted("format", "'json'", formats);
        let levels = choice(&[
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ]);
        let level = section.defaulted("level", "'info'", levels);
        Some(Self {
            format: format?,
            level: level?,
        })
    }
}
