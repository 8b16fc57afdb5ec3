//! The table of errors, row by row, over the wire.
use crate::site::{Settings, Site, authority};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    provider::{Lie, Provider, ProviderOptions, SignedWith},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, SYSTEM, SqlNodeOptions},
};
use std::time::Duration;

const REFUSED: &str = "42502";
const NO_CONNECTION: &str = "08001";

/// One row as the contract has it.
struct Row(&'static str, Answer, u16, &'static str, i64);

/// Everything that each failure says, and what only some may say.
fn assert_rows(rows: &[Row]) {
    for Row(case, answer, status, sql_state, vendor_code) in rows {
        let body = answer.json();
        let told = &body["status"];
        let found = (
            answer.status.as_u16(),
            told["sql_state"].as_str(),
            told["vendor_code"].as_i64(),
        );
        assert_eq!(
            found,
            (*status, Some(*sql_state), Some(*vendor_code)),
            "{case}: {body}"
        );
        assert_eq!(body.as_object().unwrap().len(), 1, "{case}: {body}");
        assert_eq!(told.as_object().unwrap().len(), 3, "{case}: {body}");
        let id = answer.header("x-request-id").unwrap();
        let reason = told["reason"].as_str().unwrap();
        assert!(
            reason.ends_with(&format!(" (request {id})")),
            "{case}: {reason}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{case}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{case}"
        );
        let challenge = (*status == 401).then_some("Bearer");
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        assert_eq!(answer.header("allow").is_some(), *status == 405, "{case}");
        assert_eq!(
            answer.header("retry-after").is_some(),
            [429, 503].contains(status),
            "{case}"
        );
        assert!(!answer.headers.contains_key("set-cookie"), "{case}");
    }
}

async fn post(site: &Site, path: &str, body: &str) -> Answer {
    let request = site.client().post(&site.url(path)).body(body.to_owned());
    request
        .header("content-type", "application/json")
        .send()
        .await
        .unwrap()
}

async fn get(site: &Site, path: &str) -> Answer {
    site.client().get(&site.url(path)).send().await.unwrap()
}

#[tokio::test]
async fn what_is_wrong_with_a_request_or_credential_has_its_row() {
    let site = Site::with(|settings| {
        settings.set("limits", "failed_signins_per_client", "1000000");
        settings.set("pass_through", "anonymous", "false");
        settings.grant("users = ['alice']\ndatabases = ['retail_*']");
        settings.set("sso", "default_database", "'retail_analytics'");
    })
    .await;
    let by = async |token: String| site.query_as(&token).await;
    let foreign = site.token(|token| token.claim("iss", "https://evil.example"));
    let cookie = site.signed_in_as("alice").await;
    let cross_site = site
        .query(&cookie)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    let alice = site.id_token("alice");
    let unclear = site
        .post_as(&alice, "/v1/execute")
        .body("[]")
        .send()
        .await
        .unwrap();
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let text = site
        .client()
        .post(&site.url("/v1/sso_token"))
        .body("x")
        .send()
        .await
        .unwrap();
    let client = site.client();
    let start = client.get(&site.url("/v1/sso_authentication"));
    let declined = site.provider.refuse(start, &client).await;
    assert_rows(&[
        Row(
            "malformed",
            post(&site, "/v1/sso_token", "{}").await,
            400,
            REFUSED,
            -1254,
        ),
        Row(
            "not JSON",
            post(&site, "/v1/sso_token", "{").await,
            400,
            REFUSED,
            -1254,
        ),
        Row(
            "ambiguous path",
            get(&site, "/v1%2fsso_token").await,
            400,
            REFUSED,
            -1254,
        ),
        Row(
            "state",
            get(&site, "/v1/callback?code=c&state=s").await,
            400,
            REFUSED,
            -1203,
        ),
        Row(
            "no credential",
            get(&site, "/v1/info").await,
            401,
            REFUSED,
            -1204,
        ),
        Row(
            "session unknown",
            by(format!("ocs_{}", "x".repeat(43))).await,
            401,
            REFUSED,
            -1204,
        ),
        Row(
            "token expired",
            by(site.token(|it| it.expires_in(-900))).await,
            401,
            REFUSED,
            -1228,
        ),
        Row(
            "signature",
            by(site.token(|it| it.signed_with(SignedWith::Garbled))).await,
            401,
            REFUSED,
            -1234,
        ),
        Row(
            "key",
            by(site.token(|it| it.header("kid", "x"))).await,
            401,
            REFUSED,
            -1229,
        ),
        Row("issuer", site.exchange(&foreign).await, 401, REFUSED, -1232),
        Row(
            "audience",
            by(site.token(|it| it.audience("x"))).await,
            401,
            REFUSED,
            -1233,
        ),
        Row(
            "claim",
            by(site.token(|it| it.without("sub"))).await,
            401,
            REFUSED,
            -1231,
        ),
        Row(
            "malformed token",
            by(site.token(|it| it.header("alg", "none"))).await,
            401,
            REFUSED,
            -1235,
        ),
        Row(
            "kind of token",
            by(site.token(|it| it.logout_token())).await,
            401,
            REFUSED,
            -1236,
        ),
        Row("refused by the person", declined, 403, REFUSED, -1251),
        Row(
            "no grant",
            by(site.id_token("bob")).await,
            403,
            REFUSED,
            -719,
        ),
        Row(
            "no grant for this one",
            site.sso_token(json!({"database": SYSTEM, "id_token": alice}))
                .await,
            403,
            REFUSED,
            -719,
        ),
        Row("cross-site", cross_site, 403, REFUSED, -719),
        Row("unclear database", unclear, 403, REFUSED, -719),
        Row(
            "method",
            get(&site, "/v1/sso_token").await,
            405,
            REFUSED,
            -1254,
        ),
        Row(
            "too large",
            post(&site, "/v1/sso_token", &large).await,
            413,
            REFUSED,
            -1254,
        ),
        Row("media type", text, 415, REFUSED, -1254),
        Row(
            "no provider",
            get(&site, "/v1/sso_authentication?provider=x").await,
            404,
            REFUSED,
            -1201,
        ),
        Row(
            "device grant",
            post(&site, "/v1/sso_device_grant", "{}").await,
            404,
            REFUSED,
            -1201,
        ),
        Row(
            "its pick-up",
            post(&site, "/v1/sso_device_grant_verify", "{}").await,
            404,
            REFUSED,
            -1201,
        ),
        Row(
            "back-channel logout",
            post(&site, "/v1/backchannel_logout", "").await,
            404,
            REFUSED,
            -1201,
        ),
    ]);
}

