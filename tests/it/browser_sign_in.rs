//! The sign-in with a browser as it should go.
use crate::site::{LOGIN_COOKIE, SESSION_COOKIE, Site, assert_refused, with_parameter};
use sidecar_testkit::{
    client::Answer,
    provider::{Lie, User},
    sql_node::{RETAIL, Who},
};

fn cookies(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_program_gets_a_status_and_the_cookie() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(body["status"]["vendor_code"], 0);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let session = site.session_cookie(&client);
    assert!(session.starts_with("ocs_") && session.len() == 47);
    assert!(
        !answer.text().contains("ocs_"),
        "the cookie alone holds the session"
    );
    let query = site.query_as(&session).await;
    assert_eq!(query.status, 200, "{}", query.text());
    assert_eq!(
        site.node.last_request().credential,
        Who::Token("alice".to_owned())
    );
}

#[tokio::test]
async fn cookies_stay_with_this_host_tls_and_http_and_the_attempts_one_ends_with_it() {
    let site = Site::start().await;
    let client = site.client();
    let begun = site.begin(&client, "").await;
    let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";
    let [login] = cookies(&begun)[..] else {
        panic!("{:?}", begun.headers)
    };
    let (name, rest) = login.split_once('=').unwrap();
    let name = name.to_owned();
    assert!(name.starts_with(LOGIN_COOKIE), "{login}");
    assert!(
        rest.ends_with(&format!("; Max-Age=600{attributes}")),
        "{login}"
    );
    let back = site.at_provider(&client, &begun).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    let [session, cleared] = cookies(&answer)[..] else {
        panic!("{:?}", answer.headers)
    };
    assert!(
        session.starts_with(&format!("{SESSION_COOKIE}=ocs_")),
        "{session}"
    );
    assert!(session.ends_with(attributes), "{session}");
    let age = session
        .split("Max-Age=")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    assert!(
        (28_700..=28_800).contains(&age.parse::<u32>().unwrap()),
        "{session}"
    );
    assert_eq!(cleared, format!("{name}=; Max-Age=0{attributes}"));
}

#[tokio::test]
async fn a_browser_goes_on_to_the_page_it_wanted() {
    let site = Site::start().await;
    let client = site.client();
    let query = "database=retail_analytics&return_to=%2Fv1%2Finfo%3Fa%3D1%26b%3D%2F%2Fx%23top";
    let begun = site.begin(&client, query).await;
    let back = site.at_provider(&client, &begun).await;
    let request = client.get(back.as_str());
    let answer = request
        .accept("text/html,application/xhtml+xml;q=0.9")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/v1/info?a=1&b=//x#top"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.body.is_empty());
    site.session_cookie(&client);
}

#[tokio::test]
async fn a_browser_without_a_wish_gets_a_page_that_cannot_be_abused() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client
        .get(back.as_str())
        .accept("text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (field, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(field), Some(value));
    }
    let policy = answer.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    let page = answer.text();
    assert!(page.contains("alice") && page.contains(RETAIL), "{page}");
    assert!(
        !page.contains("ocs_") && !page.contains("eyJ"),
        "no token is shown: {page}"
    );
}

#[tokio::test]
async fn a_users_name_cannot_become_markup_on_the_page() {
    let site = Site::with(|settings| settings.provider("username_claim", "'nickname'")).await;
    let mut user = User::new("mallory", &[]);
    let name = "<script>alert('1')</script>\"&";
    user.claims.insert("nickname".to_owned(), name.into());
    site.provider.add_user(user);
    site.provider.preset("mallory");
    // The SQL node would look for another claim; what it says does not matter here.
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client
        .get(back.as_str())
        .accept("text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.text();
    assert!(!page.contains("<script"), "{page}");
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;";
    assert!(page.contains(escaped), "{page}");
}

#[tokio::test]
async fn the_code_is_redeemed_with_the_verifier_and_the_same_redirect_uri() {
    let site = Site::start().await;
    site.signed_in_as("alice").await;
    let request = site.provider.last_request("token").unwrap();
    assert_eq!(request.parameter("grant_type"), Some("authorization_code"));
    let callback = site.url("/v1/callback");
    assert_eq!(request.parameter("redirect_uri"), Some(callback.as_str()));
    assert!(request.parameter("code_verifier").unwrap().len() >= 43);
    assert!(request.query.is_empty(), "nothing secret in a URL");
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn another_configured_callback_works_and_each_state_belongs_to_its_own() {
    let site = Site::with(|settings| {
        settings.more("[[callback]]\npath = '/v1/callback'\n[[callback]]\npath = '/app/signed-in'");
    })
    .await;
    site.provider
        .allow_redirect("ocient", &site.url("/app/signed-in"));
    let client = site.client();
    let begin = "database=retail_analytics&sso_callback_path=/app/signed-in";
    let back = site
        .at_provider(&client, &site.begin(&client, begin).await)
        .await;
    assert_eq!(back.path(), "/app/signed-in");
    let mut elsewhere = back.clone();
    elsewhere.set_path("/v1/callback");
    let answer = client.get(elsewhere.as_str()).send().await.unwrap();
    assert_refused(&answer, 400, -1203, "the state of one callback at another");
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_callback_path_that_is_not_configured_is_still_never_the_nodes() {
    let site = Site::with(|settings| settings.more("[[callback]]\npath = '/app/back'")).await;
    let answer = site
        .client()
        .get(&site.url("/v1/callback?code=c&state=s"))
        .send()
        .await
        .unwrap();
    assert_refused(&answer, 400, -1203, "/v1/callback");
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn an_issuer_that_nobody_promised_must_be_right_all_the_same() {
    let site = Site::start().await;
    site.provider.lie(Lie::NoCallbackIssuer);
    // The other difference: it is sent after all.
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let wrong = with_parameter(&back, "iss", Some("https://evil.example/realms/test"));
    let answer = client.get(wrong.as_str()).send().await.unwrap();
    assert_refused(&answer, 401, -1232, "not promised, present and wrong");
    let right = with_parameter(
        &site.nearly_signed_in(&client).await,
        "iss",
        Some(site.provider.issuer()),
    );
    let answer = client.get(right.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        site.provider.fetches("token"),
        1,
        "the wrong one sent no code"
    );
}
