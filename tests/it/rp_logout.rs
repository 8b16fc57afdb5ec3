//! Logout that begins here: the relying-party tests of the OpenID Foundation by name, and what
//! the browser carries to the provider.
use crate::site::{Site, assert_refused, parameter};
use sidecar_testkit::client::{Answer, Client};

/// The cookie that binds a sign-out at the provider to its browser.
const LOGOUT_COOKIE: &str = "__Host-ocient_logout";

/// A site whose provider takes browsers back, and whose application is for browsers alone.
async fn returning() -> Site {
    let site = Site::with(|settings| {
        settings.provider("flows", "['code']");
        settings.provider("post_logout_redirect", "true");
    })
    .await;
    let back = site.url("/v1/logged_out");
    site.provider.allow_post_logout_redirect("ocient", &back);
    site
}

impl Site {
    /// Signs a browser out; where it is told to go.
    async fn sign_out(&self, client: &Client) -> String {
        let logout = client
            .post(&self.url("/v1/logout"))
            .header("sec-fetch-site", "same-origin");
        let answer = logout.send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["redirect_url"].as_str().unwrap().to_owned()
    }
}

/// Goes to the provider; where that sends the browser.
async fn at_provider(client: &Client, url: &str) -> String {
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

async fn visit(client: &Client, url: &str) -> Answer {
    client.get(url).send().await.unwrap()
}

#[tokio::test]
async fn rp_init_logout() {
    let site = returning().await;
    let client = site.signed_in_as("alice").await;
    let url = site.sign_out(&client).await;
    assert!(url.starts_with(&site.provider.url("end_session")), "{url}");
    assert!(parameter(&url, "id_token_hint").unwrap().starts_with("ey"));
    assert_eq!(parameter(&url, "client_id").unwrap(), "ocient");
    let back = at_provider(&client, &url).await;
    assert!(back.starts_with(&site.url("/v1/logged_out")), "{back}");
    let answer = visit(&client, &back).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(client.cookies().find(LOGOUT_COOKIE).is_none(), "used up");
    assert_refused(&visit(&client, &back).await, 400, -1203, "once more");
}

#[tokio::test]
async fn rp_init_logout_session() {
    let site = returning().await;
    let (client, other) = (
        site.signed_in_as("alice").await,
        site.signed_in_as("alice").await,
    );
    let url = site.sign_out(&client).await;
    let request = at_provider(&client, &url).await;
    assert!(parameter(&request, "state").is_some());
    let at_provider = site.provider.last_request("end_session").unwrap();
    assert!(at_provider.parameter("id_token_hint").is_some());
    let other = site.session_cookie(&other);
    assert_eq!(site.query_as(&other).await.status, 200, "another session");
}

#[tokio::test]
async fn rp_init_logout_no_state() {
    let site = returning().await;
    let client = site.signed_in_as("alice").await;
    site.sign_out(&client).await;
    let answer = visit(&client, &site.url("/v1/logged_out")).await;
    assert_refused(&answer, 400, -1203, "no state");
    let answer = visit(&client, &site.url("/v1/logged_out?state=")).await;
    assert_refused(&answer, 400, -1203, "an empty state");
}

#[tokio::test]
async fn rp_init_logout_other_state() {
    let site = returning().await;
    let (client, victim) = (site.signed_in_as("alice").await, site.client());
    let url = site.sign_out(&client).await;
    let state = parameter(&url, "state").unwrap();
    let other = site.url(&format!("/v1/logged_out?state={state}x"));
    assert_refused(&visit(&client, &other).await, 400, -1203, "another state");
    let back = at_provider(&client, &url).await;
    assert_refused(
        &visit(&victim, &back).await,
        400,
        -1203,
        "a victim's browser",
    );
    let twice = format!("{back}&state={state}");
    assert_refused(&visit(&client, &twice).await, 400, -1254, "twice");
    assert_eq!(visit(&client, &back).await.status, 200);
}

#[tokio::test]
async fn no_working_credential_is_in_the_address_of_a_logout() {
    let site = Site::with(|settings| settings.provider("flows", "['code', 'token']")).await;
    let client = site.signed_in_as("alice").await;
    let url = site.sign_out(&client).await;
    assert_eq!(parameter(&url, "id_token_hint"), None, "{url}");
    assert_eq!(parameter(&url, "logout_hint").unwrap(), "alice");
    assert_eq!(parameter(&url, "client_id").unwrap(), "ocient");
    assert_eq!(parameter(&url, "post_logout_redirect_uri"), None);
    assert!(client.cookies().find(LOGOUT_COOKIE).is_none());
}

#[tokio::test]
async fn a_program_is_not_sent_back_to_a_page() {
    let site = returning().await;
    let session = site.session_cookie(&site.signed_in_as("alice").await);
    let answer = site.post_as(&session, "/v1/logout").send().await.unwrap();
    assert!(!answer.headers.contains_key("set-cookie"));
    let url = answer.json()["redirect_url"].as_str().unwrap().to_owned();
    assert_eq!(parameter(&url, "post_logout_redirect_uri"), None);
    assert_eq!(parameter(&url, "state"), None);
}
