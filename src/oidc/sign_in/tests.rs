//! The code flow against a real HTTP server.
use super::*;
use crate::oidc::{LogoutHint, Return};
use crate::oidc::{
    OAuthError,
    mint::{ES256, NOW, at, base64, id_claims},
    stand_in::{REVOCATION, StandIn, TOKEN},
};
use serde_json::{Value, json};
use std::collections::HashMap;

const VERIFIER: &str = "0123456789012345678901234567890123456789012";

fn callback() -> Url {
    Url::parse("https://sql0.example.com:8443/v1/callback").unwrap()
}

/// A good answer of the token endpoint.
fn answer(stand_in: &StandIn) -> Value {
    let mut claims = id_claims();
    claims["nonce"] = json!("n-1");
    let id_token = stand_in.token(&ES256, claims);
    json!({"access_token": "at-1", "token_type": "bearer", "expires_in": "300",
        "refresh_token": "rt-1", "id_token": id_token.expose()})
}

async fn redeem(provider: &Provider) -> Result<SignIn, OidcError> {
    let (code, nonce) = (Secret::new("c-1"), Secret::new("n-1"));
    let verifier = Secret::new(VERIFIER);
    provider
        .redeem(&code, &verifier, &callback(), (&nonce, at(NOW)), at(NOW))
        .await
        .map_err(RedemptionError::into_cause)
}

#[tokio::test]
async fn the_authorization_url_asks_for_a_code_with_pkce_s256_whatever_the_metadata_says() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let url = provider
        .authorization_url(&Attempt {
            state: "s-1",
            nonce: &Secret::new("n-1"),
            verifier: &Secret::new(VERIFIER),
            redirect_uri: &callback(),
        })
        .await
        .unwrap();
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    let expected = [
        ("tenant", "1"),
        ("response_type", "code"),
        ("client_id", "ocient"),
        ("state", "s-1"),
        ("code_challenge", &base64(challenge.as_ref())),
        ("code_challenge_method", "S256"),
        ("redirect_uri", callback().as_str()),
        ("scope", "openid profile email"),
        ("nonce", "n-1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(url.query_pairs().count(), expected.len());
    let found: HashMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(found, HashMap::from(expected));
    assert!(
        url.as_str()
            .starts_with(&format!("{}/authorize?", stand_in.issuer))
    );
}

#[tokio::test]
async fn a_code_becomes_an_identity() {
    let stand_in = StandIn::start().await;
    stand_in.token_answer(200, &answer(&stand_in));
    let sign_in = redeem(&stand_in.provider(None)).await.unwrap();
    assert_eq!(sign_in.identity.username(), "alice");
    assert!(sign_in.refresh_token.unwrap().matches("rt-1"));
    assert!(sign_in.access_token.matches("at-1"));
    assert_eq!(sign_in.expires_in, Some(Duration::from_secs(300)));
    let asked = stand_in.asked(TOKEN).remove(0);
    let callback = callback();
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "c-1"),
        ("code_verifier", VERIFIER),
        ("redirect_uri", callback.as_str()),
        ("client_id", "ocient"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked.form, HashMap::from(expected));
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn the_client_secret_goes_where_the_metadata_wants_it() {
    let cases = [
        (json!(null), true),
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["none", "private_key_jwt", "new_method"]), true),
        (json!(["client_secret_post", "none"]), false),
    ];
    for (methods, in_header) in cases {
        let stand_in = StandIn::start().await;
        let mut metadata = stand_in.metadata();
        metadata["token_endpoint_auth_methods_supported"] = methods.clone();
        stand_in.publish(metadata);
        stand_in.token_answer(200, &answer(&stand_in));
        redeem(&stand_in.provider(Some("s%t"))).await.unwrap();
        let asked = stand_in.asked(TOKEN).remove(0);
        // RFC 6749 section 2.3.1: form-encoded, then base64 of `ocient:s%25t`.
        let basic = in_header.then(|| "Basic b2NpZW50OnMlMjV0".to_owned());
        assert_eq!(asked.authorization, basic, "{methods}");
        let in_body = asked.form.get("client_secret").map(String::as_str);
        assert_eq!(in_body, (!in_header).then_some("s%t"), "{methods}");
    }
}

