//! The code flow with PKCE through a certified provider, for every signature algorithm it offers.

use http::StatusCode;

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

#[tokio::test]
async fn a_browser_lands_on_the_page_it_wanted() {
    let site = Site::start("web-rs256").await;
    let browser = site.browser();
    let url = site.begin(&browser, "&return_to=/v1/info").await;
    let callback = site.provider().sign_in(&url, "alice").await;
    let answer = site.come_back(&browser, callback.as_str(), HTML).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/v1/info"));
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
}

#[tokio::test]
async fn a_browser_that_wanted_no_page_is_told_who_is_signed_in() {
    let site = Site::start("web-rs256").await;
    let browser = site.browser();
    let url = site.begin(&browser, "").await;
    let callback = site.provider().sign_in(&url, "bob").await;
    let answer = site.come_back(&browser, callback.as_str(), HTML).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        answer.text().contains("<bdi>bob</bdi>"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_user_who_refuses_gets_403_and_no_session() {
    let site = Site::start("web-rs256").await;
    let browser = site.browser();
    let url = site.begin(&browser, "").await;
    let callback = site.provider().refuse(&url, "alice").await;
    let error = callback.query_pairs().find(|(name, _)| name == "error");
    assert_eq!(error.unwrap().1, "access_denied");
    let answer = site.come_back(&browser, callback.as_str(), JSON).await;
    assert_refused(&answer, 403, -1251);
    assert!(browser.cookies().find(SESSION).is_none());
}

#[tokio::test]
async fn a_callback_counts_once_and_in_its_own_browser_alone() {
    let site = Site::start("web-rs256").await;
    let browser = site.browser();
    let url = site.begin(&browser, "").await;
    let callback = site.provider().sign_in(&url, "alice").await;
    let elsewhere = site.browser();
    let stolen = site.come_back(&elsewhere, callback.as_str(), JSON).await;
    assert_refused(&stolen, 400, -1203);
    let first = site.come_back(&browser, callback.as_str(), JSON).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let second = site.come_back(&browser, callback.as_str(), JSON).await;
    assert_refused(&second, 400, -1203);
}

#[tokio::test]
async fn a_signed_out_session_is_over_at_the_sidecar_and_at_the_provider() {
    let site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    let token = browser.cookies().find(SESSION).expect("a session").value;
    let logout = browser
        .post(&format!("{}/v1/logout", site.url))
        .header("origin", &site.url);
    let answer = logout.send().await.expect("the sidecar answers");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let leave = answer.json()["redirect_url"].clone();
    let end = format!("{}/session/end?", site.provider().issuer);
    assert!(leave.as_str().unwrap().starts_with(&end), "{leave}");
    assert!(browser.cookies().find(SESSION).is_none());
    assert_refused(&site.whoami(Whoami::Bearer(&token)).await, 401, -1204);
}

/// As browsers ask when they navigate.
const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const JSON: &str = "application/json";