#[tokio::test]
async fn a_refused_head_request_has_the_row_without_its_body() {
    let site = Site::start().await;
    let unknown = format!("ocs_{}", "x".repeat(43));
    for client in [site.client(), site.client().http2()] {
        for path in ["/v1/info", "/v1/sso_token", "/v1%2fsso_token"] {
            let head = client
                .head(&site.url(path))
                .bearer(&unknown)
                .send()
                .await
                .unwrap();
            let get = client
                .get(&site.url(path))
                .bearer(&unknown)
                .send()
                .await
                .unwrap();
            let case = format!("{path} {:?}", head.version);
            assert_eq!(head.status, get.status, "{case}");
            assert!(
                head.status.is_client_error() && head.body.is_empty(),
                "{case}"
            );
            let length = get.body.len().to_string();
            assert_eq!(
                head.header("content-length"),
                Some(length.as_str()),
                "{case}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_that_is_over_has_its_row() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    site.node.forget_tokens();
    let refused = CannedAnswer::failure(StatusCode::UNAUTHORIZED, -1228, REFUSED);
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(refused));
    site.query_as(&session).await;
    let over = site.query_as(&session).await;
    assert_rows(&[Row("session expired", over, 401, REFUSED, -733)]);
}

#[tokio::test]
async fn a_provider_in_trouble_has_its_rows() {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.lie(Lie::AnotherIssuer);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await;
    let nonsense = get(&site, "/v1/sso_authentication").await;
    let site = {
        let provider = Provider::start(ProviderOptions::new(&authority()));
        provider.die();
        Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await
    };
    let down = get(&site, "/v1/sso_authentication").await;
    assert_rows(&[
        Row("nonsense", nonsense, 502, NO_CONNECTION, -1222),
        Row("unreachable", down, 503, NO_CONNECTION, -1220),
    ]);
}

#[tokio::test]
async fn a_sql_node_in_trouble_has_its_rows() {
    let site = Site::with(|settings| settings.set("sql_node", "head_timeout", "'300ms'")).await;
    let session = site.session_of("alice", RETAIL).await;
    let mut rows = Vec::new();
    for what in [Misbehaviour::StallBeforeHead, Misbehaviour::CloseBeforeHead] {
        let (status, code) = match what {
            Misbehaviour::StallBeforeHead => (504, -204),
            _ => (502, -203),
        };
        site.node.misbehave(Endpoint::Execute, 2, what);
        let injected = site.query_as(&session).await;
        let passed = site
            .query(&site.client())
            .basic("admin", "admin")
            .send()
            .await
            .unwrap();
        rows.push(Row(
            "late or broke, session",
            injected,
            status,
            NO_CONNECTION,
            code,
        ));
        rows.push(Row(
            "late or broke, password",
            passed,
            status,
            NO_CONNECTION,
            code,
        ));
        site.node.behave();
    }
    let token = site.id_token("bob");
    let refusal = CannedAnswer::failure(StatusCode::UNAUTHORIZED, -1231, REFUSED);
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(refusal));
    rows.push(Row(
        "refuses the identity",
        site.query_as(&token).await,
        403,
        REFUSED,
        -719,
    ));
    site.node.refuse_connections().await;
    site.node.drop_connections().await;
    rows.push(Row(
        "unreachable, session",
        site.query_as(&session).await,
        502,
        NO_CONNECTION,
        -201,
    ));
    rows.push(Row(
        "unreachable, anonymous",
        get(&site, "/v1/info").await,
        502,
        NO_CONNECTION,
        -201,
    ));
    rows.push(Row(
        "unreachable, sign-in",
        site.exchange(&token).await,
        403,
        REFUSED,
        -719,
    ));
    let other = site
        .exchange(&site.token(|token| token.claim("n", 1)))
        .await;
    rows.push(Row(
        "unreachable, exchange",
        other,
        502,
        NO_CONNECTION,
        -201,
    ));
    rows.retain(|Row(case, ..)| *case != "unreachable, sign-in");
    assert_rows(&rows);
}

#[tokio::test]
async fn one_connection_too_many_has_its_row() {
    let site = Site::with(|settings| settings.set("listen", "max_connections", "2")).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let connection = site.client().connect(&site.origin()).await.unwrap();
        assert_eq!(connection.get("/v1/info").send().await.unwrap().status, 200);
        held.push(connection);
    }
    let refused = get(&site, "/v1/info").await;
    assert_rows(&[Row("connection limit", refused, 503, NO_CONNECTION, -206)]);
    assert_eq!(held[0].get("/v1/info").send().await.unwrap().status, 200);
}

