//! `POST /v1/sso_token`: a provider token in, a session token out.
use crate::site::{Settings, Site, assert_refused, note};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, body_channel},
    sql_node::{RETAIL, SYSTEM, Who},
};

/// Sends `body` as it is, as JSON.
async fn send(site: &Site, body: impl Into<bytes::Bytes>) -> Answer {
    let url = site.url("/v1/sso_token");
    let request = site.client().post(&url).body(body);
    let request = request.header("content-type", "application/json");
    request.send().await.unwrap()
}

fn granted(answer: &Answer, case: &str) -> String {
    assert_eq!(answer.status, 200, "{case}: {}", answer.text());
    let token = answer.json()["id_token"].as_str().unwrap().to_owned();
    note(&token);
    token
}

#[tokio::test]
async fn an_id_token_and_an_access_token_each_become_a_session_of_their_user() {
    let site = Site::start().await;
    for (name, user, token) in [
        ("id_token", "alice", site.id_token("alice")),
        ("access_token", "bob", site.access_token("bob")),
    ] {
        let answer = site
            .sso_token(json!({"database": RETAIL, name: token}))
            .await;
        let session = granted(&answer, name);
        let body = answer.json();
        let members: Vec<&str> = body
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "access_token",
            "database",
            "expires_in",
            "id_token",
            "status",
            "token_type",
            "username",
        ];
        let mut sorted = members.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{name}");
        assert_eq!(body["access_token"], session.as_str(), "{name}");
        assert_eq!(body["database"], RETAIL, "{name}");
        assert_eq!(body["token_type"], "Bearer", "{name}");
        let seconds = body["expires_in"].as_u64().unwrap();
        assert!(
            (8 * 3600 - 5..=8 * 3600).contains(&seconds),
            "{name}: {seconds}"
        );
        assert_eq!(body["username"], user, "{name}");
        assert_eq!(body["status"]["vendor_code"], 0, "{name}");
        assert_eq!(body["status"]["sql_state"], "00000", "{name}");
        assert_eq!(session.len(), 4 + 43, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{name}"
        );
        assert!(!answer.headers.contains_key("set-cookie"), "{name}");
        assert_eq!(site.query_as(&session).await.status, 200, "{name}");
        let seen = site.node.last_request().credential;
        assert_eq!(seen, Who::Token(user.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn every_way_to_write_the_members_that_is_clear_is_understood() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    for body in [
        json!({"database\t": RETAIL, "id_token\t": token}),
        json!({" database ": RETAIL, "id_token": token, "access_token": ""}),
        json!({"database": RETAIL, "id_token": token, "access_token": null}),
        json!({"database": RETAIL, "id_token": token, "unknown": {"a": [1, 2]}, "timeout": 5}),
    ] {
        granted(&send(&site, body.to_string()).await, &body.to_string());
    }
    let twice = format!(r#"{{"database":"{RETAIL}","id_token":"{token}","id_token\t":"{token}"}}"#);
    granted(&send(&site, twice).await, "the same value twice");
    let access = site.access_token("alice");
    let tabs = json!({"database": RETAIL, "access_token\t": access});
    granted(
        &send(&site, tabs.to_string()).await,
        "access_token with a tab",
    );
}

#[tokio::test]
async fn an_unclear_or_incomplete_request_is_refused_and_reaches_nobody() {
    let site = Site::start().await;
    let (id, access) = (site.id_token("alice"), site.access_token("alice"));
    let two = |name: &str, one: &str, other: &str| {
        format!(
            r#"{{"database":"{RETAIL}","id_token":"{id}","{name}":"{one}","{name}\t":"{other}"}}"#
        )
    };
    let cases = [
        json!({"database": RETAIL}).to_string(),
        json!({"database": RETAIL, "id_token": "", "access_token": ""}).to_string(),
        json!({"database": RETAIL, "id_token": id, "access_token": access}).to_string(),
        json!({"id_token": id}).to_string(),
        json!({"database": "", "id_token": id}).to_string(),
        json!({"database": null, "id_token": id}).to_string(),
        json!({"database": 5, "id_token": id}).to_string(),
        json!({"database": [RETAIL], "id_token": id}).to_string(),
        json!({"database": RETAIL, "id_token": {"token": id}}).to_string(),
        json!({"database": RETAIL, "id_token": true}).to_string(),
        json!({"database": RETAIL, "id_token": id, "access_token": 0}).to_string(),
        json!({"database": "a\nb", "id_token": id}).to_string(),
        json!({"database": "x".repeat(257), "id_token": id}).to_string(),
        json!({"Database": RETAIL, "id_token": id}).to_string(),
        two("database", RETAIL, SYSTEM),
        two("id_token", &id, "other"),
        json!([RETAIL, id]).to_string(),
        "null".to_owned(),
        "\"text\"".to_owned(),
        "not JSON".to_owned(),
        "{".to_owned(),
        format!(r#"{{"database":"{RETAIL}","id_token":"{id}"}} {{}}"#),
        "\u{feff}{}".to_owned(),
        "[".repeat(10_000),
        String::new(),
    ];
    for body in cases {
        let answer = send(&site, body.clone()).await;
        let case = body.replace(&id, "ID").replace(&access, "ACCESS");
        assert_refused(&answer, 400, -1254, &case);
        let reason = answer.json()["status"]["reason"].to_string();
        assert!(!reason.contains(&id) && !reason.contains(&access), "{case}");
    }
    let invalid: &[u8] = b"{\"database\":\"\xff\",\"id_token\":\"x\"}";
    assert_refused(&send(&site, invalid).await, 400, -1254, "not UTF-8");
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_a_longer_one_is_not_however_it_is_framed() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let padded = |length: usize| {
        let start = json!({"database": RETAIL, "id_token": token, "x": ""}).to_string();
        let filler = "x".repeat(length - start.len());
        start.replace("\"x\":\"\"", &format!("\"x\":\"{filler}\""))
    };
    const LIMIT: usize = 64 * 1024;
    assert_eq!(padded(LIMIT).len(), LIMIT);
    granted(&send(&site, padded(LIMIT)).await, "exactly the limit");
    let answer = send(&site, padded(LIMIT + 1)).await;
    assert_refused(&answer, 413, -1254, "one byte more");
    for client in [site.client(), site.client().http2()] {
        let (mut sender, stream) = body_channel();
        let request = client.post(&site.url("/v1/sso_token")).body_stream(stream);
        let request = request.header("content-type", "application/json");
        let (answer, ()) = tokio::join!(request.send(), async {
            sender.send(padded(LIMIT)).await;
            sender.send(" ").await;
            drop(sender);
        });
        assert_refused(&answer.unwrap(), 413, -1254, "without a length");
    }
}

#[tokio::test]
async fn another_media_type_is_refused_and_parameters_of_the_right_one_are_not() {
    let site = Site::start().await;
    let body = json!({"database": RETAIL, "id_token": site.id_token("alice")}).to_string();
    let post = || {
        site.client()
            .post(&site.url("/v1/sso_token"))
            .body(body.clone())
    };
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "*/*",
    ] {
        let answer = post().header("content-type", media).send().await.unwrap();
        assert_refused(&answer, 415, -1254, media);
    }
    assert_refused(&post().send().await.unwrap(), 415, -1254, "none");
    for media in ["application/json; charset=utf-8", "Application/JSON"] {
        let answer = post().header("content-type", media).send().await.unwrap();
        granted(&answer, media);
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_the_one_that_is_known() {
    let site = Site::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"] {
        let method = method.parse().unwrap();
        let request = site.client().request(method, &site.url("/v1/sso_token"));
        let answer = request.send().await.unwrap();
        assert_refused(&answer, 405, -1254, &answer.url);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let head = site.client().head(&site.url("/v1/sso-token")).send().await;
    assert_eq!(head.unwrap().status, 405);
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn a_token_of_the_wrong_kind_or_of_nobody_known_is_refused() {
    let site = Site::start().await;
    let (id, access) = (site.id_token("alice"), site.access_token("alice"));
    let stranger = site.token(|token| token.claim("iss", "https://evil.example/realms/test"));
    for (name, token, code) in [
        ("id_token", access, -1236),
        ("access_token", id, -1236),
        ("id_token", stranger, -1232),
        ("id_token", "opaque".to_owned(), -1235),
        ("access_token", "a.b.c".to_owned(), -1235),
        ("id_token", "x".repeat(20_000), -1235),
    ] {
        let answer = site
            .sso_token(json!({"database": RETAIL, name: token}))
            .await;
        assert_refused(&answer, 401, code, name);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn a_database_that_no_provider_signs_in_to_is_told() {
    let databases = |settings: &mut Settings| settings.provider("databases", "['retail_*']");
    let site = Site::with(databases).await;
    let token = site.id_token("alice");
    let elsewhere = json!({"database": SYSTEM, "id_token": token});
    assert_refused(&site.sso_token(elsewhere).await, 404, -1201, "system");
    granted(&site.exchange(&token).await, "retail");
}

#[tokio::test]
async fn an_application_for_browsers_alone_takes_no_tokens() {
    let flows = |settings: &mut Settings| settings.provider("flows", "['code']");
    let site = Site::with(flows).await;
    let token = site.id_token("alice");
    assert_refused(&site.exchange(&token).await, 404, -1201, "sso_token");
    // The SQL node, which would ask no grant, does not get to see it.
    assert_eq!(site.query_as(&token).await.status, 401);
    assert!(site.node.requests().is_empty());
    assert_eq!(site.node.token_exchanges().total(), 0);
}

#[tokio::test]
async fn the_nodes_refusal_of_an_identity_begins_no_session() {
    let site = Site::start().await;
    // The node knows no such database, and this sidecar has no opinion about it.
    let body = json!({"database": "nowhere", "id_token": site.id_token("alice")});
    for _ in 0..2 {
        let answer = site.sso_token(body.clone()).await;
        assert_refused(&answer, 403, -719, "nowhere");
        let reason: Value = answer.json()["status"]["reason"].clone();
        assert!(reason.as_str().unwrap().contains("-205"), "{reason}");
    }
    assert_eq!(
        site.node.token_exchanges().sso_token,
        1,
        "the refusal is remembered"
    );
}
