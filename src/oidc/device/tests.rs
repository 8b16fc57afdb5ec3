//! The device grant against a real HTTP server.
use super::*;
use crate::oidc::{
    TokenFault,
    mint::{self, ES256, at, base64, id_claims},
    stand_in::{StandIn, TOKEN},
};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use std::sync::Arc;

const DEVICE: &str = "/device_authorization";

/// A provider with a device endpoint that gives this answer.
async fn answering(answer: &Value) -> (StandIn, Arc<Provider>) {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["device_authorization_endpoint"] = json!(format!("{}{DEVICE}", stand_in.issuer));
    stand_in.publish(metadata);
    stand_in.page(DEVICE, 200, "application/json", &answer.to_string());
    let provider = stand_in.provider(Some("s3cret-of-ours"));
    (stand_in, provider)
}

fn good() -> Value {
    json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://idp.example.com/device",
        "verification_uri_complete": "https://idp.example.com/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
        "interval": 7,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut answer = good();
    answer[name] = value;
    answer
}

async fn begun(answer: &Value) -> Result<DeviceAuthorization, OidcError> {
    let (_stand_in, provider) = answering(answer).await;
    let begun = provider.begin_device_grant(SystemTime::now()).await;
    begun.map(|authorization| authorization.expect("it has the endpoint"))
}

