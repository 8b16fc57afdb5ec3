//! A look at the files and secrets that a configuration names: offline, read-only.
use super::{
    fault::Fault,
    secret_source::{SecretError, SecretSource, credentials_directory},
};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// Something outside of the file that a key of it names.
#[derive(Debug)]
pub(super) enum Use {
    /// A PEM file with a certificate and those that lead to its authority.
    Certificate(PathBuf),
    /// The key of a certificate.
    KeyPair {
        certificate: PathBuf,
        private_key: PathBuf,
    },
    /// A PEM file of trusted authorities.
    Authorities(PathBuf),
    /// A secret.
    Secret(SecretSource),
}

/// What can be said of a [`Use`] that is not wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is there and sound.
    Sound,
    /// Only the service itself can look at it.
    Unseen(String),
}

impl Use {
    /// Looks at it.
    pub(super) fn look(&self) -> Result<Finding, Fault> {
        match self {
            Self::Certificate(path) => certificates(path).map(|_| Finding::Sound),
            Self::Authorities(path) => authorities(path),
            Self::KeyPair {
                certificate,
                private_key,
            } => key_pair(certificate, private_key),
            Self::Secret(source) => secret(source),
        }
    }
}

fn secret(source: &SecretSource) -> Result<Finding, Fault> {
    match source.read_with(credentials_directory().as_deref()) {
        Ok(_) => Ok(Finding::Sound),
        // The operator's shell has neither the unit's credentials nor its environment.
        Err(error @ (SecretError::NoCredentials(_) | SecretError::NoVariable(_))) => {
            Ok(Finding::Unseen(error.to_string()))
        }
        Err(error) => Err(Fault::new(with_causes(&error))),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let unreadable = |error| unreadable_pem(path, "certificate", error);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect();
    let chain = chain.map_err(unreadable)?;
    match chain.is_empty() {
        true => Err(unreadable(pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

fn authorities(path: &Path) -> Result<Finding, Fault> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| {
            Fault::new(format!(
                "{} holds an unusable authority: {error}",
                path.display()
            ))
        })?;
    }
    Ok(Finding::Sound)
}

fn key_pair(certificate: &Path, private_key: &Path) -> Result<Finding, Fault> {
    let key = PrivateKeyDer::from_pem_file(private_key)
        .map_err(|error| unreadable_pem(private_key, "private key", error))?;
    // A bad certificate is the mistake of its own key.
    let Ok(chain) = certificates(certificate) else {
        return Ok(Finding::Sound);
    };
    match CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()) {
        Ok(_) => Ok(Finding::Sound),
        Err(rustls::Error::InconsistentKeys(_)) => Err(Fault::new(format!(
            "{} is not the key of {}",
            private_key.display(),
            certificate.display()
        ))),
        Err(error) => Err(Fault::new(format!(
            "{} with {} cannot be used: {error}",
            private_key.display(),
            certificate.display()
        ))),
    }
}

/// Says what is wrong with a PEM file without quoting it, as the error itself does.
fn unreadable_pem(path: &Path, what: &str, error: pem::Error) -> Fault {
    let path = path.display();
    match error {
        pem::Error::Io(error) => Fault::new(format!("cannot read {path}: {error}")),
        pem::Error::NoItemsFound => Fault::new(format!("{path} holds no {what}"))
            .cure("a PEM file, beginning with -----BEGIN"),
        _ => Fault::new(format!("{path} is not sound PEM")),
    }
}

fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
