//! The rule itself: what user and groups of this process, owner, group and mode of a file decide.
use super::{
    error::{Exposure, ExposureKind, FileError},
    path::Way,
};
use rustix::process::{getegid, geteuid, getgroups};
use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Whom the rule is about.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) groups: Vec<u32>,
}

impl Account {
    pub(super) fn of_this_process() -> Self {
        let more = getgroups().unwrap_or_default();
        let groups = more.into_iter().chain([getegid()]);
        Self {
            user: geteuid().as_raw(),
            groups: groups.map(|group| group.as_raw()).collect(),
        }
    }

    pub(super) fn accepts_secret(&self, path: &Path, seen: &Metadata) -> Result<(), FileError> {
        self.is_secret(path, seen.into())?;
        self.accepts_ways(path)
    }

    pub(super) fn accepts_trusted(&self, path: &Path, seen: &Metadata) -> Result<(), FileError> {
        self.may_stand(path, seen.into())?;
        self.accepts_ways(path)
    }

    pub(super) fn accepts_ways(&self, path: &Path) -> Result<(), FileError> {
        let way = Way::to(path)?;
        let mut folders = way.folders.iter();
        folders.try_for_each(|folder| self.accepts_way(folder))?;
        // The mode of a link says nothing; its owner can lead it elsewhere, also in /tmp.
        let mut links = way.links.iter();
        links.try_for_each(|link| Ok(self.owns(link, Rights::from(&fs::symlink_metadata(link)?))?))
    }

    /// In a folder with the sticky bit, such as /tmp, nobody removes or renames what is not theirs.
    pub(super) fn accepts_way(&self, folder: &Path) -> Result<(), FileError> {
        let rights = Rights::from(&fs::metadata(folder)?);
        let mode = match rights.mode & STICKY {
            0 => rights.mode,
            _ => rights.mode & !0o022,
        };
        Ok(self.may_stand(folder, Rights { mode, ..rights })?)
    }

    pub(super) fn is_secret(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
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
    pub(super) fn may_stand(&self, path: &Path, rights: Rights) -> Result<(), Exposure> {
        let writable_bits = match self.groups.contains(&rights.group) {
            true => 0o002,
            false => 0o022,
        };
        self.is_unwritable(path, rights, writable_bits)
    }

    pub(super) fn is_ours_alone(&self, path: &Path, seen: &Metadata) -> Result<(), Exposure> {
        self.is_unwritable(path, seen.into(), 0o022)
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
pub(super) struct Rights {
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u32,
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

const ROOT: u32 = 0;

/// `S_ISVTX` (inode(7)).
const STICKY: u32 = 0o1000;
