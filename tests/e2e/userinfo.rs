//! Names and groups that a certified provider tells at its userinfo alone (OpenID Connect Core 5.3).

use crate::{
    introspection::ACCOUNTS,
    site::{SECRET_IN_FILE, Site, Whoami, assert_is, assert_refused, write},
};
use sidecar_testkit::client::Answer;

#[tokio::test]
async fn a_role_that_userinfo_alone_tells_is_granted() {
    let mut site = Site::start("web-rs256").await;
    write(&site.file("analyst-password"), "insights");
    site.provider().move_claims_to_userinfo().await;
    // Without userinfo nobody has a group.
    site.restart_sidecar_with("web-rs256", SECRET_IN_FILE, ACCOUNTS);
    assert_refused(&sign_in(&site, "alice").await, 403, -719);
    let proof = format!("{SECRET_IN_FILE}\nuserinfo = true");
    site.restart_sidecar_with("web-rs256", &proof, ACCOUNTS);
    let browser = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "analyst");
    assert_refused(&sign_in(&site, "bob").await, 403, -719);
}

#[tokio::test]
async fn an_opaque_token_of_no_service_is_completed_by_userinfo() {
    let mut site = Site::start("web-rs256").await;
    write(&site.file("analyst-password"), "insights");
    let proof = format!("{SECRET_IN_FILE}\nintrospection = true\nuserinfo = true");
    site.restart_sidecar_with("web-rs256", &proof, ACCOUNTS);
    for (user, is_analyst) in [("alice", true), ("bob", false)] {
        let provider = site.provider();
        let tokens = provider.tokens("web-rs256", user, None, &site.url);
        let token = tokens.await.access_token;
        let answer = site.whoami(Whoami::Bearer(&token)).await;
        match is_analyst {
            true => assert_is(&answer, "analyst"),
            false => assert_refused(&answer, 403, -719),
        }
    }
}

/// What a user's browser gets at its return from the provider.
async fn sign_in(site: &Site, user: &str) -> Answer {
    let browser = site.browser();
    let url = site.begin(&browser, "").await;
    let callback = site.provider().sign_in(&url, user).await;
    site.come_back(&browser, callback.as_str(), "application/json")
        .await
}
