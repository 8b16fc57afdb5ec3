//! Tokens of a certified provider that clients bring: ID tokens, and JWT access tokens (RFC 9068).

use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{client::Answer, secrets, sql_node::RETAIL};

use crate::site::{Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_jwt_access_token_of_every_algorithm_queries_and_becomes_a_session() {
    let site = Site::start("web-rs256").await;
    for resource in [
        "urn:ocient:sql",
        "urn:ocient:sql:ps256",
        "urn:ocient:sql:es256",
        "urn:ocient:sql:eddsa",
    ] {
        let tokens = site
            .provider()
            .tokens("web-rs256", "bob", resource, &site.url);
        let token = tokens.await.access_token;
        eprintln!("{resource}"); // shown if one of these fails
        assert_is(&site.whoami(Whoami::Bearer(&token)).await, "bob");
        assert_is(
            &site.whoami(Whoami::Basic("access_token", &token)).await,
            "bob",
        );
        let answer = sso_token(&site, "access_token", &token).await;
        let session = session_of(&answer, "bob");
        assert_is(&site.whoami(Whoami::Bearer(&session)).await, "bob");
    }
}

#[tokio::test]
async fn an_id_token_queries_and_becomes_a_session() {
    let site = Site::start("web-rs256").await;
    let tokens = site
        .provider()
        .tokens("web-rs256", "alice", "urn:ocient:sql", &site.url);
    let id_token = tokens.await.id_token.expect("a user was there");
    assert_is(&site.whoami(Whoami::Bearer(&id_token)).await, "alice");
    assert_is(
        &site.whoami(Whoami::Basic("id_token", &id_token)).await,
        "alice",
    );
    let answer = sso_token(&site, "id_token", &id_token).await;
    let session = session_of(&answer, "alice");
    assert_is(&site.whoami(Whoami::Bearer(&session)).await, "alice");
}

#[tokio::test]
async fn a_client_without_a_user_queries_under_its_own_name() {
    let site = Site::also_for("web-rs256", &["m2m"]).await;
    let token = site.provider().client_token("m2m", "urn:ocient:sql").await;
    assert_is(&site.whoami(Whoami::Bearer(&token)).await, "m2m");
    let answer = sso_token(&site, "access_token", &token).await;
    let session = session_of(&answer, "m2m");
    assert_is(&site.whoami(Whoami::Bearer(&session)).await, "m2m");
}

#[tokio::test]
async fn an_access_token_for_another_service_is_refused_and_never_forwarded() {
    let site = Site::also_for("web-rs256", &["m2m"]).await;
    let token = site.provider().client_token("m2m", "urn:other:api").await;
    assert_refused(&site.whoami(Whoami::Bearer(&token)).await, 401, -1233);
    let answer = sso_token(&site, "access_token", &token).await;
    assert_refused(&answer, 401, -1233);
    assert_eq!(site.sql_node.requests().len(), 0);
}

#[tokio::test]
async fn one_kind_of_token_is_not_taken_for_the_other() {
    let site = Site::start("web-rs256").await;
    let tokens = site
        .provider()
        .tokens("web-rs256", "alice", "urn:ocient:sql", &site.url);
    let tokens = tokens.await;
    let id_token = tokens.id_token.expect("a user was there");
    let answer = sso_token(&site, "access_token", &id_token).await;
    assert_refused(&answer, 401, -1236);
    let answer = sso_token(&site, "id_token", &tokens.access_token).await;
    assert_refused(&answer, 401, -1236);
}

async fn sso_token(site: &Site, kind: &str, token: &str) -> Answer {
    let request = site
        .browser()
        .post(&format!("{}/v1/sso_token", site.url))
        .json(json!({ "database": RETAIL, kind: token }));
    request.send().await.expect("the sidecar answers")
}

/// The session token in an answer of `/v1/sso_token`.
fn session_of(answer: &Answer, user: &str) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["username"], user, "{body}");
    assert_eq!(body["database"], RETAIL, "{body}");
    let token = body["id_token"].as_str().expect("a session token");
    secrets::note(token);
    token.to_owned()
}
