//! PEM files of certificates and private keys: regular ones, of bounded size, never quoted.
use crate::file_rule::{Exposure, FileError, open_secret, open_trusted};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// Why a PEM file cannot be used. Nothing of what is in it: a private key that has lost its line
/// breaks is one faulty line, which the parser's own error would print.
#[derive(Debug, thiserror::Error)]
pub enum PemFileError {
    /// It is missing, or cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// A folder, a device or a pipe.
    #[error("it is not a file")]
    NotAFile,
    /// Others could read the key, or put their own certificate in the place of ours.
    #[error(transparent)]
    Exposed(#[from] Exposure),
    /// More than 4 MiB.
    #[error("it is longer than 4 MiB")]
    TooLong,
    /// Not PEM, or broken off.
    #[error("it is not sound PEM")]
    Unsound,
    /// PEM, or anything else, without what was looked for.
    #[error("nothing of that kind is in it")]
    Empty,
}

/// The certificates in the file, at least one.
///
/// # Errors
/// As [`PemFileError`] says.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemFileError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(open_trusted(path)?)?).collect();
    match found {
        Ok(chain) if chain.is_empty() => Err(PemFileError::Empty),
        found => found.map_err(unquoted),
    }
}

/// The first private key in the file.
///
/// # Errors
/// As [`PemFileError`] says.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemFileError> {
    PrivateKeyDer::from_pem_slice(&read(open_secret(path)?)?).map_err(unquoted)
}

fn read(file: File) -> Result<Zeroizing<Vec<u8>>, PemFileError> {
    // Room for all of it: a growing buffer would leave copies of a key behind.
    let room = file.metadata()?.len().min(LONGEST) + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(room as usize));
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(PemFileError::TooLong),
        false => Ok(text),
    }
}

impl From<FileError> for PemFileError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io(error) | FileError::Closed { source: error, .. } => Self::Io(error),
            FileError::NotAFile | FileError::Link => Self::NotAFile,
            FileError::Exposed(exposure) => Self::Exposed(exposure),
        }
    }
}

fn unquoted(error: pem::Error) -> PemFileError {
    match error {
        pem::Error::Io(error) => PemFileError::Io(error),
        pem::Error::NoItemsFound => PemFileError::Empty,
        _ => PemFileError::Unsound,
    }
}

/// In bytes. All the authorities that a system trusts take a quarter of a MiB, and four times that
/// with each described; a wrong path may be endless.
const LONGEST: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        error::Error,
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
        process::Command,
    };

    fn file(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.pem");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        (folder, path)
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn certificates_and_keys_are_found_among_other_text() {
        let (certificate, key) = pair();
        let (_folder, path) = file(format!("of us\n{certificate}{key}{certificate}").as_bytes());
        assert_eq!(certificates(&path).unwrap().len(), 2);
        assert!(private_key(&path).is_ok());
        let (_folder, path) = file(b"of us\n");
        assert!(matches!(certificates(&path), Err(PemFileError::Empty)));
        assert!(matches!(private_key(&path), Err(PemFileError::Empty)));
    }

    #[test]
    fn an_error_never_quotes_a_key() {
        let (_, key) = pair();
        let one_line = key.replace('\n', "");
        let broken_off = &key[..key.len() / 2];
        let not_base64 = key.replacen("M", "?", 1);
        for text in [one_line.as_str(), broken_off, &not_base64] {
            let (_folder, path) = file(text.as_bytes());
            let error = private_key(&path).unwrap_err();
            assert!(matches!(error, PemFileError::Unsound), "{error}");
            assert_eq!(format!("{error:?}"), "Unsound");
            assert!(error.source().is_none());
        }
    }

    #[test]
    fn others_may_read_a_certificate_and_not_a_key_and_change_neither() {
        let (certificate, key) = pair();
        let (_folder, path) = file(format!("{certificate}{key}").as_bytes());
        for (mode, certificate_is_taken, key_is_taken) in [
            (0o400, true, true),
            (0o644, true, false),
            (0o620, true, false),
            (0o666, false, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                certificates(&path).is_ok(),
                certificate_is_taken,
                "{mode:o}"
            );
            let found = private_key(&path);
            assert_eq!(found.is_ok(), key_is_taken, "{mode:o}");
            let is_exposed = matches!(found, Err(PemFileError::Exposed(_)));
            assert_eq!(is_exposed, !key_is_taken, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_or_endless_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [folder.path(), &pipe, Path::new("/dev/zero")] {
            let found = certificates(path);
            assert!(matches!(found, Err(PemFileError::NotAFile)), "{path:?}");
        }
        let missing = private_key(&folder.path().join("missing"));
        assert!(matches!(missing, Err(PemFileError::Io(_))));
        let long = folder.path().join("long.pem");
        let (certificate, _) = pair();
        for (length, is_too_long) in [(LONGEST, false), (LONGEST + 1, true), (1 << 40, true)] {
            fs::write(&long, &certificate).unwrap();
            File::options()
                .write(true)
                .open(&long)
                .unwrap()
                .set_len(length)
                .unwrap();
            let found = certificates(&long);
            assert_eq!(
                matches!(found, Err(PemFileError::TooLong)),
                is_too_long,
                "{length}"
            );
        }
    }
}
