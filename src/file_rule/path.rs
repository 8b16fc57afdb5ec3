//! `Way`: the folders and symbolic links through which a path leads.
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf, absolute},
};

/// What has to be trusted on the way to a file.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Every folder in which a name is looked up: whoever may change one of them can lay something
    /// else there.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Every link that is followed.
    pub(super) links: Vec<PathBuf>,
}

impl Way {
    /// Follows links itself, as the kernel does (path_resolution(7)): the folder that holds a link
    /// counts, and so does each that its text names.
    ///
    /// # Errors
    /// A part that is missing, or more links than the kernel follows.
    pub(super) fn to(path: &Path) -> io::Result<Self> {
        let (mut way, mut here) = (Self::default(), PathBuf::from("/"));
        let mut ahead = Vec::new();
        push(&mut ahead, &absolute(path)?);
        while let Some(part) = ahead.pop() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir) => here = PathBuf::from("/"),
                Some(Component::ParentDir) => drop(here.pop()),
                Some(Component::Normal(name)) => {
                    way.folders.insert(here.clone());
                    let next = here.join(name);
                    if !fs::symlink_metadata(&next)?.is_symlink() {
                        here = next;
                        continue;
                    }
                    if way.links.len() == MOST_LINKS {
                        return Err(rustix::io::Errno::LOOP.into());
                    }
                    push(&mut ahead, &fs::read_link(&next)?);
                    way.links.push(next);
                }
                Some(Component::CurDir | Component::Prefix(_)) | None => {}
            }
        }
        Ok(way)
    }
}

/// Puts the parts of `path` on top of what is still ahead, the first uppermost.
fn push(ahead: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev();
    ahead.extend(parts.map(|part| part.as_os_str().to_owned()));
}

/// As many as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;