#[tokio::test]
async fn a_token_answer_that_breaks_a_rule_signs_nobody_in() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let with = |name: &str, value: Value| {
        let mut answer = answer(&stand_in);
        answer[name] = value;
        answer
    };
    let foreign = stand_in.token(&ES256, id_claims());
    let cases = [
        (with("token_type", json!("DPoP")), "not Bearer"),
        (with("token_type", json!(null)), "wrong at token_type"),
        (with("access_token", json!(null)), "wrong at access_token"),
        (with("id_token", json!(null)), "no id_token"),
        (with("id_token", json!(["secret"])), "wrong at id_token"),
        (with("id_token", json!("x")), "not a well-formed JWT"),
        (with("id_token", json!(foreign.expose())), "another sign-in"),
    ];
    for (answer, reason) in cases {
        stand_in.token_answer(200, &answer);
        let error = redeem(&provider).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{reason}: {error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_understood_whatever_its_status() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let cases = [
        (400, "invalid_grant", OAuthError::InvalidGrant),
        (401, "invalid_client", OAuthError::UnauthorizedClient),
        (403, "access_denied", OAuthError::AccessDenied),
        (500, "server_error", OAuthError::ServerError),
        (403, "consent_withdrawn", OAuthError::Other),
    ];
    for (status, code, expected) in cases {
        stand_in.token_answer(status, &json!({"error": code, "error_description": "no"}));
        let outcome = redeem(&provider).await;
        let is_right = matches!(&outcome, Err(OidcError::Refused(found)) if *found == expected);
        assert!(is_right, "{code}: {outcome:?}");
    }
    stand_in.page(TOKEN, 502, "text/html", "<html>at-secret");
    let error = redeem(&provider).await.unwrap_err();
    assert!(matches!(error, OidcError::Nonsense { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("at-secret"), "{error:?}");
}

#[tokio::test]
async fn the_response_issuer_is_compared_exactly_and_demanded_where_promised() {
    for promised in [false, true] {
        let stand_in = StandIn::start().await;
        let mut metadata = stand_in.metadata();
        metadata["authorization_response_iss_parameter_supported"] = json!(promised);
        stand_in.publish(metadata);
        let provider = stand_in.provider(None);
        let issuer = stand_in.issuer.as_str();
        let slash = format!("{issuer}/");
        let cases = [
            (Some(issuer), true),
            (Some(slash.as_str()), false),
            (Some(""), false),
            (Some("https://evil.example"), false),
            (None, !promised),
        ];
        for (iss, expected) in cases {
            let outcome = provider.check_response_issuer(iss).await;
            assert_eq!(outcome.is_ok(), expected, "{iss:?}, promised: {promised}");
        }
    }
}

#[tokio::test]
async fn the_end_session_url_names_the_session_and_the_way_back() {
    let stand_in = StandIn::start().await;
    let provider = stand_in.provider(None);
    let token = Secret::new("t-1");
    let back = Return {
        redirect_uri: Url::parse("https://a/?b=c").unwrap(),
        state: "s",
    };
    let url = |hint, back| Some(provider.end_session_url(hint, back)?.to_string());
    assert_eq!(url(LogoutHint::IdToken(&token), None), None);
    provider.discovered().await.unwrap();
    let whole = "id_token_hint=t-1&client_id=ocient\
                 &post_logout_redirect_uri=https%3A%2F%2Fa%2F%3Fb%3Dc&state=s";
    for (hint, back, query) in [
        (LogoutHint::IdToken(&token), Some(&back), whole),
        (
            LogoutHint::User("al&ce"),
            None,
            "logout_hint=al%26ce&client_id=ocient",
        ),
        (LogoutHint::Nobody, None, "client_id=ocient"),
    ] {
        let expected = format!("{}/end?{query}", stand_in.issuer);
        assert_eq!(url(hint, back), Some(expected));
    }
}

#[tokio::test]
async fn a_refresh_token_is_revoked_with_the_clients_credentials() {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["revocation_endpoint"] = json!(format!("{}{REVOCATION}", stand_in.issuer));
    stand_in.publish(metadata);
    stand_in.page(REVOCATION, 200, "text/plain", "");
    let provider = stand_in.provider(Some("s%t"));
    provider.revoke(&Secret::new("rt-1")).await.unwrap();
    let asked = stand_in.asked(REVOCATION).remove(0);
    assert_eq!(
        asked.authorization.as_deref(),
        Some("Basic b2NpZW50OnMlMjV0")
    );
    let expected = [("token", "rt-1"), ("token_type_hint", "refresh_token")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked.form, HashMap::from(expected));
    let refusal = json!({"error": "unsupported_token_type"}).to_string();
    stand_in.page(REVOCATION, 400, "application/json", &refusal);
    let outcome = provider.revoke(&Secret::new("rt-1")).await;
    assert!(matches!(
        outcome,
        Err(OidcError::Refused(OAuthError::UnsupportedTokenType))
    ));
}

#[tokio::test]
async fn a_redirected_token_request_takes_the_secret_nowhere() {
    let (stand_in, thief) = (StandIn::start().await, StandIn::start().await);
    let target = format!("{}{TOKEN}", thief.issuer);
    stand_in.redirect(TOKEN, 307, &target);
    let error = redeem(&stand_in.provider(Some("s"))).await.unwrap_err();
    assert!(matches!(error, OidcError::Nonsense { .. }), "{error:?}");
    assert!(thief.asked(TOKEN).is_empty());
}

#[tokio::test]
async fn nothing_is_revoked_where_there_is_no_endpoint() {
    let stand_in = StandIn::start().await;
    let token = Secret::new("rt-1");
    stand_in.provider(None).revoke(&token).await.unwrap();
}
