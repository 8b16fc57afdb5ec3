//! What a sign-in by browser may ask for.
use super::{
    LEAST, load,
    sign_in::{PROVIDER, assert_refused},
};
use std::time::Duration;

#[test]
fn wishes_are_read_and_default_to_none() {
    let text = format!("{LEAST}{PROVIDER}");
    let none = load(&text).unwrap().providers.remove(0).authorization;
    assert!(none.prompt.is_empty() && none.acr_values.is_empty() && none.parameters.is_empty());
    assert_eq!(none.max_age, None);
    let lines = "prompt = ['login', 'consent']\nmax_age = '0s'\nacr_values = ['mfa']\n\
                 authorization_parameters = { kc_idp_hint = 'ad' }\n";
    let wishes = load(&format!("{text}{lines}")).unwrap().providers.remove(0);
    let wishes = wishes.authorization;
    assert_eq!(wishes.prompt, ["login", "consent"]);
    assert_eq!(wishes.max_age, Some(Duration::ZERO));
    assert_eq!(wishes.acr_values, ["mfa"]);
    assert_eq!(
        wishes.parameters,
        [("kc_idp_hint".to_owned(), "ad".to_owned())]
    );
}

#[test]
fn parameters_that_are_ours_cannot_be_set() {
    for name in [
        "state",
        "nonce",
        "redirect_uri",
        "client_id",
        "response_type",
        "response_mode",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "prompt",
        "max_age",
        "acr_values",
        "client_secret",
    ] {
        let line = format!("authorization_parameters = {{ {name} = 'x' }}");
        let text = format!("{LEAST}{PROVIDER}{line}\n");
        assert_refused(&text, &line, &format!("sets `{name}` itself"), "remove it");
    }
}

#[test]
fn wishes_that_nobody_could_grant_are_refused() {
    for (line, what, cure) in [
        (
            "prompt = ['none']",
            "not one of the possible values",
            "login",
        ),
        ("acr_values = ['a b']", "not one value", "without spaces"),
        ("max_age = '31days'", "out of range", ""),
        (
            "authorization_parameters = { a = 1 }",
            "is a string",
            "quotes",
        ),
        (
            "authorization_parameters = 'a'",
            "a table is wanted",
            "write",
        ),
    ] {
        assert_refused(&format!("{LEAST}{PROVIDER}{line}\n"), line, what, cure);
    }
}
