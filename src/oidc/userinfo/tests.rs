//! Userinfo over HTTP.
use super::*;
use crate::oidc::{
    Expect, TokenFault,
    mint::{ES256, NOW, access_claims, at, id_claims},
    stand_in::{StandIn, provider},
};
use serde_json::json;
use std::sync::Arc;

const USERINFO: &str = "/userinfo";

/// A provider that has userinfo, and is asked for it.
async fn asking() -> (StandIn, Arc<Provider>) {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["userinfo_endpoint"] = json!(format!("{}{USERINFO}", stand_in.issuer));
    stand_in.publish(metadata);
    let mut config = stand_in.config();
    config.userinfo = true;
    let provider = provider(&config, None);
    (stand_in, provider)
}

fn says(stand_in: &StandIn, claims: &Value) {
    stand_in.page(USERINFO, 200, "application/json", &claims.to_string());
}

/// An access token without groups.
fn access_token(stand_in: &StandIn) -> Secret {
    let mut claims = access_claims();
    claims["iss"] = json!(stand_in.issuer);
    let header = json!({"alg": "ES256", "kid": "key-ES256", "typ": "at+jwt"});
    Secret::new(ES256.token_with(&header, &claims))
}

async fn verify(provider: &Provider, token: &Secret) -> Result<Identity, OidcError> {
    provider.verify(token, Expect::Bearer, at(NOW)).await
}

#[tokio::test]
async fn an_access_token_is_shown_in_the_header_alone() {
    let (stand_in, provider) = asking().await;
    says(&stand_in, &json!({"sub": "u-1", "groups": ["analysts"]}));
    let token = access_token(&stand_in);
    let identity = verify(&provider, &token).await.unwrap();
    assert_eq!(identity.groups(), ["analysts"]);
    let asked = stand_in.asked(USERINFO).remove(0);
    let bearer = format!("Bearer {}", token.expose());
    assert_eq!(asked.authorization, Some(bearer));
    assert!(asked.form.is_empty(), "nothing in the body");
}

#[tokio::test]
async fn a_forged_token_and_a_complete_one_ask_nobody() {
    let (stand_in, provider) = asking().await;
    let token = access_token(&stand_in);
    let (signed, _) = token.expose().rsplit_once('.').unwrap();
    let forged = Secret::new(format!("{signed}.AAAA"));
    assert!(verify(&provider, &forged).await.is_err());
    let complete = stand_in.token(&ES256, id_claims());
    assert!(verify(&provider, &complete).await.is_ok());
    assert!(stand_in.asked(USERINFO).is_empty());
}

