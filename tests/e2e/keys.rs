//! The provider changes its signing keys.

use crate::site::{Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_token_of_a_new_key_is_taken_at_once_and_the_old_one_goes_on() {
    let site = Site::start("web-rs256").await;
    let old = id_token(&site, "alice").await;
    assert_is(&site.whoami(Whoami::Bearer(&old)).await, "alice");
    let session = site.signed_in("alice").await;
    site.provider().rotate_keys().await;
    let new = id_token(&site, "bob").await;
    assert_ne!(header(&old), header(&new), "another key id");
    assert_is(&site.whoami(Whoami::Bearer(&new)).await, "bob");
    assert_is(&site.whoami(Whoami::Bearer(&old)).await, "alice");
    assert_is(&site.whoami(Whoami::Cookie(&session)).await, "alice");
}

#[tokio::test]
async fn a_sign_in_after_a_rotation_works() {
    let site = Site::start("web-es256").await;
    let before = site.signed_in("alice").await;
    site.provider().rotate_keys().await;
    let after = site.signed_in("bob").await;
    assert_is(&site.whoami(Whoami::Cookie(&after)).await, "bob");
    assert_is(&site.whoami(Whoami::Cookie(&before)).await, "alice");
}

#[tokio::test]
async fn a_token_of_a_withdrawn_key_is_refused_once_the_new_keys_are_known() {
    let site = Site::start("web-rs256").await;
    let old = id_token(&site, "alice").await;
    // The sidecar knows the old keys, but has not seen the old token yet.
    let session = site.signed_in("alice").await;
    site.provider().replace_keys().await;
    let new = id_token(&site, "bob").await;
    assert_is(&site.whoami(Whoami::Bearer(&new)).await, "bob");
    assert_refused(&site.whoami(Whoami::Bearer(&old)).await, 401, -1229);
    assert_is(&site.whoami(Whoami::Cookie(&session)).await, "alice");
}

async fn id_token(site: &Site, user: &str) -> String {
    let tokens = site
        .provider()
        .tokens("web-rs256", user, "urn:ocient:sql", &site.url);
    tokens.await.id_token.expect("a user was there")
}

/// The JOSE header, which names the key.
fn header(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}
