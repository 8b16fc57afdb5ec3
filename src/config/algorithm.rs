//! `Algorithm`: how a provider may sign its tokens.
use super::{fault::Fault, section::Section, values::choice};
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
    pub(super) fn list(section: &mut Section<'_>) -> Option<Vec<Self>> {
        // Those that providers sign with unless told otherwise.
        let defaults = "['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']";
        section.some_of("algorithms", defaults, Self::parse)
    }

    fn parse(value: &DeValue<'_>) -> Result<Self, Fault> {
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
