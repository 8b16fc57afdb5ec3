//! `Algorithm`: how a provider may sign its tokens.
use super::{fault::Fault, section::Section, values::choice};
use rustls::SignatureScheme;
use toml::de::DeValue;

/// Signature algorithms a token may use (RFC 7518, RFC 8037). There is no `none` and no
/// symmetric algorithm to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// What our own keys sign with: one for each kind of key, and both ways of RSA. RS256 comes
    /// first, which every provider must understand (OpenID Connect Core section 9).
    pub const OF_OUR_KEYS: [Self; 5] = [
        Self::RS256,
        Self::PS256,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The same in the terms of TLS, whose library holds our private keys.
    pub fn scheme(self) -> SignatureScheme {
        match self {
            Self::RS256 => SignatureScheme::RSA_PKCS1_SHA256,
            Self::RS384 => SignatureScheme::RSA_PKCS1_SHA384,
            Self::RS512 => SignatureScheme::RSA_PKCS1_SHA512,
            Self::PS256 => SignatureScheme::RSA_PSS_SHA256,
            Self::PS384 => SignatureScheme::RSA_PSS_SHA384,
            Self::PS512 => SignatureScheme::RSA_PSS_SHA512,
            Self::ES256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            Self::ES384 => SignatureScheme::ECDSA_NISTP384_SHA384,
            Self::EdDSA => SignatureScheme::ED25519,
        }
    }

    pub(super) fn list(section: &mut Section<'_>) -> Option<Vec<Self>> {
        // Those that providers sign with unless told otherwise.
        let defaults = "['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']";
        section.some_of("algorithms", defaults, Self::parse)
    }

    pub(super) fn parse(value: &DeValue<'_>) -> Result<Self, Fault> {
        match value.as_str() {
            Some(text) if text.eq_ignore_ascii_case("none") => {
                Err(Fault::new("anybody could write a token without a signature").cure("remove it"))
            }
            Some("HS256" | "HS384" | "HS512") => Err(Fault::new(
                "whoever can check such a token can also forge it",
            )
            .cure("let the provider sign with RS256, PS256, ES256 or EdDSA")),
            _ => choice(&NAMES)(value),
        }
    }
}

const NAMES: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];
