//! Sign-in on another device: `/v1/sso_device_grant` and `/v1/sso_device_grant_verify`.
use crate::site::{Log, Site, assert_refused, authority, device_site, flush_diagnostics};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::{RETAIL, SYSTEM, SqlNodeOptions, Who},
};

fn members(answer: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    members
}

#[tokio::test]
async fn a_person_approves_elsewhere_and_the_device_has_a_session() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    let page = format!("{}/device", site.provider.issuer());
    assert_eq!(
        members(&device.begun),
        [
            "expires_in",
            "interval",
            "status",
            "user_code",
            "verification_uri",
            "verification_uri_complete",
        ]
    );
    assert_eq!(device.begun["verification_uri"], page.as_str());
    let complete = format!("{page}?user_code={}", device.code);
    assert_eq!(device.begun["verification_uri_complete"], complete.as_str());
    assert_eq!(device.begun["expires_in"], 600);
    assert_eq!(device.begun["interval"], 1);
    assert_eq!(device.begun["status"]["vendor_code"], 0);

    site.decide(&device, Some("bob"));
    let answer = site.verified(&device.code, 30).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(
        members(&body),
        [
            "access_token",
            "database",
            "expires_in",
            "status",
            "username"
        ]
    );
    assert_eq!(body["username"], "bob");
    assert_eq!(body["database"], RETAIL);
    let seconds = body["expires_in"].as_u64().unwrap();
    assert!((8 * 3600 - 40..=8 * 3600).contains(&seconds), "{seconds}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.headers.contains_key("set-cookie"));
    let session = body["access_token"].as_str().unwrap();
    assert_eq!(site.query_as(session).await.status, 200);
    let seen = site.node.last_request().credential;
    assert_eq!(seen, Who::Token("bob".to_owned()));

    let again = site.verified(&device.code, 30).await;
    assert_refused(&again, 400, -1203, "again");
    let sign_in = |line: &Value| line["event"] == "sign_in";
    let lines = site.log.wait_for("audit", 1, sign_in).await;
    assert_eq!(lines[0]["identity"], "bob");
    assert_eq!(lines[0]["database"], RETAIL);
    assert_eq!(lines[0]["client"], "127.0.0.1");
}

#[tokio::test]
async fn neither_code_is_in_any_log_and_the_devices_own_in_no_answer() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    let pending = site.verified(&device.code, 1).await;
    site.decide(&device, None);
    let refused = site.verified(&device.code, 30).await;
    site.verified("NOT-A-CODE-OF-ANYBODY", 30).await;
    let poll = site.provider.last_request("token").unwrap();
    let device_code = poll.parameter("device_code").unwrap();
    flush_diagnostics();
    let everything = Log::everything();
    for code in [&device.code, device_code, "NOT-A-CODE-OF-ANYBODY"] {
        assert!(!everything.contains(code));
    }
    for answer in [pending.text(), refused.text(), &device.begun.to_string()] {
        assert!(!answer.contains(device_code));
    }
}

#[tokio::test]
async fn a_refusal_and_the_end_of_the_time_are_told_at_once_and_later() {
    let site = device_site(|_| {}).await;
    let (refused, expired) = (site.device().await, site.device().await);
    site.decide(&refused, None);
    let answer = site.verified(&refused.code, 30).await;
    assert_refused(&answer, 403, -1251, "refused");
    site.provider.expire_devices();
    let answer = site.verified(&expired.code, 30).await;
    assert_refused(&answer, 400, -1228, "expired");
    let answer = site.verified(&refused.code, 30).await;
    assert_refused(&answer, 403, -1251, "refused, later");
    let answer = site.verified(&expired.code, 30).await;
    assert_refused(&answer, 400, -1228, "expired, later");
}

#[tokio::test]
async fn an_identity_without_a_grant_gets_no_session() {
    let nobody = "provider = 'corp'\nusers = ['carol']";
    let site = device_site(|settings| settings.grant(nobody)).await;
    let device = site.device().await;
    site.decide(&device, Some("alice"));
    let answer = site.verified(&device.code, 30).await;
    assert_refused(&answer, 403, -719, "alice");
    let of_alice = |line: &Value| line["event"] == "refusal" && line["identity"] == "alice";
    site.log.wait_for("audit", 1, of_alice).await;
    assert_eq!(site.node.token_exchanges().total(), 0);
}

