//! Who gets a page, and who gets JSON.
use crate::site::{Site, assert_refused};
use sidecar_testkit::client::{Answer, Client, RequestBuilder};

/// What a browser sends when it opens a page.
pub(crate) const NAVIGATION: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A browser opens a page of this site.
pub(crate) fn navigating(request: RequestBuilder) -> RequestBuilder {
    request
        .accept(NAVIGATION)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "same-origin")
}

/// Asserts that `answer` is one of our pages, in which nothing can act.
#[track_caller]
pub(crate) fn assert_page(answer: &Answer, case: &str) {
    for (field, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(
            answer.header(field),
            Some(value),
            "{case}: {}",
            answer.text()
        );
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{case}: {policy}"
    );
    let page = answer.text();
    assert!(page.starts_with("<!doctype html>"), "{case}: {page}");
    assert!(!page.contains("<script"), "{case}: {page}");
}

/// Clients that are no browser opening a page.
fn programs(request: impl Fn() -> RequestBuilder) -> Vec<(&'static str, RequestBuilder)> {
    let html = || request().accept(NAVIGATION);
    vec![
        ("says nothing", request()),
        ("curl, requests", request().accept("*/*")),
        ("JSON", request().accept("application/json")),
        (
            "axios",
            request().accept("application/json, text/plain, */*"),
        ),
        ("both", request().accept("text/html, application/json")),
        (
            "Java",
            request().accept("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),
        ),
        ("streaming", request().accept("application/stream+json")),
        (
            "fetch() of a page",
            html()
                .header("sec-fetch-mode", "cors")
                .header("sec-fetch-dest", "empty")
                .header("sec-fetch-site", "same-origin"),
        ),
        (
            "a frame",
            html()
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "iframe"),
        ),
    ]
}

/// Requests that are refused here: method, path, status, code.
const REFUSED: [(&str, &str, u16, i64); 9] = [
    ("GET", "/v1/callback", 400, -1254),
    ("GET", "/v1/callback?code=c&state=s", 400, -1203),
    ("GET", "/v1/sso_authentication?provider=x", 404, -1201),
    ("GET", "/v1/sso_authentication?return_to=//x", 400, -1254),
    ("GET", "/v1/sso_token", 405, -1254),
    ("GET", "/v1%2fsso_token", 400, -1254),
    ("GET", "/v1/info", 401, -1204),
    ("GET", "/v1/execute?statement=select+1", 401, -1204),
    ("POST", "/v1/execute", 401, -1204),
];

async fn strict() -> Site {
    Site::with(|settings| {
        settings.set("pass_through", "anonymous", "false");
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await
}

fn request(site: &Site, client: &Client, method: &str, path: &str) -> RequestBuilder {
    client.request(method.parse().unwrap(), &site.url(path))
}

#[tokio::test]
async fn an_api_client_never_gets_a_page() {
    let site = strict().await;
    for client in [site.client(), site.client().http2()] {
        for (method, path, status, code) in REFUSED {
            for (who, request) in programs(|| request(&site, &client, method, path)) {
                let case = format!("{method} {path} {who}");
                let answer = request.send().await.unwrap();
                assert_refused(&answer, status, code, &case);
                assert_eq!(
                    answer.header("content-type"),
                    Some("application/json"),
                    "{case}"
                );
                assert!(!answer.headers.contains_key("location"), "{case}");
            }
        }
    }
    let bearer = navigating(site.client().get(&site.url("/v1/info"))).bearer("ocs_x");
    assert_refused(&bearer.send().await.unwrap(), 401, -1204, "a session token");
}

#[tokio::test]
async fn an_api_client_that_signs_in_or_out_gets_neither_a_page_nor_a_redirect() {
    let site = Site::start().await;
    let kinds = programs(|| site.client().get("x")).len();
    for number in 0..kinds {
        let client = site.client();
        let begun = site
            .begin(&client, "database=retail_analytics&return_to=/v1/info")
            .await;
        let back = site.at_provider(&client, &begun).await;
        let (who, request) = programs(|| client.get(back.as_str())).swap_remove(number);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, 200, "{who}: {}", answer.text());
        assert_eq!(answer.json()["status"]["vendor_code"], 0, "{who}");
        let logout = || {
            client
                .post(&site.url("/v1/logout"))
                .header("origin", site.origin())
        };
        let (_, request) = programs(logout).swap_remove(number);
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{who}"
        );
        assert_eq!(answer.status, 200, "{who}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_person_gets_a_page_with_the_status_of_the_json() {
    let site = strict().await;
    for client in [site.client(), site.client().http2()] {
        for (method, path, status, code) in REFUSED {
            let case = format!("{method} {path}");
            let request = navigating(request(&site, &client, method, path));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status, status, "{case}");
            assert_page(&answer, &case);
            let page = answer.text();
            let id = answer.header("x-request-id").unwrap();
            for fact in [id, &code.to_string()] {
                assert!(
                    page.contains(&format!("<bdi>{fact}</bdi>")),
                    "{case}: {page}"
                );
            }
            let challenge = (status == 401).then_some("Bearer");
            assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
            assert_eq!(answer.header("allow").is_some(), status == 405, "{case}");
        }
    }
}

#[tokio::test]
async fn a_page_for_head_has_no_body_and_the_length_it_would_have() {
    let site = strict().await;
    for client in [site.client(), site.client().http2()] {
        let url = site.url("/v1/info");
        let [get, head] = [client.get(&url), client.head(&url)].map(|it| {
            let it = it.header("x-request-id", "the-same-length");
            navigating(it).send()
        });
        let (get, head) = (get.await.unwrap(), head.await.unwrap());
        assert_page(&get, "GET");
        assert!(head.body.is_empty());
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()));
    }
}

#[tokio::test]
async fn an_answer_of_the_sql_node_never_becomes_a_page() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    for path in [
        "/v1/nowhere",
        "/v1/info",
        "/v1/execute?statement=select+nonsense",
    ] {
        let answer = navigating(client.get(&site.url(path)))
            .send()
            .await
            .unwrap();
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("application/json"), "{path}: {kind}");
    }
}
