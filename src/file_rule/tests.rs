//! The rule, for every owner, group and mode; and for real files.
use super::{account::Rights, path::Way, *};
use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt, chown, lchown, symlink},
    process::Command,
};
use tempfile::TempDir;

/// User 998, in the groups 998 and 50.
fn service() -> Account {
    Account {
        user: 998,
        groups: vec![998, 50],
    }
}

/// Kinds of file: owner, group, mode.
fn rights((owner, group, mode): (u32, u32, u32)) -> Rights {
    Rights { owner, group, mode }
}

#[test]
fn a_secret_is_for_us_and_root_and_for_a_group_that_root_chose() {
    for (file, is_secret) in [
        ((998, 998, 0o600), true),
        ((998, 998, 0o400), true),
        ((998, 7, 0o700), true),
        ((0, 0, 0o600), true),
        ((0, 998, 0o640), true),
        ((0, 50, 0o440), true),
        ((0, 7, 0o640), false),     // of no group of ours
        ((998, 998, 0o640), false), // not root's
        ((0, 998, 0o660), false),
        ((0, 998, 0o650), false),
        ((998, 998, 0o604), false),
        ((998, 998, 0o602), false),
        ((998, 998, 0o601), false),
        ((998, 998, 0o620), false),
        ((0, 998, 0o644), false),
        ((7, 998, 0o600), false), // a stranger's
    ] {
        let judged = service().is_secret(Path::new("/key"), rights(file));
        assert_eq!(judged.is_ok(), is_secret, "{file:?}: {judged:?}");
    }
}

#[test]
fn what_is_trusted_is_changed_by_nobody_but_us_and_root_and_groups_of_ours() {
    for (file, is_trusted) in [
        ((0, 0, 0o644), true),
        ((0, 0, 0o755), true),
        ((998, 998, 0o664), true),
        ((0, 50, 0o775), true),
        ((0, 7, 0o664), false),
        ((0, 0, 0o646), false),
        ((998, 998, 0o777), false),
        ((7, 7, 0o400), false),
    ] {
        let judged = service().may_stand(Path::new("/config.toml"), rights(file));
        assert_eq!(judged.is_ok(), is_trusted, "{file:?}: {judged:?}");
    }
}

#[test]
fn every_refusal_names_the_file_and_its_cure() {
    let path = Path::new("/etc/key");
    let account = service();
    for (exposure, cure) in [
        (
            account.is_secret(path, rights((998, 998, 0o644))),
            "mode 644): chmod 600 /etc/key",
        ),
        (
            account.may_stand(path, rights((0, 0, 0o666))),
            "mode 666): chmod go-w /etc/key",
        ),
        (
            account.may_stand(path, rights((7, 7, 0o600))),
            "belongs to user 7, and this runs as user 998: run it as that user, or chown 998 /etc/key",
        ),
    ] {
        let shown = exposure.unwrap_err().to_string();
        assert!(shown.contains(cure), "{shown}");
    }
}

/// A folder (0700) with a file of this mode in it.
fn file(mode: u32) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "content").unwrap();
    set_mode(&path, mode);
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_exposed<T: std::fmt::Debug>(found: Result<T, FileError>) -> bool {
    matches!(found, Err(FileError::Exposed(_)))
}

#[test]
fn a_folder_that_others_may_change_is_as_bad_as_such_a_file() {
    let (folder, path) = file(0o600);
    let link = TempDir::new().unwrap();
    let linked = link.path().join("link");
    symlink(&path, &linked).unwrap();
    for (mode, is_refused) in [(0o755, false), (0o777, true), (0o1777, false)] {
        set_mode(folder.path(), mode);
        for path in [&path, &linked] {
            assert_eq!(is_exposed(open_secret(path)), is_refused, "{mode:o}");
            assert_eq!(is_exposed(open_trusted(path)), is_refused, "{mode:o}");
        }
    }
    // The folder of the link counts, too.
    set_mode(link.path(), 0o777);
    assert!(is_exposed(open_secret(&linked)));
    assert!(open_secret(&path).is_ok());
}

#[test]
fn a_strangers_file_is_refused_whatever_its_mode() {
    let (folder, path) = file(0o600);
    // Only root can give a file away; the rule itself is tested above for everybody.
    if chown(&path, Some(12_345), None).is_ok() {
        assert!(is_exposed(open_secret(&path)));
        assert!(is_exposed(open_trusted(&path)));
        assert!(is_exposed(judge_state(&path)));
        chown(&path, Some(0), None).unwrap();
        chown(folder.path(), Some(12_345), None).unwrap();
        assert!(is_exposed(open_secret(&path)));
    }
}

