//! `Severity`: how much a line matters, as the journal learns it.
use rustix::fs::fstat;
use std::{env, io};
use tracing::Level;

/// Levels of syslog (RFC 5424 section 6.2.1), as far as lines have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Severity {
    /// Returns what stands before a line of the journal (sd-daemon(3)).
    pub(super) fn prefix(self) -> &'static [u8] {
        match self {
            Self::Error => b"<3>",
            Self::Warning => b"<4>",
            Self::Notice => b"<5>",
            Self::Informational => b"<6>",
            Self::Debug => b"<7>",
        }
    }

    pub(super) fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Informational,
            _ => Self::Debug,
        }
    }
}

/// Returns `text` with the prefix of `severity` before each of its lines.
pub(super) fn on_every_line(severity: Severity, text: &str) -> String {
    let prefix = String::from_utf8_lossy(severity.prefix());
    text.lines()
        .map(|line| format!("{prefix}{line}\n"))
        .collect()
}

/// Returns whether standard error leads to the journal: whether it still is what systemd made it,
/// and was not redirected since (systemd.exec(5), `$JOURNAL_STREAM`).
pub(super) fn journal_has_standard_error() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    fstat(io::stderr()).is_ok_and(|seen| is_stream(&stream, seen.st_dev, seen.st_ino))
}

/// Whether `stream`, device and inode in decimal, is this file.
fn is_stream(stream: &str, device: u64, inode: u64) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    let named = stream.split_once(':');
    named.is_some_and(|(one, other)| (number(one), number(other)) == (Some(device), Some(inode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode_together() {
        for (stream, is_journal) in [
            ("8:1234", true),
            ("8:1235", false),
            ("9:1234", false),
            ("8", false),
            ("8:", false),
            (":1234", false),
            ("8:1234:1", false),
            ("8:1234x", false),
            ("", false),
        ] {
            assert_eq!(is_stream(stream, 8, 1234), is_journal, "{stream:?}");
        }
    }

    #[test]
    fn every_line_of_a_long_complaint_has_its_severity() {
        let text = on_every_line(Severity::Error, "error: a\n  |\n\n1 mistake");
        assert_eq!(text, "<3>error: a\n<3>  |\n<3>\n<3>1 mistake\n");
    }

    #[test]
    fn levels_of_diagnostics_are_those_of_the_journal() {
        for (level, prefix) in [
            (Level::ERROR, b"<3>"),
            (Level::WARN, b"<4>"),
            (Level::INFO, b"<6>"),
            (Level::DEBUG, b"<7>"),
            (Level::TRACE, b"<7>"),
        ] {
            assert_eq!(Severity::of(level).prefix(), prefix, "{level}");
        }
    }
}
