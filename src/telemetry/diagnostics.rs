//! `Diagnostics`: where `tracing` writes the process's own lines.
use super::{severity::Severity, waiting::Share, writer::Writer};
use std::{
    io::{self, Write},
    sync::Arc,
};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The log, for `tracing`.
#[derive(Debug)]
pub(super) struct Diagnostics(pub(super) Arc<Writer>);

/// One event of a known severity: one `write_all`, hence one line.
#[derive(Debug)]
pub(super) struct Event<'a> {
    writer: &'a Writer,
    severity: Severity,
}

impl<'a> MakeWriter<'a> for Diagnostics {
    type Writer = Event<'a>;

    fn make_writer(&'a self) -> Event<'a> {
        Event {
            writer: &self.0,
            severity: Severity::Informational,
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Event<'a> {
        Event {
            writer: &self.0,
            severity: Severity::of(*event.level()),
        }
    }
}

impl Write for Event<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = one_line(bytes);
        self.writer
            .line(Share::Diagnostics, self.severity, line.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of an event, whose line breaks become `\n`: after each, the journal would look for
/// another severity, and a reader for another line, of which a stranger's text may be full.
fn one_line(event: &[u8]) -> String {
    let event = String::from_utf8_lossy(event);
    let text = event.strip_suffix('\n').unwrap_or(&event);
    let mut line = text.replace('\n', "\\n");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    struct Sink(Sender<Vec<u8>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_text_of_a_stranger_commands_a_terminal_or_the_journal() {
        let (taken, lines) = channel();
        let diagnostics = Diagnostics(Arc::new(Writer::new(Sink(taken), true)));
        let mut event = diagnostics.make_writer();
        event
            .write_all("why=\"\u{202e}\n<0>\"\n".as_bytes())
            .unwrap();
        diagnostics.0.flush();
        let text = lines.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(text, b"<6>why=\"\\u202e\\n<0>\"\n");
    }

    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        for (event, line) in [
            ("INFO stopped\n", "INFO stopped\n"),
            ("INFO stopped", "INFO stopped\n"),
            ("WARN a\n<0>b\n\n", "WARN a\\n<0>b\\n\n"),
            ("", "\n"),
        ] {
            assert_eq!(one_line(event.as_bytes()), line, "{event:?}");
        }
    }
}
