//! Tests of the key ring and its folder.
use super::*;
use proptest::prelude::*;
use std::{fs, os::unix::fs::PermissionsExt, sync::LazyLock};
use tempfile::TempDir;

fn ring() -> KeyRing {
    KeyRing::open(&folder().path().join("keys")).unwrap()
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn add_key(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn open(ring: &KeyRing, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    ring.open_sealed(Purpose::State, b"context", sealed)
}

#[test]
fn what_was_sealed_opens_to_the_same_text() {
    let ring = ring();
    for plain in [&b""[..], b"x", &[7; 100_000]] {
        let sealed = ring.seal(Purpose::Session, b"context", plain);
        assert_eq!(sealed.len(), plain.len() + OVERHEAD);
        let opened = ring.open_sealed(Purpose::Session, b"context", &sealed);
        assert_eq!(opened.unwrap().as_slice(), plain, "{} bytes", plain.len());
    }
}

#[test]
fn one_text_sealed_twice_looks_different() {
    let ring = ring();
    let seal = || ring.seal(Purpose::State, b"", b"plain");
    assert_ne!(seal(), seal());
}

#[test]
fn other_purpose_context_or_ring_does_not_open() {
    let (ring, other) = (ring(), ring());
    let sealed = ring.seal(Purpose::State, b"context", b"plain");
    assert!(
        ring.open_sealed(Purpose::State, b"context", &sealed)
            .is_some()
    );
    assert!(
        ring.open_sealed(Purpose::Session, b"context", &sealed)
            .is_none()
    );
    assert!(
        ring.open_sealed(Purpose::State, b"contex", &sealed)
            .is_none()
    );
    assert!(ring.open_sealed(Purpose::State, b"", &sealed).is_none());
    assert!(
        other
            .open_sealed(Purpose::State, b"context", &sealed)
            .is_none()
    );
}

#[test]
fn every_single_changed_bit_and_every_cut_is_noticed() {
    let ring = ring();
    let sealed = ring.seal(Purpose::State, b"context", b"plain");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&ring, &changed).is_none(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&ring, &sealed[..length]).is_none(), "length {length}");
    }
}

#[test]
fn a_text_beyond_the_limit_is_refused() {
    let ring = ring();
    let longest = vec![0; MAX_SEALED - OVERHEAD];
    assert!(open(&ring, &ring.seal(Purpose::State, b"context", &longest)).is_some());
    let longer = vec![0; MAX_SEALED - OVERHEAD + 1];
    assert!(open(&ring, &ring.seal(Purpose::State, b"context", &longer)).is_none());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_open(bytes: Vec<u8>) {
        static RING: LazyLock<KeyRing> = LazyLock::new(ring);
        prop_assert!(open(&RING, &bytes).is_none());
        let sealed = [&RING.keys[0].header()[..], &bytes].concat();
        prop_assert!(open(&RING, &sealed).is_none());
    }
}

#[test]
fn the_first_start_makes_a_private_key_that_the_second_uses() {
    let home = folder();
    let keys = home.path().join("state/keys");
    let sealed = KeyRing::open(&keys)
        .unwrap()
        .seal(Purpose::State, b"context", b"plain");
    assert_eq!(mode(&keys), 0o700);
    assert_eq!(mode(&keys.join("00000001.key")), 0o600);
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1, "no draft is left");
    assert!(open(&KeyRing::open(&keys).unwrap(), &sealed).is_some());
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    let home = folder();
    let rings: Vec<KeyRing> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| KeyRing::open(home.path()).unwrap()))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let sealed = rings[0].seal(Purpose::State, b"context", b"plain");
    assert!(rings.iter().all(|ring| open(ring, &sealed).is_some()));
}

#[test]
fn a_rotated_ring_seals_with_the_new_key_and_opens_old_texts() {
    let home = folder();
    let old = KeyRing::open(home.path()).unwrap();
    add_key(home.path(), "0000000a.key", &[7; KEY_LENGTH], 0o600);
    let rotated = KeyRing::open(home.path()).unwrap();
    assert!(open(&rotated, &old.seal(Purpose::State, b"context", b"plain")).is_some());
    let sealed = rotated.seal(Purpose::State, b"context", b"plain");
    assert_eq!(sealed[..HEADER_LENGTH], [VERSION, 0, 0, 0, 10]);
    assert!(open(&old, &sealed).is_none());
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_cure() {
    for mode in [0o644, 0o604, 0o620, 0o601] {
        let home = folder();
        let path = add_key(home.path(), "00000001.key", &[7; KEY_LENGTH], mode);
        let message = KeyRing::open(home.path()).unwrap_err().to_string();
        let cure = format!("chmod 600 {}", path.display());
        assert!(message.contains(&cure), "{mode:o}: {message}");
    }
}

#[test]
fn a_folder_that_others_may_change_is_refused() {
    let home = folder();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let error = KeyRing::open(home.path()).unwrap_err();
    assert!(matches!(error, SealError::Exposed(_)), "{error}");
}

#[test]
fn files_that_only_resemble_a_key_are_refused_and_others_ignored() {
    for name in [
        "1.key",
        "new.key",
        "0000000A.key",
        "+0000001.key",
        "000000001.key",
    ] {
        let home = folder();
        add_key(home.path(), name, &[7; KEY_LENGTH], 0o600);
        let error = KeyRing::open(home.path()).unwrap_err();
        assert!(matches!(error, SealError::Name { .. }), "{name}: {error}");
    }
    for length in [0, KEY_LENGTH - 1, KEY_LENGTH + 1] {
        let home = folder();
        add_key(home.path(), "00000001.key", &vec![7; length], 0o600);
        let error = KeyRing::open(home.path()).unwrap_err();
        assert!(
            matches!(error, SealError::Length { .. }),
            "{length}: {error}"
        );
    }
    let home = folder();
    add_key(home.path(), "README", b"", 0o644);
    assert_eq!(
        format!("{:?}", KeyRing::open(home.path()).unwrap()),
        r#"["00000001"]"#
    );
}

#[test]
fn more_keys_than_the_limit_are_refused() {
    let home = folder();
    for id in 0..=MAX_KEYS {
        add_key(
            home.path(),
            &format!("{id:08x}.key"),
            &[7; KEY_LENGTH],
            0o600,
        );
    }
    let error = KeyRing::open(home.path()).unwrap_err();
    assert!(matches!(error, SealError::TooMany { .. }), "{error}");
}
