//! The demo's folder: who uses it, and the files in it.
use crate::failure::Failure;
use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A folder that no other demo uses until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, makes it if need be, and removes what an earlier run left there that
    /// is of no use any more; the authority stays, as a browser may trust it by now.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let taking = || Failure::io(format!("use the folder {}", path.display()));
        let mut folders = DirBuilder::new();
        folders
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(taking())?;
        let path = path.canonicalize().map_err(taking())?;
        let lock = File::create(path.join("lock")).map_err(taking())?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Failure::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(taking()(error)),
        }
        for name in PERISHABLE {
            match fs::remove_file(path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(taking()(error));
                }
                _ => {}
            }
        }
        Ok(Self { path, _lock: lock })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How to write a file of the folder in a command: from the working directory, if it is
    /// below.
    pub(crate) fn shown(&self, name: &str) -> String {
        let path = self.path.join(name);
        let here = env::current_dir().ok();
        let relative = here.and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned()));
        quoted(&relative.unwrap_or(path).display().to_string())
    }

    /// Writes a file that its owner alone may read, whatever was there before.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let mut file = self.create(name)?;
        file.write_all(text.as_bytes())
            .map_err(Failure::io(format!("write {name}")))
    }

    /// An empty file that its owner alone may read.
    pub(crate) fn create(&self, name: &str) -> Result<File, Failure> {
        let path = self.path.join(name);
        let making = || Failure::io(format!("write {}", path.display()));
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(making())?;
        // An older file keeps its mode otherwise.
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(making())?;
        Ok(file)
    }

    /// The text of a file; empty when there is none.
    pub(crate) fn read(&self, name: &str) -> Result<String, Failure> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Failure::io(format!("read {name}"))(error)),
        }
    }
}

/// Sessions end with the stand-ins that vouch for them: these have new keys at each start.
const PERISHABLE: [&str; 3] = ["sessions.redb", "session.json", "cookies.txt"];

/// A path as one word for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,@".contains(&byte);
    match path.bytes().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
