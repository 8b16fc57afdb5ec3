//! How our application proves itself at a provider: the `client_…` and `token_endpoint_auth_…`
//! keys of `[[provider]]`.
use super::{
    algorithm::Algorithm,
    fault::Fault,
    files::Use,
    secret_source::SecretSource,
    section::Section,
    values::{choice, path, string, text},
};
use std::path::PathBuf;

/// What the application has to prove itself with, and which of it to use.
#[derive(Clone, Debug, Default)]
pub struct ClientAuth {
    /// `None`: what the provider's metadata wants.
    pub method: Option<AuthMethod>,
    /// Shared with the provider; `None`: no secret.
    pub secret: Option<SecretSource>,
    /// A private key in PEM, whose public half the provider knows.
    pub key: Option<SecretSource>,
    /// What the provider calls that key.
    pub key_id: Option<String>,
    /// What the key signs with; `None`: what fits the key and the provider's metadata.
    pub signing_algorithm: Option<Algorithm>,
    /// Whom a signed statement is meant for; default the issuer.
    pub audience: AssertionAudience,
    /// PEM file: the certificate of that key, then those that lead to its authority.
    pub certificate: Option<PathBuf>,
}

/// A way of proving it, by its name in registrations (RFC 7591 section 2, RFC 8705).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `client_secret_basic`
    SecretBasic,
    /// `client_secret_post`
    SecretPost,
    /// `private_key_jwt`
    PrivateKeyJwt,
    /// `tls_client_auth`: a certificate of an authority.
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: a certificate that the provider knows itself.
    SelfSignedTlsClientAuth,
    /// `none`
    None,
}

/// What `aud` of a signed statement says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer, which the operator wrote: what newer advice wants, because the provider's
    /// metadata cannot turn the statement into one for somebody else.
    #[default]
    Issuer,
    /// The token endpoint of the metadata, which some providers insist on.
    TokenEndpoint,
}

impl ClientAuth {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let secret = section.optional_secret("client_secret");
        let key = section.optional_secret("client_key");
        let key_id = section.optional("client_key_id", string(text));
        let certificate = section.optional("client_certificate", string(path));
        let method = section.optional("token_endpoint_auth_method", choice(&METHODS));
        let algorithm = section.optional("token_endpoint_auth_signing_alg", Algorithm::parse);
        let audience =
            section.defaulted("client_assertion_audience", "'issuer'", choice(&AUDIENCES));
        let auth = Self {
            method: method?,
            secret: secret?,
            key: key?,
            key_id: key_id?,
            signing_algorithm: algorithm?,
            audience: audience?,
            certificate: certificate?.map(|path| section.resolve(path)),
        };
        auth.check(section)?;
        auth.note_uses(section);
        Some(auth)
    }

    /// What can be seen to be wrong without the provider.
    fn check(&self, section: &mut Section<'_>) -> Option<()> {
        let has_key = self.key.is_some();
        let lone = [
            ("client_key_id", self.key_id.is_some()),
            (
                "token_endpoint_auth_signing_alg",
                self.signing_algorithm.is_some(),
            ),
            ("client_certificate", self.certificate.is_some()),
        ];
        for (name, is_set) in lone {
            if is_set && !has_key {
                let fault = Fault::new("of no use without `client_key`");
                return section.fault(name, fault.cure("name the place of the private key there"));
            }
        }
        let Some(method) = self.method else {
            return Some(());
        };
        let wanted = method.wants();
        let given = [
            ("client_secret", self.secret.is_some()),
            ("client_key", has_key),
            ("client_certificate", self.certificate.is_some()),
        ];
        for (name, is_given) in given {
            match (wanted.contains(&name), is_given) {
                (true, false) => {
                    let fault = Fault::new(format!("cannot be done without `{name}`"));
                    return section.fault(
                        "token_endpoint_auth_method",
                        fault.cure(format!("add `{name}`")),
                    );
                }
                (false, true) => {
                    let fault = Fault::new("not used by this `token_endpoint_auth_method`");
                    return section.fault(name, fault.cure("remove one of the two"));
                }
                _ => {}
            }
        }
        Some(())
    }

    fn note_uses(&self, section: &mut Section<'_>) {
        let Some(key) = &self.key else { return };
        let algorithm = self.signing_algorithm;
        section.uses("client_key", Use::SigningKey(key.clone(), algorithm));
        if let Some(certificate) = &self.certificate {
            section.uses("client_certificate", Use::Certificate(certificate.clone()));
            let pair = Use::ClientKeyPair {
                certificate: certificate.clone(),
                private_key: key.clone(),
            };
            section.uses("client_key", pair);
        }
    }
}

impl AuthMethod {
    /// The keys of the file that it needs; no others.
    fn wants(self) -> &'static [&'static str] {
        match self {
            Self::SecretBasic | Self::SecretPost => &["client_secret"],
            Self::PrivateKeyJwt => &["client_key"],
            Self::TlsClientAuth | Self::SelfSignedTlsClientAuth => {
                &["client_key", "client_certificate"]
            }
            Self::None => &[],
        }
    }
}

const METHODS: [(&str, AuthMethod); 6] = [
    ("client_secret_basic", AuthMethod::SecretBasic),
    ("client_secret_post", AuthMethod::SecretPost),
    ("private_key_jwt", AuthMethod::PrivateKeyJwt),
    ("tls_client_auth", AuthMethod::TlsClientAuth),
    (
        "self_signed_tls_client_auth",
        AuthMethod::SelfSignedTlsClientAuth,
    ),
    ("none", AuthMethod::None),
];

const AUDIENCES: [(&str, AssertionAudience); 2] = [
    ("issuer", AssertionAudience::Issuer),
    ("token_endpoint", AssertionAudience::TokenEndpoint),
];
