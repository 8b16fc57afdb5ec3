//! Everything the sidecar of one test said.
use serde_json::Value;
use std::{
    env, fs,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// A log's destination that a test can read. With `SIDECAR_TEST_LOGS` set to a folder, it is
/// also collected there, so that the whole run can be searched for secrets.
#[derive(Clone, Default)]
pub(crate) struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
    grown: watch::Sender<usize>,
}

/// What all sidecars of this process said: diagnostics go to the first one's log, whoever
/// gives rise to them.
static EVERYTHING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl Log {
    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The lines of one kind, `access` or `audit`.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["kind"] == kind)
            .collect()
    }

    /// The whole text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    /// Waits for `count` lines of one kind that fit; there are no more of them.
    pub(crate) async fn wait_for(
        &self,
        kind: &str,
        count: usize,
        fits: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let fitting = || {
            let mut lines = self.of_kind(kind);
            lines.retain(&fits);
            lines
        };
        let mut grown = self.grown.subscribe();
        let enough = grown.wait_for(|_| fitting().len() >= count);
        let came = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        assert!(came, "{count} lines of kind {kind} in {}", self.text());
        let lines = fitting();
        assert_eq!(lines.len(), count, "{lines:?}");
        lines
    }

    /// What all sidecars of this process said so far.
    pub(crate) fn everything() -> String {
        let bytes = EVERYTHING.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        EVERYTHING.lock().unwrap().extend_from_slice(bytes);
        self.grown.send_modify(|length| *length += bytes.len());
        if let Some(folder) = env::var_os("SIDECAR_TEST_LOGS") {
            let path = std::path::Path::new(&folder).join(format!("it-{}.log", std::process::id()));
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)?
                .write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Far longer than a line takes.
const PATIENCE: Duration = Duration::from_secs(20);
