//! To whom tokens belong.
use super::*;
use crate::oidc::mint::{self, ES256, ISSUER};
use proptest::prelude::*;
use serde_json::json;

fn entry(issuer: &str, client_id: &str, audiences: &[&str]) -> config::Provider {
    config::Provider {
        issuer: issuer.into(),
        client_id: client_id.into(),
        audiences: audiences.iter().map(|&name| name.to_owned()).collect(),
        ..mint::rules()
    }
}

/// Two applications of one issuer that share an audience, and one of another issuer.
fn entries() -> [config::Provider; 4] {
    [
        entry("https://other", "other", &[]),
        entry(ISSUER, "web", &["shared"]),
        entry(ISSUER, "batch", &["api", "shared"]),
        entry(ISSUER, "device", &[]),
    ]
}

fn owner(claims: &Value) -> Owner {
    Owner::of(&ES256.token(claims), &entries())
}

#[test]
fn a_token_belongs_to_the_application_that_it_names() {
    use Owner::{Entry, Several, Stranger};
    for (claims, expected) in [
        (json!({"aud": "web"}), Entry(1)),
        (json!({"aud": ["device"]}), Entry(3)),
        (json!({"aud": "api"}), Entry(2)),
        (
            json!({"aud": ["api", "x"], "client_id": "unknown"}),
            Entry(2),
        ),
        // To whom it was issued counts more than for whom it is.
        (json!({"aud": ["web", "batch"], "azp": "batch"}), Entry(2)),
        (json!({"aud": "api", "client_id": "web"}), Entry(1)),
        (json!({"aud": "web", "client_id": "device"}), Entry(3)),
        (json!({"aud": "web", "azp": "unknown"}), Entry(1)),
        // Two claims, two applications, or an audience of two.
        (
            json!({"aud": "web", "azp": "web", "client_id": "batch"}),
            Several,
        ),
        (json!({"aud": ["web", "batch"]}), Several),
        (json!({"aud": "shared", "client_id": "unknown"}), Several),
        (json!({"aud": "shared", "client_id": "web"}), Entry(1)),
        // Nothing that names one: the first, to be refused.
        (json!({}), Entry(1)),
        (json!({"aud": "unknown"}), Entry(1)),
        (json!({"aud": [1, {"x": "web"}], "azp": ["web"]}), Entry(1)),
        (json!({"aud": "other"}), Entry(1)),
    ] {
        let mut claims = claims;
        claims["iss"] = json!(ISSUER);
        assert_eq!(owner(&claims), expected, "{claims}");
        claims["iss"] = json!("https://stranger");
        assert_eq!(owner(&claims), Stranger, "{claims}");
    }
    assert_eq!(
        owner(&json!({"iss": "https://other", "aud": "web"})),
        Entry(0)
    );
    assert_eq!(owner(&json!({"aud": "web"})), Owner::Opaque);
    for text in ["", "a.b.c", "ocs_x"] {
        assert_eq!(Owner::of(text, &entries()), Owner::Opaque, "{text}");
    }
}

proptest! {
    #[test]
    fn no_token_makes_the_choice_panic_or_find_an_entry_of_another_issuer(
        audience in "(web|batch|api|shared|other|x){0,2}",
        party in "(web|batch|x)?",
        client in "(web|batch|x)?",
        issuer in "(https://other|https://x)?",
    ) {
        let claims = json!({"iss": issuer, "aud": [audience], "azp": party, "client_id": client});
        match owner(&claims) {
            Owner::Entry(number) => prop_assert_eq!(&*entries()[number].issuer, &*issuer),
            Owner::Opaque => prop_assert!(false),
            Owner::Stranger => prop_assert!(entries().iter().all(|entry| *entry.issuer != *issuer)),
            Owner::Several => prop_assert_eq!(&issuer, ISSUER),
        }
    }
}

#[test]
fn a_token_of_a_further_issuer_or_party_belongs_to_the_entry_that_has_it() {
    let mut entries = entries();
    entries[1].tokens.token_issuers = vec!["http://sts".to_owned()];
    entries[3].tokens.authorized_parties = vec!["etl".to_owned()];
    let owner = |claims: Value| Owner::of(&ES256.token(&claims), &entries);
    let with_issuer = |iss: &str, mut claims: Value| {
        claims["iss"] = json!(iss);
        claims
    };
    assert_eq!(
        owner(with_issuer("http://sts", json!({"aud": "x"}))),
        Owner::Entry(1)
    );
    assert_eq!(
        owner(with_issuer("http://sts/", json!({}))),
        Owner::Stranger
    );
    for claims in [
        json!({"azp": "etl"}),
        json!({"cid": "etl"}),
        json!({"appid": "etl", "aud": "x"}),
    ] {
        assert_eq!(owner(with_issuer(ISSUER, claims)), Owner::Entry(3));
    }
    let named = json!({"azp": "etl", "aud": "batch"});
    assert_eq!(
        owner(with_issuer(ISSUER, named)),
        Owner::Entry(2),
        "aud says more"
    );
}
