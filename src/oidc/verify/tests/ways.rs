//! `max_age` and `acr_values`, for every kind of token that signs somebody in.
use super::*;

/// What is demanded: a sign-in of the last hundred seconds, by `mfa`.
fn demanding() -> config::Provider {
    let mut rules = rules();
    rules.authorization.max_age = Some(Duration::from_secs(100));
    rules.authorization.acr_values = vec!["mfa".to_owned()];
    rules
}

/// `claims` of every kind that a client may bring or a device may bring about, at `now`.
fn every_kind(change: impl Fn(Value) -> Value, now: u64) -> Vec<Result<Identity, TokenFault>> {
    let (rules, access_token) = (demanding(), Secret::new("at-1"));
    let device = Expect::Device {
        begun_at: at(now),
        access_token: &access_token,
    };
    let (id, access) = (change(id_claims()), change(access_claims()));
    let by = |claims: &Value, typ, expect| judge(&rules, claims, typ, expect, at(now));
    vec![
        by(&id, "JWT", device),
        by(&id, "JWT", Expect::IdToken),
        by(&id, "JWT", Expect::Bearer),
        by(&access, "at+jwt", Expect::AccessToken),
        by(&access, "at+jwt", Expect::Bearer),
        introspected(&rules, access.as_object().unwrap(), at(now), at(now)).map(whole),
    ]
}

fn good(claims: Value) -> Value {
    with(with(claims, "acr", json!("mfa")), "auth_time", json!(NOW))
}

#[test]
fn a_token_of_any_kind_that_meets_the_demands_is_taken() {
    for (kind, judged) in every_kind(good, NOW).into_iter().enumerate() {
        assert!(judged.is_ok(), "{kind}: {judged:?}");
    }
}

#[test]
fn a_token_of_any_kind_without_the_demanded_sign_in_is_refused() {
    for (name, value) in [
        ("acr", json!("pwd")),
        ("acr", json!(null)),
        ("auth_time", json!(NOW - 161)),
        ("auth_time", json!(null)),
    ] {
        let lacking = |claims| with(good(claims), name, value.clone());
        for (kind, judged) in every_kind(lacking, NOW).into_iter().enumerate() {
            let fault = Err(TokenFault::Claim(name));
            assert_eq!(judged, fault, "{kind}: {name} {value}");
        }
    }
}

#[test]
fn a_token_that_is_believed_from_memory_ends_when_its_sign_in_is_too_old() {
    let judged = every_kind(good, NOW);
    let device = judged[0].as_ref().unwrap();
    assert_eq!(device.expires_at(), at(NOW + 360), "the session goes on");
    for identity in &judged[1..] {
        assert_eq!(identity.as_ref().unwrap().expires_at(), at(NOW + 160));
    }
}

#[test]
fn a_refreshed_token_is_of_the_sign_in_that_met_the_demands() {
    let (rules, access_token) = (demanding(), Secret::new("at-1"));
    let first = Expect::Device {
        begun_at: at(NOW),
        access_token: &access_token,
    };
    let before = judge(&rules, &good(id_claims()), "JWT", first, at(NOW)).unwrap();
    let later = Expect::Refreshed {
        before: &before,
        access_token: &access_token,
    };
    let claims = with(good(id_claims()), "acr", json!(null));
    let judged = judge(&rules, &claims, "JWT", later, at(NOW + 200));
    assert!(judged.is_ok(), "{judged:?}");
}
