//! Whether a page of another site can use somebody's session cookie.
use crate::site::{SESSION_COOKIE, Site, assert_refused};
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, RequestBuilder},
    sql_node::RETAIL,
};

/// Fields of a request, and which of four requests pass with them.
type Case = (&'static [(&'static str, &'static str)], [bool; 4]);

/// Fields that a browser sets, and whether they let `POST /v1/execute`, `GET /v1/execute`,
/// `GET /v1/info` and `POST` elsewhere pass. `HERE` stands for this site's origin.
const TABLE: [Case; 22] = [
    (&[("sec-fetch-site", "same-origin")], [true; 4]),
    (&[("sec-fetch-site", "none")], [false, false, true, false]),
    (&[("sec-fetch-site", "same-site")], [false; 4]),
    (&[("sec-fetch-site", "cross-site")], [false; 4]),
    (&[("sec-fetch-site", "SAME-ORIGIN")], [false; 4]),
    (&[("sec-fetch-site", "same-origin, cross-site")], [false; 4]),
    (&[("sec-fetch-site", "")], [false; 4]),
    (
        &[("sec-fetch-site", "cross-site"), ("origin", "HERE")],
        [false; 4],
    ),
    (
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
        ],
        [false; 4],
    ),
    (
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ],
        [true; 4],
    ),
    (&[("origin", "HERE")], [true; 4]),
    (&[("origin", "https://evil.example")], [false; 4]),
    (&[("origin", "null")], [false; 4]),
    (&[("origin", "")], [false; 4]),
    (&[("origin", "HERE.evil.example")], [false; 4]),
    (
        &[("origin", "HERE"), ("origin", "https://evil.example")],
        [false; 4],
    ),
    (
        &[("origin", "https://evil.example"), ("referer", "HERE/page")],
        [false; 4],
    ),
    (&[("referer", "HERE/page?x=1")], [true; 4]),
    (&[("referer", "https://evil.example/?HERE")], [false; 4]),
    (&[("referer", "https://evil.example#HERE")], [false; 4]),
    (&[("referer", "about:blank")], [false; 4]),
    (&[], [false, false, true, false]),
];

fn with_fields(site: &Site, request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    fields.iter().fold(request, |request, (name, value)| {
        request.header(name, value.replace("HERE", &site.origin()))
    })
}

fn assert_verdict(answer: &Answer, passes: bool, case: &str) {
    match passes {
        true => assert_ne!(answer.status, 403, "{case}: {}", answer.text()),
        false => assert_refused(answer, 403, -719, case),
    }
}

#[tokio::test]
async fn a_cookie_counts_only_for_requests_of_this_sites_own_making() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let cookie = format!("{SESSION_COOKIE}={}", site.session_cookie(&client));
    let http2 = site.client().http2().connect(&site.origin()).await.unwrap();
    let http1 = site.client().connect(&site.origin()).await.unwrap();
    for (fields, passes) in TABLE {
        for connection in [&http1, &http2] {
            let statement = "/v1/execute?statement=select+1";
            let body = json!({"statement": "select 1"});
            let requests = [
                connection.post("/v1/execute").json(&body),
                connection.get(statement),
                connection.get("/v1/info"),
                connection.post("/v1/unknown").json(&body),
            ];
            for (request, passes) in requests.into_iter().zip(passes) {
                site.node.clear_requests();
                let request = with_fields(&site, request, fields).header("cookie", &cookie);
                let answer = request.send().await.unwrap();
                let case = format!("{} {fields:?} {:?}", answer.url, answer.version);
                assert_verdict(&answer, passes, &case);
                let arrived = site.node.requests().len();
                assert_eq!(arrived, usize::from(passes), "at the SQL node: {case}");
            }
        }
    }
}

