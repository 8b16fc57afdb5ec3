//! Signing keys, made by aws-lc, and their public halves as JWKs.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A signature algorithm (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA 2048, PKCS#1 v1.5, SHA-256.
    RS256,
    /// RSA 2048, PSS, SHA-256.
    PS256,
    /// ECDSA on P-256.
    ES256,
    /// ECDSA on P-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// A private key with the key id under which its public half is published.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Arc<rsa::KeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Algorithm {
    /// All that the provider signs with.
    pub const ALL: [Self; 5] = [
        Self::RS256,
        Self::PS256,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The hash for `at_hash` (OpenID Connect Core 3.1.3.6); for Ed25519 it is the one Ed25519 uses.
    pub(crate) fn digest(self) -> &'static aws_lc_rs::digest::Algorithm {
        match self {
            Self::RS256 | Self::PS256 | Self::ES256 => &aws_lc_rs::digest::SHA256,
            Self::ES384 => &aws_lc_rs::digest::SHA384,
            Self::EdDSA => &aws_lc_rs::digest::SHA512,
        }
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| format!("the provider does not sign with {name}"))
    }
}

impl SigningKey {
    /// Makes a key. RSA keys of the same `slot` are the same in the whole process, so also in several
    /// providers, because making one takes a good part of a second; key ids never repeat.
    pub fn generate(algorithm: Algorithm, slot: u64) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let made = "aws-lc makes keys of its own algorithms";
        let pair = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => Pair::Rsa(rsa_key(algorithm, slot)),
            Algorithm::ES256 => {
                Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(made))
            }
            Algorithm::ES384 => {
                Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect(made))
            }
            Algorithm::EdDSA => Pair::Ed(Ed25519KeyPair::generate().expect(made)),
        };
        let kid = format!("{}-{serial}", algorithm.name().to_lowercase());
        Self {
            algorithm,
            kid,
            pair,
        }
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The signature of `message`, in the form of JWS.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signed = "aws-lc signs with its own keys";
        match &self.pair {
            Pair::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match self.algorithm {
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                key.sign(padding, &SystemRandom::new(), message, &mut signature)
                    .expect(signed);
                signature
            }
            Pair::Ec(key) => {
                let signature = key.sign(&SystemRandom::new(), message).expect(signed);
                signature.as_ref().to_vec()
            }
            Pair::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// The public half as a JWK (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(key) => {
                let (n, e) = rsa_numbers(key.public_key().as_ref());
                json!({"kty": "RSA", "n": base64(n), "e": base64(e)})
            }
            Pair::Ec(key) => {
                let point = &key.public_key().as_ref()[1..]; // 4, then x and y
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": base64(x), "y": base64(y)})
            }
            Pair::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64(key.public_key().as_ref())})
            }
        };
        jwk["kid"] = self.kid.clone().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm.name().into();
        jwk
    }

    /// The public half as PEM: the text that a careless verifier takes for an HMAC secret.
    pub fn public_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Rsa(key) => key.public_key().as_der(),
            Pair::Ec(key) => key.public_key().as_der(),
            Pair::Ed(key) => key.public_key().as_der(),
        };
        let der = der.expect("a public key has a DER form");
        let text = BASE64_STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|start| &text[start..text.len().min(start + 64)])
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }
}

/// base64url without padding, as everywhere in JOSE.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_key(algorithm: Algorithm, slot: u64) -> Arc<rsa::KeyPair> {
    type Keys = Mutex<HashMap<(Algorithm, u64), Arc<rsa::KeyPair>>>;
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let keys = KEYS.get_or_init(Keys::default);
    let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    let new =
        || Arc::new(rsa::KeyPair::generate(KeySize::Rsa2048).expect("aws-lc makes RSA 2048 keys"));
    keys.entry((algorithm, slot)).or_insert_with(new).clone()
}

/// n and e of an `RSAPublicKey` (RFC 8017 A.1.1): a sequence of two positive integers.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (n, rest) = der_value(sequence);
    let (e, _) = der_value(rest);
    // A leading zero only says that the number is positive.
    (n.strip_prefix(&[0]).unwrap_or(n), e)
}

/// The value of the first DER element, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        long @ 0x81..=0x84 => {
            let size = usize::from(long & 0x7f);
            let bytes = &der[2..2 + size];
            let length = bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            (length, 2 + size)
        }
        short => (usize::from(short), 2),
    };
    der[start..].split_at(length)
}
