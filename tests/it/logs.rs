//! Access lines and audit lines.
use crate::site::{SESSION_COOKIE, Site};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{SignedWith, User},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, SYSTEM},
};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Members that every access line has; the others are there when they are known.
const ALWAYS: [&str; 11] = [
    "bytes",
    "client",
    "credential",
    "duration_ms",
    "kind",
    "method",
    "outcome",
    "path",
    "request_id",
    "status",
    "time",
];
const SOMETIMES: [&str; 3] = ["cache_hit", "database", "identity"];

fn of_request(id: &str) -> impl Fn(&Value) -> bool {
    move |line| line["request_id"] == id
}

#[tokio::test]
async fn every_request_has_exactly_one_access_line_with_the_documented_members() {
    let site = Site::patient().await;
    let session = site.session_of("alice", RETAIL).await;
    let id_token = site.id_token("bob");
    let cookie = format!("{SESSION_COOKIE}={session}");
    let get = |id: &str, path: &str| {
        site.client()
            .get(&site.url(path))
            .header("x-request-id", id)
            .header("sec-fetch-site", "same-origin")
    };
    let (info, execute) = ("/v1/info", "/v1/execute?statement=select+1");
    let cases = [
        ("r-none", get("r-none", info), "none", None, 200),
        (
            "r-basic",
            get("r-basic", execute).basic("admin", "admin"),
            "basic",
            None,
            200,
        ),
        (
            "r-bearer",
            get("r-bearer", execute).bearer("opaque"),
            "bearer",
            None,
            401,
        ),
        (
            "r-session",
            get("r-session", execute).bearer(&session),
            "session_token",
            Some("alice"),
            200,
        ),
        (
            "r-cookie",
            get("r-cookie", execute).header("cookie", cookie),
            "session_cookie",
            Some("alice"),
            200,
        ),
        (
            "r-token",
            get("r-token", execute).bearer(&id_token),
            "provider_token",
            Some("bob"),
            200,
        ),
        (
            "r-refresh",
            get("r-refresh", "/v1/token_refresh").bearer(&session),
            "session_token",
            None,
            405,
        ),
        (
            "r-lost",
            get("r-lost", "/v1/nowhere/%41?x=secret-query"),
            "none",
            None,
            404,
        ),
        (
            "r-callback",
            get("r-callback", "/v1/callback?code=secret-query&state=x"),
            "none",
            None,
            400,
        ),
    ];
    for (id, request, credential, identity, status) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        assert_eq!(answer.header("x-request-id"), Some(id));
        let lines = site.log.wait_for("access", 1, of_request(id)).await;
        let line = &lines[0];
        let names: BTreeSet<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let (always, all) = (
            BTreeSet::from(ALWAYS),
            BTreeSet::from_iter(ALWAYS.into_iter().chain(SOMETIMES)),
        );
        assert!(
            names.is_superset(&always) && names.is_subset(&all),
            "{id}: {names:?}"
        );
        assert_eq!(line["status"], status, "{id}");
        assert_eq!(line["credential"], credential, "{id}");
        assert_eq!(line["identity"].as_str(), identity, "{id}");
        assert_eq!(line["client"], "127.0.0.1", "{id}");
        assert_eq!(line["method"], "GET", "{id}");
        assert_eq!(line["outcome"], "complete", "{id}");
        assert_eq!(line["bytes"], answer.body.len(), "{id}");
        let path = line["path"].as_str().unwrap();
        assert!(
            answer.url.contains(path) && !path.contains('?'),
            "{id}: {path}"
        );
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{id}");
        let time = line["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == 24, "{id}: {time}");
        let node = site
            .node
            .requests()
            .into_iter()
            .rev()
            .find(|it| it.header("x-request-id") == Some(id));
        let is_forwarded = !matches!(id, "r-refresh" | "r-callback");
        assert_eq!(
            node.is_some(),
            is_forwarded,
            "{id}: joined with the node's log"
        );
    }
    assert!(
        !site.log.text().contains("secret-query"),
        "no query is logged"
    );
}

