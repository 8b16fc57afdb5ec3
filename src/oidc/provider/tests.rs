//! Discovery and keys against a real HTTP server.
use super::*;
use crate::oidc::{
    mint::{self, ES256, RS256, at, id_claims, jwk_set, rotated},
    stand_in::{self, KEYS, METADATA, StandIn},
};
use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};

async fn verify(provider: &Provider, token: &Secret) -> Result<Identity, OidcError> {
    provider.verify(token, Expect::IdToken, at(mint::NOW)).await
}

/// What the provider is blamed for.
fn blame(outcome: Result<Identity, OidcError>) -> String {
    match outcome {
        Err(OidcError::Nonsense { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

fn is_fault(outcome: &Result<Identity, OidcError>, fault: TokenFault) -> bool {
    matches!(outcome, Err(OidcError::Token(found)) if *found == fault)
}

#[tokio::test]
async fn the_first_token_discovers_the_provider() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    assert!(!provider.is_ready());
    let token = stand_in.token(&RS256, id_claims());
    let identity = verify(&provider, &token).await.unwrap();
    assert_eq!(identity.issuer(), stand_in.issuer);
    assert!(provider.is_ready());
    assert_eq!(stand_in.asked(METADATA).len(), 1);
    assert_eq!(stand_in.asked(KEYS).len(), 1);
}

#[tokio::test]
async fn malformed_and_forbidden_tokens_ask_the_provider_nothing_more() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let malformed = verify(&provider, &Secret::new("a.b.c")).await;
    assert!(is_fault(&malformed, TokenFault::Malformed), "{malformed:?}");
    assert!(stand_in.asked(METADATA).is_empty());
    let header = json!({"alg": "none", "kid": "unknown"});
    let none = Secret::new(ES256.token_with(&header, &id_claims()));
    let none = verify(&provider, &none).await;
    assert!(is_fault(&none, TokenFault::Algorithm), "{none:?}");
    assert_eq!(stand_in.asked(KEYS).len(), 1);
}

#[tokio::test]
async fn the_signature_of_a_logout_token_is_checked_in_turn() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let token = stand_in.token(&ES256, id_claims());
    verify(&provider, &token).await.unwrap();
    let (turns, now) = (Semaphore::new(1), at(mint::NOW));
    let taken = turns.try_acquire().unwrap();
    let mut waiting = Box::pin(provider.verify_logout(&token, now, Some(&turns)));
    assert!((&mut waiting).now_or_never().is_none());
    drop(taken);
    let fault = TokenFault::Claim("events");
    assert!(matches!(waiting.await, Err(OidcError::Token(found)) if found == fault));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_request() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let good = stand_in.token(&ES256, id_claims());
    verify(&provider, &good).await.unwrap();
    let tokens: Vec<Secret> = (0..50)
        .map(|number| {
            let header = json!({"alg": "ES256", "kid": format!("random-{number}")});
            Secret::new(ES256.token_with(&header, &id_claims()))
        })
        .collect();
    for outcome in join_all(tokens.iter().map(|token| verify(&provider, token))).await {
        assert!(is_fault(&outcome, TokenFault::UnknownKey), "{outcome:?}");
    }
    let later = verify(&provider, &tokens[0]).await;
    assert!(is_fault(&later, TokenFault::UnknownKey), "{later:?}");
    assert_eq!(stand_in.asked(KEYS).len(), 2);
    verify(&provider, &good).await.unwrap();
}

#[tokio::test]
async fn a_rotated_key_is_found_at_the_first_token_that_names_it() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let old = stand_in.token(&ES256, id_claims());
    verify(&provider, &old).await.unwrap();
    let new = rotated("new");
    stand_in.page(KEYS, 200, "application/json", &jwk_set(&[new.jwk()]));
    let token = stand_in.token(&new, id_claims());
    verify(&provider, &token).await.unwrap();
    let withdrawn = verify(&provider, &old).await;
    assert!(
        is_fault(&withdrawn, TokenFault::UnknownKey),
        "{withdrawn:?}"
    );
}

#[tokio::test]
async fn known_keys_go_on_working_when_the_provider_dies() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let good = stand_in.token(&ES256, id_claims());
    let unknown = stand_in.token(&rotated("new"), id_claims());
    verify(&provider, &good).await.unwrap();
    drop(stand_in);
    let outcome = verify(&provider, &unknown).await;
    assert!(
        matches!(outcome, Err(OidcError::Unreachable { .. })),
        "{outcome:?}"
    );
    verify(&provider, &good).await.unwrap();
    assert!(provider.is_ready());
}

