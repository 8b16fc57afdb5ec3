//! Whose certificates are believed when a provider is asked.
use crate::config;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem, pem::PemObject};
use std::{path::PathBuf, sync::Arc};

/// Why no certificate of a provider could be checked.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The `ca` file cannot be read.
    #[error("cannot read the certificates in {path}")]
    Unreadable {
        /// The configured file.
        path: PathBuf,
        /// What the file system or the PEM reader said.
        source: pem::Error,
    },
    /// A certificate of the `ca` file cannot be a trust anchor.
    #[error("{path} holds an unusable certificate")]
    Unusable {
        /// The configured file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The `ca` file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// The system has no trust store.
    #[error("the system's trust store is empty; install ca-certificates or set `ca`")]
    NoSystemStore,
    /// The cryptography offers no TLS version; cannot happen with the built-in one.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// The TLS side of the HTTP client for one provider: the authorities of `ca` alone, or the
/// system's.
///
/// # Errors
/// No usable authority.
pub(super) fn tls_client(config: &config::Provider) -> Result<ClientConfig, TrustError> {
    let roots = match &config.ca {
        Some(path) => authorities(path)?,
        None => system_authorities()?,
    };
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn authorities(path: &PathBuf) -> Result<RootCertStore, TrustError> {
    let unreadable = |source| TrustError::Unreadable {
        path: path.clone(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|source| TrustError::Unusable {
                path: path.clone(),
                source,
            })?;
    }
    if roots.is_empty() {
        return Err(TrustError::Empty(path.clone()));
    }
    Ok(roots)
}

/// Single files that cannot be read are passed over: one odd certificate in a system's store
/// is no reason to trust none.
fn system_authorities() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TrustError::NoSystemStore);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::mint;
    use std::fs;

    fn with_ca(text: &str) -> Result<ClientConfig, TrustError> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = mint::rules();
        config.ca = Some(folder.path().join("ca.crt"));
        fs::write(folder.path().join("ca.crt"), text).unwrap();
        tls_client(&config)
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let signed = rcgen::generate_simple_self_signed(["idp.example.com".to_owned()]).unwrap();
        assert!(with_ca(&signed.cert.pem()).is_ok());
        assert!(matches!(with_ca(""), Err(TrustError::Empty(_))));
        let key = signed.signing_key.serialize_pem();
        assert!(matches!(with_ca(&key), Err(TrustError::Empty(_))));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(with_ca(broken), Err(TrustError::Unusable { .. })));
    }

    #[test]
    fn a_missing_ca_file_is_named() {
        let mut config = mint::rules();
        config.ca = Some("/nowhere/ca.crt".into());
        let error = tls_client(&config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read the certificates in /nowhere/ca.crt"
        );
    }
}
