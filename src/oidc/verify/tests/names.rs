//! User names and groups.
use super::*;

fn with_username_claim(claim: &str, claims: &Value) -> Result<String, TokenFault> {
    let mut rules = rules();
    rules.username_claim = claim.to_owned();
    let identity = judge(&rules, claims, "JWT", Expect::IdToken, at(NOW))?;
    Ok(identity.username().to_owned())
}

#[test]
fn sub_stands_in_for_the_default_username_claim_alone() {
    let claims = with(id_claims(), "preferred_username", json!(null));
    let missing = TokenFault::Claim("username_claim");
    assert_eq!(
        with_username_claim("preferred_username", &claims),
        Ok("u-1".to_owned())
    );
    assert_eq!(with_username_claim("upn", &claims), Err(missing));
    assert_eq!(with_username_claim("sub", &claims), Ok("u-1".to_owned()));
}

#[test]
fn a_username_that_could_forge_a_line_or_is_none_is_refused() {
    let long = "x".repeat(257);
    for name in [
        json!(""),
        json!("a\nb"),
        json!("a\u{7f}"),
        json!("\u{85}"),
        json!(1),
        json!(long),
    ] {
        let claims = with(id_claims(), "preferred_username", name.clone());
        assert_eq!(
            id_token(&claims),
            Err(TokenFault::Claim("username_claim")),
            "{name}"
        );
    }
    let longest = with(id_claims(), "preferred_username", json!("x".repeat(256)));
    assert!(id_token(&longest).is_ok());
}

#[test]
fn an_address_counts_only_if_it_is_one_and_verified() {
    let unverified = Err(TokenFault::Claim("email_verified"));
    let wrong = Err(TokenFault::Claim("email"));
    let good = Ok("a@corp.com".to_owned());
    let cases = [
        ("a@corp.com", json!(true), good.clone()),
        ("a@corp.com", json!("true"), good),
        ("a@corp.com", json!(false), unverified.clone()),
        ("a@corp.com", json!("TRUE"), unverified.clone()),
        ("a@corp.com", json!(1), unverified.clone()),
        ("a@corp.com", json!(null), unverified),
        ("a@evil@corp.com", json!(true), wrong.clone()),
        ("a@@corp.com", json!(true), wrong.clone()),
        ("@corp.com", json!(true), wrong.clone()),
        ("a@", json!(true), wrong.clone()),
        ("corp.com", json!(true), wrong),
    ];
    for (email, verified, expected) in cases {
        let claims = with(id_claims(), "email", json!(email));
        let claims = with(claims, "email_verified", verified.clone());
        assert_eq!(
            with_username_claim("email", &claims),
            expected,
            "{email} {verified}"
        );
    }
}

#[test]
fn groups_come_as_a_list_or_as_one_text() {
    let cases = [
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(["a b", "c"]), vec!["a b", "c"]),
        (json!("a"), vec!["a"]),
        (json!("a b"), vec!["a", "b"]),
        (json!("a b, c,,d"), vec!["a b", "c", "d"]),
        (json!(""), vec![]),
    ];
    for (value, expected) in cases {
        let identity = id_token(&with(id_claims(), "groups", value.clone())).unwrap();
        assert_eq!(identity.groups(), expected, "{value}");
    }
}

#[test]
fn groups_of_another_shape_or_without_end_are_refused() {
    let names = |count| json!(vec!["g"; count]);
    for value in [
        json!(1),
        json!({"a": 1}),
        json!(["a", 1]),
        json!([["a"]]),
        names(1001),
    ] {
        let claims = with(id_claims(), "groups", value.clone());
        assert_eq!(
            id_token(&claims),
            Err(TokenFault::Claim("groups_claim")),
            "{value}"
        );
    }
    assert!(id_token(&with(id_claims(), "groups", names(1000))).is_ok());
}