#[tokio::test]
async fn a_grant_is_begun_as_the_client_with_the_configured_scopes() {
    let (stand_in, provider) = answering(&good()).await;
    let authorization = provider
        .begin_device_grant(SystemTime::now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(authorization.user_code.expose(), "WDJB-MJHT");
    let page = "https://idp.example.com/device";
    assert_eq!(authorization.verification_uri.as_str(), page);
    let complete = authorization.verification_uri_complete.as_ref().unwrap();
    assert_eq!(complete.as_str(), format!("{page}?user_code=WDJB-MJHT"));
    assert_eq!(authorization.expires_in, Duration::from_secs(1800));
    assert_eq!(authorization.interval, Duration::from_secs(7));
    let asked = &stand_in.asked(DEVICE)[0];
    assert_eq!(asked.form["scope"], "openid profile email");
    assert!(asked.authorization.as_ref().unwrap().starts_with("Basic "));
    let shown = format!("{authorization:?}");
    assert!(!shown.contains("GmRh") && !shown.contains("user_code: Secret(\"WDJB"));
}

#[tokio::test]
async fn a_provider_without_the_endpoint_has_no_device_grant() {
    let provider = StandIn::start().await.provider(None);
    // The stand-in is gone, which only the first question may notice.
    assert!(
        provider
            .begin_device_grant(SystemTime::now())
            .await
            .is_err()
    );
    let stand_in = StandIn::start().await;
    let begun = stand_in
        .provider(None)
        .begin_device_grant(SystemTime::now())
        .await;
    assert!(begun.unwrap().is_none());
}

#[tokio::test]
async fn what_providers_leave_out_or_write_otherwise_is_understood_and_bounded() {
    let seconds = Duration::from_secs;
    for (name, value, life, interval) in [
        ("expires_in", json!(null), 600, 7),
        ("expires_in", json!("900"), 900, 7),
        ("expires_in", json!(90.5), 90, 7),
        ("expires_in", json!(1e9), 3600, 7),
        ("interval", json!(null), 1800, 5),
        ("interval", json!("3"), 1800, 3),
        ("interval", json!(0), 1800, 1),
        ("interval", json!(100_000), 1800, 60),
        ("verification_uri_complete", json!(null), 1800, 7),
        ("verification_uri_complete", json!(""), 1800, 7),
    ] {
        let authorization = begun(&with(name, value.clone())).await.unwrap();
        let found = (authorization.expires_in.as_secs(), authorization.interval);
        assert_eq!(found, (life, seconds(interval)), "{name} = {value}");
    }
    let mut older = with("verification_uri", json!(null));
    older["verification_url"] = json!("https://idp.example.com/device");
    assert!(begun(&older).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_refused_without_being_quoted() {
    for (name, value) in [
        ("device_code", json!(null)),
        ("device_code", json!("")),
        ("device_code", json!(7)),
        ("device_code", json!("x".repeat(4097))),
        ("user_code", json!(null)),
        ("user_code", json!("")),
        ("user_code", json!("WDJB\nMJHT")),
        ("user_code", json!("x".repeat(65))),
        ("verification_uri", json!(null)),
        ("verification_uri", json!("javascript:alert(1)")),
        ("verification_uri", json!("http://idp.example.com/device")),
        ("verification_uri", json!("/device")),
        ("verification_uri_complete", json!("data:text/html,x")),
        ("expires_in", json!(-1)),
        ("expires_in", json!("soon")),
        ("expires_in", json!([600])),
        ("interval", json!(1e300)),
        ("interval", json!(true)),
    ] {
        let error = begun(&with(name, value.clone())).await.unwrap_err();
        let OidcError::Nonsense { what, .. } = &error else {
            panic!("{name} = {value}: {error:?}");
        };
        let expected = format!("its device endpoint's answer: {name} is unusable");
        assert_eq!(*what, expected, "{value}");
    }
    assert!(matches!(
        begun(&json!([])).await,
        Err(OidcError::Nonsense { .. })
    ));
}

/// What the code is redeemed with when the token endpoint answers so.
async fn redeemed(status: u16, answer: impl Fn(&StandIn) -> Value) -> Result<SignIn, OidcError> {
    let (stand_in, provider) = answering(&good()).await;
    let authorization = provider
        .begin_device_grant(SystemTime::now())
        .await
        .unwrap()
        .unwrap();
    stand_in.token_answer(status, &answer(&stand_in));
    let redeemed = provider
        .redeem_device_code(&authorization, at(mint::NOW))
        .await;
    let asked = &stand_in.asked(TOKEN)[0];
    assert_eq!(asked.form["grant_type"], GRANT_TYPE);
    assert_eq!(
        asked.form["device_code"],
        good()["device_code"].as_str().unwrap()
    );
    redeemed
}

fn tokens(stand_in: &StandIn, claims: Value) -> Value {
    json!({
        "access_token": "at-1", "token_type": "Bearer", "refresh_token": "rt-1",
        "id_token": stand_in.token(&ES256, claims).expose(),
    })
}

#[tokio::test]
async fn an_approved_grant_becomes_an_identity_by_its_id_token_alone() {
    let signed_in = redeemed(200, |stand_in| tokens(stand_in, id_claims())).await;
    let signed_in = signed_in.unwrap();
    assert_eq!(signed_in.identity.username(), "alice");
    assert_eq!(signed_in.refresh_token.unwrap().expose(), "rt-1");
    let hash = digest(&SHA256, b"at-1");
    let bound = |hash: &str| {
        let mut claims = id_claims();
        claims["at_hash"] = json!(hash);
        claims
    };
    let right = base64(&hash.as_ref()[..16]);
    let judged = redeemed(200, |stand_in| tokens(stand_in, bound(&right))).await;
    assert!(judged.is_ok(), "{judged:?}");
    let judged = redeemed(200, |stand_in| tokens(stand_in, bound("AAAA"))).await;
    let fault = matches!(judged, Err(OidcError::Token(TokenFault::Claim("at_hash"))));
    assert!(fault, "{judged:?}");
    for (name, value, expected) in [
        ("aud", json!("other"), TokenFault::Audience),
        ("azp", json!("other"), TokenFault::AuthorizedParty),
        ("exp", json!(mint::NOW - 61), TokenFault::Expired),
    ] {
        let judged = redeemed(200, |stand_in| {
            let mut claims = id_claims();
            claims[name] = value.clone();
            tokens(stand_in, claims)
        });
        match judged.await {
            Err(OidcError::Token(fault)) => assert_eq!(fault, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_words_of_the_device_grant_are_told_apart() {
    use crate::oidc::OAuthError as E;
    for (code, expected) in [
        ("authorization_pending", E::AuthorizationPending),
        ("slow_down", E::SlowDown),
        ("expired_token", E::ExpiredToken),
        ("access_denied", E::AccessDenied),
        ("invalid_grant", E::InvalidGrant),
        ("Authorization_Pending", E::Other),
    ] {
        match redeemed(400, |_| json!({"error": code})).await {
            Err(OidcError::Refused(error)) => assert_eq!(error, expected, "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}
