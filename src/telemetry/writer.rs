//! The thread that writes log lines, and the bounded buffer before it.
use super::visible::visible;
use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// The near end of the buffer. Lines are appended under a short lock and written in batches, so
/// that a busy sidecar wakes the thread once for a hundred requests or more.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How long lines are gathered.
    patience: Duration,
    state: Mutex<State>,
    /// Something for the thread to do.
    work: Condvar,
    /// Something was written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    lost: u64,
    /// Somebody waits for the end of the batch.
    hurry: bool,
    /// Batches written so far.
    batches: u64,
    /// The near end is gone.
    closed: bool,
}

/// Bytes waiting at most: about 14,000 lines, a third of a second at 40,000 requests a second. A log
/// whose reader is slower loses lines, and says how many; requests never wait for it.
const MAX_WAITING: usize = 4 * 1024 * 1024;

/// How long lines are gathered before they are written: too short for a person to notice.
const BATCH: Duration = Duration::from_millis(50);

/// Bytes that are written sooner. At that rate 50 ms bring 600 KB: with the batch before, all of a
/// CPU's second cache of 1 MiB. These take an eighth.
const ENOUGH: usize = 64 * 1024;

impl Writer {
    /// Starts the thread; it ends when the handle is gone and all is written.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self::gathering(BATCH, sink)
    }

    fn gathering(patience: Duration, sink: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            patience,
            state: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
        });
        let far_end = shared.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        if thread.spawn(move || far_end.write_to(sink)).is_err() {
            shared.lock().closed = true; // nobody reads: every line is lost
        }
        Self(shared)
    }

    /// Takes `line`, which ends in a line break, and makes it visible.
    pub(super) fn line(&self, line: &[u8]) {
        self.visible_line(&visible(line));
    }

    /// Takes a `line` that is visible already.
    pub(super) fn visible_line(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.closed || state.lines.len() + line.len() > MAX_WAITING {
            state.lost += 1;
            return;
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(line);
        let after = state.lines.len();
        drop(state);
        if has_to_wake(before, after) {
            self.0.work.notify_one();
        }
    }

    /// Waits until everything said so far is written.
    pub(super) fn flush(&self) {
        let mut state = self.0.lock();
        // The thread may be writing one batch while another waits.
        let enough = state.batches + 2;
        while state.batches < enough && !state.closed {
            state.hurry = true;
            self.0.work.notify_one();
            state = self
                .0
                .written
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Whether the thread has something to do at `after` waiting bytes that it had not at `before`.
fn has_to_wake(before: usize, after: usize) -> bool {
    before == 0 || (before < ENOUGH && after >= ENOUGH)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread. A sink that fails loses that batch: there is nobody else to tell.
    fn write_to(&self, mut sink: impl Write) {
        let mut batch = Vec::new();
        loop {
            let (lost, is_last) = self.next_batch(&mut batch);
            drop(sink.write_all(&batch));
            if lost > 0 {
                drop(writeln!(sink, "{{\"kind\":\"log\",\"lost_lines\":{lost}}}"));
            }
            drop(sink.flush());
            batch.clear();
            self.lock().batches += 1;
            self.written.notify_all();
            if is_last {
                return;
            }
        }
    }

    /// Waits for lines, and a moment more for others to join them. Says how many were lost, and
    /// whether these are the last.
    fn next_batch(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let idle = |state: &mut State| state.lines.is_empty() && !state.hurry && !state.closed;
        let state = self.work.wait_while(self.lock(), idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let patient =
            |state: &mut State| !state.hurry && !state.closed && state.lines.len() < ENOUGH;
        let gathered = self.work.wait_timeout_while(state, self.patience, patient);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        mem::swap(&mut state.lines, batch);
        (mem::take(&mut state.lost), state.closed)
    }
}

/// For `tracing`: one event is one `write_all`, hence one line.
impl Write for &Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A sink that hands over what it gets, and goes on only when it is told to.
    struct Slow {
        taken: Sender<Vec<u8>>,
        go_on: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.taken.send(bytes.to_vec()).unwrap();
            self.go_on.recv().unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn flush_waits_for_every_line_in_order() {
        let (taken, lines) = channel();
        let (go, go_on) = channel();
        let writer = Writer::new(Slow { taken, go_on });
        for _ in 0..10 {
            go.send(()).unwrap();
        }
        writer.line(b"one\n");
        writer.line(b"two\n");
        writer.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\n");
    }

    #[test]
    fn lines_that_are_enough_for_a_batch_wait_for_no_others() {
        let (taken, lines) = channel();
        let (go, go_on) = channel();
        let writer = Writer::gathering(Duration::from_secs(3600), Slow { taken, go_on });
        let line = vec![b'x'; ENOUGH / 2];
        writer.line(&line);
        writer.line(&line);
        let written = lines.recv_timeout(Duration::from_secs(10));
        assert_eq!(written.unwrap().len(), ENOUGH);
        go.send(()).unwrap();
    }

    #[test]
    fn the_thread_is_woken_for_the_first_line_and_when_they_are_enough() {
        for (before, after, is_woken) in [
            (0, 1, true),
            (0, ENOUGH, true),
            (1, ENOUGH - 1, false),
            (ENOUGH - 1, ENOUGH, true),
            (1, ENOUGH + 1, true),
            (ENOUGH, ENOUGH + 1, false),
        ] {
            assert_eq!(has_to_wake(before, after), is_woken, "{before} {after}");
        }
    }

    #[test]
    fn no_text_of_a_stranger_commands_a_terminal_whoever_writes_the_line() {
        let (taken, lines) = channel();
        let (go, go_on) = channel();
        let mut writer = &Writer::new(Slow { taken, go_on });
        (0..10).for_each(|_| go.send(()).unwrap());
        writer.line("{\"path\":\"/\u{9b}2J\"}\n".as_bytes());
        writer.write_all("why=\"\u{202e}\"\n".as_bytes()).unwrap();
        Writer::flush(writer);
        let text = lines.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(text, b"{\"path\":\"/\\u009b2J\"}\nwhy=\"\\u202e\"\n");
    }

    #[test]
    fn a_stuck_reader_costs_lines_and_never_time() {
        let (taken, lines) = channel();
        let (go, go_on) = channel();
        let writer = Writer::new(Slow { taken, go_on });
        writer.line(b"first\n");
        assert_eq!(lines.recv().unwrap(), b"first\n"); // the thread is stuck in this write
        let line = vec![b'x'; MAX_WAITING / 4];
        for _ in 0..6 {
            writer.line(&line);
        }
        for _ in 0..10 {
            go.send(()).unwrap();
        }
        writer.flush();
        let text = lines.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(
            text.iter().filter(|byte| **byte == b'x').count(),
            MAX_WAITING
        );
        assert!(text.ends_with(b"{\"kind\":\"log\",\"lost_lines\":2}\n"));
    }
}
