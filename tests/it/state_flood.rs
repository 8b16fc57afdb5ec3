//! Floods of sign-in states, which anybody can make.
use crate::{
    connections::{ETL, HOUR, connecting, consented, get},
    site::{Site, assert_refused, authority, with_parameter},
};
use sidecar_testkit::{
    client::Client,
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};

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

#[tokio::test]
async fn states_that_an_outage_wastes_are_bounded_for_one_address_and_others_sign_in() {
    let at = Endpoint::Token;
    let outages = [
        Lie::HtmlPage(at, 403),
        Lie::HtmlPage(at, 413),
        Lie::ServerError(at),
        Lie::Redirect(at),
    ];
    let site =
        Site::with(|settings| settings.set("limits", "failed_signins_per_client", "1")).await;
    let address = "127.0.0.2".parse().unwrap();
    let come_back = async || {
        let client = site.client().fresh_jar().from_address(address);
        let back = site.nearly_signed_in(&client).await;
        client.get(back.as_str()).send().await.unwrap()
    };
    for number in 0..10 {
        let outage = &outages[number % outages.len()];
        site.provider.lie(outage.clone());
        assert_refused(&come_back().await, 502, -1222, &format!("{outage:?}"));
        site.provider.be_honest();
    }
    assert_refused(&come_back().await, 429, -1100, "one too many");
    assert_eq!(site.provider.fetches("token"), 10, "its code stays here");
    site.signed_in_as("alice").await;
}

#[tokio::test]
async fn a_state_whose_code_was_never_sent_is_as_good_as_before_and_one_that_was_is_not() {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.lie(Lie::TokenEndpointGone);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    for attempt in ["first", "again"] {
        let unsent = client.get(back.as_str()).send().await.unwrap();
        assert_refused(&unsent, 503, -1220, attempt);
    }

    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    site.provider.lie(Lie::BrokenOff(Endpoint::Token));
    let sent = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&sent, 503, -1220, "the provider has seen it");
    site.provider.be_honest();
    let again = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&again, 400, -1203, "used");
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn a_callback_without_a_good_code_uses_no_state() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let long = "x".repeat(8 * 1024 + 1);
    for (name, value, status, code) in [
        ("code", Some(&*long), 400, -1254),
        ("state", Some(&*long), 400, -1254),
        ("iss", Some(&*long), 400, -1254),
        ("error", Some(&*long), 400, -1254),
        ("code", None, 400, -1254),
        ("error", Some("access_denied"), 403, -1251),
        ("iss", Some("https://evil.example"), 401, -1232),
    ] {
        let url = with_parameter(&back, name, value);
        let refused = client.get(url.as_str()).send().await.unwrap();
        assert_refused(&refused, status, code, name);
    }
    assert_eq!(site.provider.fetches("token"), 0);
    let good = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(good.status, 200, "{}", good.text());
}

#[tokio::test]
async fn a_code_of_eight_kibibytes_is_shown_to_the_provider() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let url = with_parameter(&back, "code", Some(&"x".repeat(8 * 1024)));
    let refused = client.get(url.as_str()).send().await.unwrap();
    assert_refused(&refused, 400, -1203, "no such code");
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn connections_keep_their_states_where_the_code_was_not_sent_and_count_the_others() {
    let site = connecting(HOUR).await;
    let client = site.client();
    let back = consented(&site, &client, Some(ETL), "alice").await;
    let long = with_parameter(&back, "code", Some(&"x".repeat(8 * 1024 + 1)));
    assert_eq!(get(&client, long.as_str(), ETL).await.status, 400);
    let denied = with_parameter(&back, "error", Some("server_error"));
    assert_eq!(get(&client, denied.as_str(), ETL).await.status, 502);
    assert_eq!(site.provider.fetches("token"), 0);
    site.provider.lie(Lie::HtmlPage(Endpoint::Token, 403));
    assert_eq!(get(&client, back.as_str(), ETL).await.status, 502);
    site.provider.be_honest();
    assert_eq!(get(&client, back.as_str(), ETL).await.status, 400, "used");
    assert_eq!(site.provider.fetches("token"), 1);
}
