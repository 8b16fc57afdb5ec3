//! The key ring's folder: reads its files, writes the first.
use super::{KEY_LENGTH, MAX_KEYS, SealError};
use crate::file_rule::{FileError, judge_folder, open_secret};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};
use zeroize::Zeroizing;

/// One file of the folder.
pub(super) struct KeyFile {
    pub(super) id: u32,
    pub(super) secret: Zeroizing<[u8; KEY_LENGTH]>,
}

/// Every key of `folder` by rising id, at least one.
pub(super) fn read_or_create(folder: &Path) -> Result<Vec<KeyFile>, SealError> {
    prepare(folder)?;
    let keys = read(folder)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    create_first(folder).map_err(io_error(folder))?;
    read(folder)
}

fn prepare(folder: &Path) -> Result<(), SealError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io_error(folder))?;
    judge_folder(folder).map_err(file_error(folder))
}

fn read(folder: &Path) -> Result<Vec<KeyFile>, SealError> {
    let mut keys = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        // Whatever has another ending is not ours: a README, an editor's copy, the remains of a
        // first start that was interrupted.
        if path.extension().is_some_and(|ending| ending == "key") {
            keys.push(read_key(&path)?);
        }
        if keys.len() > MAX_KEYS {
            return Err(SealError::TooMany {
                path: folder.to_owned(),
            });
        }
    }
    keys.sort_by_key(|key| key.id);
    Ok(keys)
}

fn read_key(path: &Path) -> Result<KeyFile, SealError> {
    let id = id_of(path).ok_or_else(|| SealError::Name {
        path: path.to_owned(),
    })?;
    let file = open_secret(path).map_err(file_error(path))?;
    // One byte more than a key has, so that a longer file is noticed and never read whole.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    file.take(KEY_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(path))?;
    let secret = <[u8; KEY_LENGTH]>::try_from(bytes.as_slice()).map_err(|_| SealError::Length {
        path: path.to_owned(),
    })?;
    Ok(KeyFile {
        id,
        secret: Zeroizing::new(secret),
    })
}

/// The number in a file's name; `None` unless it is spelled in the one way we write it, so that
/// no two files share a number.
fn id_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let id = u32::from_str_radix(name.strip_suffix(".key")?, 16).ok()?;
    (name == file_name(id)).then_some(id)
}

fn file_name(id: u32) -> String {
    format!("{id:08x}.key")
}

/// Writes key 1 in a way that survives a crash and a rival: the complete file appears under its
/// name in one step, and never replaces another's (a rename would).
fn create_first(folder: &Path) -> io::Result<()> {
    let mut secret = Zeroizing::new([0; KEY_LENGTH]);
    let mut suffix = [0; 8];
    aws_lc_rs::rand::fill(secret.as_mut_slice())
        .and_then(|()| aws_lc_rs::rand::fill(&mut suffix))
        .map_err(|_| io::Error::other("no random bytes"))?;
    let draft = folder.join(format!(".{:016x}.draft", u64::from_be_bytes(suffix)));
    let result = write_private(&draft, secret.as_slice())
        .and_then(|()| fs::hard_link(&draft, folder.join(file_name(1))));
    // At worst a file is left that no start reads.
    let _ = fs::remove_file(&draft);
    match result {
        // Another process was first: its key is the one.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(folder)?.sync_all(),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SealError {
    let path = path.to_owned();
    move |source| SealError::Io { path, source }
}

fn file_error(path: &Path) -> impl FnOnce(FileError) -> SealError {
    let path = path.to_owned();
    move |error| match error {
        FileError::Io(source) | FileError::Closed { source, .. } => SealError::Io { path, source },
        FileError::Exposed(exposure) => SealError::Exposed(exposure),
        FileError::NotAFile | FileError::Link => SealError::NotAFile { path },
    }
}
