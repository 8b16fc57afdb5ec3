//! The suite's tests about how a client proves itself at the token endpoint.
use crate::client_auth::{Files, assert_accepted, assert_refused_client, key_pair, public, site};
use base64::{Engine, prelude::BASE64_STANDARD};
use ocient_sidecar::config::Config;
use sidecar_testkit::provider::{ClientEntry, Endpoint, Recorded};

/// A client with a secret that may use this way and no other.
fn secretive(method: &str) -> ClientEntry {
    let mut client = ClientEntry::confidential("ocient", "ocient-secret");
    client.auth_method = Some(method.to_owned());
    client
}

/// Asserts that of all ways a request shows this one alone.
#[track_caller]
fn assert_shows_only(request: &Recorded, way: &str) {
    let shown = [
        (
            "authorization",
            request.headers.contains_key("authorization"),
        ),
        (
            "client_secret",
            request.parameter("client_secret").is_some(),
        ),
        (
            "client_assertion",
            request.parameter("client_assertion").is_some(),
        ),
    ];
    let shown = shown.iter().filter(|(_, is_shown)| *is_shown);
    let shown: Vec<&str> = shown.map(|(name, _)| *name).collect();
    assert_eq!(shown, [way]);
    assert!(
        request.query.is_empty(),
        "nothing in the URL: {}",
        request.target
    );
}

#[tokio::test]
async fn rp_token_endpoint_client_secret_basic() {
    let site = site(secretive("client_secret_basic"), |_| {}).await;
    assert_accepted(&site, "client_secret_basic").await;
    let request = site.provider.last_request(Endpoint::Token).unwrap();
    assert_shows_only(&request, "authorization");
    let expected = BASE64_STANDARD.encode("ocient:ocient-secret");
    assert_eq!(
        request.headers["authorization"],
        format!("Basic {expected}")
    );
}

#[tokio::test]
async fn rp_token_endpoint_client_secret_post() {
    let site = site(secretive("client_secret_post"), |_| {}).await;
    assert_accepted(&site, "client_secret_post").await;
    let request = site.provider.last_request(Endpoint::Token).unwrap();
    assert_shows_only(&request, "client_secret");
    assert_eq!(request.parameter("client_secret"), Some("ocient-secret"));
    assert_eq!(request.parameter("client_id"), Some("ocient"));
}

/// Not supported: the secret would have to sign, and whoever can check that can also do it.
#[tokio::test]
async fn rp_token_endpoint_client_secret_jwt() {
    let site = site(secretive("client_secret_jwt"), |_| {}).await;
    assert_refused_client(&site, "client_secret_jwt").await;
    let request = site.provider.last_request(Endpoint::Token).unwrap();
    assert_eq!(request.parameter("client_assertion"), None);
    let text = site.settings.text(1);
    let wish = "[[provider]]\ntoken_endpoint_auth_method = 'client_secret_jwt'";
    let text = text.replacen("[[provider]]", wish, 1);
    let refused = Config::from_toml(&text, "config.toml", site.folder.path()).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("token_endpoint_auth_method"), "{told}");
}

#[tokio::test]
async fn rp_token_endpoint_private_key_jwt() {
    let (files, pair) = (Files::new(), key_pair());
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("private_key_jwt".to_owned());
    client.keys = Some(public(&pair));
    let site = site(client, |settings| files.put_key(&pair, settings)).await;
    assert_accepted(&site, "private_key_jwt").await;
    let request = site.provider.last_request(Endpoint::Token).unwrap();
    assert_shows_only(&request, "client_assertion");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(request.parameter("client_assertion_type"), Some(kind));
}
