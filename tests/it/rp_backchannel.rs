//! The suite's tests about back-channel logout.
use crate::site::{Site, assert_refused};
use serde_json::json;
use sidecar_testkit::{
    provider::{SignedWith, TokenBuilder},
    sql_node::RETAIL,
};

#[tokio::test]
async fn rp_backchannel_rpinitlogout() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let token = site.session_cookie(&client);
    assert_eq!(site.query_as(&token).await.status, 200);
    site.sign_out_at_provider(|token| token).await;
    assert_refused(&site.query_as(&token).await, 401, -1204, "after it");
    let audit = |line: &serde_json::Value| line["event"] == "logout";
    let lines = site.log.wait_for("audit", 1, audit).await;
    assert_eq!(lines[0]["identity"], "alice");
    assert_eq!(lines[0]["reason"], "signed out at the provider");
    assert!(lines[0]["request_id"].is_string());
}

/// A logout token for alice with this change is refused, and her session goes on; without it,
/// the same ends her session.
async fn refuses(change: impl FnOnce(TokenBuilder) -> TokenBuilder, code: i64) {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let answer = site.report(&site.logout_token(change)).await;
    assert_refused(&answer, 400, code, "the logout token");
    assert_eq!(site.query_as(&session).await.status, 200);
    site.sign_out_at_provider(|token| token).await;
    assert_refused(&site.query_as(&session).await, 401, -1204, "a good one");
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_alg_none() {
    refuses(|it| it.signed_with(SignedWith::Nobody), -1235).await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_wrong_alg() {
    refuses(
        |it| it.signed_with(SignedWith::Secret(b"ocient-secret".to_vec())),
        -1235,
    )
    .await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_wrong_aud() {
    refuses(|it| it.audience("another-client"), -1233).await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_wrong_issuer() {
    refuses(|it| it.claim("iss", "https://evil.example"), -1232).await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_no_event() {
    refuses(|it| it.without("events"), -1231).await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_wrong_event() {
    refuses(
        |it| {
            it.claim(
                "events",
                json!({"http://schemas.openid.net/event/other": {}}),
            )
        },
        -1231,
    )
    .await;
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_lt_with_nonce() {
    refuses(|it| it.claim("nonce", "n"), -1231).await;
}
