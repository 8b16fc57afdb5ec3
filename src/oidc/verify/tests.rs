//! The rules, each broken by a token that is otherwise good and properly signed.
mod kept;
mod key_bound;
mod kind;
mod lineage;
mod names;
mod sign_in;
mod trace;
mod userinfo;
mod ways;

use super::*;
use crate::oidc::mint::{ES256, NOW, access_claims, at, id_claims, key_set, rules};
use serde_json::{Value, json};
use std::time::Duration;

/// `claims` with one claim replaced; `null` takes it away.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

fn judge(
    rules: &config::Provider,
    claims: &Value,
    typ: &str,
    expect: Expect<'_>,
    now: SystemTime,
) -> Result<Identity, TokenFault> {
    let header = json!({"alg": "ES256", "kid": "key-ES256", "typ": typ});
    let token = ES256.token_with(&header, claims);
    let jws = Jws::parse(&token).unwrap();
    verify(
        rules,
        &key_set(&[ES256.jwk()]),
        &jws,
        expect,
        now,
        &mut Trace::default(),
    )
    .map(whole)
}

/// Under rules that ask nobody for more.
fn whole(proof: Proof) -> Identity {
    match proof {
        Proof::Identity(identity) => identity,
        Proof::Lacking(_) => panic!("nobody is asked"),
    }
}

fn id_token(claims: &Value) -> Result<Identity, TokenFault> {
    judge(&rules(), claims, "JWT", Expect::IdToken, at(NOW))
}

fn access_token(rules: &config::Provider, claims: &Value) -> Result<Identity, TokenFault> {
    judge(rules, claims, "at+jwt", Expect::AccessToken, at(NOW))
}

#[test]
fn a_good_id_token_becomes_an_identity() {
    let identity = id_token(&with(id_claims(), "sid", json!("s-1"))).unwrap();
    assert_eq!(identity.provider(), "corp");
    assert_eq!(identity.issuer(), &*rules().issuer);
    assert_eq!(identity.subject(), "u-1");
    assert_eq!(identity.username(), "alice");
    assert_eq!(identity.groups(), ["analysts", "staff"]);
    assert_eq!(identity.sid(), Some("s-1"));
    assert_eq!(identity.expires_at(), at(NOW + 360));
}

#[test]
fn debug_of_an_identity_shows_neither_groups_nor_session() {
    let identity = id_token(&with(id_claims(), "sid", json!("s-1"))).unwrap();
    let text = format!("{identity:?}");
    assert!(text.contains("alice"));
    assert!(
        !text.contains("analysts") && !text.contains("s-1"),
        "{text}"
    );
}

#[test]
fn an_identity_survives_its_session_record() {
    let identity = id_token(&with(id_claims(), "exp", json!(NOW as f64 + 0.25))).unwrap();
    let record = serde_json::to_string(&identity).unwrap();
    assert_eq!(serde_json::from_str::<Identity>(&record).unwrap(), identity);
}

#[test]
fn each_broken_claim_of_an_id_token_is_refused() {
    let cases = [
        ("iss", json!(null), TokenFault::Issuer),
        (
            "iss",
            json!("https://idp.example.com/realms/corp/"),
            TokenFault::Issuer,
        ),
        (
            "iss",
            json!("https://IDP.example.com/realms/corp"),
            TokenFault::Issuer,
        ),
        ("iss", json!(1), TokenFault::Claim("iss")),
        ("sub", json!(null), TokenFault::Claim("sub")),
        ("sub", json!(""), TokenFault::Claim("sub")),
        ("sub", json!(7), TokenFault::Claim("sub")),
        ("sub", json!("x".repeat(256)), TokenFault::Claim("sub")),
        ("sub", json!("a\nb"), TokenFault::Claim("sub")),
        ("aud", json!(null), TokenFault::Audience),
        ("aud", json!("other"), TokenFault::Audience),
        ("aud", json!([]), TokenFault::Audience),
        ("aud", json!("ocient "), TokenFault::Audience),
        ("aud", json!(["ocient", 1]), TokenFault::Claim("aud")),
        ("aud", json!({"ocient": 1}), TokenFault::Claim("aud")),
        (
            "aud",
            json!(["ocient", "other"]),
            TokenFault::AuthorizedParty,
        ),
        ("azp", json!("other"), TokenFault::AuthorizedParty),
        ("azp", json!(1), TokenFault::Claim("azp")),
        ("iat", json!(null), TokenFault::Claim("iat")),
        ("iat", json!("1"), TokenFault::Claim("iat")),
        ("exp", json!(null), TokenFault::Claim("exp")),
        ("exp", json!("2000000000"), TokenFault::Claim("exp")),
        ("exp", json!(-1), TokenFault::Expired),
        ("nbf", json!("soon"), TokenFault::Claim("nbf")),
        ("sid", json!(5), TokenFault::Claim("sid")),
        ("events", json!({}), TokenFault::Type),
    ];
    for (name, value, fault) in cases {
        let claims = with(id_claims(), name, value.clone());
        assert_eq!(id_token(&claims), Err(fault), "{name} = {value}");
    }
}

