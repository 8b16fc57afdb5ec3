//! `Warning`: something in the configuration that is legal and surely not meant.

/// Hinders nobody: `check` shows it and `run` logs it. Holds no secret, as `Mistakes`.
#[derive(Debug)]
pub struct Warning {
    pub(super) shown: String,
    pub(super) line: String,
}

impl Warning {
    /// Returns it with the line of the file, for a terminal.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns it in one line, for a log: file, line and column, what is wrong, the cure.
    pub fn line(&self) -> &str {
        &self.line
    }
}
