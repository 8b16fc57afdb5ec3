//! The thread that writes log lines, and its end of the queues before it.
#[cfg(test)]
mod tests;

use super::{
    severity::Severity,
    visible::visible,
    waiting::{Added, Share, Waiting},
};
use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// The near end of the queues. Lines are appended under a short lock and written in batches, so
/// that a busy sidecar wakes the thread once for a hundred requests or more. A log whose reader is
/// slower than that loses lines, and says how many of which kind; requests never wait for it.
#[derive(Debug)]
pub(super) struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How long lines are gathered.
    patience: Duration,
    /// Whether each line begins with its severity.
    is_journal: bool,
    state: Mutex<State>,
    /// Something for the thread to do.
    work: Condvar,
    /// Something was written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Waiting,
    /// Somebody waits for the end of the batch.
    hurry: bool,
    /// Batches written so far.
    batches: u64,
    /// The near end is gone.
    closed: bool,
}

/// How long lines are gathered before they are written: too short for a person to notice.
const BATCH: Duration = Duration::from_millis(50);

/// Bytes that are written sooner. At that rate 50 ms bring 600 KB: with the batch before, all of a
/// CPU's second cache of 1 MiB. These take an eighth.
const ENOUGH: usize = 64 * 1024;

/// Bytes of access lines after which the thread looks for lines that matter more: a slow reader
/// takes some tens of milliseconds for them.
const PART: usize = 256 * 1024;

impl Writer {
    /// Starts the thread; it ends when the handle is gone and all is written. With `is_journal`,
    /// every line begins with its severity.
    pub(super) fn new(sink: impl Write + Send + 'static, is_journal: bool) -> Self {
        Self::gathering(BATCH, sink, is_journal)
    }

    fn gathering(patience: Duration, sink: impl Write + Send + 'static, is_journal: bool) -> Self {
        let shared = Arc::new(Shared {
            patience,
            is_journal,
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
    pub(super) fn line(&self, share: Share, severity: Severity, line: &[u8]) {
        self.visible_line(share, severity, &visible(line));
    }

    /// Takes a `line` that is visible already.
    pub(super) fn visible_line(&self, share: Share, severity: Severity, line: &[u8]) {
        let prefix = self.0.prefix(severity);
        let mut state = self.0.lock();
        if state.closed {
            state.waiting.lose(share);
            return;
        }
        let added = state.waiting.add(share, prefix, line);
        drop(state);
        if added.is_some_and(|added| has_to_wake(&added)) {
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

/// Whether the thread has something to do for a queue that it had not before.
fn has_to_wake(added: &Added) -> bool {
    added.before == 0 || (added.before < ENOUGH && added.after >= ENOUGH)
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

    fn prefix(&self, severity: Severity) -> &'static [u8] {
        match self.is_journal {
            true => severity.prefix(),
            false => b"",
        }
    }

    /// The thread. A sink that fails loses that batch: there is nobody else to tell.
    fn write_to(&self, mut sink: impl Write) {
        let (mut batch, mut urgent) = (Waiting::default(), Waiting::default());
        loop {
            let is_last = self.next_batch(&mut batch);
            self.write_urgent(&mut batch, &mut sink);
            let mut rest = batch.lines(Share::Access);
            while !rest.is_empty() {
                let (part, more) = rest.split_at(part(rest));
                drop(sink.write_all(part));
                rest = more;
                if !rest.is_empty() {
                    self.lock().waiting.move_to(&mut urgent, &Share::URGENT);
                    self.write_urgent(&mut urgent, &mut sink);
                    self.say_lost(&mut urgent, &mut sink);
                }
            }
            self.say_lost(&mut batch, &mut sink);
            drop(sink.flush());
            self.lock().batches += 1;
            self.written.notify_all();
            if is_last {
                return;
            }
        }
    }

    fn write_urgent(&self, batch: &mut Waiting, sink: &mut impl Write) {
        for share in Share::URGENT {
            if !batch.lines(share).is_empty() {
                drop(sink.write_all(batch.lines(share)));
            }
        }
    }

    /// Empties `batch`, which is written, and tells of what should have stood in it.
    fn say_lost(&self, batch: &mut Waiting, sink: &mut impl Write) {
        for (share, lost) in batch.clear() {
            let mut line = self.prefix(Severity::Warning).to_vec();
            let name = share.name();
            let text = format!("{{\"kind\":\"log\",\"lost_lines\":{lost},\"of\":\"{name}\"}}\n");
            line.extend_from_slice(text.as_bytes());
            drop(sink.write_all(&line));
        }
    }

    /// Waits for lines, and a moment more for others to join them. Says whether these are the last.
    fn next_batch(&self, batch: &mut Waiting) -> bool {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.hurry && !state.closed;
        let state = self.work.wait_while(self.lock(), idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let patient =
            |state: &mut State| !state.hurry && !state.closed && !state.waiting.holds(ENOUGH);
        let gathered = self.work.wait_timeout_while(state, self.patience, patient);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        state.waiting.move_all_to(batch);
        state.closed
    }
}

/// Bytes of `lines` that are written at once: whole lines, at least one.
fn part(lines: &[u8]) -> usize {
    let is_break = |byte: &u8| *byte == b'\n';
    let Some(first) = lines.get(..PART) else {
        return lines.len();
    };
    if let Some(at) = first.iter().rposition(is_break) {
        return at + 1;
    }
    let rest = lines[PART..].iter().position(is_break);
    rest.map_or(lines.len(), |at| PART + at + 1)
}