#[tokio::test]
async fn guessing_is_told_to_wait_while_good_tokens_of_the_same_client_are_served() {
    let limit = |settings: &mut Settings| {
        settings.set("limits", "failed_signins_per_client", "5");
    };
    let site = Site::with(limit).await;
    let (session, id_token) = (site.session_of("alice", RETAIL).await, site.id_token("bob"));
    let guess = format!("ocs_{}", "x".repeat(43));
    for number in 0..5 {
        let answer = site.query_as(&guess).await;
        assert_eq!(answer.status, 401, "guess {number}");
    }
    for number in 0..3 {
        let bad = site.token(|token| token.claim("n", number).signed_with(SignedWith::Garbled));
        let rows = [
            Row("session", site.query_as(&guess).await, 429, "57011", -1100),
            Row("bearer", site.query_as(&bad).await, 429, "57011", -1100),
            Row("sso_token", site.exchange(&bad).await, 429, "57011", -1100),
            Row(
                "state",
                get(&site, "/v1/callback?code=c&state=s").await,
                429,
                "57011",
                -1100,
            ),
        ];
        assert_rows(&rows);
        assert_eq!(rows[0].1.header("retry-after"), Some("60"));
        assert_eq!(site.query_as(&session).await.status, 200);
        assert_eq!(site.query_as(&id_token).await.status, 200);
        assert_eq!(site.exchange(&id_token).await.status, 200);
        site.signed_in_as("carol").await;
    }
    let other = site.client().from_address("127.0.0.2".parse().unwrap());
    let answer = site.query(&other).bearer(&guess).send().await.unwrap();
    assert_eq!(answer.status, 401, "another client: {}", answer.text());
}

#[tokio::test]
async fn many_good_requests_at_once_are_no_guesses() {
    let limit = |settings: &mut Settings| settings.set("limits", "failed_signins_per_client", "1");
    let site = Site::with(limit).await;
    let token = site.id_token("alice");
    let answers = join_all((0..40).map(|_| site.query_as(&token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let answer = site
        .client()
        .timeout(Duration::from_secs(5))
        .get(&site.url("/v1/info"));
    assert_eq!(answer.send().await.unwrap().status, 200);
}
