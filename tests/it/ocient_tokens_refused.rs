//! Ocient tokens and identities that the SQL node refuses.
use crate::site::{Settings, Site, assert_refused};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL},
};

fn login_mode(settings: &mut Settings) {
    settings.login_mode();
    settings.grant("account = 'analyst'");
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_repeated_once() {
    for mode in ["exchange", "login"] {
        let site = Site::with(|settings| {
            if mode == "login" {
                login_mode(settings);
            }
        })
        .await;
        let session = site.session_of("alice", RETAIL).await;
        assert_eq!(site.query_as(&session).await.status, 200);
        for (case, answer) in [
            ("401", CannedAnswer::unauthorized()),
            (
                "401 of nobody",
                CannedAnswer::status(StatusCode::UNAUTHORIZED),
            ),
            ("200 with -733", CannedAnswer::session_expired()),
            (
                "200 with -1205",
                CannedAnswer::failure(StatusCode::OK, -1205, "42502"),
            ),
            (
                "403 with -1206",
                CannedAnswer::failure(StatusCode::FORBIDDEN, -1206, "42502"),
            ),
            (
                "200 with -1207",
                CannedAnswer::failure(StatusCode::OK, -1207, "42502"),
            ),
        ] {
            site.node.clear_requests();
            let before = site.node.token_exchanges().total();
            site.node.answer_next(1, answer);
            let answer = site.query_as(&session).await;
            assert_eq!(answer.status, 200, "{mode} {case}: {}", answer.text());
            assert_eq!(answer.json()["data"], json!([{"one": 1}]), "{mode} {case}");
            assert_eq!(
                site.node.token_exchanges().total() - before,
                1,
                "{mode} {case}"
            );
            let mut requests = site.node.requests();
            requests.retain(|request| request.endpoint == Endpoint::Execute);
            let [first, second] = &requests[..] else {
                panic!("{mode} {case}: {requests:?}")
            };
            assert_eq!(first.body, second.body, "{mode} {case}");
            assert_eq!(first.target, second.target, "{mode} {case}");
            assert_ne!(
                first.headers["authorization"],
                second.headers["authorization"]
            );
        }
    }
}

#[tokio::test]
async fn a_request_without_a_body_is_repeated_too() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    for client in [site.client(), site.client().http2()] {
        site.node.forget_tokens();
        let query = client.get(&site.url("/v1/execute?statement=select+1"));
        let answer = query.bearer(&session).send().await.unwrap();
        assert_eq!(
            answer.status,
            200,
            "{:?}: {}",
            answer.version,
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_node_that_refuses_every_token_is_not_asked_for_one_with_every_request() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let before = site.node.token_exchanges().sso_token;
    site.node.answer_next(1000, CannedAnswer::unauthorized());
    for _ in 0..30 {
        let answer = site.query_as(&session).await;
        assert_refused_by_node(&answer, 401, -1208);
    }
    assert_eq!(site.node.token_exchanges().sso_token - before, 10);
}

#[tokio::test]
async fn a_node_that_refuses_again_is_believed() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    site.node.clear_requests();
    site.node.answer_next(2, CannedAnswer::unauthorized());
    let answer = site.query_as(&session).await;
    assert_refused_by_node(&answer, 401, -1208);
    let executed = |site: &Site| {
        let requests = site.node.requests().into_iter();
        requests
            .filter(|request| request.endpoint == Endpoint::Execute)
            .count()
    };
    assert_eq!(executed(&site), 2);
    assert_eq!(site.node.token_exchanges().sso_token, 2);
    assert_eq!(
        site.query_as(&session).await.status,
        200,
        "the next request works"
    );
}

fn assert_refused_by_node(answer: &Answer, status: u16, code: i64) {
    let found = (
        answer.status.as_u16(),
        answer.json()["status"]["vendor_code"].as_i64(),
    );
    assert_eq!(found, (status, Some(code)), "{}", answer.text());
}

#[tokio::test]
async fn a_long_request_is_not_repeated_but_its_token_is_replaced() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let statement = |length: usize| {
        let start = json!({"statement": "select 1 as one", "x": ""}).to_string();
        start.replace(
            "\"x\":\"\"",
            &format!("\"x\":\"{}\"", "x".repeat(length - start.len())),
        )
    };
    const KEPT: usize = 64 * 1024;
    for (length, status) in [(KEPT, 200), (KEPT + 1, 401), (1 << 20, 401)] {
        site.node.answer_next(1, CannedAnswer::unauthorized());
        let before = site.node.token_exchanges().sso_token;
        let query = site
            .post_as(&session, "/v1/execute")
            .header("content-type", "application/json");
        let answer = query.body(statement(length)).send().await.unwrap();
        assert_eq!(answer.status, status, "{length}: {}", answer.text());
        assert_eq!(
            site.node.token_exchanges().sso_token - before,
            1,
            "{length}"
        );
        assert_eq!(site.query_as(&session).await.status, 200, "{length}");
    }
}

