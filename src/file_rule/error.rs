//! `FileError` and `Exposure`: why a file is not used.
use rustix::io::Errno;
use std::{io, path::PathBuf};

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is missing, or cannot be opened.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
    /// A folder, a device or a pipe.
    #[error("it is not a file")]
    NotAFile,
    /// A symbolic link, where a file is written: one laid there by somebody else would have this
    /// process write another file of its own.
    #[error("it is a symbolic link: name the file itself")]
    Link,
    /// It keeps the rule, and this process may not use it as it has to.
    #[error("{} is closed to this user", path.display())]
    Closed {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It breaks the rule.
    #[error(transparent)]
    Exposed(#[from] Exposure),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) if code == Errno::LOOP.raw_os_error() => Self::Link,
            _ => Self::Io(error),
        }
    }
}

/// How a file, or a folder that leads to it, lets somebody else in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.what(), self.cure())]
pub struct Exposure {
    /// Which file or folder.
    pub path: PathBuf,
    /// To whom.
    pub kind: ExposureKind,
}

/// To whom a file is exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureKind {
    /// Whoever owns it can change it, whatever its mode.
    Owner {
        /// The number of its owner.
        owner: u32,
        /// Ours.
        user: u32,
    },
    /// A secret that others may read or change; its permission bits.
    Open(u32),
    /// A file or folder that others may change; its permission bits.
    Writable(u32),
}

impl Exposure {
    /// Returns what is wrong, for the operator.
    pub fn what(&self) -> String {
        let path = self.path.display();
        match self.kind {
            ExposureKind::Owner { owner, user } => {
                format!("{path} belongs to user {owner}, and this runs as user {user}")
            }
            ExposureKind::Open(mode) => format!("{path} is open to others (mode {mode:03o})"),
            ExposureKind::Writable(mode) => format!("others may change {path} (mode {mode:03o})"),
        }
    }

    /// Returns what mends it.
    pub fn cure(&self) -> String {
        let path = self.path.display();
        match self.kind {
            ExposureKind::Owner { user, .. } => {
                format!("run it as that user, or chown {user} {path}")
            }
            ExposureKind::Open(_) => format!("chmod 600 {path}"),
            ExposureKind::Writable(_) => format!("chmod go-w {path}"),
        }
    }
}
