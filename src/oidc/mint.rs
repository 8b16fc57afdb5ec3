//! Tests only: keys, tokens and a configuration, as a provider and an operator would make them.
use super::keys::KeySet;
use crate::{
    config::{Algorithm, Flow, Provider},
    secret::Secret,
};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

/// A key of the provider, good for one algorithm.
pub(super) struct Mint {
    alg: &'static str,
    kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Elliptic(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

pub(super) static RS256: LazyLock<Mint> = LazyLock::new(|| rsa("RS256", &RSA_PKCS1_SHA256));
pub(super) static PS256: LazyLock<Mint> = LazyLock::new(|| rsa("PS256", &RSA_PSS_SHA256));
pub(super) static ES256: LazyLock<Mint> =
    LazyLock::new(|| elliptic("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING));
pub(super) static ES384: LazyLock<Mint> =
    LazyLock::new(|| elliptic("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING));
pub(super) static EDDSA: LazyLock<Mint> = LazyLock::new(|| Mint {
    alg: "EdDSA",
    kid: "key-EdDSA".to_owned(),
    pair: Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
});

/// One key for each kind of algorithm that is allowed by default.
pub(super) fn all() -> [&'static Mint; 5] {
    [&RS256, &PS256, &ES256, &ES384, &EDDSA]
}

fn rsa(alg: &'static str, encoding: &'static dyn RsaEncoding) -> Mint {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    Mint {
        alg,
        kid: format!("key-{alg}"),
        pair: Pair::Rsa(pair, encoding),
    }
}

fn elliptic(
    alg: &'static str,
    curve: &'static str,
    algorithm: &'static EcdsaSigningAlgorithm,
) -> Mint {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    Mint {
        alg,
        kid: format!("key-{alg}"),
        pair: Pair::Elliptic(pair, curve),
    }
}

/// A fresh key for ES256 that no set holds yet.
pub(super) fn rotated(kid: &str) -> Mint {
    Mint {
        kid: kid.to_owned(),
        ..elliptic("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
    }
}

impl Mint {
    /// The public half.
    pub(super) fn jwk(&self) -> Value {
        let (alg, kid) = (self.alg, &self.kid);
        match &self.pair {
            Pair::Rsa(pair, _) => {
                // PKCS#1: two headers of four bytes and a sign byte, then the modulus.
                let n = base64(&pair.public_key().as_ref()[9..9 + 256]);
                json!({"kty": "RSA", "kid": kid, "alg": alg, "use": "sig", "n": n, "e": "AQAB"})
            }
            Pair::Elliptic(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (base64(x), base64(y));
                json!({"kty": "EC", "crv": curve, "kid": kid, "alg": alg, "x": x, "y": y})
            }
            Pair::Ed25519(pair) => {
                let x = base64(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
        }
    }

    /// The private half, as an operator keeps it.
    pub(super) fn pem(&self) -> Secret {
        let der = match &self.pair {
            Pair::Rsa(pair, _) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)
                .unwrap()
                .as_ref()
                .to_vec(),
            Pair::Elliptic(pair, _) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
        };
        let text = BASE64_STANDARD.encode(der);
        Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
        ))
    }

    /// The header that its tokens normally have.
    pub(super) fn header(&self) -> Value {
        json!({"alg": self.alg, "kid": self.kid, "typ": "JWT"})
    }

    /// A token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    /// A token with this header.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token of these two texts, well-formed or not; the signature is good.
    pub(super) fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            base64(header.as_bytes()),
            base64(claims.as_bytes())
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", base64(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; 256];
                pair.sign(*encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Elliptic(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A set that publishes these keys.
pub(super) fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(jwk_set(jwks).as_bytes(), &rules().algorithms).unwrap()
}

/// The same as text.
pub(super) fn jwk_set(jwks: &[Value]) -> String {
    json!({ "keys": jwks }).to_string()
}

/// A provider entry with everything at its default.
pub(super) fn rules() -> Provider {
    Provider {
        name: "corp".into(),
        issuer: ISSUER.into(),
        metadata_url: None,
        trust: crate::config::Trust::System,
        client_id: "ocient".into(),
        client_auth: crate::config::ClientAuth::default(),
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        authorization: crate::config::Authorization::default(),
        audiences: Vec::new(),
        tokens: crate::config::TokenForm::default(),
        algorithms: vec![
            Algorithm::RS256,
            Algorithm::PS256,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::EdDSA,
        ],
        clock_skew: Duration::from_secs(60),
        databases: Vec::new(),
        flows: vec![Flow::Code, Flow::Token],
        username_claims: vec!["preferred_username".parse().unwrap()],
        groups_claim: "groups".parse().unwrap(),
        groups_separator: None,
        returns_after_logout: false,
        introspection: false,
        userinfo: false,
        grant_claims: Vec::new(),
        needs_groups: true,
    }
}

/// The claims of a good ID token.
pub(super) fn id_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u-1", "aud": "ocient", "iat": NOW - 10, "exp": NOW + 300,
        "preferred_username": "alice", "groups": ["analysts", "staff"],
    })
}

/// The claims of a good access token of RFC 9068.
pub(super) fn access_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u-1", "aud": ["ocient"], "client_id": "ocient", "jti": "1",
        "iat": NOW - 10, "exp": NOW + 300, "preferred_username": "alice",
    })
}

/// An instant in seconds since 1970.
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(super) const ISSUER: &str = "https://idp.example.com/realms/corp";

/// The time of all tests.
pub(super) const NOW: u64 = 1_800_000_000;