#[tokio::test]
async fn requests_that_break_off_have_their_line_too() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    // The client leaves before there is an answer.
    let statement = "/v1/execute?statement=select+pause('a')";
    let request = site.client().get(&site.url(statement)).bearer(&session);
    let task = tokio::spawn(request.header("x-request-id", "r-left").send());
    site.node.paused_at("a").await;
    task.abort();
    let lines = site.log.wait_for("access", 1, of_request("r-left")).await;
    assert_eq!(
        (&lines[0]["status"], &lines[0]["outcome"]),
        (&json!(499), &json!("broken"))
    );
    assert_eq!(lines[0]["identity"], "alice");
    // The SQL node breaks off in the middle, and the client leaves in the middle.
    for (id, what) in [
        ("r-broke", Misbehaviour::BreakBodyAfter(5)),
        ("r-went", Misbehaviour::StallBodyAfter(5)),
    ] {
        site.node.misbehave(Endpoint::Execute, 1, what);
        let query = site
            .statement(&site.client(), "select * from sys.dummy5000")
            .bearer(&session)
            .header("x-request-id", id);
        let mut answer = query.stream().await.unwrap();
        assert_eq!(answer.next_chunk().await.unwrap().unwrap().len(), 5, "{id}");
        if id == "r-broke" {
            assert!(answer.next_chunk().await.is_err(), "a visible break");
        }
        drop(answer);
        let lines = site.log.wait_for("access", 1, of_request(id)).await;
        let found = (
            &lines[0]["status"],
            &lines[0]["outcome"],
            &lines[0]["bytes"],
        );
        assert_eq!(found, (&json!(200), &json!("broken"), &json!(5)), "{id}");
        site.node.behave();
    }
}

#[tokio::test]
async fn each_sign_in_refusal_exchange_and_logout_has_one_audit_line() {
    let site = Site::patient().await;
    let client = site.signed_in_as("alice").await;
    let session = site.session_cookie(&client);
    let lines = site.log.wait_for("audit", 2, |_| true).await;
    let exchange = lines
        .iter()
        .find(|line| line["event"] == "exchange")
        .unwrap();
    assert_eq!(exchange["identity"], "alice");
    assert_eq!(
        (&exchange["database"], &exchange["provider"]),
        (&json!(RETAIL), &json!("corp"))
    );
    assert!(
        exchange["reason"].is_null() && exchange["vendor_code"].is_null(),
        "{exchange}"
    );
    let sign_in = lines
        .iter()
        .find(|line| line["event"] == "sign_in")
        .unwrap();
    for (name, value) in [
        ("identity", "alice"),
        ("subject", "subject-of-alice"),
        ("provider", "corp"),
        ("database", RETAIL),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(sign_in[name], value, "{name}");
    }
    let access = |line: &Value| line["request_id"] == sign_in["request_id"];
    site.log.wait_for("access", 1, access).await;
    for _ in 0..3 {
        assert_eq!(site.query_as(&session).await.status, 200);
    }
    site.exchange(&site.id_token("bob")).await;
    site.log.wait_for("audit", 4, |_| true).await;
    let refused = [
        (
            site.query_as(&format!("ocs_{}", "x".repeat(43))).await,
            -1204,
        ),
        (
            site.query_as(&site.token(|token| token.signed_with(SignedWith::Garbled)))
                .await,
            -1234,
        ),
        (
            site.client()
                .get(&site.url("/v1/callback?code=c&state=s"))
                .send()
                .await
                .unwrap(),
            -1203,
        ),
        (
            site.query(&client)
                .header("sec-fetch-site", "cross-site")
                .send()
                .await
                .unwrap(),
            -719,
        ),
    ];
    for (answer, code) in refused {
        let id = answer.header("x-request-id").unwrap().to_owned();
        let lines = site.log.wait_for("audit", 1, of_request(&id)).await;
        assert_eq!(
            (&lines[0]["event"], &lines[0]["vendor_code"]),
            (&json!("refusal"), &json!(code))
        );
        let told = answer.json()["status"]["reason"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            told.starts_with(lines[0]["reason"].as_str().unwrap()),
            "{lines:?}"
        );
        site.log.wait_for("access", 1, of_request(&id)).await;
    }
    let refusal = CannedAnswer::failure(http::StatusCode::UNAUTHORIZED, -1231, "42502");
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(refusal));
    let body = json!({"database": SYSTEM, "id_token": site.id_token("carol")});
    let answer = site.sso_token(body).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let carol = |line: &Value| line["identity"] == "carol";
    let lines = site.log.wait_for("audit", 2, carol).await;
    assert_eq!(
        (&lines[0]["event"], &lines[0]["vendor_code"]),
        (&json!("exchange"), &json!(-1231))
    );
    assert_eq!(lines[1]["event"], "refusal");
    let logout = site.post_as(&session, "/v1/logout").send().await.unwrap();
    assert_eq!(logout.status, 200);
    let lines = site
        .log
        .wait_for("audit", 1, |line| line["event"] == "logout")
        .await;
    assert_eq!(
        (&lines[0]["identity"], &lines[0]["database"]),
        (&json!("alice"), &json!(RETAIL))
    );
    site.stop_sidecar_and_count(11).await;
}

