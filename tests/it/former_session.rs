//! A sign-in in a browser that has a session already.
use crate::site::{SESSION_COOKIE, Site, note, with_parameter};
use serde_json::Value;
use sidecar_testkit::client::Client;

/// The browser's cookies, as a `Cookie` field.
fn cookies(browser: &Client) -> String {
    let jar = browser.cookies().all();
    let pairs = jar.iter().map(|cookie| {
        note(&cookie.value);
        format!("{}={}", cookie.name, cookie.value)
    });
    pairs.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_sign_in_ends_the_session_whose_cookie_it_replaces_whoevers_it_was() {
    let site = Site::start().await;
    let client = site.signed_in_as("bob").await;
    let former = site.session_cookie(&client);
    assert_eq!(site.query_as(&former).await.status, 200);
    let back = site.nearly_signed_in(&client).await;
    assert_eq!(
        site.query_as(&former).await.status,
        200,
        "to begin one ends nothing"
    );
    let begun = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(begun.status, 200, "{}", begun.text());
    let session = site.session_cookie(&client);
    assert_ne!(session, former);
    assert_eq!(site.query_as(&former).await.status, 401);
    assert_eq!(site.query_as(&session).await.status, 200);
    site.provider.reached("revoke", 1).await;
    let ended = site
        .log
        .wait_for("audit", 1, |line| line["event"] == "logout");
    assert_eq!(ended.await[0]["identity"], "bob");
    let again = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(again.status, 400, "the state is used");
    assert_eq!(
        site.query_as(&session).await.status,
        200,
        "a replayed link ends nothing"
    );
    let audits = site.log.of_kind("audit");
    let logouts = audits.iter().filter(|line| line["event"] == "logout");
    assert_eq!(logouts.count(), 1);
}

#[tokio::test]
async fn a_sign_in_that_fails_and_one_with_two_cookies_or_a_broken_one_end_no_session() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let former = site.session_cookie(&client);
    let back = site.nearly_signed_in(&client).await;
    for (name, value) in [
        ("error", Some("access_denied")),
        ("iss", Some("https://evil.example")),
        ("code", Some("x")),
    ] {
        let url = with_parameter(&back, name, value);
        let failed = client.get(url.as_str()).send().await.unwrap();
        assert!(failed.status.is_client_error(), "{name}");
    }
    assert_eq!(site.query_as(&former).await.status, 200);
    let shown = [
        (
            format!("{SESSION_COOKIE}={former}; {SESSION_COOKIE}=x"),
            400,
        ),
        (format!("{SESSION_COOKIE}={former}x"), 200),
        (format!("{SESSION_COOKIE}="), 200),
    ];
    for (cookie, status) in shown {
        let browser = site.client();
        let back = site.nearly_signed_in(&browser).await;
        let cookie = format!("{}; {cookie}", cookies(&browser));
        let visit = site.client().get(back.as_str()).header("cookie", &cookie);
        let begun = visit.send().await.unwrap();
        assert_eq!(begun.status, status, "{}", begun.text());
    }
    assert_eq!(site.query_as(&former).await.status, 200);
}

#[tokio::test]
async fn a_session_shown_by_authorization_outlives_a_sign_in() {
    let site = Site::start().await;
    let former = site.session_cookie(&site.signed_in_as("alice").await);
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let begun = client.get(back.as_str()).bearer(&former).send().await;
    assert_eq!(begun.unwrap().status, 200);
    assert_eq!(site.query_as(&former).await.status, 200);
}

#[tokio::test]
async fn of_two_tabs_that_sign_in_at_once_both_do_and_the_former_session_ends_once() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let former = site.session_cookie(&client);
    let tabs = [
        site.nearly_signed_in(&client).await,
        site.nearly_signed_in(&client).await,
    ];
    let cookies = cookies(&client);
    let visit = async |tab: usize| {
        let browser = site.client(); // its own jar: both tabs send what was there before
        let visit = browser.get(tabs[tab].as_str()).header("cookie", &cookies);
        let begun = visit.send().await;
        assert_eq!(begun.unwrap().status, 200, "{tab}");
        site.session_cookie(&browser)
    };
    let (one, other) = tokio::join!(visit(0), visit(1));
    for (session, status) in [(&one, 200), (&other, 200), (&former, 401)] {
        assert_eq!(site.query_as(session).await.status, status);
    }
    let is_logout = |line: &Value| line["event"] == "logout";
    site.log.wait_for("audit", 1, is_logout).await;
    let audits = site.log.of_kind("audit");
    assert_eq!(audits.iter().filter(|line| is_logout(line)).count(), 1);
}
