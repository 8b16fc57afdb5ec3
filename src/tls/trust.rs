//! Whom we trust when we connect: the system, one authority file, or one certificate.
use super::{TlsError, certificates_in, pinned::Pinned, provider};
use crate::config::UpstreamTrust;
use rustls::{ClientConfig, RootCertStore};
use std::{path::Path, sync::Arc};

/// What connections to a SQL node or a provider speak: TLS 1.2 and 1.3 with a verified peer.
///
/// # Errors
/// An authority file that cannot be used, or a system without a trust store.
pub fn client_config(trust: &UpstreamTrust) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Rustls)?;
    Ok(match trust {
        UpstreamTrust::System => builder.with_root_certificates(system_roots()?),
        UpstreamTrust::Ca(path) => builder.with_root_certificates(roots_in(path)?),
        UpstreamTrust::Pinned(digest) => builder
            .dangerous() // the name of the door; the pin is stricter than any authority
            .with_custom_certificate_verifier(Arc::new(Pinned::new(*digest, provider()))),
    }
    .with_no_client_auth())
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
/// cannot read are left out, as distributions carry some.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(TlsError::NoSystemRoots),
        false => Ok(roots),
    }
}
