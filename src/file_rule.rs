//! Who may own, read and change the files that the configuration names: one rule for all of them.
//!
//! Nobody but root and the user of this process may change such a file, or a folder that leads to
//! it; what is secret, they alone may read, too. A group of ours may read a secret that root owns,
//! which is how an operator hands one to a service (`root:ocient-sidecar`, mode 0640).
mod path;
#[cfg(test)]
mod tests;

use rustix::{
    fs::OFlags,
    io::Errno,
    process::{getegid, geteuid, getgroups},
};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Component, Path, PathBuf, absolute},
};

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

/// Opens the file at `path`, which must be as secret as a private key. What is in the folder where
/// systemd puts a unit's credentials is guarded by systemd, whose modes differ between versions.
///
/// # Errors
/// As [`FileError`] says.
pub fn open_secret(path: &Path) -> Result<File, FileError> {
    open_secret_beside(path, credentials_folder().as_deref())
}

/// As [`open_secret`], with the credentials of the unit in `credentials`.
///
/// # Errors
/// As [`FileError`] says.
pub fn open_secret_beside(path: &Path, credentials: Option<&Path>) -> Result<File, FileError> {
    let file = open_regular(path)?;
    if !is_credential(path, credentials) {
        Account::of_this_process().accepts_secret(path, &file.metadata()?)?;
    }
    Ok(file)
}

/// Opens the file at `path`, which others may read and must not be able to change.
///
/// # Errors
/// As [`FileError`] says.
pub fn open_trusted(path: &Path) -> Result<File, FileError> {
    let file = open_regular(path)?;
    if !is_credential(path, credentials_folder().as_deref()) {
        Account::of_this_process().accepts_trusted(path, &file.metadata()?)?;
    }
    Ok(file)
}

/// Says whether others could have changed what was read from `file`, found at `path`. A pipe or a
/// terminal is the caller's own.
///
/// # Errors
/// The exposure, or whatever the system says.
pub fn judge_trusted(path: &Path, file: &File) -> Result<(), FileError> {
    let seen = file.metadata()?;
    match seen.is_file() {
        true => Account::of_this_process().accepts_trusted(path, &seen),
        false => Ok(()),
    }
}

/// Opens the file at `path` for reading and writing, and makes it (0600) if there is none. The last
/// part of `path` is followed to no other file.
///
/// # Errors
/// As [`FileError`] says.
pub fn open_state(path: &Path) -> Result<File, FileError> {
    judge_folder(folder_of(path))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)?;
    let seen = file.metadata()?;
    if !seen.is_file() {
        return Err(FileError::NotAFile);
    }
    Account::of_this_process().accepts_secret(path, &seen)?;
    Ok(file)
}

