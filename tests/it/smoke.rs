//! The main job, once through.
use crate::site::{Site, vendor_code};
use serde_json::json;
use sidecar_testkit::sql_node::{RETAIL, Who};

#[tokio::test]
async fn a_password_passes_untouched() {
    let site = Site::start().await;
    let client = site.client();
    let answer = site
        .query(&client)
        .basic("admin@system", "admin")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["data"], json!([{"one": 1}]));
    assert_eq!(
        site.node.last_request().credential,
        Who::Basic("admin".to_owned())
    );
}

#[tokio::test]
async fn an_id_token_becomes_a_session_that_queries() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    assert!(session.starts_with("ocs_"), "{session}");
    let client = site.client();
    let answer = site.query(&client).bearer(&session).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        site.node.last_request().credential,
        Who::Token("alice".to_owned())
    );
}

#[tokio::test]
async fn a_browser_signs_in_and_its_cookie_queries() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let origin = site.origin();
    let answer = site
        .query(&client)
        .header("origin", &origin)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        site.node.last_request().credential,
        Who::Token("alice".to_owned())
    );
}

#[tokio::test]
async fn a_provider_token_queries_directly() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let client = site.client();
    for _ in 0..3 {
        let answer = site.query(&client).bearer(&token).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn a_session_ends_with_its_logout() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let client = site.client();
    let logout = client
        .post(&site.url("/v1/logout"))
        .bearer(&session)
        .send()
        .await
        .unwrap();
    assert_eq!(logout.status, 200, "{}", logout.text());
    let answer = site.query(&client).bearer(&session).send().await.unwrap();
    assert_eq!((answer.status.as_u16(), vendor_code(&answer)), (401, -1204));
}