#[tokio::test]
async fn each_lie_of_the_provider_ends_the_grant_without_a_session() {
    for (lie, status, code) in [
        (Lie::BadSignature, 401, -1234),
        (Lie::BadAtHash, 401, -1231),
        (Lie::WrongIssuer, 401, -1232),
        (Lie::WrongAudience, 401, -1233),
        (Lie::ForeignAuthorizedParty, 401, -1233),
        (Lie::Expired, 401, -1228),
        (Lie::WrongType, 401, -1236),
        (Lie::TokenError(400, "invalid_grant"), 400, -1203),
        (Lie::TokenError(401, "invalid_client"), 502, -1250),
        (Lie::TokenError(400, "another"), 502, -1221),
    ] {
        let site = device_site(|_| {}).await;
        let device = site.device().await;
        let case = format!("{lie:?}");
        site.provider.lie(lie);
        site.decide(&device, Some("alice"));
        let answer = site.verified(&device.code, 30).await;
        assert_refused(&answer, status, code, &case);
        assert_eq!(site.node.token_exchanges().total(), 0, "{case}");
    }
}

#[tokio::test]
async fn an_answer_of_the_device_endpoint_that_cannot_be_used_begins_nothing() {
    let endpoint = Endpoint::DeviceAuthorization;
    for (lie, status, code) in [
        (Lie::NotJson(endpoint), 502, -1222),
        (Lie::ServerError(endpoint), 502, -1222),
        (Lie::Redirect(endpoint), 502, -1222),
        (Lie::EndlessBody(endpoint), 502, -1222),
        (Lie::BrokenOff(endpoint), 503, -1220),
        (Lie::HttpDeviceEndpoint, 502, -1222),
        (Lie::NoDeviceEndpoint, 404, -1201),
    ] {
        let case = format!("{lie:?}");
        let provider = Provider::start(ProviderOptions::new(&authority()));
        provider.lie(lie);
        let site = Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await;
        for _ in 0..25 {
            let answer = site.begin_device(json!({})).await;
            assert_refused(&answer, status, code, &case);
        }
    }
}

#[tokio::test]
async fn an_unclear_request_is_refused_and_asks_nobody() {
    let site = Site::start().await;
    let url = site.url("/v1/sso_device_grant_verify");
    let verify = |body: Value| site.client().post(&url).json(body).send();
    for body in [
        json!({}),
        json!({"database": RETAIL, "timeout": 30}),
        json!({"user_code": ""}),
        json!({"user_code": 7}),
        json!({"user_code": "WDJB-MJHT", "timeout": 0}),
        json!({"user_code": "WDJB-MJHT", "timeout": 601}),
        json!({"user_code": "WDJB-MJHT", "timeout": "30s"}),
        json!({"user_code": "WDJB-MJHT", "timeout": 1.5}),
        json!({"user_code": "WDJB-MJHT", "timeout": true}),
        json!({"user_code": "WDJB-MJHT", "database": 5}),
    ] {
        let answer = verify(body.clone()).await.unwrap();
        assert_refused(&answer, 400, -1254, &body.to_string());
    }
    for body in [json!({"database": [RETAIL]}), json!({"provider": 5})] {
        let answer = site.begin_device(body.clone()).await;
        assert_refused(&answer, 400, -1254, &body.to_string());
    }
    for path in ["/v1/sso_device_grant", "/v1/sso_device_grant_verify"] {
        let answer = site.client().get(&site.url(path)).send().await.unwrap();
        assert_refused(&answer, 405, -1254, path);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert_eq!(site.provider.fetches("device_authorization"), 0);
}

#[tokio::test]
async fn only_an_application_for_devices_and_the_database_begins_a_grant() {
    let site = Site::with(|settings| settings.provider("flows", "['code', 'token']")).await;
    let answer = site.begin_device(json!({})).await;
    assert_refused(&answer, 404, -1201, "not for devices");
    let site = Site::with(|settings| settings.provider("databases", "['retail_*']")).await;
    let answer = site.begin_device(json!({"database": SYSTEM})).await;
    assert_refused(&answer, 404, -1201, "not for the database");
    let answer = site.begin_device(json!({"database": RETAIL, "provider": "x"}));
    assert_refused(&answer.await, 404, -1201, "no such provider");
    site.device().await;
}