/// Says whether [`open_state`] would take what is at `path` now, without making or opening
/// anything; what is not there yet is no fault.
///
/// # Errors
/// As [`open_state`].
pub fn judge_state(path: &Path) -> Result<(), FileError> {
    if !judge_future_folder(folder_of(path))? {
        return Ok(());
    }
    match fs::symlink_metadata(path) {
        Ok(seen) if seen.is_symlink() => Err(FileError::Link),
        Ok(seen) if !seen.is_file() => Err(FileError::NotAFile),
        Ok(seen) => Account::of_this_process().accepts_secret(path, &seen),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Says whether the keys in the folder at `path`, if it is there, are as secret as they must be.
///
/// # Errors
/// As [`FileError`] says.
pub fn judge_key_folder(path: &Path) -> Result<(), FileError> {
    if !judge_future_folder(path)? {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "key") {
            open_secret(&file)?;
        }
    }
    Ok(())
}

/// Says whether others, members of our groups included, could put files into the folder at `path`,
/// where this process writes its own. The sticky bit does not help: it keeps them from removing our
/// files, not from being there first.
///
/// # Errors
/// The exposure, or whatever the system says.
pub fn judge_folder(path: &Path) -> Result<(), FileError> {
    let account = Account::of_this_process();
    account.is_ours_alone(path, Rights::from(&fs::metadata(path)?))?;
    account.accepts_ways(path)
}

/// As [`judge_folder`]; one that is not there yet will be our own, where its parent lets it. Says
/// whether it is there.
fn judge_future_folder(path: &Path) -> Result<bool, FileError> {
    if path.try_exists()? {
        return judge_folder(path).map(|()| true);
    }
    let account = Account::of_this_process();
    for parent in absolute(path)?.ancestors().skip(1) {
        if parent.try_exists()? {
            account.accepts_way(parent)?;
            account.accepts_ways(parent)?;
            break;
        }
    }
    Ok(false)
}

/// Returns the folder where systemd put the credentials of this unit.
pub fn credentials_folder() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Whom the rule is about.
#[derive(Clone, Debug)]
struct Account {
    user: u32,
    groups: Vec<u32>,
}

impl Account {
    fn of_this_process() -> Self {
        let more = getgroups().unwrap_or_default();
        let groups = more.into_iter().chain([getegid()]);
        Self {
            user: geteuid().as_raw(),
            groups: groups.map(|group| group.as_raw()).collect(),
        }
    }

    fn accepts_secret(&self, path: &Path, seen: &Metadata) -> Result<(), FileError> {
        self.is_secret(path, seen.into())?;
        self.accepts_ways(path)
    }

    fn accepts_trusted(&self, path: &Path, seen: &Metadata) -> Result<(), FileError> {
        self.may_stand(path, seen.into())?;
        self.accepts_ways(path)
    }

    fn accepts_ways(&self, path: &Path) -> Result<(), FileError> {
        path::folders_to(path)?
            .iter()
            .try_for_each(|folder| self.accepts_way(folder))
    }

    /// In a folder with the sticky bit, such as /tmp, nobody removes or renames what is not theirs.
    fn accepts_way(&self, folder: &Path) -> Result<(), FileError> {
        let rights = Rights::from(&fs::metadata(folder)?);
        let mode = match rights.mode & STICKY {
            0 => rights.mode,
            _ => rights.mode & !0o022,
        };
        Ok(self.may_stand(folder, Rights { mode, ..rights })?)
    }

    fn is_secret(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
        self.owns(path, rights)?;
        // One's own file in a group is open to the other members; root chose them.
        let is_handed_over = rights.owner == ROOT && self.groups.contains(&rights.group);
        let open_bits = match is_handed_over {
            true => 0o037,
            false => 0o077,
        };
        match rights.mode & open_bits {
            0 => Ok(()),
            _ => Err(exposure(path, ExposureKind::Open(rights.mode & 0o777))),
        }
    }

    /// A group of ours may change it: many systems give each user a group of their own, and files
    /// that it may write.
    fn may_stand(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
        let writable_bits = match self.groups.contains(&rights.group) {
            true => 0o002,
            false => 0o022,
        };
        self.is_unwritable(path, rights, writable_bits)
    }

    fn is_ours_alone(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
        self.is_unwritable(path, rights, 0o022)
    }

    fn is_unwritable(&self, path: &Path, rights: Rights, bits: u32) -> Result<(), Exposure> {
        self.owns(path, rights)?;
        match rights.mode & bits {
            0 => Ok(()),
            _ => Err(exposure(path, ExposureKind::Writable(rights.mode & 0o777))),
        }
    }

    fn owns(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
        if [ROOT, self.user].contains(&rights.owner) {
            return Ok(());
        }
        let (owner, user) = (rights.owner, self.user);
        Err(exposure(path, ExposureKind::Owner { owner, user }))
    }
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug)]
struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
}

impl From<&Metadata> for Rights {
    fn from(seen: &Metadata) -> Self {
        Self {
            owner: seen.uid(),
            group: seen.gid(),
            mode: seen.mode(),
        }
    }
}

fn exposure(path: &Path, kind: ExposureKind) -> Exposure {
    Exposure {
        path: path.to_owned(),
        kind,
    }
}

fn open_regular(path: &Path) -> Result<File, FileError> {
    // Asked before opening: opening a pipe would wait for its writer, and some devices act.
    if !fs::metadata(path)?.is_file() {
        return Err(FileError::NotAFile);
    }
    Ok(File::open(path)?)
}

/// A path with `..` in it may lead out again.
fn is_credential(path: &Path, credentials: Option<&Path>) -> bool {
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    is_plain && credentials.is_some_and(|folder| path.starts_with(folder))
}

/// Returns the folder that holds `path`.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

const ROOT: u32 = 0;

/// `S_ISVTX` (inode(7)).
const STICKY: u32 = 0o1000;

/// The same bits on every architecture that rustix knows.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits() as i32;
