//! Pushed authorization requests, and whose answer comes back.
use crate::site::{SESSION_COOKIE, Site, assert_refused, authority, parameter};
use futures_util::future::join_all;
use sidecar_testkit::{
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};

async fn pushing_site() -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.requires_par = true;
    let provider = Provider::start(options);
    Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.provider("prompt", "['login']");
        settings.provider("max_age", "'1h'");
    })
    .await
}

#[tokio::test]
async fn where_requests_are_pushed_the_browser_carries_a_reference_alone() {
    let site = pushing_site().await;
    let client = site.client();
    let begun = site.begin(&client, &format!("database={RETAIL}")).await;
    let location = begun.header("location").unwrap();
    for name in ["state", "nonce", "code_challenge", "scope", "prompt"] {
        assert_eq!(parameter(location, name), None, "{name}");
    }
    let pushed = site.provider.last_request(Endpoint::Par).unwrap();
    assert_eq!(pushed.parameter("prompt"), Some("login"));
    assert_eq!(pushed.parameter("max_age"), Some("3600"));
    let back = site.at_provider(&client, &begun).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(client.cookies().find(SESSION_COOKIE).is_some());
}

#[tokio::test]
async fn a_push_that_fails_is_the_providers_failure_and_begins_nothing() {
    let site = pushing_site().await;
    site.signed_in_as("alice").await;
    let par = Endpoint::Par;
    for (lie, status, code) in [
        (Lie::ServerError(par), 502, -1222),
        (Lie::NotJson(par), 502, -1222),
        (Lie::EndlessBody(par), 502, -1222),
        (Lie::Redirect(par), 502, -1222),
        (Lie::BrokenOff(par), 503, -1220),
    ] {
        site.provider.lie(lie.clone());
        let begun = site
            .begin(&site.client(), &format!("database={RETAIL}"))
            .await;
        assert_refused(&begun, status, code, &format!("{lie:?}"));
        assert_eq!(begun.header("location"), None, "{lie:?}");
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn one_address_does_not_take_all_the_places_of_pushed_requests() {
    let site = pushing_site().await;
    site.provider.hold(Endpoint::Par);
    let query = format!("database={RETAIL}");
    let held = [(); 8].map(|()| async { site.begin(&site.client(), &query).await });
    let one_more = async {
        site.provider.reached(Endpoint::Par, 8).await;
        let refused = site.begin(&site.client(), &query).await;
        assert_eq!(site.provider.fetches(Endpoint::Par), 8);
        site.provider.release(Endpoint::Par);
        refused
    };
    let (begun, refused) = tokio::join!(join_all(held), one_more);
    assert_refused(&refused, 503, -1220, "the ninth");
    for begun in begun {
        assert_eq!(begun.status, 302, "{}", begun.text());
    }
}

#[tokio::test]
async fn an_error_that_another_provider_sends_is_not_believed() {
    let site = Site::start().await;
    for lie in [Lie::WrongCallbackIssuer, Lie::MissingCallbackIssuer] {
        site.provider.lie(Lie::AuthorizationError("access_denied"));
        site.provider.lie(lie.clone());
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        assert!(parameter(back.as_str(), "error").is_some(), "{back}");
        let answer = client.get(back.as_str()).send().await.unwrap();
        assert_refused(&answer, 401, -1232, &format!("{lie:?}"));
        site.provider.be_honest();
    }
}