#[tokio::test]
async fn without_userinfo_at_the_provider_a_token_is_as_good_as_before() {
    let stand_in = StandIn::start().await;
    let mut config = stand_in.config();
    config.userinfo = true;
    let provider = provider(&config, None);
    let identity = verify(&provider, &access_token(&stand_in)).await.unwrap();
    assert_eq!(identity.username(), "alice");
    assert!(identity.groups().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_plain_object_of_its_subject_is_nonsense() {
    let (stand_in, provider) = asking().await;
    let token = access_token(&stand_in);
    let good = json!({"sub": "u-1", "groups": ["analysts"]}).to_string();
    let long = format!("{good}{}", " ".repeat(64 * 1024));
    for (status, media, text, reason) in [
        (
            200,
            "application/jwt",
            "e30.e30.c2ln",
            "signed or encrypted",
        ),
        (
            200,
            "Application/JWT; x=y",
            good.as_str(),
            "signed or encrypted",
        ),
        (200, "text/html", &good, "no application/json"),
        (200, "", &good, "no application/json"),
        (
            200,
            "application/json; charset=utf-16",
            &good,
            "no application/json",
        ),
        (200, "application/json", &long, "no application/json"),
        (200, "application/json", "[]", "malformed"),
        (
            200,
            "application/json",
            "{\"sub\":\"u-1\",\"sub\":\"u-1\"}",
            "malformed",
        ),
        (
            200,
            "application/json",
            "\u{feff}{\"sub\":\"u-1\"}",
            "malformed",
        ),
        (
            200,
            "application/json",
            "{\"groups\":[\"a\"]}",
            "of whom it speaks",
        ),
        (200, "application/json", "{\"sub\":1}", "of whom it speaks"),
        (204, "application/json", &good, "answers 204"),
        (302, "application/json", &good, "answers 302"),
        (401, "application/json", &good, "answers 401"),
        (403, "application/json", &good, "answers 403"),
        (404, "application/json", &good, "answers 404"),
    ] {
        stand_in.page(USERINFO, status, media, text);
        match verify(&provider, &token).await {
            Err(OidcError::Nonsense { what, .. }) => {
                assert!(what.contains(reason), "{status} {media}: {what}");
            }
            other => panic!("{status} {media}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_provider_out_of_order_is_an_outage_and_another_subject_is_not() {
    let (stand_in, provider) = asking().await;
    let token = access_token(&stand_in);
    for status in [429, 500, 502, 503] {
        stand_in.page(USERINFO, status, "text/html", "<h1>sorry</h1>");
        let judged = verify(&provider, &token).await;
        let is_outage = matches!(judged, Err(OidcError::Unreachable { .. }));
        assert!(is_outage, "{status}: {judged:?}");
    }
    says(&stand_in, &json!({"sub": "u-2", "groups": ["analysts"]}));
    let judged = verify(&provider, &token).await;
    let fault = TokenFault::ForeignUserinfo;
    assert!(matches!(judged, Err(OidcError::Token(found)) if found == fault));
}

#[tokio::test]
async fn a_refresh_asks_again_and_keeps_what_nobody_can_tell_now() {
    let (stand_in, provider) = asking().await;
    let mut claims = id_claims();
    claims["groups"] = json!(null);
    let token = stand_in.token(&ES256, claims);
    let first = Secret::new("at-1");
    let sign_in = Expect::Device {
        access_token: &first,
        begun_at: at(NOW),
    };
    says(&stand_in, &json!({"sub": "u-1", "groups": ["analysts"]}));
    let before = provider.verify(&token, sign_in, at(NOW)).await.unwrap();
    let second = Secret::new("at-2");
    let refreshed = Expect::Refreshed {
        before: &before,
        access_token: &second,
    };
    says(&stand_in, &json!({"sub": "u-1", "groups": ["admins"]}));
    let after = provider.verify(&token, refreshed, at(NOW)).await.unwrap();
    assert_eq!(after.groups(), ["admins"]);
    let bearer = stand_in.asked(USERINFO).pop().unwrap().authorization;
    assert_eq!(bearer.as_deref(), Some("Bearer at-2"));
    stand_in.page(USERINFO, 500, "text/html", "");
    let after = provider.verify(&token, refreshed, at(NOW)).await.unwrap();
    assert_eq!(after.groups(), ["analysts"], "as before the refresh");
    for status in [401, 403, 404] {
        stand_in.page(USERINFO, status, "text/html", "");
        let judged = provider.verify(&token, refreshed, at(NOW)).await;
        let is_refused = matches!(judged, Err(OidcError::Nonsense { .. }));
        assert!(is_refused, "{status}: {judged:?}");
    }
    says(&stand_in, &json!({"groups": ["analysts"]}));
    let judged = provider.verify(&token, refreshed, at(NOW)).await;
    assert!(
        matches!(judged, Err(OidcError::Nonsense { .. })),
        "{judged:?}"
    );
    says(&stand_in, &json!({"sub": "u-2", "groups": ["analysts"]}));
    let judged = provider.verify(&token, refreshed, at(NOW)).await;
    assert!(matches!(judged, Err(OidcError::Token(_))), "{judged:?}");
}

#[tokio::test]
async fn a_userinfo_endpoint_in_clear_text_gets_no_token() {
    let (stand_in, provider) = asking().await;
    let mut metadata = stand_in.metadata();
    metadata["userinfo_endpoint"] = json!("http://idp.example.com/userinfo");
    stand_in.publish(metadata);
    match verify(&provider, &access_token(&stand_in)).await {
        Err(OidcError::Nonsense { what, .. }) => {
            assert!(what.contains("userinfo_endpoint without https"), "{what}");
        }
        other => panic!("{other:?}"),
    }
}