#[tokio::test]
async fn other_answers_are_passed_on_and_replace_nothing() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let before = site.node.token_exchanges();
    let large = format!(
        r#"{{"status":{{"vendor_code":-733}},"x":"{}"}}"#,
        "x".repeat(4096)
    );
    let json_answer = |body: &str| {
        CannedAnswer::status(StatusCode::OK)
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    for (case, canned) in [
        (
            "forbidden",
            CannedAnswer::failure(StatusCode::FORBIDDEN, -719, "42502"),
        ),
        (
            "a mistake in SQL",
            CannedAnswer::failure(StatusCode::OK, -500, "42601"),
        ),
        ("too large for an envelope", json_answer(&large)),
        (
            "not an envelope",
            json_answer(r#"{"data":[{"vendor_code":-733}]}"#),
        ),
        ("not JSON", json_answer("{-733")),
        (
            "unavailable",
            CannedAnswer::status(StatusCode::SERVICE_UNAVAILABLE),
        ),
    ] {
        site.node.answer_next(1, canned.clone());
        let answer = site.query_as(&session).await;
        assert_eq!(
            (answer.status, &answer.body),
            (canned.status, &canned.body),
            "{case}"
        );
    }
    assert_eq!(site.node.token_exchanges(), before);
}

#[tokio::test]
async fn a_node_that_forgot_all_tokens_is_asked_once_for_many_requests_of_one_session() {
    for round in 0..2 {
        let site = Site::start().await;
        let session = site.session_of("alice", RETAIL).await;
        site.node.forget_tokens();
        let client = site.client().http2().connect(&site.origin()).await.unwrap();
        let query = |_| {
            client
                .get("/v1/execute?statement=select+1")
                .bearer(&session)
                .send()
        };
        for answer in join_all((0..60).map(query)).await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        }
        assert_eq!(site.node.token_exchanges().sso_token, 2, "round {round}");
    }
}

#[tokio::test]
async fn an_identity_that_the_node_refuses_is_forbidden_and_not_asked_about_again_at_once() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let refused = || {
        Misbehaviour::Answer(CannedAnswer::failure(
            StatusCode::UNAUTHORIZED,
            -1231,
            "42502",
        ))
    };
    site.node.misbehave(Endpoint::SsoToken, 1, refused());
    for _ in 0..5 {
        let answer = site.query_as(&token).await;
        assert_refused(&answer, 403, -719, "refused");
        assert!(answer.text().contains("-1231"), "{}", answer.text());
    }
    assert_eq!(site.node.token_exchanges().sso_token, 1);
    assert_eq!(
        site.node.requests().len(),
        1,
        "the query itself never arrives"
    );
}

#[tokio::test]
async fn a_session_whose_identity_the_node_refuses_later_is_over() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    site.node.forget_tokens();
    let refused = CannedAnswer::failure(StatusCode::UNAUTHORIZED, -1228, "42502");
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(refused));
    // The retry's refusal leaves the node's own answer to the first attempt.
    assert_refused_by_node(&site.query_as(&session).await, 401, -1205);
    assert_refused(&site.query_as(&session).await, 401, -733, "from then on");
}