#[test]
fn several_audiences_are_fine_if_the_token_was_issued_to_us() {
    let claims = with(id_claims(), "aud", json!(["other", "ocient"]));
    let claims = with(claims, "azp", json!("ocient"));
    assert!(id_token(&claims).is_ok());
}

#[test]
fn times_end_and_begin_at_the_exact_instant() {
    let last = Duration::from_nanos(1);
    // (claim, its value, first or last instant that is good, the refusal beyond)
    let cases = [
        (
            "exp",
            NOW,
            at(NOW + 60) - last,
            at(NOW + 60),
            TokenFault::Expired,
        ),
        (
            "nbf",
            NOW,
            at(NOW - 60),
            at(NOW - 60) - last,
            TokenFault::NotYetValid,
        ),
        (
            "iat",
            NOW,
            at(NOW - 60),
            at(NOW - 60) - last,
            TokenFault::NotYetValid,
        ),
    ];
    for (name, value, good, bad, fault) in cases {
        let claims = with(id_claims(), name, json!(value));
        let judge_at = |now| judge(&rules(), &claims, "JWT", Expect::IdToken, now);
        let identity = judge_at(good).expect(name);
        assert!(!identity.is_expired(good), "{name}");
        assert_eq!(judge_at(bad), Err(fault), "{name}");
    }
}

#[test]
fn an_identity_expires_at_the_instant_at_which_its_token_is_refused() {
    let identity = id_token(&id_claims()).unwrap();
    let end = at(NOW + 360);
    assert!(!identity.is_expired(end - Duration::from_nanos(1)));
    assert!(identity.is_expired(end));
    let judged = judge(&rules(), &id_claims(), "JWT", Expect::IdToken, end);
    assert_eq!(judged, Err(TokenFault::Expired));
}

#[test]
fn without_skew_the_clock_is_taken_literally() {
    let mut rules = rules();
    rules.clock_skew = Duration::ZERO;
    let claims = with(id_claims(), "exp", json!(NOW));
    let judge_at = |now| judge(&rules, &claims, "JWT", Expect::IdToken, now);
    assert!(judge_at(at(NOW - 1)).is_ok());
    assert_eq!(judge_at(at(NOW)), Err(TokenFault::Expired));
}

#[test]
fn dates_may_be_fractions_and_huge_ones_do_not_wrap() {
    let half = with(id_claims(), "exp", json!(NOW as f64 + 0.5));
    let end = at(NOW + 60) + Duration::from_millis(500);
    assert_eq!(id_token(&half).unwrap().expires_at(), end);
    for huge in [json!(1e300), json!(u64::MAX)] {
        let identity = id_token(&with(id_claims(), "exp", huge.clone())).unwrap();
        assert!(identity.expires_at() > at(NOW + 100_000), "{huge}");
        let begins = with(id_claims(), "nbf", huge.clone());
        assert_eq!(id_token(&begins), Err(TokenFault::NotYetValid), "{huge}");
    }
    let ended = with(id_claims(), "exp", json!(-1e300));
    assert_eq!(id_token(&ended), Err(TokenFault::Expired));
}

