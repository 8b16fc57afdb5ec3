//! Attacks on the sign-in with a browser, and mishaps that look like them.
use crate::site::{
    LOGIN_COOKIE, SESSION_COOKIE, Site, assert_refused, note, parameter, with_parameter,
};
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Client},
    provider::Lie,
    sql_node::RETAIL,
};
use url::Url;

async fn visit(client: &Client, url: &Url) -> Answer {
    client.get(url.as_str()).send().await.unwrap()
}

/// The one login cookie in the jar, as a `Cookie` field.
fn login_cookie(client: &Client) -> String {
    let mut jar = client.cookies().all();
    jar.retain(|cookie| cookie.name.starts_with(LOGIN_COOKIE));
    assert_eq!(jar.len(), 1, "{jar:?}");
    note(&jar[0].value);
    format!("{}={}", jar[0].name, jar[0].value)
}

#[tokio::test]
async fn missing_and_doubled_parameters_are_refused_before_anything_is_used_up() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let doubled = |name: &str, value: &str| {
        let mut url = back.clone();
        url.query_pairs_mut().append_pair(name, value);
        url
    };
    let state = parameter(back.as_str(), "state").unwrap();
    for (case, url) in [
        ("state missing", with_parameter(&back, "state", None)),
        ("state empty", with_parameter(&back, "state", Some(""))),
        ("state twice", doubled("state", &state)),
        ("another state, too", doubled("state", "x")),
        ("code twice", doubled("code", "x")),
        ("iss twice", doubled("iss", site.provider.issuer())),
        (
            "error twice",
            doubled("error", "a")
                .query_pairs_mut()
                .append_pair("error", "b")
                .finish()
                .clone(),
        ),
        ("a name with a blank", doubled("state ", "x")),
    ] {
        assert_refused(&visit(&client, &url).await, 400, -1254, case);
    }
    assert_eq!(site.provider.fetches("token"), 0);
    assert_eq!(visit(&client, &back).await.status, 200);
    let back = site.nearly_signed_in(&client).await;
    let answer = visit(&client, &with_parameter(&back, "code", None)).await;
    assert_refused(&answer, 400, -1254, "code missing");
    for method in ["POST", "PUT", "HEAD"] {
        let request = client.request(method.parse().unwrap(), back.as_str());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET"), "{method}");
    }
    assert_eq!(site.node.token_exchanges().sso_token, 1, "the good one's");
}

