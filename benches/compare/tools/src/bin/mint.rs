//! `mint`: tokens of the benchmark's issuer, one a line.
use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::SystemTime,
};

/// Prints tokens, each of another user.
#[derive(Debug, Parser)]
#[command(name = "mint")]
struct Arguments {
    /// How to sign.
    algorithm: Algorithm,
    /// The private key, as PKCS #8 in DER.
    key: PathBuf,
    /// `iss`.
    issuer: String,
    /// `aud`.
    audience: String,
    /// How many.
    count: u64,
    /// Number of the first user.
    first: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Rs256,
    Es256,
}

/// Bytes of a token: what providers of companies with some groups issue.
const SIZE: usize = 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let signer = Signer::new(arguments.algorithm, &fs::read(&arguments.key)?)?;
    let mut output = BufWriter::new(io::stdout().lock());
    for user in arguments.first..arguments.first + arguments.count {
        let claims = claims(&arguments, user)?;
        writeln!(output, "{}", signer.token(claims)?)?;
    }
    Ok(output.flush()?)
}

fn claims(arguments: &Arguments, user: u64) -> Result<Value, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = now.as_secs();
    Ok(json!({
        "iss": arguments.issuer, "aud": arguments.audience, "sub": format!("user-{user}"),
        "preferred_username": format!("user-{user}"), "scope": "read write",
        "iat": now, "nbf": now - 60, "exp": now + 86_400,
    }))
}

enum Signer {
    Rsa(rsa::KeyPair, SystemRandom),
    Ecdsa(EcdsaKeyPair, SystemRandom),
}

impl Signer {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Box<dyn Error>> {
        let random = SystemRandom::new();
        Ok(match algorithm {
            Algorithm::Rs256 => Self::Rsa(rsa::KeyPair::from_pkcs8(key)?, random),
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key)?;
                Self::Ecdsa(pair, random)
            }
        })
    }

    /// Signs the claims, padded so that the token has [`SIZE`] bytes or a little more.
    fn token(&self, mut claims: Value) -> Result<String, Box<dyn Error>> {
        let (algorithm, key_id, signature) = match self {
            Self::Rsa(..) => ("RS256", "rsa", 342),
            Self::Ecdsa(..) => ("ES256", "ecdsa", 86),
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": key_id });
        let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        claims["pad"] = Value::from("");
        let length = (claims.to_string().len() * 4).div_ceil(3) + header.len() + signature + 2;
        claims["pad"] = Value::from("p".repeat(SIZE.saturating_sub(length).div_ceil(4) * 3));
        let signed = format!(
            "{header}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        ))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        match self {
            Self::Rsa(pair, random) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, message, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair, random) => Ok(pair.sign(random, message)?.as_ref().to_vec()),
        }
    }
}
