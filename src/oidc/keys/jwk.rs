//! One JSON Web Key (RFC 7517) and what it may be used for.
use crate::{config::Algorithm, oidc::algorithm};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// The members that matter, as the provider wrote them.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

impl Jwk {
    /// `None` for what is not a public key.
    pub(super) fn from_json(value: Value) -> Option<Self> {
        let jwk: Self = serde_json::from_value(value).ok()?;
        // A key of which a secret part is published can have signed anything: of RSA each
        // gives away the others (RFC 7518 section 6.3.2).
        let secrets = [
            &jwk.d, &jwk.k, &jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi, &jwk.oth,
        ];
        secrets.iter().all(|secret| secret.is_none()).then_some(jwk)
    }

    /// Its name, by which tokens refer to it.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key, ready to verify `algorithm`. `None` if it is made for something else, or is
    /// weak or broken (RFC 8725 sections 3.1 to 3.5).
    pub(super) fn verification_key(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        if !self.may_verify(algorithm) {
            return None;
        }
        match algorithm {
            Algorithm::RS256 => self.rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => self.rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => self.rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => self.rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => self.rsa(&RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => self.rsa(&RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => self.elliptic(&P256, &ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => self.elliptic(&P384, &ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => self.ed25519(),
        }
    }

    /// Whether `alg`, `use` and `key_ops`, as far as given, agree.
    fn may_verify(&self, algorithm: Algorithm) -> bool {
        let alg = self.alg.as_deref();
        let ops = self.key_ops.as_deref();
        alg.is_none_or(|name| algorithm::from_name(name) == Some(algorithm))
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }

    fn rsa(&self, parameters: &'static RsaParameters) -> Option<ParsedPublicKey> {
        if self.kty != "RSA" {
            return None;
        }
        let (n, e) = (integer(self.n.as_deref()?)?, integer(self.e.as_deref()?)?);
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        // With e = 1 every text signs itself; an even e has no inverse, an even n is no product
        // of two odd primes.
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        let is_sound = RSA_BITS.contains(&bits)
            && (e != [1] && e.len() <= MAX_EXPONENT)
            && is_odd(&e)
            && is_odd(&n);
        let components = RsaPublicKeyComponents { n, e };
        is_sound
            .then(|| components.to_parsed_public_key(parameters).ok())
            .flatten()
    }

    /// Points that are not on the curve are refused by the parser.
    fn elliptic(
        &self,
        curve: &Curve,
        algorithm: &'static dyn VerificationAlgorithm,
    ) -> Option<ParsedPublicKey> {
        if self.kty != "EC" || self.crv.as_deref() != Some(curve.name) {
            return None;
        }
        let x = bytes(self.x.as_deref()?, curve.coordinate_bytes)?;
        let y = bytes(self.y.as_deref()?, curve.coordinate_bytes)?;
        let point = [&[UNCOMPRESSED][..], &x, &y].concat();
        ParsedPublicKey::new(algorithm, point).ok()
    }

    fn ed25519(&self) -> Option<ParsedPublicKey> {
        if self.kty != "OKP" || self.crv.as_deref() != Some("Ed25519") {
            return None;
        }
        let x = bytes(self.x.as_deref()?, ED25519_BYTES)?;
        ParsedPublicKey::new(&ED25519, x).ok()
    }
}

struct Curve {
    name: &'static str,
    coordinate_bytes: usize,
}

const P256: Curve = Curve {
    name: "P-256",
    coordinate_bytes: 32,
};

const P384: Curve = Curve {
    name: "P-384",
    coordinate_bytes: 48,
};

/// Exactly `length` bytes (RFC 7518 section 6.2.1.2: coordinates are padded to full size).
fn bytes(text: &str, length: usize) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|bytes| bytes.len() == length)
}

/// Big-endian without leading zeros, which some providers send although RFC 7518
/// section 6.3.1.1 forbids them.
fn integer(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[start..].to_vec())
}

/// At least 2048 by RFC 7518 section 3.3; more than 8192 only costs time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Bytes of the public exponent: 65537 has three, and a long one only costs time.
const MAX_EXPONENT: usize = 4;

/// First byte of a point given by both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// RFC 8032 section 5.1.5.
const ED25519_BYTES: usize = 32;