#[tokio::test]
async fn a_mixed_up_or_missing_issuer_is_refused_before_the_code_goes_out() {
    let site = Site::patient().await;
    let issuer = site.provider.issuer();
    for (case, iss) in [
        (
            "another",
            Some("https://evil.example/realms/test".to_owned()),
        ),
        ("with a slash", Some(format!("{issuer}/"))),
        ("in upper case", Some(issuer.to_uppercase())),
        ("without its path", Some(issuer.replace("/realms/test", ""))),
        ("empty though promised", Some(String::new())),
        ("missing though promised", None),
    ] {
        for is_error in [false, true] {
            let client = site.client();
            let mut back =
                with_parameter(&site.nearly_signed_in(&client).await, "iss", iss.as_deref());
            if is_error {
                back = with_parameter(&back, "code", None);
                back.query_pairs_mut().append_pair("error", "access_denied");
            }
            let answer = visit(&client, &back).await;
            assert_refused(&answer, 401, -1232, &format!("{case}, error: {is_error}"));
        }
    }
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn the_providers_errors_have_codes_of_their_own() {
    let site = Site::start().await;
    for (error, status, code) in [
        ("access_denied", 403, -1251),
        ("unauthorized_client", 502, -1250),
        ("unsupported_response_type", 502, -1252),
        ("invalid_scope", 502, -1253),
        ("invalid_request", 502, -1254),
        ("server_error", 502, -1255),
        ("temporarily_unavailable", 503, -1256),
        ("login_required", 502, -1221),
        ("<script>", 502, -1221),
    ] {
        site.provider.lie(Lie::AuthorizationError(error));
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let answer = visit(&client, &back).await;
        assert_refused(&answer, status, code, error);
        assert!(!answer.text().contains("<script>"), "{}", answer.text());
        site.provider.be_honest();
    }
    let client = site.client();
    let start = client.get(&site.url("/v1/sso_authentication?database=retail_analytics"));
    let refused = site.provider.refuse(start, &client).await;
    assert_refused(&refused, 403, -1251, "the person refused");
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn return_to_never_leads_to_another_site() {
    let site = Site::start().await;
    for evil in [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\n/evil.example",
        "/\r\nLocation: https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        ".evil.example",
        "%2f%2fevil.example",
        "/\u{202e}evil",
        "/a\u{0}b",
        "?x",
        "#x",
    ] {
        let client = site.client();
        let query = return_to(evil);
        let answer = site.begin(&client, &query).await;
        assert_refused(&answer, 400, -1254, &format!("{evil:?}"));
        let body = json!({"return_to": evil});
        let answer = client
            .post(&site.url("/v1/sso_authentication"))
            .json(body)
            .send()
            .await;
        assert_refused(&answer.unwrap(), 400, -1254, &format!("{evil:?} in a body"));
    }
    // What is accepted stays on this site for every reader of URLs.
    for path in [
        "/%2f/evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/;//evil.example",
        "/@evil.example",
    ] {
        let client = site.client();
        let begun = site.begin(&client, &return_to(path)).await;
        let back = site.at_provider(&client, &begun).await;
        let answer = client
            .get(back.as_str())
            .accept("text/html")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, 303, "{path}");
        let here = Url::parse(&site.origin()).unwrap();
        let there = here.join(answer.header("location").unwrap()).unwrap();
        assert_eq!(there.origin(), here.origin(), "{path} -> {there}");
    }
}

fn return_to(path: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("database", RETAIL)
        .append_pair("return_to", path)
        .finish()
}

#[tokio::test]
async fn a_session_cookie_planted_before_the_sign_in_is_replaced() {
    let site = Site::start().await;
    let planted = site.session_of("bob", RETAIL).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let cookies = format!("{}; {SESSION_COOKIE}={planted}", login_cookie(&client));
    let answer = client
        .get(back.as_str())
        .header("cookie", cookies)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = site.session_cookie(&client);
    assert_ne!(session, planted);
    let mut sessions = vec![planted, session];
    for _ in 0..3 {
        let back = site.nearly_signed_in(&client).await;
        assert_eq!(visit(&client, &back).await.status, 200);
        sessions.push(site.session_cookie(&client));
    }
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 5, "new at every sign-in");
}

#[tokio::test]
async fn several_tabs_sign_in_side_by_side_in_any_order() {
    let site = Site::start().await;
    let client = site.client();
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(site.nearly_signed_in(&client).await);
    }
    tabs.reverse();
    for (number, back) in tabs.iter().enumerate() {
        let answer = visit(&client, back).await;
        assert_eq!(answer.status, 200, "tab {number}: {}", answer.text());
    }
    let left = client.cookies().all();
    assert_eq!(left.len(), 1, "only the session's: {left:?}");
}

#[tokio::test]
async fn abandoned_attempts_do_not_pile_up() {
    let site = Site::start().await;
    let client = site.client();
    let mut last = None;
    for _ in 0..20 {
        last = Some(site.begin(&client, "database=retail_analytics").await);
        assert!(
            client.cookies().all().len() <= 8,
            "{:?}",
            client.cookies().all()
        );
    }
    assert_eq!(client.cookies().all().len(), 8);
    let back = site.at_provider(&client, &last.unwrap()).await;
    assert_eq!(
        visit(&client, &back).await.status,
        200,
        "the newest attempt is kept"
    );
}
