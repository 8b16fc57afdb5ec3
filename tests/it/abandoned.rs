//! A sign-in that comes to nothing leaves no refresh token at the provider.
use crate::site::{Settings, Site, assert_refused, device_site};
use sidecar_testkit::provider::Lie;

fn nobody(settings: &mut Settings) {
    settings.grant("groups = ['nobody']");
}

impl Site {
    /// Waits until the provider has revoked what it was told to.
    async fn revoked(&self) {
        self.provider.reached("revoke", 1).await;
        let request = self.provider.last_request("revoke").unwrap();
        let token = request.parameter("token").unwrap();
        while self.provider.is_refresh_token_good(token) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_a_browsers_sign_in_brought_is_revoked_if_no_grant_fits() {
    let site = Site::with(nobody).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&answer, 403, -719, "no grant");
    site.revoked().await;
}

#[tokio::test]
async fn what_a_browsers_sign_in_brought_is_revoked_if_its_id_token_is_no_good() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    site.provider.lie(Lie::WrongNonce);
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&answer, 401, -1231, "another nonce");
    site.revoked().await;
}

#[tokio::test]
async fn what_a_devices_sign_in_brought_is_revoked_if_no_grant_fits() {
    let site = device_site(nobody).await;
    let device = site.device().await;
    site.decide(&device, Some("alice"));
    let answer = site.verified(&device.code, 30).await;
    assert_refused(&answer, 403, -719, "no grant");
    site.revoked().await;
}

#[tokio::test]
async fn what_a_refresh_brought_is_revoked_if_its_id_token_is_no_good() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let session = site.session_cookie(&client);
    site.provider.lie(Lie::WrongNonce);
    let refresh = site.post_as(&session, "/v1/token_refresh");
    assert_refused(&refresh.send().await.unwrap(), 401, -733, "another nonce");
    site.revoked().await;
}
