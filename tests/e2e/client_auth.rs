//! The ways in which the sidecar proves itself to a certified provider, each by a whole sign-in,
//! and requests that it pushes there.

use rcgen::{CertificateParams, KeyPair};
use sidecar_testkit::{
    authority::{Authority, Issued},
    sql_node::RETAIL,
};

use crate::site::{SECRET_IN_FILE, Site, Whoami, assert_is, assert_refused, write};

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

#[tokio::test]
async fn a_provider_that_takes_pushed_requests_alone_signs_users_in() {
    let mut site = Site::start("web-rs256").await;
    site.provider().require_pushed_requests().await;
    site.restart_sidecar_as("web-rs256", SECRET_IN_FILE);
    signs_in_and_queries(&site, "web-rs256").await;
}

#[tokio::test]
async fn a_client_with_a_certificate_of_an_authority_signs_users_in() {
    let mut site = Site::also_for("web-rs256", &["web-certificate"]).await;
    let issued = site.authority.issue_client("web-certificate");
    show_certificate(&mut site, "web-certificate", &issued);
    signs_in_renews_and_leaves(&site, "web-certificate").await;
    for (case, authority, name) in [
        ("another name", site.authority.clone(), "somebody-else"),
        ("another authority", Authority::new(), "web-certificate"),
    ] {
        let issued = authority.issue_client(name);
        show_certificate(&mut site, "web-certificate", &issued);
        assert_disbelieved(&site, case).await;
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_of_its_own_signs_users_in() {
    let mut site = Site::also_for("web-rs256", &["web-self-signed"]).await;
    let (known, unknown) = (self_signed(), self_signed());
    let provider = site.provider();
    let used = provider.use_certificate("web-self-signed", &known.cert_pem);
    used.await;
    show_certificate(&mut site, "web-self-signed", &known);
    signs_in_renews_and_leaves(&site, "web-self-signed").await;
    show_certificate(&mut site, "web-self-signed", &unknown);
    assert_disbelieved(&site, "another certificate").await;
}

fn self_signed() -> Issued {
    let key = KeyPair::generate().expect("P-256 keys can be generated");
    let params = CertificateParams::new(["sidecar.example".to_owned()]).expect("it is ASCII");
    let certificate = params
        .self_signed(&key)
        .expect("the parameters are complete");
    Issued {
        cert_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    }
}

/// Starts the sidecar anew as a client that shows this certificate.
fn show_certificate(site: &mut Site, client_id: &str, issued: &Issued) {
    write(&site.file("client.crt"), &issued.cert_pem);
    write(&site.file("client.key"), &issued.key_pem);
    let proof = r#"
client_key = { file = "client.key" }
client_certificate = "client.crt""#;
    site.restart_sidecar_as(client_id, proof);
}

/// The certificate counts at each of the provider's endpoints.
async fn signs_in_renews_and_leaves(site: &Site, client_id: &str) {
    signs_in_and_queries(site, client_id).await;
    let bob = site.signed_in("bob").await;
    let (used, good) = site.provider().refresh_tokens().await;
    for endpoint in ["token_refresh", "logout"] {
        let answer = site.post(&bob, endpoint).await;
        assert_eq!(answer.status, 200, "{endpoint}: {}", answer.text());
    }
    // With the one that was good its whole family is gone.
    while site.provider().refresh_tokens().await != (used, good - 1) {
        tokio::task::yield_now().await; // it is revoked in the background
    }
}

async fn assert_disbelieved(site: &Site, case: &str) {
    eprintln!("{case}"); // shown if this fails
    let begin = format!("{}/v1/sso_authentication?database={RETAIL}", site.url);
    let answer = site.browser().get(&begin).send().await;
    let answer = answer.expect("the sidecar answers");
    assert_refused(&answer, 502, -1250);
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
