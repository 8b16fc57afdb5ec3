//! The suite's tests about userinfo.
use crate::{
    rp::{assert_no_sign_in, assert_signs_in},
    site::note,
    userinfo::{asking, groupless},
};
use serde_json::json;
use sidecar_testkit::provider::Lie;

#[tokio::test]
async fn rp_scope_userinfo_claims() {
    let site = asking(|_| {}).await;
    for claim in ["groups", "preferred_username", "email"] {
        site.provider.lie(Lie::TokensLack(claim));
    }
    assert_signs_in(&site).await;
    assert_eq!(site.provider.fetches("userinfo"), 1);
}

#[tokio::test]
async fn rp_userinfo_bad_sub_claim() {
    let site = groupless(|settings| {
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await;
    assert_signs_in(&site).await;
    for (lie, status, code) in [
        (Lie::ForeignUserinfo, 401, -1231),
        (Lie::UserinfoMember("sub", json!("")), 401, -1231),
        (
            Lie::UserinfoMember("sub", json!("Subject-of-alice")),
            401,
            -1231,
        ),
        (Lie::UserinfoMember("sub", json!(null)), 502, -1222),
        (
            Lie::UserinfoMember("sub", json!(["subject-of-alice"])),
            502,
            -1222,
        ),
    ] {
        let lies = [Lie::TokensLack("groups"), lie];
        assert_no_sign_in(&site, &lies, status, code).await;
    }
}

#[tokio::test]
async fn rp_userinfo_bearer_header() {
    let site = groupless(|_| {}).await;
    assert_signs_in(&site).await;
    let asked = site.provider.last_request("userinfo").unwrap();
    assert_eq!(asked.method, "GET");
    let bearer = asked.headers["authorization"].to_str().unwrap();
    note(bearer.strip_prefix("Bearer ").unwrap());
    assert!(asked.query.is_empty(), "no token in a URL");
    assert!(asked.form.is_empty(), "nor in a form");
}

/// A userinfo that comes as a JWT is not supported: nobody in, and nothing taken from it.
async fn refuses_answers(lie: Lie) {
    let site = groupless(|settings| {
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await;
    assert_signs_in(&site).await;
    let asked = site.provider.fetches("userinfo");
    let lies = [Lie::TokensLack("groups"), lie];
    assert_no_sign_in(&site, &lies, 502, -1222).await;
    assert_eq!(site.provider.fetches("userinfo"), asked + 1);
}

#[tokio::test]
async fn rp_userinfo_sig() {
    refuses_answers(Lie::SignedUserinfo).await;
}

#[tokio::test]
async fn rp_userinfo_enc() {
    refuses_answers(Lie::EncryptedUserinfo).await;
}
