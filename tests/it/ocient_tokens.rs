//! Ocient tokens: obtained by both modes, renewed, replaced when refused, and never shown.
use crate::site::{Settings, Site, assert_refused, authority};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::Answer,
    provider::{Provider, ProviderOptions},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, SqlNodeOptions, Who},
};
use std::time::{Duration, Instant};

fn login_mode(settings: &mut Settings) {
    settings.login_mode();
    settings.grant("account = 'analyst'");
}

/// A site in mode `login`, where the node says how long its tokens live.
async fn with_lifetime(seconds: u64) -> Site {
    let options = SqlNodeOptions {
        token_lifetime: Duration::from_secs(seconds),
        ..SqlNodeOptions::default()
    };
    let provider = Provider::start(ProviderOptions::new(&authority()));
    Site::with_parts(provider, options, login_mode).await
}

#[tokio::test]
async fn mode_exchange_uses_the_users_own_name() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_eq!(
        site.node.last_request().credential,
        Who::Token("alice".to_owned())
    );
    let exchanges = site.node.token_exchanges();
    assert_eq!((exchanges.sso_token, exchanges.login), (1, 0));
}

#[tokio::test]
async fn mode_login_uses_the_account_of_the_grant_for_everybody_who_has_it() {
    let site = Site::with(login_mode).await;
    let session = site.session_of("alice", RETAIL).await;
    assert_eq!(
        site.node.token_exchanges().total(),
        0,
        "not before it is needed"
    );
    let path = format!("/v1/execute/{RETAIL}");
    for token in [
        session,
        site.session_of("carol", RETAIL).await,
        site.id_token("bob"),
    ] {
        let query = site
            .post_as(&token, &path)
            .json(json!({"statement": "select 1"}));
        let answer = query.send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            site.node.last_request().credential,
            Who::Token("analyst".to_owned())
        );
    }
    let exchanges = site.node.token_exchanges();
    assert_eq!((exchanges.sso_token, exchanges.login), (0, 1));
}

#[tokio::test]
async fn a_token_is_renewed_once_at_half_its_life_while_requests_go_on() {
    let site = with_lifetime(6).await;
    let session = site.session_of("alice", RETAIL).await;
    let began = Instant::now();
    assert_eq!(site.query_as(&session).await.status, 200);
    let first = site.node.last_request().headers["authorization"].clone();
    site.node
        .misbehave(Endpoint::TokenRefresh, 1, Misbehaviour::StallBeforeHead);
    while site.node.token_exchanges().token_refresh == 0 {
        assert_eq!(site.query_as(&session).await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(6), "never renewed");
    }
    assert!(
        began.elapsed() >= Duration::from_secs(3),
        "too early: {:?}",
        began.elapsed()
    );
    // The renewal hangs; nobody waits for it, and nobody begins another one.
    site.node.clear_requests();
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let query = || {
        client
            .get("/v1/execute?statement=select+1")
            .bearer(&session)
            .send()
    };
    for answer in join_all((0..50).map(|_| query())).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    for request in site.node.requests() {
        assert_eq!(
            request.headers["authorization"], first,
            "the old token is still good"
        );
    }
    assert_eq!(site.node.token_exchanges().token_refresh, 1);
    site.node.release_stalled();
    while site.node.last_request().headers["authorization"] == first {
        assert_eq!(query().await.unwrap().status, 200);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the new token is never used"
        );
    }
    let exchanges = site.node.token_exchanges();
    assert_eq!((exchanges.login, exchanges.token_refresh), (1, 1));
}

#[tokio::test]
async fn a_renewal_that_the_node_refuses_becomes_a_new_sign_in() {
    let site = with_lifetime(6).await;
    let session = site.session_of("alice", RETAIL).await;
    let refused = CannedAnswer::failure(StatusCode::UNAUTHORIZED, -1208, "42502");
    site.node
        .misbehave(Endpoint::TokenRefresh, 1, Misbehaviour::Answer(refused));
    let began = Instant::now();
    while site.node.token_exchanges().login < 2 {
        assert_eq!(site.query_as(&session).await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(6), "never renewed");
    }
    assert_eq!(site.node.token_exchanges().token_refresh, 1);
}

