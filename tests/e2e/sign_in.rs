//! The code flow with PKCE through a certified provider, for every signature algorithm it offers.

use http::StatusCode;
use sidecar_testkit::sql_node::RETAIL;

use crate::site::{SESSION, Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_user_signs_in_with_an_rs256_id_token_and_queries() {
    signs_in_and_queries("web-rs256").await;
}

#[tokio::test]
async fn a_user_signs_in_with_a_ps256_id_token_and_queries() {
    signs_in_and_queries("web-ps256").await;
}

#[tokio::test]
async fn a_user_signs_in_with_an_es256_id_token_and_queries() {
    signs_in_and_queries("web-es256").await;
}

#[tokio::test]
async fn a_user_signs_in_with_an_eddsa_id_token_and_queries() {
    signs_in_and_queries("web-eddsa").await;
}

async fn signs_in_and_queries(client_id: &str) {
    let site = Site::start(client_id).await;
    let browser = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
    let token = browser.cookies().find(SESSION).expect("a session").value;
    assert!(token.starts_with("ocs_"));
    assert_is(&site.whoami(Whoami::Bearer(&token)).await, "alice");
    assert_is(
        &site.whoami(Whoami::Basic("session", &token)).await,
        "alice",
    );
    // One exchange served all three, and the SQL node saw its own token alone.
    assert_eq!(site.sql_node.token_exchanges().sso_token, 1);
    let seen = site.sql_node.last_request();
    assert_eq!(seen.headers.get_all("authorization").iter().count(), 1);
    assert!(!seen.headers.contains_key("cookie"), "{:?}", seen.target);
}