#[tokio::test]
async fn useless_key_answers_take_no_key_away() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let good = stand_in.token(&ES256, id_claims());
    verify(&provider, &good).await.unwrap();
    stand_in.page(KEYS, 500, "text/html", "<html>");
    let unknown = stand_in.token(&rotated("new"), id_claims());
    let what = blame(verify(&provider, &unknown).await);
    assert!(what.contains("500"), "{what}");
    verify(&provider, &good).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_provider_is_asked_once_by_many() {
    let mut config = mint::rules();
    config.issuer = "http://127.0.0.1:1".into(); // nobody listens there
    let provider = stand_in::provider(&config, None);
    let token = Secret::new(ES256.token(&id_claims()));
    for outcome in join_all((0..20).map(|_| verify(&provider, &token))).await {
        assert!(
            matches!(outcome, Err(OidcError::Unreachable { .. })),
            "{outcome:?}"
        );
    }
    assert!(!provider.is_ready());
}

#[tokio::test]
async fn a_document_that_is_not_the_provider_s_metadata_is_refused_with_the_reason() {
    let stand_in = StandIn::start().await;
    let good = stand_in.metadata();
    let with = |name: &str, value: Value| {
        let mut metadata = good.clone();
        metadata[name] = value;
        metadata.to_string()
    };
    let slash = format!("{}/", stand_in.issuer);
    let copy = format!("copy `issuer` exactly as \"{slash}\"");
    let json = "application/json";
    let big = format!("{good}{}", " ".repeat(1024 * 1024));
    let cases = [
        (200, json, with("issuer", json!(slash)), copy.as_str()),
        (200, json, with("issuer", json!(null)), "malformed"),
        (200, json, with("jwks_uri", json!("keys")), "malformed"),
        (200, json, with("token_endpoint", json!(null)), "malformed"),
        (
            200,
            json,
            with("token_endpoint", json!("http://idp.example/token")),
            "token_endpoint",
        ),
        (
            200,
            json,
            with("jwks_uri", json!("ftp://127.0.0.1/keys")),
            "jwks_uri",
        ),
        (
            200,
            json,
            with("jwks_uri", json!("http://127.0.0.1.evil.example/")),
            "jwks_uri",
        ),
        (200, json, "<html>".to_owned(), "malformed"),
        (200, json, "[]".to_owned(), "malformed"),
        (200, json, format!("\u{feff}{good}"), "byte order mark"),
        (
            200,
            json,
            good.to_string()
                .replacen('{', "{\"issuer\":\"https://evil.example\",", 1),
            "given twice",
        ),
        (
            200,
            json,
            good.to_string()
                .replacen('{', "{\"x\":{\"y\":1,\"y\":2},", 1),
            "given twice",
        ),
        (
            200,
            json,
            format!("{{\"x\":{}", "[".repeat(500_000)),
            "recursion limit",
        ),
        (200, "text/html", good.to_string(), "application/json"),
        (
            200,
            "application/json; charset=utf-16",
            good.to_string(),
            "UTF-8",
        ),
        (
            200,
            "application/jsonp",
            good.to_string(),
            "application/json",
        ),
        (301, json, good.to_string(), "301"),
        (404, json, good.to_string(), "404"),
        (200, json, big, "more than"),
    ];
    for (status, media, text, reason) in cases {
        stand_in.page(METADATA, status, media, &text);
        let token = stand_in.token(&ES256, id_claims());
        let what = blame(verify(&stand_in.provider(None), &token).await);
        assert!(what.contains(reason), "{reason}: {what}");
    }
}

#[tokio::test]
async fn metadata_is_where_the_issuer_says_with_or_without_a_slash_at_its_end() {
    let stand_in = StandIn::start().await;
    let issuer = format!("{}/realms/corp/", stand_in.issuer);
    let mut metadata = stand_in.metadata();
    metadata["issuer"] = json!(issuer);
    let path = "/realms/corp/.well-known/openid-configuration";
    stand_in.page(path, 200, "application/json", &metadata.to_string());
    let mut config = stand_in.config();
    config.issuer = issuer.as_str().into();
    let mut claims = id_claims();
    claims["iss"] = json!(issuer);
    let token = Secret::new(ES256.token(&claims));
    verify(&stand_in::provider(&config, None), &token)
        .await
        .unwrap();
}

