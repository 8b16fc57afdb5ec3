//! Who may own, read and change the files that the configuration names: one rule for all of them.
//!
//! Nobody but root and the user of this process may change such a file, or a folder that leads to
//! it; what is secret, they alone may read, too. A group of ours may read a secret that root owns,
//! which is how an operator hands one to a service (`root:ocient-sidecar`, mode 0640).
mod account;
mod error;
mod path;
#[cfg(test)]
mod tests;

pub use error::{Exposure, ExposureKind, FileError};

use account::Account;
use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf, absolute},
};

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
/// anything; what is not there yet is no fault, where it may be made.
///
/// # Errors
/// As [`open_state`], and [`FileError::Closed`].
pub fn judge_state(path: &Path) -> Result<(), FileError> {
    let folder = folder_of(path);
    if !judge_future_folder(folder)? {
        return Ok(());
    }
    match fs::symlink_metadata(path) {
        Ok(seen) if seen.is_symlink() => Err(FileError::Link),
        Ok(seen) if !seen.is_file() => Err(FileError::NotAFile),
        Ok(seen) => {
            Account::of_this_process().accepts_secret(path, &seen)?;
            may_use(path, Access::READ_OK | Access::WRITE_OK)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => may_use(folder, TO_MAKE),
        Err(error) => Err(error.into()),
    }
}

/// Says whether the keys in the folder at `path`, if it is there, are as secret as they must be,
/// and ours to read; and whether the first may be made.
///
/// # Errors
/// As [`FileError`] says.
pub fn judge_key_folder(path: &Path) -> Result<(), FileError> {
    if !judge_future_folder(path)? {
        return Ok(());
    }
    may_use(path, Access::READ_OK | Access::EXEC_OK)?;
    let mut has_keys = false;
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "key") {
            has_keys = true;
            may_use(&file, Access::READ_OK)?;
            open_secret(&file)?;
        }
    }
    match has_keys {
        true => Ok(()),
        false => may_use(path, TO_MAKE),
    }
}

/// Asks the system, which knows of capabilities, lists and read-only mounts, too.
fn may_use(path: &Path, access: Access) -> Result<(), FileError> {
    accessat(CWD, path, access, AtFlags::EACCESS).map_err(|error| FileError::Closed {
        path: path.to_owned(),
        source: error.into(),
    })
}

/// Says whether others, members of our groups included, could put files into the folder at `path`,
/// where this process writes its own. The sticky bit does not help: it keeps them from removing our
/// files, not from being there first.
///
/// # Errors
/// The exposure, or whatever the system says.
pub fn judge_folder(path: &Path) -> Result<(), FileError> {
    let account = Account::of_this_process();
    account.is_ours_alone(path, &fs::metadata(path)?)?;
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
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    // Every path lies below these.
    folder.filter(|folder| folder.is_absolute() && folder.parent().is_some())
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

/// What a folder must allow for a file to be made in it.
const TO_MAKE: Access = Access::WRITE_OK.union(Access::EXEC_OK);

/// The same bits on every architecture that rustix knows.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits() as i32;
