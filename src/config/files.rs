//! A look at the files and secrets that a configuration names: offline, read-only.
use super::{
    algorithm::Algorithm,
    fault::Fault,
    secret_source::{SecretError, SecretSource},
};
use crate::{
    file_rule::{self, Exposure, FileError},
    pem_file::{self, PemFileError},
    secret::Secret,
};
use rustls::{
    crypto::aws_lc_rs::{self, sign::any_supported_type},
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    error::Error,
    fmt::Display,
    io,
    path::{Path, PathBuf},
    sync::Arc,
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
    /// A private key that signs, with this algorithm.
    SigningKey(SecretSource, Option<Algorithm>),
    /// The key of a certificate that we show.
    ClientKeyPair {
        certificate: PathBuf,
        private_key: SecretSource,
    },
    /// A file that the service writes.
    State(PathBuf),
    /// The folder of the key ring.
    Keys(PathBuf),
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
            Self::Secret(source) => secret(source).map(|seen| match seen {
                Seen::Content(_) => Finding::Sound,
                Seen::Nothing(why) => Finding::Unseen(why),
            }),
            Self::SigningKey(source, algorithm) => signing_key(source, *algorithm),
            Self::ClientKeyPair {
                certificate,
                private_key,
            } => client_key_pair(certificate, private_key),
            Self::State(path) => guarded(path, file_rule::judge_state(path)),
            Self::Keys(folder) => guarded(folder, file_rule::judge_key_folder(folder)),
        }
    }
}

/// What a look at a secret shows.
enum Seen {
    Content(Secret),
    Nothing(String),
}

fn secret(source: &SecretSource) -> Result<Seen, Fault> {
    match source.read() {
        Ok(secret) => Ok(Seen::Content(secret)),
        // The operator's shell has neither the unit's credentials nor its environment.
        Err(error @ (SecretError::NoCredentials(_) | SecretError::NoVariable(_))) => {
            Ok(Seen::Nothing(error.to_string()))
        }
        Err(SecretError::Exposed(exposure)) => Err(exposed(&exposure)),
        Err(error) => Err(Fault::new(with_causes(&error))),
    }
}

fn signing_key(source: &SecretSource, algorithm: Option<Algorithm>) -> Result<Finding, Fault> {
    // A secret that cannot be read is reported where it is named.
    let Ok(Seen::Content(pem)) = secret(source) else {
        return Ok(Finding::Sound);
    };
    let can = |key: &Arc<dyn SigningKey>, algorithm: Algorithm| {
        key.choose_scheme(&[algorithm.scheme()]).is_some()
    };
    let key = private_key_in(&pem).and_then(|key| any_supported_type(&key).ok());
    let key = key.filter(|key| {
        Algorithm::OF_OUR_KEYS
            .iter()
            .any(|algorithm| can(key, *algorithm))
    });
    let Some(key) = key else {
        let fault = Fault::new(format!("{source} is no private key that can be used"));
        return Err(fault
            .cure("RSA of 2048 bits or more, P-256, P-384 or Ed25519, in PEM without a password"));
    };
    match algorithm {
        Some(algorithm) if !can(&key, algorithm) => Err(Fault::new(format!(
            "{source} cannot sign with `token_endpoint_auth_signing_alg`"
        ))
        .cure("name an algorithm of its kind, or leave that key out")),
        _ => Ok(Finding::Sound),
    }
}

fn client_key_pair(certificate: &Path, source: &SecretSource) -> Result<Finding, Fault> {
    // What is wrong with one of the two alone is reported where it is named.
    let (Ok(chain), Ok(Seen::Content(pem))) = (certificates(certificate), secret(source)) else {
        return Ok(Finding::Sound);
    };
    match private_key_in(&pem) {
        Some(key) => pair(chain, key, source, certificate),
        None => Ok(Finding::Sound),
    }
}

fn private_key_in(pem: &Secret) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).ok()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    pem_file::certificates(path).map_err(|error| unusable(path, "certificate", error))
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
    let key = pem_file::private_key(private_key)
        .map_err(|error| unusable(private_key, "private key", error))?;
    // A bad certificate is the mistake of its own key.
    let Ok(chain) = certificates(certificate) else {
        return Ok(Finding::Sound);
    };
    pair(chain, key, private_key.display(), certificate)
}

/// Whether `key`, which the operator knows as `name`, is that of the certificate.
fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    name: impl Display,
    certificate: &Path,
) -> Result<Finding, Fault> {
    let certificate = certificate.display();
    match CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()) {
        Ok(_) => Ok(Finding::Sound),
        Err(rustls::Error::InconsistentKeys(_)) => Err(Fault::new(format!(
            "{name} is not the key of {certificate}"
        ))),
        Err(error) => Err(Fault::new(format!(
            "{name} with {certificate} cannot be used: {error}"
        ))),
    }
}

/// The answer of the rule about what is at `path`.
fn guarded(path: &Path, judged: Result<(), FileError>) -> Result<Finding, Fault> {
    let path = path.display();
    match judged {
        Ok(()) => Ok(Finding::Sound),
        // The service's folders are closed to an operator who is not root.
        Err(FileError::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(Finding::Unseen(format!("{path}: {error}")))
        }
        Err(FileError::Io(error)) => Err(Fault::new(format!("{path} cannot be used: {error}"))),
        Err(FileError::Closed { path, source }) => Err(Fault::new(format!(
            "{} is closed to this user: {source}",
            path.display()
        ))
        .cure("run it as the service's user, whose it must be, with mode 600 (a folder: 700)")),
        Err(FileError::NotAFile) => Err(Fault::new(format!("{path} is not a file"))),
        Err(FileError::Link) => {
            Err(Fault::new(format!("{path} is a symbolic link")).cure("name the file itself"))
        }
        Err(FileError::Exposed(exposure)) => Err(exposed(&exposure)),
    }
}

fn exposed(exposure: &Exposure) -> Fault {
    Fault::new(exposure.what()).cure(exposure.cure())
}

fn unusable(path: &Path, what: &str, error: PemFileError) -> Fault {
    let path = path.display();
    match error {
        PemFileError::Io(error) => Fault::new(format!("cannot read {path}: {error}")),
        PemFileError::NotAFile => Fault::new(format!("{path} is not a file")),
        PemFileError::Exposed(exposure) => exposed(&exposure),
        PemFileError::TooLong => Fault::new(format!("{path} is longer than 4 MiB")),
        PemFileError::Empty => Fault::new(format!("{path} holds no {what}"))
            .cure("a PEM file, beginning with -----BEGIN"),
        PemFileError::Unsound => Fault::new(format!("{path} is not sound PEM")),
    }
}

fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