#[test]
fn typ_decides_what_a_token_may_be_used_as() {
    let nothing = Secret::new("");
    let sign_in = Expect::SignIn {
        nonce: &nothing,
        begun_at: at(NOW),
        access_token: &nothing,
        code: &nothing,
    };
    let id_types = ["JWT", "jwt", "JOSE", "application/jwt", "APPLICATION/JWT"];
    let access_types = ["at+jwt", "AT+JWT", "application/at+jwt"];
    for typ in id_types {
        let judged = |expect| judge(&rules(), &id_claims(), typ, expect, at(NOW));
        assert!(judged(Expect::IdToken).is_ok(), "{typ}");
        assert!(judged(Expect::Bearer).is_ok(), "{typ}");
        assert_eq!(judged(Expect::AccessToken), Err(TokenFault::Type), "{typ}");
    }
    for typ in access_types {
        let judged = |expect| judge(&rules(), &access_claims(), typ, expect, at(NOW));
        assert!(judged(Expect::AccessToken).is_ok(), "{typ}");
        assert!(judged(Expect::Bearer).is_ok(), "{typ}");
        assert_eq!(judged(Expect::IdToken), Err(TokenFault::Type), "{typ}");
        assert_eq!(judged(sign_in), Err(TokenFault::Type), "{typ}");
    }
    for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "text/jwt"] {
        for expect in [
            Expect::IdToken,
            Expect::AccessToken,
            Expect::Bearer,
            sign_in,
        ] {
            let judged = judge(&rules(), &id_claims(), typ, expect, at(NOW));
            assert_eq!(judged, Err(TokenFault::Type), "{typ:?} as {expect:?}");
        }
    }
}

#[test]
fn a_token_without_typ_is_an_id_token() {
    let token = ES256.token_with(&json!({"alg": "ES256", "kid": "key-ES256"}), &id_claims());
    let (jws, keys) = (Jws::parse(&token).unwrap(), key_set(&[ES256.jwk()]));
    let judged = |expect| {
        verify(
            &rules(),
            &keys,
            &jws,
            expect,
            at(NOW),
            &mut Trace::default(),
        )
        .map(whole)
    };
    assert!(judged(Expect::Bearer).is_ok());
    assert_eq!(judged(Expect::AccessToken), Err(TokenFault::Type));
}

#[test]
fn each_broken_claim_of_an_access_token_is_refused() {
    let cases = [
        ("iss", json!("https://evil.example"), TokenFault::Issuer),
        ("sub", json!(null), TokenFault::Claim("sub")),
        ("exp", json!(null), TokenFault::Claim("exp")),
        ("exp", json!(NOW - 60), TokenFault::Expired),
        ("iat", json!(NOW + 61), TokenFault::NotYetValid),
        ("aud", json!(null), TokenFault::Audience),
        ("aud", json!("urn:other:api"), TokenFault::Audience),
        ("client_id", json!(null), TokenFault::Claim("client_id")),
        ("client_id", json!(""), TokenFault::Claim("client_id")),
        ("client_id", json!("other"), TokenFault::AuthorizedParty),
        ("azp", json!("other"), TokenFault::AuthorizedParty),
        ("events", json!({}), TokenFault::Type),
    ];
    for (name, value, fault) in cases {
        let claims = with(access_claims(), name, value.clone());
        assert_eq!(
            access_token(&rules(), &claims),
            Err(fault),
            "{name} = {value}"
        );
    }
}

#[test]
fn an_access_token_may_lack_iat_and_jti() {
    let claims = with(access_claims(), "iat", json!(null));
    let claims = with(claims, "jti", json!(null));
    assert!(access_token(&rules(), &claims).is_ok());
}

#[test]
fn a_configured_audience_admits_access_tokens_of_other_clients() {
    let mut rules = rules();
    rules.audiences = vec!["https://sql.example.com".to_owned()];
    let claims = with(
        access_claims(),
        "aud",
        json!(["x", "https://sql.example.com"]),
    );
    let claims = with(claims, "client_id", json!("other"));
    assert!(access_token(&rules, &claims).is_ok());
    let as_id_token = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW));
    assert_eq!(as_id_token, Err(TokenFault::Audience));
}
