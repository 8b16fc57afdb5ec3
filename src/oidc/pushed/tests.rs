//! What goes out of a sign-in, pushed or in the browser's URL.
use crate::{
    oidc::{
        Attempt, OAuthError, OidcError, Provider,
        stand_in::{self, StandIn},
    },
    secret::Secret,
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use url::Url;

const PAR: &str = "/par";

async fn begun(provider: &Provider) -> Result<Url, OidcError> {
    let attempt = Attempt {
        state: "s-1",
        nonce: &Secret::new("n-1"),
        verifier: &Secret::new("0123456789012345678901234567890123456789012"),
        redirect_uri: &Url::parse("https://sql0.example.com/v1/callback").unwrap(),
    };
    provider.authorization_url(&attempt).await
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// A provider that takes pushed requests and answers them so.
async fn pushing(status: u16, answer: &Value) -> StandIn {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["pushed_authorization_request_endpoint"] = json!(format!("{}{PAR}", stand_in.issuer));
    stand_in.publish(metadata);
    stand_in.page(PAR, status, "application/json", &answer.to_string());
    stand_in
}

#[tokio::test]
async fn a_pushed_request_leaves_the_browser_a_reference_alone() {
    let answer = json!({"request_uri": "urn:x:1", "expires_in": 1e300});
    let stand_in = pushing(201, &answer).await;
    for secret in [Some("s"), None] {
        let url = begun(&stand_in.provider(secret)).await.unwrap();
        let expected = [
            ("tenant", "1"),
            ("client_id", "ocient"),
            ("request_uri", "urn:x:1"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(query(&url), HashMap::from(expected));
        assert_eq!(url.query_pairs().count(), 3);
        let asked = stand_in.asked(PAR).pop().unwrap();
        assert_eq!(asked.authorization.is_some(), secret.is_some());
        assert_eq!(asked.form["client_id"], "ocient");
        for (name, value) in [
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("response_type", "code"),
        ] {
            assert_eq!(asked.form[name], value);
        }
        assert_eq!(asked.form["code_challenge_method"], "S256");
        assert!(
            !asked.form.contains_key("tenant"),
            "it is the provider's own"
        );
    }
}

#[tokio::test]
async fn a_push_that_fails_begins_no_sign_in_in_the_open() {
    let stand_in = pushing(400, &json!({"error": "invalid_request"})).await;
    let outcome = begun(&stand_in.provider(Some("s"))).await;
    let refused = OAuthError::InvalidRequest;
    assert!(
        matches!(outcome, Err(OidcError::Refused(found)) if found == refused),
        "{outcome:?}"
    );
    for (status, answer) in [
        (201, json!({})),
        (201, json!({"request_uri": ""})),
        (201, json!({"request_uri": "urn:x\n"})),
        (201, json!({"request_uri": "u".repeat(2000)})),
        (201, json!({"request_uri": ["urn:x"]})),
        (500, json!({"request_uri": "urn:x"})),
        (302, json!({"request_uri": "urn:x"})),
    ] {
        let stand_in = pushing(status, &answer).await;
        let outcome = begun(&stand_in.provider(Some("s"))).await;
        assert!(
            matches!(outcome, Err(OidcError::Nonsense { .. })),
            "{answer}: {outcome:?}"
        );
    }
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["require_pushed_authorization_requests"] = json!(true);
    stand_in.publish(metadata);
    let outcome = begun(&stand_in.provider(None)).await;
    assert!(
        matches!(outcome, Err(OidcError::Nonsense { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_wishes_of_the_configuration_are_in_the_request() {
    let stand_in = StandIn::start().await;
    let mut config = stand_in.config();
    config.authorization.prompt = vec!["login", "consent"];
    config.authorization.max_age = Some(Duration::from_secs(90));
    config.authorization.acr_values = vec!["mfa".to_owned(), "urn:2".to_owned()];
    config.authorization.parameters = vec![("kc_idp_hint".to_owned(), "a b&c".to_owned())];
    let provider: Arc<Provider> = stand_in::provider(&config, None);
    let found = query(&begun(&provider).await.unwrap());
    for (name, value) in [
        ("prompt", "login consent"),
        ("max_age", "90"),
        ("acr_values", "mfa urn:2"),
        ("kc_idp_hint", "a b&c"),
        ("state", "s-1"),
    ] {
        assert_eq!(found[name], value);
    }
}
