//! Relying-party tests about discovery and keys.
use crate::{
    rp::{assert_signs_in, with_lies},
    site::{Site, assert_refused},
};
use sidecar_testkit::provider::{Algorithm, Lie};

async fn honest() -> Site {
    with_lies(&[]).await
}

#[tokio::test]
async fn rp_discovery_openid_configuration() {
    let site = honest().await;
    assert_signs_in(&site).await;
    assert!(site.provider.fetches("discovery") >= 1);
    // Everything is asked where the metadata says.
    for endpoint in ["authorize", "token", "jwks"] {
        assert!(site.provider.fetches(endpoint) >= 1, "{endpoint}");
    }
}

#[tokio::test]
async fn rp_discovery_jwks_uri_keys() {
    let site = honest().await;
    assert_signs_in(&site).await;
    let before = site.provider.fetches("jwks");
    assert_signs_in(&site).await;
    assert_eq!(site.provider.fetches("jwks"), before, "the keys are kept");
}

/// Refused before any sign-in: nobody is sent to such a provider.
#[tokio::test]
async fn rp_discovery_issuer_not_matching_config() {
    let site = with_lies(&[Lie::AnotherIssuer]).await;
    let client = site.client();
    let begun = site.begin(&client, "").await;
    assert_refused(&begun, 502, -1222, "another issuer");
    assert!(client.cookies().all().is_empty());
    let token = site.id_token("alice");
    assert_refused(&site.query_as(&token).await, 502, -1222, "a token");
    assert_refused(&site.exchange(&token).await, 502, -1222, "an exchange");
    assert_eq!(site.provider.fetches("authorize"), 0);
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn rp_id_token_kid_absent_single_jwks() {
    let site = with_lies(&[Lie::SingleKey, Lie::NoKeyId]).await;
    assert_signs_in(&site).await;
}

/// The suite lets either pass; here every key that fits is tried, up to a bound.
#[tokio::test]
async fn rp_id_token_kid_absent_multiple_jwks() {
    let site = with_lies(&[Lie::KeysWithoutIds, Lie::NoKeyId]).await;
    site.provider.rotate_keys();
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn rp_key_rotation_op_sign_key() {
    let site = honest().await;
    assert_signs_in(&site).await;
    let before = site.provider.fetches("jwks");
    site.provider.rotate_keys_and_drop();
    assert_signs_in(&site).await;
    assert_eq!(site.provider.fetches("jwks"), before + 1);
}

/// The keys change in the very moment before the ID token is signed.
#[tokio::test]
async fn rp_key_rotation_op_sign_key_native() {
    for algorithm in Algorithm::ALL {
        let site = honest().await;
        site.provider.sign_with(algorithm);
        assert_signs_in(&site).await;
        site.provider.rotate_just_before_signing();
        assert_signs_in(&site).await;
    }
}
