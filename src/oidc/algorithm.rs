//! What the names of signature algorithms mean.
use crate::config::Algorithm;
use aws_lc_rs::digest;

/// The algorithm of a JOSE `alg` (RFC 7518 section 3.1). RFC 9864 renames `EdDSA`, of which
/// only the curve Ed25519 is known here, to `Ed25519`; both names are in use.
pub(super) fn from_name(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        _ => return None,
    })
}

/// The hash inside the algorithm, which `at_hash` and `c_hash` use too (OpenID Connect Core
/// section 3.1.3.6; SHA-512 is Ed25519's own).
pub(super) fn digest(algorithm: Algorithm) -> &'static digest::Algorithm {
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &digest::SHA256,
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &digest::SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &digest::SHA512,
    }
}
