//! Everything the sidecar of one test said.
use serde_json::Value;
use std::{
    env, fs,
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// A log's destination that a test can read. With `SIDECAR_TEST_LOGS` set to a folder, it is
/// also collected there, so that the whole run can be searched for secrets.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
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
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
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
