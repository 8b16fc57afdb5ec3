//! Attacks on OAuth connections, and mishaps that look like them.
use crate::connections::{
    ALL, CALLBACK, CORP, CRM, ETL, HOUR, assert_error, connecting, consented, get, listed,
};
use sidecar_testkit::provider::Lie;

#[tokio::test]
async fn neither_another_browser_nor_another_owner_completes_a_connection() {
    let site = connecting(HOUR).await;
    let client = site.client();
    let back = consented(&site, &client, Some(ETL), "alice").await;
    for (case, asked, status) in [
        (
            "another browser",
            get(&site.client(), back.as_str(), ETL).await,
            400,
        ),
        ("another owner", get(&client, back.as_str(), CRM).await, 400),
        (
            "no key of ours",
            get(&client, back.as_str(), "guess").await,
            401,
        ),
        (
            "a session token",
            get(&client, back.as_str(), "ocs_x").await,
            401,
        ),
    ] {
        assert_error(&asked, status, case);
    }
    let doubled = client
        .get(back.as_str())
        .header("x-api-key", ETL)
        .bearer(ETL);
    assert_error(&doubled.send().await.unwrap(), 400, "two keys");
    let mut elsewhere = back.clone();
    elsewhere.set_path("/v1/callback");
    let moved = get(&client, elsewhere.as_str(), ETL).await;
    assert_eq!(moved.status, 400, "the state is for another callback");
    assert_eq!(site.provider.fetches("token"), 0);
    assert_eq!(get(&client, back.as_str(), ETL).await.status, 200);
}

#[tokio::test]
async fn a_state_of_a_sign_in_makes_no_connection() {
    let site = connecting(HOUR).await;
    let client = site.client();
    let mut back = site.nearly_signed_in(&client).await;
    back.set_path(CALLBACK);
    assert_error(&get(&client, back.as_str(), ETL).await, 400, "a sign-in");
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn guessed_keys_are_throttled_and_good_ones_never() {
    let site = connecting(HOUR).await;
    for number in 0..20 {
        let guess = get(&site.client(), &site.url(ALL), &format!("guess-{number}")).await;
        assert_error(&guess, 401, "a guess");
    }
    let guess = get(&site.client(), &site.url(ALL), "guess").await;
    assert_error(&guess, 429, "one too many");
    assert!(guess.header("retry-after").is_some());
    assert!(listed(&site, ETL).await.is_empty());
    let keyless = site.client().get(&site.url(ALL)).send().await.unwrap();
    assert_error(&keyless, 401, "no key is no guess");
}

#[tokio::test]
async fn the_endpoints_know_their_methods_and_no_odd_spelling() {
    let site = connecting(HOUR).await;
    for (method, path, allowed) in [
        ("POST", ALL, "GET"),
        ("DELETE", CORP, "GET"),
        (
            "GET",
            "/hub/integrations/corp/oauth-connections/x",
            "DELETE",
        ),
        ("POST", CALLBACK, "GET"),
    ] {
        let request = site
            .client()
            .request(method.parse().unwrap(), &site.url(path));
        let answer = request.header("x-api-key", ETL).send().await.unwrap();
        assert_error(&answer, 405, path);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    for path in [
        "/HUB/integrations/oauth-connections",
        "/hub/integrations/a%2fb/oauth-connections/c;d",
    ] {
        assert_eq!(
            get(&site.client(), &site.url(path), ETL).await.status,
            400,
            "{path}"
        );
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn what_a_provider_gets_wrong_becomes_no_connection() {
    let site = connecting(HOUR).await;
    for (lie, status) in [
        (Lie::TokenError(400, "invalid_grant"), 400),
        (Lie::AuthorizationError("access_denied"), 400),
        (Lie::WrongNonce, 401),
        (Lie::BadSignature, 401),
        (Lie::WrongCallbackIssuer, 401),
        (Lie::BadAtHash, 401),
        (Lie::MacTokenType, 502),
    ] {
        site.provider.lie(lie.clone());
        let client = site.client();
        let back = consented(&site, &client, Some(ETL), "alice").await;
        let answer = get(&client, back.as_str(), ETL).await;
        assert_error(&answer, status, &format!("{lie:?}"));
        site.provider.be_honest();
    }
    assert!(listed(&site, ETL).await.is_empty());
}
