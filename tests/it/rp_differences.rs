//! Differences between real providers, none of which may break a sign-in.
use crate::{
    rp::{accepts, assert_signs_in, judging},
    site::{SESSION_COOKIE, authority},
};
use sidecar_testkit::provider::{Lie, ProviderOptions, User};

#[tokio::test]
async fn rp_provider_with_a_path_in_its_issuer() {
    for path in ["", "/realms/test", "/a/b/c"] {
        let mut options = ProviderOptions::new(&authority());
        options.path = path.to_owned();
        let site = judging(options, |_| {}).await;
        assert!(site.provider.issuer().ends_with(path));
        assert_signs_in(&site).await;
    }
}

#[tokio::test]
async fn rp_provider_without_iss_in_its_response() {
    accepts(&[Lie::NoCallbackIssuer]).await;
}

#[tokio::test]
async fn rp_provider_with_session_state() {
    accepts(&[Lie::SessionState]).await;
}

#[tokio::test]
async fn rp_provider_with_opaque_subjects() {
    let site = judging(ProviderOptions::new(&authority()), |_| {}).await;
    for subject in [
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "00u1!a b/c?d=e&f#g%h",
        "7",
        &"x".repeat(255),
    ] {
        let mut user = User::new("alice", &["analysts"]);
        user.subject = subject.to_owned();
        site.provider.add_user(user);
        let client = assert_signs_in(&site).await;
        assert!(client.cookies().find(SESSION_COOKIE).is_some(), "{subject}");
    }
}

#[tokio::test]
async fn rp_provider_with_groups_as_text() {
    let site = judging(ProviderOptions::new(&authority()), |settings| {
        settings.provider("groups_separator", "','");
    })
    .await;
    site.provider.lie(Lie::GroupsAsText);
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn rp_provider_with_float_dates() {
    accepts(&[Lie::FloatDates]).await;
}

#[tokio::test]
async fn rp_provider_with_aud_as_an_array() {
    accepts(&[Lie::AudienceArray]).await;
}

#[tokio::test]
async fn rp_provider_with_lower_case_bearer() {
    accepts(&[Lie::LowerCaseBearer]).await;
}

#[tokio::test]
async fn rp_provider_without_refresh_tokens() {
    accepts(&[Lie::NoRefreshToken]).await;
}

/// Five algorithms, three generations: fifteen keys, of which one signs.
#[tokio::test]
async fn rp_provider_with_many_keys() {
    let site = judging(ProviderOptions::new(&authority()), |_| {}).await;
    site.provider.rotate_keys();
    site.provider.rotate_keys();
    assert_signs_in(&site).await;
}

/// What it offers is not what it gets: S256 is sent and no unsigned token is taken.
#[tokio::test]
async fn rp_provider_that_advertises_none_and_plain() {
    accepts(&[Lie::AdvertisesNone, Lie::AdvertisesPlain]).await;
}
