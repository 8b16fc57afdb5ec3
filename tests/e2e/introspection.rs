//! Opaque access tokens of a certified provider, which it alone can tell anything of (RFC 7662).

use serde_json::json;
use sidecar_testkit::{client::Answer, secrets, sql_node::RETAIL};

use crate::{
    provider::Tokens,
    site::{SECRET_IN_FILE, Site, Whoami, assert_is, assert_refused},
};

#[tokio::test]
async fn an_opaque_access_token_queries_and_becomes_a_session() {
    let site = asking_site().await;
    let token = tokens(&site, "alice", OPAQUE).await.access_token;
    assert!(!token.contains('.'), "no JWT");
    assert_is(&site.whoami(Whoami::Bearer(&token)).await, "analyst");
    let basic = Whoami::Basic("access_token", &token);
    assert_is(&site.whoami(basic).await, "analyst");
    let answer = sso_token(&site, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["username"], "alice");
    let session = answer.json()["access_token"].clone();
    let session = session.as_str().expect("a session token");
    secrets::note(session);
    assert_is(&site.whoami(Whoami::Bearer(session)).await, "analyst");
}

#[tokio::test]
async fn what_is_active_and_no_access_token_for_us_lets_nobody_in() {
    let site = asking_site().await;
    let builder = tokens(&site, "bob", OPAQUE).await.access_token;
    assert_refused(&site.whoami(Whoami::Bearer(&builder)).await, 403, -719);
    let foreign = tokens(&site, "alice", "urn:other:opaque").await;
    let foreign = foreign.access_token;
    assert_refused(&site.whoami(Whoami::Bearer(&foreign)).await, 401, -1233);
    // The provider tells of refresh tokens, too.
    let alice = tokens(&site, "alice", OPAQUE).await;
    let refresh_token = alice.refresh_token.expect("the client may refresh");
    let answer = site.whoami(Whoami::Bearer(&refresh_token)).await;
    assert_refused(&answer, 401, -1236);
    assert_refused(&sso_token(&site, &refresh_token).await, 401, -1236);
    assert!(site.sql_node.requests().is_empty());
}

/// A site that asks about opaque tokens and has an account for analysts.
async fn asking_site() -> Site {
    let mut site = Site::start("web-rs256").await;
    let proof = format!("{SECRET_IN_FILE}\nintrospection = true");
    crate::site::write(&site.file("analyst-password"), "insights");
    site.restart_sidecar_with("web-rs256", &proof, ACCOUNTS);
    site
}

async fn tokens(site: &Site, user: &str, resource: &str) -> Tokens {
    let provider = site.provider();
    let tokens = provider.tokens("web-rs256", user, resource, &site.url);
    tokens.await
}

async fn sso_token(site: &Site, token: &str) -> Answer {
    let request = site
        .browser()
        .post(&format!("{}/v1/sso_token", site.url))
        .json(json!({ "database": RETAIL, "access_token": token }));
    request.send().await.expect("the sidecar answers")
}

const OPAQUE: &str = "urn:ocient:sql:opaque";

/// The SQL node itself takes no opaque tokens.
pub(crate) const ACCOUNTS: &str = r#"
[sql_node.credentials]
mode = "login"

[[account]]
name = "analyst"
username = "analyst@retail_analytics"
password = { file = "analyst-password" }

[[grant]]
groups = ["analysts"]
account = "analyst"
"#;
