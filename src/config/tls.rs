//! `[tls]`: the certificate shown to clients.
use super::{
    files::Use,
    section::Section,
    values::{choice, path, string},
};
use std::path::PathBuf;

/// `[tls]`
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM file: the certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM file: the key of the certificate.
    pub private_key: PathBuf,
    /// Oldest version offered; default 1.2.
    pub min_version: TlsVersion,
    /// PEM file of the authorities that clients need a certificate of; `None`: they need none.
    pub client_ca: Option<PathBuf>,
}

/// A version of TLS that is considered safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Tls {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let certificate = section.required("certificate", string(path));
        let private_key = section.required("private_key", string(path));
        // Old drivers still speak 1.2, and it is sound with the suites that are offered.
        let versions = choice(&[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)]);
        let min_version = section.defaulted("min_version", "'1.2'", versions);
        let client_ca = section.authorities("client_ca");
        let certificate = section.resolve(certificate?);
        let private_key = section.resolve(private_key?);
        section.uses("certificate", Use::Certificate(certificate.clone()));
        let pair = Use::KeyPair {
            certificate: certificate.clone(),
            private_key: private_key.clone(),
        };
        section.uses("private_key", pair);
        Some(Self {
            certificate,
            private_key,
            min_version: min_version?,
            client_ca: client_ca?,
        })
    }
}
