//! Processes that the tests start, listen to, and stop.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// A process whose every line is heard and kept. Stopped, and waited for, when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// Where its lines are kept.
    pub(crate) log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; what it says on either stream is also appended to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) fn start(name: &str, command: Command, log: PathBuf) -> Self {
        Self::start_with(name, command, Stdio::piped(), log)
    }

    /// The same, with this standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) fn start_with(name: &str, mut command: Command, stdin: Stdio, log: PathBuf) -> Self {
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (heard, lines) = channel();
        listen(
            child.stdout.take().expect("it is piped"),
            &log,
            heard.clone(),
        );
        listen(child.stderr.take().expect("it is piped"), &log, heard);
        Self {
            name: name.to_owned(),
            child,
            lines,
            log,
            ended: None,
        }
    }

    /// Its number, for `/proc`.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that `is_it`; earlier ones are passed over.
    ///
    /// # Panics
    /// When it does not come.
    pub(crate) fn line(&self, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until(deadline)) {
                Ok(line) if is_it(&line) => return line,
                Ok(_) => {}
                Err(reason) => panic!(
                    "{} did not say what was awaited ({reason}); see {}",
                    self.name,
                    self.log.display()
                ),
            }
        }
    }

    /// Sends a signal, `TERM` for instance.
    ///
    /// # Panics
    /// When it has ended already.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not on every machine.
        let id = self.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status()
            .expect("there is a shell");
        assert!(sent.success(), "{} has ended already", self.name);
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("it can be killed");
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let ended = self.end(PATIENCE);
        ended.unwrap_or_else(|| panic!("{} does not end; see {}", self.name, self.log.display()))
    }

    /// Both its streams end when it does.
    fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while self.ended.is_none() {
            match self.lines.recv_timeout(until(deadline)) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => self.ended = self.child.wait().ok(),
            }
        }
        self.ended
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_some() || thread::panicking() && self.end(Duration::ZERO).is_some() {
            return;
        }
        self.signal("TERM");
        if self.end(PATIENCE).is_none() {
            drop(self.child.kill()); // nothing more can be done
        }
    }
}

/// On a thread of its own, so that no process ever waits for the test to listen.
fn listen(stream: impl Read + Send + 'static, log: &Path, heard: Sender<String>) {
    let mut log = open(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            writeln!(log, "{line}").expect("the log can be written");
            drop(heard.send(line)); // the test may have heard enough
        }
    });
}

fn open(log: &Path) -> File {
    let file = OpenOptions::new().append(true).create(true).open(log);
    file.unwrap_or_else(|error| panic!("{}: {error}", log.display()))
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Nothing here takes so long by right, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
