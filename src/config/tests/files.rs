//! The look at files and secrets that `check` takes.
use super::super::{Checked, Config, Mistakes, SecretError, SecretSource};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tempfile::TempDir;

/// A folder with a sound configuration, its certificate and key, and one of another key.
pub(super) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["server", "other"] {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write(&folder, &format!("{name}.crt"), &issued.cert.pem(), 0o644);
        let key = issued.signing_key.serialize_pem();
        write(&folder, &format!("{name}.key"), &key, 0o600);
    }
    folder
}

pub(super) fn write(folder: &TempDir, name: &str, content: &str, mode: u32) {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
}

/// Checks a configuration in `folder` with `added` at its end.
pub(super) fn check(folder: &TempDir, added: &str) -> Result<Checked, Mistakes> {
    let text = format!(
        "{}{added}\n",
        super::LEAST.replace("/keys/server.key", "server.key")
    );
    write(folder, "config.toml", &text, 0o644);
    Config::check(&folder.path().join("config.toml"))
}

fn assert_refused(folder: &TempDir, added: &str, place: &str, what: &str) {
    let shown = check(folder, added).expect_err(what).to_string();
    assert!(shown.contains(what), "{what}\n---\n{shown}");
    assert!(
        shown.contains(&format!("config.toml:{place}\n")),
        "{place}\n---\n{shown}"
    );
    assert!(shown.contains("1 mistake in"), "{shown}");
}

#[test]
fn a_certificate_with_its_key_is_accepted() {
    let checked = check(&folder(), "tls.client_ca = 'other.crt'").unwrap();
    assert_eq!(checked.notes, Vec::<String>::new());
}

#[test]
fn loading_does_not_look_at_the_files() {
    let folder = TempDir::new().unwrap();
    write(&folder, "config.toml", super::LEAST, 0o644);
    assert!(Config::load(&folder.path().join("config.toml")).is_ok());
}

#[test]
fn certificates_and_keys_are_read_and_compared() {
    let folder = folder();
    let other = fs::read_to_string(folder.path().join("other.key")).unwrap();
    write(&folder, "server.key", &other, 0o600);
    assert_refused(&folder, "", "4:19", "server.key is not the key of");
    write(&folder, "server.key", "hunter2", 0o600);
    assert_refused(&folder, "", "4:19", "server.key holds no private key");
    fs::remove_file(folder.path().join("server.key")).unwrap();
    assert_refused(&folder, "", "4:19", "server.key: No such file");
}

#[test]
fn each_file_is_blamed_at_its_own_key() {
    let folder = folder();
    write(
        &folder,
        "server.crt",
        "-----BEGIN CERTIFICATE-----\nAA",
        0o644,
    );
    assert_refused(&folder, "", "3:19", "server.crt is not sound PEM");
    let folder = self::folder();
    write(&folder, "ca.crt", "", 0o644);
    assert_refused(
        &folder,
        "tls.client_ca = 'ca.crt'",
        "6:17",
        "ca.crt holds no certificate",
    );
}

#[test]
fn a_secret_file_is_for_its_owner_alone() {
    let folder = folder();
    write(&folder, "secret", "hunter2\n", 0o644);
    let account = "[[account]]\nname = 'a'\nusername = 'a'\npassword = { file = 'secret' }";
    assert_refused(&folder, account, "9:12", "is open to others (mode 644)");
    write(&folder, "secret", "hunter2\n", 0o600);
    assert!(check(&folder, account).is_ok());
}

#[test]
fn secrets_of_the_service_alone_are_mentioned() {
    let account = "[[account]]\nname = 'a'\nusername = 'a'\npassword = { credential = 'a' }
[[account]]\nname = 'b'\nusername = 'b'\npassword = { env = 'SURELY_NOT_SET' }";
    let notes = check(&folder(), account).unwrap().notes;
    assert_eq!(
        notes,
        [
            "credential a: $CREDENTIALS_DIRECTORY is not set",
            "environment variable SURELY_NOT_SET is not set"
        ]
    );
}

/// Reads a secret file with this content.
fn read(content: &[u8]) -> Result<String, SecretError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    let secret = SecretSource::File(path).read()?;
    Ok(secret.expose().to_owned())
}

#[test]
fn a_secret_loses_one_line_break_and_nothing_else() {
    for (content, expected) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" hunter2 ", " hunter2 "),
    ] {
        assert_eq!(read(content.as_bytes()).unwrap(), expected, "{content:?}");
    }
}

#[test]
fn a_secret_is_text_of_bounded_length() {
    assert!(matches!(read(b""), Err(SecretError::Empty(_))));
    assert!(matches!(read(b"\n"), Err(SecretError::Empty(_))));
    assert!(matches!(read(b"\xff"), Err(SecretError::NotText(_))));
    assert!(read(&[b'a'; 65_536]).is_ok());
    assert!(matches!(
        read(&[b'a'; 65_537]),
        Err(SecretError::TooLong(_))
    ));
    let folder = SecretSource::File(Path::new("/").to_owned());
    assert!(matches!(folder.read(), Err(SecretError::NotAFile(_))));
}

#[test]
fn a_credential_may_have_the_mode_that_systemd_gave_it() {
    let folder = TempDir::new().unwrap();
    write(&folder, "a", "hunter2", 0o444);
    let credential = SecretSource::Credential("a".to_owned());
    let secret = credential.read_with(Some(folder.path())).unwrap();
    assert_eq!(secret.expose(), "hunter2");
    let file = SecretSource::File(folder.path().join("a"));
    assert!(file.read_with(Some(folder.path())).is_ok());
    assert!(matches!(file.read_with(None), Err(SecretError::Exposed(_))));
    assert!(matches!(
        credential.read_with(None),
        Err(SecretError::NoCredentials(_))
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    let shown = Config::load(&path).unwrap_err().to_string();
    assert!(
        shown.contains("cannot be read: No such file or directory"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("--> {}\n", path.display())),
        "{shown}"
    );
    fs::write(&path, b"\xff").unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
    fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .contains("longer than 1 MiB")
    );
}