#[tokio::test]
async fn a_node_that_is_down_or_late_or_talks_nonsense_during_an_exchange_is_told() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let nonsense = CannedAnswer::status(StatusCode::OK).body("<html>");
    let empty = CannedAnswer::status(StatusCode::OK).body("{}");
    let broken = CannedAnswer::status(StatusCode::INTERNAL_SERVER_ERROR);
    let overloaded = CannedAnswer::failure(StatusCode::SERVICE_UNAVAILABLE, -1100, "57011");
    let failed = CannedAnswer::failure(StatusCode::INTERNAL_SERVER_ERROR, -103, "58005");
    let bad_token = CannedAnswer::status(StatusCode::OK).body(r#"{"id_token":"a\nb"}"#);
    for (case, what, code) in [
        ("closes", Misbehaviour::CloseBeforeHead, -201),
        ("nonsense", Misbehaviour::Answer(nonsense), -203),
        ("no token", Misbehaviour::Answer(empty), -203),
        ("500", Misbehaviour::Answer(broken), -203),
        ("overloaded", Misbehaviour::Answer(overloaded), -203),
        ("failed", Misbehaviour::Answer(failed), -203),
        ("not a header's text", Misbehaviour::Answer(bad_token), -203),
    ] {
        // The HTTP client may repeat a request on a connection that was closed under it.
        let times = if code == -201 { 2 } else { 1 };
        site.node.misbehave(Endpoint::SsoToken, times, what);
        assert_refused(&site.query_as(&token).await, 502, code, case);
        site.node.behave();
    }
    site.node.refuse_connections().await;
    site.node.drop_connections().await;
    assert_refused(&site.query_as(&token).await, 502, -201, "down");
    assert_refused(&site.exchange(&token).await, 502, -201, "down at sso_token");
    site.node.accept_connections().await;
    assert_eq!(
        site.query_as(&token).await.status,
        200,
        "nothing of it is remembered"
    );
}

#[tokio::test]
async fn no_ocient_token_ever_reaches_a_client() {
    let site = Site::start().await;
    let mut answers: Vec<Answer> = Vec::new();
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    answers.push(
        client
            .get(back.as_str())
            .accept("text/html")
            .send()
            .await
            .unwrap(),
    );
    let session = site.session_cookie(&client);
    let id_token = site.id_token("bob");
    answers.push(site.exchange(&id_token).await);
    for credential in [&session, &id_token] {
        for (method, path) in [
            ("POST", "/v1/execute"),
            ("GET", "/v1/execute?statement=select+current_user()"),
            ("GET", "/v1/info"),
            ("GET", "/openapi.json"),
            ("GET", "/v1/nowhere"),
            ("OPTIONS", "/v1/execute"),
            ("TRACE", "/v1/execute"),
            ("POST", "/v1/token_refresh"),
            ("POST", "/v1/token-refresh/"),
            ("POST", "/v1/%74oken_refresh"),
            ("POST", "/v1/Token_Refresh"),
            ("POST", "/v1/token_refresh;x"),
            ("POST", "/v1/token%5frefresh"),
            ("POST", "/v1/sso_token"),
            ("POST", "/v1/sso%2ftoken"),
            ("POST", "/v1/login/../token_refresh"),
            ("POST", "/v1/execute/../token_refresh"),
            ("POST", "/v1\\token_refresh"),
            ("POST", "/v1/token_refresh%00"),
            ("POST", "/v1/token_refresh%20"),
            ("POST", "/v1/%2574oken_refresh"),
        ] {
            for client in [site.client(), site.client().http2()] {
                let request = client.request(method.parse().unwrap(), &site.url(path));
                let body = json!({"statement": "select current_user()", "database": RETAIL});
                let sent = request.bearer(credential).json(body).send().await;
                answers.extend(sent.ok()); // some paths no HTTP/2 client can send
            }
        }
    }
    answers.push(site.post_as(&session, "/v1/logout").send().await.unwrap());
    assert!(answers.len() > 70, "{}", answers.len());
    assert!(
        site.node.token_exchanges().total() >= 2,
        "there were tokens to be seen"
    );
    for answer in answers {
        let text = format!("{:?} {:?}", answer.headers, answer.trailers);
        assert!(!text.contains("oct_"), "{}: {text}", answer.url);
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains("oct_"), "{}: {body}", answer.url);
    }
    assert!(!site.log.text().contains("oct_"));
    let exchanged = site.log.of_kind("audit");
    assert!(
        exchanged
            .iter()
            .any(|line: &Value| line["event"] == "exchange")
    );
}

#[tokio::test]
async fn the_nodes_cookies_reach_nobody_who_signed_in_here() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let canned =
        || CannedAnswer::status(StatusCode::OK).header("set-cookie", "session=oct_x; Path=/");
    site.node.answer_next(1, canned());
    let answer = site.query_as(&session).await;
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 0);
    site.node.answer_next(1, canned());
    let query = site.query(&site.client()).basic("admin@system", "admin");
    let answer = query.send().await.unwrap();
    assert_eq!(
        answer.header("set-cookie"),
        Some("session=oct_x; Path=/"),
        "but others"
    );
    // Nor does the node see whatever else the client calls a credential.
    let query = site.query(&site.client()).bearer(&session);
    let query = query.header("cookie", "session=oct_y; a=b");
    query
        .header("proxy-authorization", "Basic eDp5")
        .send()
        .await
        .unwrap();
    let request = site.node.last_request();
    assert_eq!(request.credential, Who::Token("alice".to_owned()));
    assert_eq!(
        (
            request.header("cookie"),
            request.header("proxy-authorization")
        ),
        (None, None)
    );
}
