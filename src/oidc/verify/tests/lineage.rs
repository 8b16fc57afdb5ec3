//! A refreshed ID token is for whom, from whom and of when the sign-in was.
use super::*;

/// Signs in with `first` and judges `later` as what a refresh brought.
fn refreshed(first: &Value, later: &Value) -> Result<Identity, TokenFault> {
    let (nonce, nothing) = (Secret::new("n-1"), Secret::new(""));
    let sign_in = Expect::SignIn {
        nonce: &nonce,
        begun_at: at(NOW),
        access_token: &nothing,
        code: &nothing,
    };
    let before = judge(&rules(), first, "JWT", sign_in, at(NOW)).unwrap();
    let expect = Expect::Refreshed {
        before: &before,
        access_token: &nothing,
    };
    judge(&rules(), later, "JWT", expect, at(NOW))
}

fn first() -> Value {
    let claims = with(id_claims(), "nonce", json!("n-1"));
    let claims = with(claims, "azp", json!("ocient"));
    with(claims, "auth_time", json!(NOW - 100))
}

#[test]
fn a_refreshed_token_may_leave_out_nonce_and_auth_time() {
    assert!(refreshed(&first(), &first()).is_ok());
    for name in ["nonce", "auth_time"] {
        let later = with(first(), name, json!(null));
        assert!(refreshed(&first(), &later).is_ok(), "{name}");
    }
    let newer = with(first(), "iat", json!(NOW));
    assert!(refreshed(&first(), &with(newer, "exp", json!(NOW + 900))).is_ok());
}

#[test]
fn a_refreshed_token_of_somebody_or_something_else_is_refused() {
    let both = with(first(), "aud", json!(["ocient", "other"]));
    for (before, name, value) in [
        (first(), "sub", json!("u-2")),
        (first(), "azp", json!(null)),
        (first(), "auth_time", json!(NOW - 99)),
        (first(), "nonce", json!("n-2")),
        (both, "aud", json!("ocient")),
    ] {
        let later = with(before.clone(), name, value);
        let judged = refreshed(&before, &later);
        assert_eq!(judged, Err(TokenFault::Lineage(name)), "{name}");
    }
    let elsewhere = with(first(), "iss", json!("https://evil.example"));
    assert_eq!(refreshed(&first(), &elsewhere), Err(TokenFault::Issuer));
    let without = with(first(), "nonce", json!("n-1"));
    let silent = with(without, "auth_time", json!(null));
    let judged = refreshed(&silent, &first());
    assert_eq!(judged, Err(TokenFault::Lineage("auth_time")), "new");
}