impl Site {
    /// Stops the sidecar; after that there are so many audit lines in all.
    async fn stop_sidecar_and_count(mut self, expected: usize) {
        self.stop_sidecar().await;
        let lines = self.log.of_kind("audit");
        assert_eq!(lines.len(), expected, "{lines:#?}");
    }
}

#[tokio::test]
async fn forged_lines_in_paths_ids_and_names_stay_inside_their_own_line() {
    let mut site = Site::patient().await;
    let forged = r#"{"kind":"audit","event":"sign_in","identity":"forged"}"#;
    let mut user = User::new("mallory", &[]);
    user.username = format!("mallory\" }} {forged} \u{2028}\u{202e}\u{1f600}");
    let name = user.username.clone();
    site.provider.add_user(user);
    assert_eq!(site.query_as(&site.id_token(&name)).await.status, 200);
    let lines = site
        .log
        .wait_for("access", 1, |line| line["identity"] == name.as_str())
        .await;
    assert_eq!(lines[0]["status"], 200);
    for bad in [
        "mallory\n",
        "mal\rlory",
        "mal\u{0}lory",
        "mallory\u{7f}",
        "mal\u{85}lory",
        "\u{1b}[2Jx",
    ] {
        let token = site.token(|token| token.claim("preferred_username", bad));
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, 401, "{bad:?}: {}", answer.text());
    }
    for (id, path) in [
        ("a\tb", "/v1/info"),
        (forged, "/v1/info"),
        ("%0a%0d", "/v1/%0a%0d%7b%22kind%22:%22audit%22%7d"),
        ("a b", "/v1/\"}{\"kind\":\"audit\"}"),
        ("<script>", "/v1/\x7bx\x7d"),
        ("x", "/v1/\u{e9}\u{2028}"),
    ] {
        let mut stream = site
            .client()
            .raw(&site.origin(), &["http/1.1"])
            .await
            .unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await); // a reset is an end, too
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 "), "{path:?}: {answer}");
        assert!(!answer.contains("{\"kind\""), "{path:?}: {answer}");
    }
    site.stop_sidecar().await;
    for line in site.log.lines() {
        let is_forged = line["identity"] == "forged" || line["event"] == "sign_in";
        assert!(!is_forged, "{line}");
        let id = line["request_id"].as_str().unwrap_or_default();
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'<'),
            "{line}"
        );
    }
}
