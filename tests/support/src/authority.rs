//! A certificate authority for tests and the demo.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A test authority with a P-256 key. Clones are the same authority.
#[derive(Clone)]
pub struct Authority {
    ca_pem: String,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

/// A certificate with its private key, both PEM.
pub struct Issued {
    /// The certificate; the authority signs it directly, so there is no chain to add.
    pub cert_pem: String,
    /// Its private key (PKCS#8).
    pub key_pem: String,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("P-256 keys can be generated");
        let ca = ca_params()
            .self_signed(&key)
            .expect("the parameters are fixed");
        Self::from_parts(ca.pem(), key)
    }

    /// Reads `ca.crt` and `ca.key` of `folder`; makes both if either is missing. So whoever trusted
    /// the demo's authority once still trusts it at the next run.
    pub fn from_files_or_new(folder: &Path) -> io::Result<Self> {
        let (cert_file, key_file) = (folder.join("ca.crt"), folder.join("ca.key"));
        if cert_file.exists() && key_file.exists() {
            let key = KeyPair::from_pem(&fs::read_to_string(&key_file)?)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            return Ok(Self::from_parts(fs::read_to_string(&cert_file)?, key));
        }
        let authority = Self::new();
        fs::create_dir_all(folder)?;
        write_file(&key_file, &authority.issuer.key().serialize_pem(), 0o600)?;
        write_file(&cert_file, &authority.ca_pem, 0o644)?;
        Ok(authority)
    }

    /// The authority's own certificate, for trust stores.
    pub fn ca_pem(&self) -> String {
        self.ca_pem.clone()
    }

    /// Trust in this authority and in nothing else.
    pub fn roots(&self) -> RootCertStore {
        roots(&self.ca_pem).expect("the authority's certificate is valid")
    }

    /// A server certificate for these DNS names and IP addresses, valid for 90 days.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, ExtendedKeyUsagePurpose::ServerAuth, 90 * DAY)
    }

    /// A server certificate that ended yesterday, for tests of refused peers.
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        self.issue_with(names, ExtendedKeyUsagePurpose::ServerAuth, Duration::ZERO)
    }

    /// A client certificate for mutual TLS; `name` is its common name and its only DNS name.
    pub fn issue_client(&self, name: &str) -> Issued {
        self.issue_with(&[name], ExtendedKeyUsagePurpose::ClientAuth, 90 * DAY)
    }

    /// TLS settings of a server with these names: TLS 1.2 and 1.3, ALPN `http/1.1`.
    pub fn server_config(&self, names: &[&str]) -> rustls::ServerConfig {
        self.server_config_with(names, WebPkiClientVerifier::no_client_auth())
    }

    /// The same, for a server that asks for a client certificate of this authority and does without one, too.
    pub fn asking_server_config(&self, names: &[&str]) -> rustls::ServerConfig {
        let roots = Arc::new(self.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, crypto());
        let verifier = verifier.allow_unauthenticated().build();
        self.server_config_with(names, verifier.expect("there is an authority"))
    }

    fn server_config_with(
        &self,
        names: &[&str],
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> rustls::ServerConfig {
        let issued = self.issue(names);
        let mut config = rustls::ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.2 and 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(issued.chain(), issued.key())
            .expect("the certificate fits its key");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }

    fn from_parts(ca_pem: String, key: KeyPair) -> Self {
        // Only the subject and the key of the authority go into what it signs, both of which
        // `ca_params` and `key` give, so the certificate itself need not be parsed.
        let issuer = Arc::new(Issuer::new(ca_params(), key));
        Self { ca_pem, issuer }
    }

    /// `life` counts from yesterday plus a day, so zero is already over.
    fn issue_with(&self, names: &[&str], usage: ExtendedKeyUsagePurpose, life: Duration) -> Issued {
        let key = KeyPair::generate().expect("P-256 keys can be generated");
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("names are ASCII");
        if let Some(first) = names.first() {
            params.distinguished_name = Default::default();
            params
                .distinguished_name
                .push(DnType::CommonName, first.as_str());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is past 1970");
        // Yesterday: clocks of virtual machines jump.
        params.not_before = date_time_ymd(1970, 1, 1) + (now - 2 * DAY);
        params.not_after = date_time_ymd(1970, 1, 1) + (now - DAY) + life;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let cert: Certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are complete");
        Issued {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Issued {
    /// The certificate as rustls wants it.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.cert_pem.as_bytes())
            .collect::<Result<_, _>>()
            .expect("the authority writes good PEM")
    }

    /// The private key as rustls wants it.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .expect("the authority writes good PEM")
    }
}

/// The one cryptography provider of the test kit, never the process default: tests set that themselves.
pub(crate) fn crypto() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A trust store of the certificates in `pem`.
pub(crate) fn roots(pem: &str) -> Result<RootCertStore, rustls::Error> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| rustls::Error::General(error.to_string()))?;
        store.add(certificate)?;
    }
    Ok(store)
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "ocient-sidecar test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
    params
}

/// The mode is set at creation and once more after it: an older file keeps its own otherwise.
fn write_file(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_read_again_signs_what_its_certificate_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::from_files_or_new(folder.path()).unwrap();
        let second = Authority::from_files_or_new(folder.path()).unwrap();
        assert_eq!(first.ca_pem(), second.ca_pem());

        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(first.roots()),
            crypto(),
        )
        .build()
        .unwrap();
        let chain = second.issue(&["localhost", "127.0.0.1", "::1"]).chain();
        for name in ["localhost", "127.0.0.1", "::1"] {
            use rustls::client::danger::ServerCertVerifier;
            verifier
                .verify_server_cert(
                    &chain[0],
                    &[],
                    &name.try_into().unwrap(),
                    &[],
                    rustls_pki_types::UnixTime::now(),
                )
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn only_the_owner_may_read_the_key_file() {
        let folder = tempfile::tempdir().unwrap();
        Authority::from_files_or_new(folder.path()).unwrap();
        let mode = |name: &str| {
            let file = fs::metadata(folder.path().join(name)).unwrap();
            file.permissions().mode() & 0o777
        };
        assert_eq!((mode("ca.key"), mode("ca.crt")), (0o600, 0o644));
    }
}