#[test]
fn a_strangers_link_is_refused_also_where_nobody_else_may_remove_it() {
    let (_folder, path) = file(0o600);
    let shared = TempDir::new().unwrap();
    set_mode(shared.path(), 0o1777);
    let link = shared.path().join("link");
    symlink(path.parent().unwrap(), &link).unwrap();
    let through = link.join("file");
    assert!(open_secret(&through).is_ok());
    if lchown(&link, Some(12_345), None).is_ok() {
        assert!(is_exposed(open_secret(&through)));
        assert!(is_exposed(open_trusted(&through)));
    }
}

#[test]
fn systemds_credentials_are_guarded_by_systemd() {
    let (folder, path) = file(0o444);
    assert!(open_secret_beside(&path, Some(folder.path())).is_ok());
    assert!(is_exposed(open_secret_beside(&path, None)));
    let around = folder
        .path()
        .join("../")
        .join(path.strip_prefix("/").unwrap());
    let around = around.parent().unwrap().join("../..").join("file");
    assert!(open_secret_beside(&around, Some(folder.path())).is_err());
}

#[test]
fn state_is_made_for_us_alone_and_never_through_a_link() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    assert!(judge_state(&path).is_ok());
    assert!(judge_state(&folder.path().join("a/b/state")).is_ok());
    drop(open_state(&path).unwrap());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(judge_state(&path).is_ok());

    let link = folder.path().join("link");
    for target in [&path, &folder.path().join("missing")] {
        symlink(target, &link).unwrap();
        assert!(matches!(open_state(&link), Err(FileError::Link)));
        assert!(matches!(judge_state(&link), Err(FileError::Link)));
        fs::remove_file(&link).unwrap();
    }
    assert!(!folder.path().join("missing").exists());

    set_mode(&path, 0o644);
    assert!(is_exposed(open_state(&path)));
    assert!(is_exposed(judge_state(&path)));
}

#[test]
fn state_is_kept_in_no_folder_where_others_may_put_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    for mode in [0o777, 0o1777, 0o702, 0o770] {
        set_mode(folder.path(), mode);
        assert!(is_exposed(open_state(&path)), "{mode:o}");
        assert!(is_exposed(judge_state(&path)), "{mode:o}");
        assert!(!path.exists(), "{mode:o}");
    }
    // A folder that is still to be made would be our own in /tmp, and nowhere without sticky bit.
    let below = folder.path().join("new/state");
    for (mode, is_refused) in [(0o777, true), (0o1777, false)] {
        set_mode(folder.path(), mode);
        assert_eq!(is_exposed(judge_state(&below)), is_refused, "{mode:o}");
    }
}

#[test]
fn the_key_folder_is_judged_with_every_key_in_it() {
    let folder = TempDir::new().unwrap();
    assert!(judge_key_folder(&folder.path().join("missing")).is_ok());
    let key = folder.path().join("00000001.key");
    fs::write(&key, "key").unwrap();
    set_mode(&key, 0o600);
    fs::write(folder.path().join("README"), "").unwrap();
    assert!(judge_key_folder(folder.path()).is_ok());
    set_mode(&key, 0o604);
    assert!(is_exposed(judge_key_folder(folder.path())));
    set_mode(&key, 0o600);
    set_mode(folder.path(), 0o1777);
    assert!(is_exposed(judge_key_folder(folder.path())));
}

#[test]
fn what_the_system_does_not_let_this_process_use_is_closed_to_it() {
    // Not even root starts what nobody may.
    let (_folder, path) = file(0o600);
    assert!(may_use(&path, Access::READ_OK | Access::WRITE_OK).is_ok());
    let closed = may_use(&path, Access::EXEC_OK).unwrap_err();
    assert!(closed.to_string().ends_with("file is closed to this user"));
}

#[test]
fn a_pipe_is_never_waited_for() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(matches!(open_secret(&pipe), Err(FileError::NotAFile)));
    assert!(matches!(open_trusted(&pipe), Err(FileError::NotAFile)));
}

#[test]
fn links_are_followed_as_the_kernel_does_and_an_endless_one_is_an_error() {
    let folder = TempDir::new().unwrap();
    let real = folder.path().canonicalize().unwrap();
    fs::create_dir(real.join("a")).unwrap();
    fs::write(real.join("a/file"), "").unwrap();
    symlink("../b/../a/file", real.join("a/link")).unwrap();
    fs::create_dir(real.join("b")).unwrap();
    let folders = Way::to(&real.join("a/link")).unwrap().folders;
    for name in ["", "a", "b"] {
        let is_there = folders.iter().any(|folder| folder == &real.join(name));
        // Through b/.. no name is looked up in b itself.
        assert_eq!(is_there, name != "b", "{name:?}: {folders:?}");
    }
    symlink("loop", real.join("loop")).unwrap();
    assert!(Way::to(&real.join("loop")).is_err());
}
