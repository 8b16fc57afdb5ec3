//! How the sidecar proves itself to the provider as its client.
use crate::site::{SESSION_COOKIE, Settings, Site, assert_refused, authority};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use sidecar_testkit::{
    authority::Issued,
    provider::{ClientEntry, Endpoint, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};
use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;

/// Files of the operator: the key and certificate of the application.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts `text` into a file that only its owner may read; its path as TOML.
    fn put(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        format!("'{}'", path.display())
    }

    fn put_certificate(&self, issued: &Issued, settings: &mut Settings) {
        let key = self.put("client.key", &issued.key_pem);
        let certificate = self.put("client.crt", &issued.cert_pem);
        settings.no_provider("client_secret");
        settings.provider("client_key", &format!("{{ file = {key} }}"));
        settings.provider("client_certificate", &certificate);
    }

    pub(crate) fn put_key(&self, pair: &KeyPair, settings: &mut Settings) {
        let key = self.put("client.key", &pair.serialize_pem());
        settings.no_provider("client_secret");
        settings.provider("client_key", &format!("{{ file = {key} }}"));
    }
}

pub(crate) fn key_pair() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// The public half as a JWK set.
pub(crate) fn public(pair: &KeyPair) -> Value {
    let (x, y) = pair.public_key_raw()[1..].split_at(32);
    let text = |number: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(number);
    let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": text(x), "y": text(y)});
    json!({"keys": [key]})
}

/// A site whose provider knows `client` alone and speaks of these methods.
pub(crate) async fn site(client: ClientEntry, change: impl FnOnce(&mut Settings)) -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.asks_certificates = client.certificate.is_some();
    options.auth_methods = client.auth_method.clone().into_iter().collect();
    options.clients = vec![client];
    Site::with_parts(Provider::start(options), SqlNodeOptions::default(), change).await
}

/// Asserts that a sign-in succeeds, and that its refresh token is revoked at logout: the
/// client was believed at both endpoints.
pub(crate) async fn assert_accepted(site: &Site, way: &str) {
    for _ in 0..2 {
        let client = site.signed_in_as("alice").await;
        let revoked = site.provider.fetches(Endpoint::Revoke);
        let token = site.session_cookie(&client);
        let logout = site.post_as(&token, "/v1/logout").send().await.unwrap();
        assert_eq!(logout.status, 200, "{way}");
        site.provider.reached(Endpoint::Revoke, revoked + 1).await;
        let request = site.provider.last_request(Endpoint::Revoke).unwrap();
        site.provider
            .ended(request.parameter("token").unwrap())
            .await;
    }
}

/// Asserts that nobody is signed in because the provider does not believe the client.
pub(crate) async fn assert_refused_client(site: &Site, way: &str) {
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&answer, 502, -1250, way);
    assert!(client.cookies().find(SESSION_COOKIE).is_none(), "{way}");
}

#[tokio::test]
async fn a_client_proves_itself_in_the_way_that_the_metadata_wants() {
    for method in ["client_secret_basic", "client_secret_post"] {
        let mut client = ClientEntry::confidential("ocient", "ocient-secret");
        client.auth_method = Some(method.to_owned());
        assert_accepted(&site(client, |_| {}).await, method).await;
    }
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("none".to_owned());
    let public = site(client, |settings| settings.no_provider("client_secret")).await;
    assert_accepted(&public, "none").await;
}

#[tokio::test]
async fn a_client_proves_itself_with_a_statement_that_is_new_each_time() {
    let (files, pair) = (Files::new(), key_pair());
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("private_key_jwt".to_owned());
    client.keys = Some(public(&pair));
    let site = site(client, |settings| files.put_key(&pair, settings)).await;
    assert_accepted(&site, "private_key_jwt").await;
    for request in site.provider.requests() {
        assert!(
            !request.target.contains("client_assertion"),
            "{}",
            request.target
        );
    }
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_know_signs_nobody_in() {
    let files = Files::new();
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("private_key_jwt".to_owned());
    client.keys = Some(public(&key_pair()));
    let site = site(client, |settings| files.put_key(&key_pair(), settings)).await;
    assert_refused_client(&site, "another key").await;
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_metadata_says() {
    let (files, issued) = (Files::new(), authority().issue_client("ocient"));
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("tls_client_auth".to_owned());
    client.certificate = Some(issued.chain()[0].to_vec());
    let site = site(client, |settings| files.put_certificate(&issued, settings)).await;
    assert_accepted(&site, "tls_client_auth").await;
    let request = site.provider.last_request(Endpoint::Token).unwrap();
    assert!(
        request.target.ends_with("/mtls/token"),
        "{}",
        request.target
    );
    assert_eq!(request.parameter("client_id"), Some("ocient"));
}

#[tokio::test]
async fn a_certificate_of_another_client_signs_nobody_in() {
    let files = Files::new();
    let mut client = ClientEntry::public("ocient");
    client.auth_method = Some("tls_client_auth".to_owned());
    client.certificate = Some(authority().issue_client("ocient").chain()[0].to_vec());
    let other = authority().issue_client("ocient");
    let site = site(client, |settings| files.put_certificate(&other, settings)).await;
    assert_refused_client(&site, "another certificate").await;
}

#[tokio::test]
async fn the_configuration_overrules_the_metadata() {
    let mut client = ClientEntry::confidential("ocient", "ocient-secret");
    client.auth_method = Some("client_secret_basic".to_owned());
    let site = site(client, |settings| {
        settings.provider("token_endpoint_auth_method", "'client_secret_post'");
    })
    .await;
    assert_refused_client(&site, "client_secret_post").await;
}
