//! The ways in which the sidecar proves itself to a certified provider, each by a whole sign-in,
//! and requests that it pushes there.

use crate::site::{Site, Whoami, assert_is, write};

#[tokio::test]
async fn a_client_with_a_secret_in_the_form_signs_users_in() {
    let mut site = Site::start("web-post").await;
    let proof = r#"
client_secret = { file = "client-secret" }
token_endpoint_auth_method = "client_secret_post""#;
    site.restart_sidecar_as("web-post", proof);
    signs_in_and_queries(&site, "web-post").await;
}

#[tokio::test]
async fn a_client_with_a_key_signs_users_in_by_every_algorithm() {
    let ways = [
        ("web-key-rs256", "RSA", "RS256"),
        ("web-key-ps256", "RSA", "PS256"),
        ("web-key-es256", "EC", "ES256"),
        ("web-key-eddsa", "OKP", "EdDSA"),
    ];
    let clients = ways.map(|(client_id, ..)| client_id);
    let mut site = Site::also_for("web-rs256", &clients).await;
    for (client_id, kind, algorithm) in ways {
        let key = site.provider().client_key(kind).await;
        write(&site.file("client.key"), &key);
        let proof = format!(
            r#"
client_key = {{ file = "client.key" }}
token_endpoint_auth_signing_alg = "{algorithm}""#
        );
        site.restart_sidecar_as(client_id, &proof);
        signs_in_and_queries(&site, client_id).await;
    }
}

#[tokio::test]
async fn a_public_client_signs_users_in_by_pkce_alone() {
    let mut site = Site::also_for("web-rs256", &["web-public"]).await;
    site.restart_sidecar_as("web-public", "");
    signs_in_and_queries(&site, "web-public").await;
}

#[tokio::test]
async fn a_client_that_has_to_push_its_requests_signs_users_in() {
    let site = Site::start("web-pushed").await;
    signs_in_and_queries(&site, "web-pushed").await;
}

/// The provider offers pushed requests to every client, so each of them pushes.
async fn signs_in_and_queries(site: &Site, client_id: &str) {
    eprintln!("{client_id}"); // shown if this fails
    let browser = site.browser();
    let url = site.begin(&browser, "").await;
    assert!(url.contains("request_uri=urn"), "{url}");
    assert!(!url.contains("code_challenge"), "{url}");
    let callback = site.provider().sign_in(&url, "alice").await;
    let answer = site
        .come_back(&browser, callback.as_str(), "application/json")
        .await;
    assert_eq!(answer.status, 200, "{client_id}: {}", answer.text());
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
}