#[tokio::test]
async fn laxly_spelled_queries_are_held_to_the_same_rule() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    for path in [
        "/v1/execute",
        "/v1/execute/",
        "/v1/execute/system",
        "/v1//execute",
        "/v1/./execute",
        "/v1/%65xecute",
        "/v1/EXECUTE",
        "/v1/execute;x=1",
        "/v1/execute%2fsystem",
        "/v1\\execute",
        "/v1/info/../execute/system",
    ] {
        // A link in a mail: no page began it.
        let request = client.get(&site.url(&format!("{path}?statement=select+1")));
        let answer = request
            .header("sec-fetch-site", "none")
            .send()
            .await
            .unwrap();
        assert_refused(&answer, 403, -719, path);
    }
    assert_eq!(site.node.token_exchanges().total(), 1, "the sign-in's");
}

#[tokio::test]
async fn a_refusal_says_what_a_person_can_do() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let url = site.url("/v1/execute?statement=select+1");
    for (site_field, words) in [
        (Some("none"), "typed address"),
        (Some("cross-site"), "page of another site"),
        (None, "Authorization field"),
    ] {
        let request = client.get(&url);
        let request = site_field.into_iter().fold(request, |request, value| {
            request.header("sec-fetch-site", value)
        });
        let answer = request.send().await.unwrap();
        let reason = answer.json()["status"]["reason"].to_string();
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn another_sites_page_can_neither_end_nor_extend_a_session() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    for path in ["/v1/logout", "/v1/token_refresh", "/v1/token-refresh/"] {
        for (fields, passes) in TABLE {
            if passes[3] {
                continue;
            }
            let request = with_fields(&site, client.post(&site.url(path)), fields);
            let answer = request.send().await.unwrap();
            assert_refused(&answer, 403, -719, &format!("{path} {fields:?}"));
            assert!(
                !answer.headers.contains_key("set-cookie"),
                "{path} {fields:?}"
            );
        }
    }
    let query = site.query(&client).header("sec-fetch-site", "same-origin");
    assert_eq!(query.send().await.unwrap().status, 200, "the session lives");
}

#[tokio::test]
async fn a_program_with_the_session_token_needs_no_proof_of_origin() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let token = site.session_cookie(&client);
    let request = site.query(&site.client()).bearer(&token);
    let request = request.header("origin", "https://evil.example");
    let answer = request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_cookie_beside_a_password_is_neither_used_nor_passed_on() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let request = site.query(&client).basic("admin@system", "admin");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let request = site.node.last_request();
    assert_eq!(request.header("cookie"), None);
    assert!(
        request
            .header("authorization")
            .unwrap()
            .starts_with("Basic ")
    );
}

/// Browsers repeat it by themselves once a person has answered a prompt.
#[tokio::test]
async fn a_password_that_another_sites_page_had_the_browser_send_runs_nothing() {
    let site = Site::start().await;
    let (session, id_token) = (
        site.session_of("alice", RETAIL).await,
        site.id_token("alice"),
    );
    for (user, password) in [
        ("admin@system", "admin"),
        ("session", &session),
        ("id_token", &id_token),
        ("nobody", "wrong"),
    ] {
        for (from, status) in [
            (Some("cross-site"), 403),
            (Some("same-site"), 403),
            (Some("same-origin"), 200),
            (Some("none"), 200),
            (None, 200),
        ] {
            site.node.clear_requests();
            let mut navigation = site
                .client()
                .get(&site.url("/v1/execute/system?statement=select+1"))
                .basic(user, password);
            if let Some(from) = from {
                navigation = navigation.header("sec-fetch-site", from);
            }
            let answer = navigation.send().await.unwrap();
            let case = format!("{user} {from:?}");
            if status == 403 {
                assert_refused(&answer, 403, -719, &case);
                assert!(site.node.requests().is_empty(), "{case}");
            } else {
                let expected = if user == "nobody" { 401 } else { status };
                assert_eq!(answer.status, expected, "{case}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn another_sites_page_ends_no_session_by_a_password() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    for path in ["/v1/logout", "/v1/token_refresh"] {
        let form = site.client().post(&site.url(path));
        let form = form.basic("session", &session);
        let answer = form.header("sec-fetch-site", "cross-site").send().await;
        assert_refused(&answer.unwrap(), 403, -719, path);
    }
    assert_eq!(site.query_as(&session).await.status, 200, "it lives");
}
