//! What can go wrong with the demo itself.
use ocient_sidecar::{app::StartError, config::Mistakes};
use std::{io, path::PathBuf};
use tokio::task::JoinError;

/// Why the demo ends with exit code 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot {what}")]
    Io { what: String, source: io::Error },
    #[error("another demo uses {}; stop it, or give --folder", .0.display())]
    InUse(PathBuf),
    #[error("the demo's configuration is wrong:\n{0}")]
    Configuration(Mistakes),
    #[error("the sidecar does not start")]
    Start(#[from] StartError),
    #[error("the sidecar has died")]
    Panic(#[source] JoinError),
    #[error("the tour needs curl; on Debian: apt-get install curl")]
    NoCurl(#[source] io::Error),
    #[error("{wrong} of {lines} lines were not answered as they should be")]
    Wrong { wrong: usize, lines: usize },
    #[error("{0} connections had to be broken when the sidecar stopped")]
    Broken(usize),
    #[error("the sidecar's log holds a secret of the tour: {0}")]
    Leak(String),
    #[error("the tour used {0} secrets alone, so that the look at the log proves nothing")]
    TooFewSecrets(usize),
}

impl Failure {
    /// For `map_err`: what was being done when the system said no.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
