//! The thread that writes log lines, and the bounded queue before it.
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

/// The near end of the queue.
#[derive(Debug)]
pub struct Writer {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Lines waiting at most: a second's worth at 16,000 requests a second, some 5 MiB. A log
/// that is read more slowly than that loses lines, and says how many; requests never wait.
const QUEUE: usize = 16_384;

impl Writer {
    /// Starts the thread; it ends when the last handle is gone.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        let (queue, lines) = sync_channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        let counted = lost.clone();
        let started = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&lines, &counted, sink));
        // Without a thread the queue has no reader, and every line counts as lost.
        drop(started);
        Self { queue, lost }
    }

    /// Queues `line`, which ends in a line break.
    pub(super) fn line(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
            let _ended = wait.recv();
        }
    }
}

/// A sink that fails is given up for that line alone: there is nobody else to tell.
fn write_lines(lines: &Receiver<Message>, lost: &AtomicU64, sink: impl Write) {
    let mut sink = io::BufWriter::new(sink);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => drop(sink.write_all(&line)),
                Message::Flush(done) => {
                    drop(sink.flush());
                    let _nobody_waits = done.send(());
                }
            }
            next = lines.try_recv().ok();
        }
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            count => drop(writeln!(
                sink,
                "{{\"kind\":\"log\",\"lost_lines\":{count}}}"
            )),
        }
        drop(sink.flush());
    }
}

/// For `tracing`: one event is one `write_all`, hence one line.
impl Write for &Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
