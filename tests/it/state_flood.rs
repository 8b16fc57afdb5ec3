//! Floods of sign-in states, which anybody can make.
use crate::site::{Site, assert_refused, with_parameter};
use sidecar_testkit::client::Client;

#[tokio::test]
async fn answers_that_no_provider_gave_waste_states_too() {
    let site =
        Site::with(|settings| settings.set("limits", "failed_signins_per_client", "3")).await;
    let come_back = async |error: &str| {
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let url = with_parameter(&back, "error", Some(error));
        client.get(url.as_str()).send().await.unwrap()
    };
    for error in ["x", "server_error", "temporarily_unavailable"] {
        let wasted = come_back(error).await;
        assert!(wasted.status.is_server_error(), "{error}");
    }
    assert_refused(&come_back("x").await, 429, -1100, "one too many");
}

#[tokio::test]
async fn sign_ins_that_others_cancelled_are_no_reason_to_refuse_a_good_one() {
    let site =
        Site::with(|settings| settings.set("limits", "failed_signins_per_client", "3")).await;
    for (number, status) in [403, 403, 403, 429].into_iter().enumerate() {
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let url = with_parameter(&back, "error", Some("access_denied"));
        let url = with_parameter(&url, "code", None);
        let cancelled = client.get(url.as_str()).send().await.unwrap();
        assert_eq!(cancelled.status, status, "{number}");
    }
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let good = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(good.status, 200, "{}", good.text());
}

#[tokio::test]
async fn a_client_that_wastes_states_cannot_fill_the_memory_of_used_ones() {
    let site =
        Site::with(|settings| settings.set("limits", "failed_signins_per_client", "3")).await;
    let come_back = async |client: Client, iss: Option<&str>| {
        let back = site.nearly_signed_in(&client).await;
        let issuer = iss.unwrap_or(site.provider.issuer());
        let url = with_parameter(&back, "iss", Some(issuer));
        client.get(url.as_str()).send().await.unwrap()
    };
    for _ in 0..3 {
        let wasted = come_back(site.client(), Some("https://evil.example")).await;
        assert_refused(&wasted, 401, -1232, "wasted");
    }
    let refused = come_back(site.client(), None).await;
    assert_refused(&refused, 429, -1100, "one too many");
    assert_eq!(site.provider.fetches("token"), 0, "no code went out");
}
