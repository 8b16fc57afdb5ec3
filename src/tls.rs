//! TLS on both sides: PEM files into rustls configurations.
mod certificate;
mod pinned;
mod trust;

pub use certificate::Certificate;
pub use trust::{client_config, client_config_as};

use crate::{
    config::{Tls, TlsVersion},
    pem_file::{self, PemFileError},
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use rustls_pki_types::CertificateDer;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable or not PEM.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: PemFileError,
    },
    /// The file holds no certificate.
    #[error("no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// Certificate and key do not fit each other, or rustls cannot use them.
    #[error("certificate and private key cannot be used together")]
    Key(#[source] rustls::Error),
    /// An authority's certificate cannot be used.
    #[error("the authorities in {} cannot be used", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system has no trust store.
    #[error("the system's trust store is empty; install ca-certificates or set `ca`")]
    NoSystemRoots,
    /// Anything else rustls refuses.
    #[error("TLS set-up")]
    Rustls(#[source] rustls::Error),
}

/// The only cryptography in the process; X25519MLKEM768 is its first key exchange.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What listeners speak: TLS 1.2 and 1.3, `h2` before `http/1.1`. Early data stays off, because
/// a replayed statement could change data.
///
/// # Errors
/// An authority file for clients' certificates that cannot be used.
pub fn server_config(tls: &Tls, certificate: Arc<Certificate>) -> Result<ServerConfig, TlsError> {
    let versions: &[_] = match tls.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(TlsError::Rustls)?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(
                Arc::new(trust::roots_in(path)?),
                provider(),
            )
            .build()
            .map_err(|error| TlsError::Authority {
                path: path.clone(),
                source: error.into(),
            })?,
        ),
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

/// Tickets for each connection, with which a client resumes one other (RFC 8446 section 4.6.1). A
/// resumed one brings the next, so that one is enough for clients that connect again and again; rustls'
/// two cost as much again, and half as many clients would be remembered.
const TICKETS: usize = 1;

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    pem_file::certificates(path).map_err(|error| match error {
        PemFileError::Empty => TlsError::NoCertificate(path.to_owned()),
        error => file_error(path, error),
    })
}

fn file_error(path: &Path, source: PemFileError) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        source,
    }
}
