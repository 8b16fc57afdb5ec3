//! What binds an ID token to one sign-in: nonce, access token and code.
use super::*;
use crate::oidc::mint::{EDDSA, ES384, Mint, base64};
use aws_lc_rs::digest;

fn sign_in(mint: &Mint, claims: &Value) -> Result<Identity, TokenFault> {
    sign_in_by(&rules(), mint, claims)
}

fn sign_in_by(
    rules: &config::Provider,
    mint: &Mint,
    claims: &Value,
) -> Result<Identity, TokenFault> {
    let (nonce, access_token, code) = (Secret::new("n-1"), Secret::new("at-1"), Secret::new("c-1"));
    let expect = Expect::SignIn {
        nonce: &nonce,
        begun_at: at(NOW),
        access_token: &access_token,
        code: &code,
    };
    let token = mint.token(claims);
    let jws = Jws::parse(&token).unwrap();
    verify(
        rules,
        &key_set(&[mint.jwk()]),
        &jws,
        expect,
        at(NOW),
        &mut Trace::default(),
    )
    .map(whole)
}

fn claims() -> Value {
    with(id_claims(), "nonce", json!("n-1"))
}

fn half(algorithm: &'static digest::Algorithm, text: &str) -> Value {
    let hash = digest::digest(algorithm, text.as_bytes());
    json!(base64(&hash.as_ref()[..hash.as_ref().len() / 2]))
}

#[test]
fn the_nonce_must_be_that_of_this_sign_in() {
    assert!(sign_in(&ES256, &claims()).is_ok());
    for nonce in [
        json!(null),
        json!(""),
        json!("n-2"),
        json!("n-1 "),
        json!("N-1"),
    ] {
        let judged = sign_in(&ES256, &with(claims(), "nonce", nonce.clone()));
        assert_eq!(judged, Err(TokenFault::Nonce), "{nonce}");
    }
    let judged = sign_in(&ES256, &with(claims(), "nonce", json!(1)));
    assert_eq!(judged, Err(TokenFault::Claim("nonce")));
}

#[test]
fn a_hash_of_what_came_along_must_be_right_in_the_hash_of_the_algorithm() {
    let mints: [(&Mint, &'static digest::Algorithm); 4] = [
        (&ES256, &digest::SHA256),
        (&ES384, &digest::SHA384),
        (&EDDSA, &digest::SHA512),
        (&EDDSA, &digest::SHA256),
    ];
    for (mint, algorithm) in mints {
        let good = with(claims(), "at_hash", half(algorithm, "at-1"));
        let good = with(good, "c_hash", half(algorithm, "c-1"));
        assert!(sign_in(mint, &good).is_ok(), "{algorithm:?}");
        for (name, other) in [("at_hash", "at-2"), ("c_hash", "c-2")] {
            let bad = with(good.clone(), name, half(algorithm, other));
            let judged = sign_in(mint, &bad);
            assert_eq!(judged, Err(TokenFault::Claim(name)), "{algorithm:?} {name}");
        }
    }
    for (mint, digest) in [
        (&*EDDSA, &digest::SHA384),
        (&*ES256, &digest::SHA512),
        (&*ES384, &digest::SHA256),
    ] {
        let foreign = with(claims(), "at_hash", half(digest, "at-1"));
        let judged = sign_in(mint, &foreign);
        assert_eq!(judged, Err(TokenFault::Claim("at_hash")), "{digest:?}");
    }
}

#[test]
fn with_max_age_the_sign_in_at_the_provider_is_demanded_and_young() {
    let mut rules = rules();
    rules.authorization.max_age = Some(std::time::Duration::from_secs(100));
    let fault = Err(TokenFault::Claim("auth_time"));
    // A hundred seconds, and the clocks' sixty.
    for (auth_time, is_fine) in [
        (json!(NOW), true),
        (json!(NOW + 30), true),
        (json!(NOW - 160), true),
        (json!(NOW - 161), false),
        (json!(0), false),
        (json!("now"), false),
        (json!(null), false),
    ] {
        let claims = with(claims(), "auth_time", auth_time.clone());
        let judged = sign_in_by(&rules, &ES256, &claims).map(drop);
        assert_eq!(
            judged,
            if is_fine { Ok(()) } else { fault.clone() },
            "{auth_time}"
        );
    }
    assert_eq!(sign_in_by(&rules, &ES256, &claims()).map(drop), fault);
    assert!(sign_in(&ES256, &with(claims(), "auth_time", json!(0))).is_ok());
}

#[test]
fn with_acr_values_the_way_of_signing_in_is_demanded_and_one_of_them() {
    let mut rules = rules();
    rules.authorization.acr_values = vec!["mfa".to_owned(), "urn:2".to_owned()];
    let fault = Err(TokenFault::Claim("acr"));
    for (acr, is_fine) in [
        (json!("mfa"), true),
        (json!("urn:2"), true),
        (json!("pwd"), false),
        (json!("mfa urn:2"), false),
        (json!(""), false),
        (json!(["mfa"]), false),
    ] {
        let claims = with(claims(), "acr", acr.clone());
        let judged = sign_in_by(&rules, &ES256, &claims).map(drop);
        assert_eq!(
            judged,
            if is_fine { Ok(()) } else { fault.clone() },
            "{acr}"
        );
    }
    assert_eq!(sign_in_by(&rules, &ES256, &claims()).map(drop), fault);
}
