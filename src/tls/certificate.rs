//! The server's certificate: read from its files, and again whenever they change.
use super::{TlsError, certificates_in, file_error, provider};
use crate::pem_file;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// A certificate chain with its key that can be swapped under running listeners.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    read: Mutex<Stamp>,
}

/// What tells a replaced file from the one that was read. Following links, so that swapped
/// symbolic links (Kubernetes, ACME clients) are noticed too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp([Option<Seen>; 2]);

/// A changed mode or owner shows in the time of the last change (`ctime`) alone.
type Seen = (u64, u64, [(i64, i64); 2]);

impl Certificate {
    /// Reads the PEM files and proves that they belong together.
    ///
    /// # Errors
    /// Files that are missing, unreadable or do not fit each other.
    pub fn open(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamp = Stamp::of(chain, key);
        Ok(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(certified_key(chain, key)?)),
            read: Mutex::new(stamp),
        })
    }

    /// Reads the files again if they changed since they were read last; says whether they
    /// had. What cannot be used leaves the present certificate in force, and is not tried
    /// again until the files change once more.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let stamp = Stamp::of(&self.chain, &self.key);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == stamp {
            return Ok(false);
        }
        *read = stamp;
        let fresh = Arc::new(certified_key(&self.chain, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            self.current
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }
}

impl Stamp {
    fn of(chain: &Path, key: &Path) -> Self {
        Self([chain, key].map(|path| {
            let file = fs::metadata(path).ok()?;
            let written = (file.mtime(), file.mtime_nsec());
            let changed = (file.ctime(), file.ctime_nsec());
            Some((file.ino(), file.len(), [written, changed]))
        }))
    }
}

fn certified_key(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let private = pem_file::private_key(key).map_err(|error| file_error(key, error))?;
    let certified = CertifiedKey::from_der(certificates_in(chain)?, private, &provider())
        .map_err(TlsError::Key)?;
    certified.keys_match().map_err(TlsError::Key)?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn write_pair(folder: &Path, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(folder.join("server.crt"), made.cert.pem()).unwrap();
        let key = folder.join("server.key");
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        set_mode(&key, 0o600);
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn replaced_files_are_picked_up_and_bad_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (
            folder.path().join("server.crt"),
            folder.path().join("server.key"),
        );
        write_pair(folder.path(), "first");
        let certificate = Certificate::open(&chain, &key).unwrap();
        let first = certificate.current.read().unwrap().cert.clone();
        assert!(!certificate.refresh().unwrap());

        fs::write(&chain, "not a certificate").unwrap();
        assert!(certificate.refresh().is_err());
        assert_eq!(certificate.current.read().unwrap().cert, first);

        write_pair(folder.path(), "a-second-and-longer-name");
        assert!(certificate.refresh().unwrap());
        assert_ne!(certificate.current.read().unwrap().cert, first);
    }

    #[test]
    fn a_replaced_key_that_others_may_read_leaves_the_old_pair_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (
            folder.path().join("server.crt"),
            folder.path().join("server.key"),
        );
        write_pair(folder.path(), "first");
        let certificate = Certificate::open(&chain, &key).unwrap();
        let first = certificate.current.read().unwrap().cert.clone();

        write_pair(folder.path(), "a-second-and-longer-name");
        set_mode(&key, 0o644);
        let error = chain_of(&certificate.refresh().unwrap_err());
        assert!(error.contains("chmod 600"), "{error}");
        assert_eq!(certificate.current.read().unwrap().cert, first);

        set_mode(&key, 0o600);
        assert!(certificate.refresh().unwrap(), "its mode alone has changed");
        assert_ne!(certificate.current.read().unwrap().cert, first);
    }

    fn chain_of(error: &dyn std::error::Error) -> String {
        std::iter::successors(Some(error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_pair(one.path(), "one");
        write_pair(two.path(), "two");
        let error = Certificate::open(
            &one.path().join("server.crt"),
            &two.path().join("server.key"),
        );
        assert!(matches!(error, Err(TlsError::Key(_))), "{error:?}");
    }
}
