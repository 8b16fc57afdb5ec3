//! A certified provider that is not there.

use http::StatusCode;
use sidecar_testkit::sql_node::RETAIL;

use crate::site::{Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_sidecar_starts_without_its_provider_and_signs_in_once_that_is_up() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    site.start_sidecar();
    let not_fetched = |line: &str| line.contains("provider not fetched");
    site.sidecar().line(not_fetched);
    let readiness = site.readiness().await;
    assert_eq!(readiness["status"], "degraded", "{readiness}");
    assert_eq!(readiness["providers"][0]["ready"], false, "{readiness}");
    let begin = format!("{}/v1/sso_authentication?database={RETAIL}", site.url);
    let answer = site.browser().get(&begin).send().await.unwrap();
    assert_refused(&answer, 503, -1220);
    assert!(answer.header("retry-after").is_some());
    let answer = site.whoami(Whoami::Basic("alice", "wonderland")).await;
    assert_is(&answer, "alice"); // passwords are no business of the provider

    site.start_provider();
    site.sidecar()
        .line(|line| line.contains("provider fetched"));
    let readiness = site.readiness().await;
    assert_eq!(readiness["status"], "ready", "{readiness}");
    let browser = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
}

#[tokio::test]
async fn sessions_and_known_tokens_outlive_their_provider() {
    let mut site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    let tokens = site
        .provider()
        .tokens("web-rs256", "bob", "urn:ocient:sql", &site.url);
    let token = tokens.await.access_token;
    assert_is(&site.whoami(Whoami::Bearer(&token)).await, "bob");
    site.provider = None;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
    assert_is(&site.whoami(Whoami::Bearer(&token)).await, "bob");
    let logout = browser
        .post(&format!("{}/v1/logout", site.url))
        .header("origin", &site.url);
    let answer = logout.send().await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
