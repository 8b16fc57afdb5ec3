//! Whom we trust when we connect: the system, one authority file, or one certificate.
use super::{TlsError, certificates_in, pinned::Pinned, provider};
use crate::{config::Trust, secret::Secret};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use std::{path::Path, sync::Arc};

/// What connections to a SQL node or a provider speak: TLS 1.2 and 1.3 with a verified peer.
///
/// # Errors
/// An authority file that cannot be used, or a system without a trust store.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TlsError> {
    Ok(verifying(trust)?.with_no_client_auth())
}

/// The same, and the certificate in the PEM file `certificate` is shown to whoever asks for
/// one; `key` is its key in PEM.
///
/// # Errors
/// As above, or a certificate and key that cannot be used together.
pub fn client_config_as(
    trust: &Trust,
    certificate: &Path,
    key: &Secret,
) -> Result<ClientConfig, TlsError> {
    let chain = certificates_in(certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
    // The parser's error may quote what it read.
    let key =
        key.map_err(|_| TlsError::Key(rustls::Error::General("not a key in PEM".to_owned())))?;
    let builder = verifying(trust)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(TlsError::Key)
}

fn verifying(trust: &Trust) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Rustls)?;
    Ok(match trust {
        Trust::Nobody => builder.with_root_certificates(RootCertStore::empty()),
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::Ca(path) => builder.with_root_certificates(roots_in(path)?),
        Trust::Pinned(digest) => builder
            .dangerous() // the name of the door; the pin is stricter than any authority
            .with_custom_certificate_verifier(Arc::new(Pinned::new(*digest, provider()))),
    })
}

/// The authorities of one PEM file, all of which must be usable.
pub(super) fn roots_in(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(path)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Authority {
                path: path.to_owned(),
                source: error.into(),
            })?;
    }
    Ok(roots)
}

/// The system's trust store (`SSL_CERT_FILE` is honoured); certificates in it that rustls
/// cannot read are left out: one odd certificate is no reason to trust none.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(TlsError::NoSystemRoots),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn with_ca(text: &str) -> Result<ClientConfig, TlsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        fs::write(&path, text).unwrap();
        client_config(&Trust::Ca(path))
    }

    #[test]
    fn an_authority_file_must_hold_usable_certificates() {
        let signed = rcgen::generate_simple_self_signed(["idp.example.com".to_owned()]).unwrap();
        assert!(with_ca(&signed.cert.pem()).is_ok());
        assert!(matches!(with_ca(""), Err(TlsError::NoCertificate(_))));
        let key = signed.signing_key.serialize_pem();
        assert!(matches!(with_ca(&key), Err(TlsError::NoCertificate(_))));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(with_ca(broken), Err(TlsError::Authority { .. })));
    }

    #[test]
    fn a_missing_authority_file_is_named() {
        let error = client_config(&Trust::Ca("/nowhere/ca.crt".into())).unwrap_err();
        assert_eq!(error.to_string(), "cannot use /nowhere/ca.crt");
    }
}
