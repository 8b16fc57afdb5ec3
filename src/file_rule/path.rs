//! The folders through which a path leads, those of its symbolic links included.
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf, absolute},
};

/// Returns every folder in which a name is looked up on the way to `path`: whoever may change one
/// of them can lay something else there. Follows links itself, as the kernel does
/// (path_resolution(7)): the folder that holds a link counts, and so does each that its text names.
///
/// # Errors
/// A part that is missing, or more links than the kernel follows.
pub(super) fn folders_to(path: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    let (mut here, mut links) = (PathBuf::from("/"), 0);
    let mut ahead = Vec::new();
    push(&mut ahead, &absolute(path)?);
    while let Some(part) = ahead.pop() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::Normal(name)) => {
                folders.insert(here.clone());
                let next = here.join(name);
                if !fs::symlink_metadata(&next)?.is_symlink() {
                    here = next;
                    continue;
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                push(&mut ahead, &fs::read_link(&next)?);
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
    }
    Ok(folders)
}

/// Puts the parts of `path` on top of what is still ahead, the first uppermost.
fn push(ahead: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev();
    ahead.extend(parts.map(|part| part.as_os_str().to_owned()));
}

/// As many as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;