#[tokio::test]
async fn metadata_may_lie_elsewhere_and_is_of_the_configured_issuer_all_the_same() {
    let stand_in = StandIn::start().await;
    let issuer = format!("{}/tenant-id/v2.0", stand_in.issuer);
    let mut metadata = stand_in.metadata();
    metadata["issuer"] = json!(issuer);
    stand_in.page(
        "/tenant/policy/metadata",
        200,
        "application/json",
        &metadata.to_string(),
    );
    metadata["issuer"] = json!(format!("{issuer}/"));
    stand_in.page("/other", 200, "application/json", &metadata.to_string());
    let mut config = stand_in.config();
    config.issuer = issuer.as_str().into();
    let mut claims = id_claims();
    claims["iss"] = json!(issuer);
    let token = Secret::new(ES256.token(&claims));
    for (path, is_fine) in [("/tenant/policy/metadata", true), ("/other", false)] {
        let url = format!("{}{path}", stand_in.issuer);
        config.metadata_url = Some(url.parse().unwrap());
        let judged = verify(&stand_in::provider(&config, None), &token).await;
        assert_eq!(judged.is_ok(), is_fine, "{path}: {judged:?}");
    }
}

#[tokio::test]
async fn an_https_issuer_may_not_point_to_plain_http() {
    let metadata = json!({
        "issuer": mint::ISSUER,
        "authorization_endpoint": "https://idp.example.com/authorize",
        "token_endpoint": "https://idp.example.com/token",
        "jwks_uri": "http://127.0.0.1/keys",
    });
    let parsed =
        crate::oidc::metadata::Metadata::parse(metadata.to_string().as_bytes(), &mint::rules());
    let reason = parsed.err().unwrap().to_string();
    assert!(reason.contains("jwks_uri"), "{reason}");
}

/// What is left of good metadata with these members, and which of them were odd.
fn with_members(
    members: &Value,
    change: impl FnOnce(&mut crate::config::Provider),
) -> Result<Vec<String>, String> {
    let mut metadata = json!({
        "issuer": mint::ISSUER,
        "authorization_endpoint": "https://idp.example.com/authorize",
        "token_endpoint": "https://idp.example.com/token",
        "jwks_uri": "https://idp.example.com/keys",
    });
    let all = metadata.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    let mut rules = mint::rules();
    change(&mut rules);
    let text = metadata.to_string();
    let parsed = crate::oidc::metadata::Metadata::parse(text.as_bytes(), &rules);
    parsed
        .map(|it| it.oddities)
        .map_err(|error| error.to_string())
}

#[test]
fn an_odd_or_null_optional_member_is_named_and_breaks_nothing() {
    for name in [
        "revocation_endpoint",
        "end_session_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
        "pushed_authorization_request_endpoint",
        "device_authorization_endpoint",
        "require_pushed_authorization_requests",
        "authorization_response_iss_parameter_supported",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "mtls_endpoint_aliases",
    ] {
        for value in [
            json!(null),
            json!(""),
            json!("/relative"),
            json!(1),
            json!([1]),
        ] {
            let odd = with_members(&json!({ name: value }), |_| {});
            assert_eq!(odd, Ok(vec![name.to_owned()]), "{name} {value}");
        }
    }
    let fine = json!({
        "revocation_endpoint": "https://idp.example.com/r", "mtls_endpoint_aliases": {},
        "require_pushed_authorization_requests": false, "unknown": "",
        "token_endpoint_auth_methods_supported": ["none"],
    });
    assert_eq!(with_members(&fine, |_| {}), Ok(vec![]));
}

#[test]
fn an_endpoint_without_tls_breaks_the_provider_only_if_it_is_used() {
    use crate::config::{Flow, Provider};
    type Use = fn(&mut Provider);
    let cases: [(&str, Use); 3] = [
        ("introspection_endpoint", |rules| rules.introspection = true),
        ("userinfo_endpoint", |rules| rules.userinfo = true),
        ("device_authorization_endpoint", |rules| {
            rules.flows = vec![Flow::Device]
        }),
    ];
    for (name, make_used) in cases {
        let members = json!({ name: "http://idp.example.com/x" });
        assert_eq!(with_members(&members, |_| {}), Ok(vec![name.to_owned()]));
        let refused = with_members(&members, make_used).unwrap_err();
        assert!(
            refused.contains(name) && refused.contains("without https"),
            "{refused}"
        );
    }
    for name in [
        "revocation_endpoint",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        let members = json!({ name: "http://idp.example.com/x" });
        let refused = with_members(&members, |_| {}).unwrap_err();
        assert!(refused.contains(name), "{refused}");
    }
}

#[tokio::test]
async fn keep_fresh_discovers_without_being_asked() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let fresh = tokio::spawn(provider.clone().keep_fresh());
    // Joins the attempt that the task has under way, or finds its outcome.
    provider.discovered().await.unwrap();
    assert!(provider.is_ready());
    assert!(!fresh.is_finished());
    fresh.abort();
}
