//! The table of errors, row by row, over the wire.
use crate::site::Site;
use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    provider::SignedWith,
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, SYSTEM},
};

pub(crate) const REFUSED: &str = "42502";
pub(crate) const NO_CONNECTION: &str = "08001";

/// One row as the contract has it.
pub(crate) struct Row(
    pub(crate) &'static str,
    pub(crate) Answer,
    pub(crate) u16,
    pub(crate) &'static str,
    pub(crate) i64,
);

/// Everything that each failure says, and what only some may say.
pub(crate) fn assert_rows(rows: &[Row]) {
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

pub(crate) async fn get(site: &Site, path: &str) -> Answer {
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
            post(&site, "/v1/sso_device_grant", "{\"provider\":\"x\"}").await,
            404,
            REFUSED,
            -1201,
        ),
        Row(
            "its pick-up",
            post(
                &site,
                "/v1/sso_device_grant_verify",
                "{\"user_code\":\"x\"}",
            )
            .await,
            400,
            REFUSED,
            -1203,
        ),
        Row(
            "back-channel logout without a form",
            post(&site, "/v1/backchannel_logout", "").await,
            400,
            REFUSED,
            -1254,
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
