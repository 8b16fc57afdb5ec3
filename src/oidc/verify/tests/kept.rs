//! What an identity keeps of the claims that grants name.
use super::*;

fn keeping(names: &[&str]) -> config::Provider {
    config::Provider {
        grant_claims: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..rules()
    }
}

/// What is said in `claim`: `None` if nobody can read it.
fn said(identity: &Identity, claim: &str) -> Option<Vec<String>> {
    match identity.claim(&claim.parse().unwrap()) {
        Said::Unkept => panic!("{claim} was not kept"),
        Said::Unreadable => None,
        Said::Values(values) => Some(values.iter().map(|value| value.to_string()).collect()),
    }
}

fn list(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

#[test]
fn a_claim_is_kept_as_values_or_as_one_that_nobody_can_read() {
    let many: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    for (value, expected) in [
        (json!("example.com"), list(&["example.com"])),
        (json!("a b,c"), list(&["a b,c"])),
        (json!(["a", "b"]), list(&["a", "b"])),
        (json!([]), list(&[])),
        (
            json!({"admin": {}, "reader": {}}),
            list(&["admin", "reader"]),
        ),
        (json!(true), list(&["true"])),
        (json!(42), list(&["42"])),
        (json!(4.2), None),
        (json!(["a", ["b"]]), None),
        (json!(["a", {"b": 1}]), None),
        (json!(["a", null]), None),
        (json!(many), None),
    ] {
        let claims = with(id_claims(), "hd", value.clone());
        let identity = judge(&keeping(&["hd"]), &claims, "JWT", Expect::IdToken, at(NOW));
        let identity = identity.unwrap();
        assert_eq!(said(&identity, "hd"), expected, "{value}");
        let written = serde_json::to_value(&identity).unwrap();
        let read: Identity = serde_json::from_value(written).unwrap();
        assert!(read == identity, "{value}: a session keeps it, too");
        let other = identity.claim(&"tid".parse().unwrap());
        assert_eq!(other, Said::Unkept, "no grant names it");
    }
}

#[test]
fn a_claim_that_is_missing_is_none_and_one_that_is_elsewhere_is_unknown() {
    let rules = keeping(&["hd", "/a/b"]);
    let null = {
        let mut claims = id_claims();
        claims["hd"] = json!(null);
        claims
    };
    let elsewhere = with(
        id_claims(),
        "_claim_names",
        json!({"hd": "src", "a": "src"}),
    );
    let nested = with(id_claims(), "a", json!({"b": "x"}));
    for (claims, hd, nested) in [
        (id_claims(), list(&[]), list(&[])),
        (null, list(&[]), list(&[])),
        (elsewhere, None, None),
        (nested, list(&[]), list(&["x"])),
    ] {
        let identity = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW)).unwrap();
        assert_eq!(said(&identity, "hd"), hd, "{claims}");
        assert_eq!(said(&identity, "/a/b"), nested, "{claims}");
    }
}

#[test]
fn an_address_that_nobody_has_verified_is_no_value() {
    let rules = keeping(&["email", "/contact/email"]);
    for (is_verified, address, expected) in [
        (json!(true), "a@corp.com", list(&["a@corp.com"])),
        (json!(false), "a@corp.com", None),
        (json!(null), "a@corp.com", None),
        (json!(true), "a@evil@corp.com", None),
    ] {
        let contact = json!({"email": address, "email_verified": is_verified.clone()});
        let claims = with(id_claims(), "contact", contact);
        let claims = with(claims, "email", json!(address));
        let claims = with(claims, "email_verified", is_verified);
        let identity = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW)).unwrap();
        assert_eq!(said(&identity, "email"), expected, "{claims}");
        assert_eq!(said(&identity, "/contact/email"), expected, "{claims}");
    }
}

#[test]
fn introspection_tells_claims_as_tokens_do_and_userinfo_adds_none() {
    let mut rules = keeping(&["hd"]);
    let members = with(access_claims(), "hd", json!("example.com"));
    let told = introspected(&rules, members.as_object().unwrap(), at(NOW), at(NOW)).unwrap();
    assert_eq!(said(&whole(told), "hd"), list(&["example.com"]));
    rules.userinfo = true;
    let header = json!({"alg": "ES256", "kid": "key-ES256", "typ": "at+jwt"});
    let token = ES256.token_with(&header, &access_claims());
    let (jws, keys) = (Jws::parse(&token).unwrap(), key_set(&[ES256.jwk()]));
    let mut trace = Trace::default();
    let proof = verify(&rules, &keys, &jws, Expect::Bearer, at(NOW), &mut trace);
    let Ok(Proof::Lacking(lacking)) = proof else {
        panic!("groups are lacking");
    };
    let userinfo = json!({"sub": "u-1", "groups": [], "hd": "example.com"});
    let completed = lacking.completed(&rules, userinfo.as_object().unwrap(), &mut trace);
    let identity = completed.unwrap();
    assert_eq!(said(&identity, "hd"), list(&[]), "it is not signed");
    assert!(identity.has_counted_groups());
}

#[test]
fn groups_count_only_if_a_grant_looked_at_them() {
    assert!(id_token(&id_claims()).unwrap().has_counted_groups());
    let mut careless = rules();
    careless.needs_groups = false;
    let identity = judge(&careless, &id_claims(), "JWT", Expect::IdToken, at(NOW)).unwrap();
    assert!(!identity.has_counted_groups());
}
