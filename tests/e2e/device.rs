//! The device grant (RFC 8628) with a certified provider, on its own pages.

use serde_json::{Value, json};
use sidecar_testkit::{client::Answer, secrets, sql_node::RETAIL};

use crate::site::{Site, Whoami, assert_is, assert_refused};

/// One test for both, because the sidecar asks the provider every five seconds.
#[tokio::test]
async fn a_device_queries_as_who_approved_it_and_never_as_who_refused() {
    let site = Site::start("device").await;
    let (approved, refused) = (begin(&site).await, begin(&site).await);
    let said = decide(&site, &approved, &[]).await;
    assert!(said.contains("the device is signed in"), "{said}");
    let said = decide(&site, &refused, &["--deny"]).await;
    assert!(said.contains("the interaction was aborted"), "{said}");

    let answer = verify(&site, &approved).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let session = body["access_token"].as_str().expect("a session token");
    secrets::note(session);
    assert_eq!(body["username"], "alice");
    assert_is(&site.whoami(Whoami::Bearer(session)).await, "alice");
    assert_refused(&verify(&site, &refused).await, 403, -1251);
}

/// What the device shows.
async fn begin(site: &Site) -> Value {
    let answer = post(site, "sso_device_grant", json!({ "database": RETAIL })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let begun = answer.json();
    secrets::note(code_of(&begun));
    begun
}

async fn decide(site: &Site, begun: &Value, more: &[&str]) -> String {
    let page = begun["verification_uri"].as_str().expect("a page");
    let provider = site.provider();
    provider.decide(page, code_of(begun), "alice", more).await
}

async fn verify(site: &Site, begun: &Value) -> Answer {
    let body = json!({ "user_code": code_of(begun), "database": RETAIL, "timeout": 20 });
    post(site, "sso_device_grant_verify", body).await
}

fn code_of(begun: &Value) -> &str {
    begun["user_code"].as_str().expect("a code")
}

async fn post(site: &Site, endpoint: &str, body: Value) -> Answer {
    let client = site.browser();
    let request = client
        .post(&format!("{}/v1/{endpoint}", site.url))
        .json(body);
    request.send().await.expect("the sidecar answers")
}
