//! Requests whose bodies break off or are none: the client's fault, and told so.
use crate::{
    site::{Log, Site, flush_diagnostics},
    wire::{DATA, Http2Wire, RST_STREAM, Wire, patiently},
};
use serde_json::{Value, json};
use sidecar_testkit::sql_node::RETAIL;

/// A site on which some grants depend on the database, so that bodies are inspected for them.
async fn site() -> Site {
    Site::with(|settings| {
        settings.grant("users = ['alice']");
        settings.grant("users = ['bob']\ndatabases = ['retail_*']");
    })
    .await
}

/// Who reads the body: the SQL node, for a password and for an identity; the inspection; an endpoint.
async fn readers(site: &Site) -> [(&'static str, String); 4] {
    let bearer = async |user| {
        let session = site.session_of(user, RETAIL).await;
        format!("authorization: Bearer {session}\r\n")
    };
    [
        ("/test/digest", String::new()),
        ("/v1/execute", bearer("alice").await),
        ("/v1/execute", bearer("bob").await),
        ("/v1/sso_token", String::new()),
    ]
}

/// The head of a POST.
fn head(path: &str, id: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n\
         content-type: application/json\r\n{more}"
    )
}

async fn access_line(site: &Site, id: &str) -> Value {
    let lines = site
        .log
        .wait_for("access", 1, |line| line["request_id"] == id);
    lines.await.remove(0)
}

/// Nobody is woken for what any client can do as often as it likes.
fn assert_no_warning(id: &str) {
    flush_diagnostics();
    let all = Log::everything();
    let mut lines = all.lines().filter(|line| line.contains(id));
    assert!(
        lines.all(|line| !line.contains("WARN") && !line.contains("ERROR")),
        "{all}"
    );
}

#[tokio::test]
async fn a_malformed_or_incomplete_body_is_the_clients_fault() {
    let site = site().await;
    for (reader, (path, credential)) in readers(&site).await.into_iter().enumerate() {
        let chunked = "transfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n";
        for (number, rest) in [
            format!("{chunked}zz\r\n"),
            format!("{chunked}ffffffffffffffffff\r\n"),
            format!("{chunked}3\nabc"),
            format!("{chunked}5\r\nab"),
            "content-length: 10\r\n\r\n{\"a".to_owned(),
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("malformed-{reader}-{number}");
            let mut wire = Wire::open(&site).await;
            wire.send(head(path, &id, &credential) + &rest).await;
            if number >= 3 {
                // Incomplete, and the client's end closed: who sees that first decides whether
                // there is an answer still.
                wire.finish_sending().await;
                let status = access_line(&site, &id).await["status"].as_u64();
                assert!(matches!(status, Some(400 | 499)), "{id}: {status:?}");
                continue;
            }
            let answer = wire.answer().await;
            let case = format!("{path} {rest:?}: {}", answer.head);
            let codes = (answer.status, answer.vendor_code());
            assert_eq!(codes, (400, -1254), "{case}");
            assert_eq!(access_line(&site, &id).await["status"], 400, "{case}");
            assert_no_warning(&id);
        }
    }
}

#[tokio::test]
async fn a_malformed_body_is_answered_while_the_client_waits() {
    let site = site().await;
    for (path, credential) in readers(&site).await {
        let mut wire = Wire::open(&site).await;
        let malformed = "transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n";
        wire.send(head(path, "waits", &credential) + malformed)
            .await;
        let answer = wire.answer().await;
        assert_eq!(
            (answer.status, answer.vendor_code()),
            (400, -1254),
            "{path}"
        );
        assert!(wire.rest().await.0.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_is_no_fault_of_the_sql_node() {
    let site = site().await;
    for (reader, (path, credential)) in readers(&site).await.into_iter().enumerate() {
        // A reset makes the system forget what was not read, so the SQL node must have seen it.
        let has_arrived = reader < 2;
        for is_reset in [false, has_arrived] {
            let id = format!("left-{reader}-{is_reset}");
            let mut wire = Wire::open(&site).await;
            wire.send(head(path, &id, &credential) + "content-length: 10\r\n\r\n{")
                .await;
            if has_arrived {
                let body = site
                    .node
                    .wait_for(|request| request.header("x-request-id") == Some(&id));
                patiently("request", body).await;
            }
            match is_reset {
                true => wire.reset(),
                false => drop(wire),
            }
            let line = access_line(&site, &id).await;
            // It may be noticed before the answer could be made.
            let status = line["status"].as_u64();
            assert!(matches!(status, Some(400 | 499)), "{id}: {line}");
            assert_no_warning(&id);
        }
    }
}

/// A request in stream 1 of an HTTP/2 connection, whose body has begun with `{`.
async fn http2_upload(site: &Site, path: &str, id: &str, bearer: &str) -> Http2Wire {
    let mut wire = Http2Wire::open(site).await;
    let mut fields = vec![("x-request-id", id)];
    if !bearer.is_empty() {
        fields.push(("authorization", bearer));
    }
    wire.head(1, ("POST", path), &fields).await;
    wire.send(DATA, 0, 1, b"{").await;
    wire
}

#[tokio::test]
async fn an_http2_stream_that_is_reset_within_its_body_is_499_and_no_whole_request() {
    let site = site().await;
    for (reader, (path, credential)) in readers(&site).await.into_iter().enumerate() {
        let bearer = credential.trim_start_matches("authorization: ").trim_end();
        // NO_ERROR, PROTOCOL_ERROR, CANCEL.
        for code in [0, 1, 8] {
            let id = format!("reset-{reader}-{code}");
            let mut wire = http2_upload(&site, path, &id, bearer).await;
            let is_this = |request: &sidecar_testkit::sql_node::Recorded| {
                request.header("x-request-id") == Some(&id)
            };
            if reader < 2 {
                let begun = site.node.wait_for(|it| is_this(it) && it.body_bytes == 1);
                patiently("request", begun).await;
            }
            wire.send(RST_STREAM, 0, 1, &[0, 0, 0, code]).await;
            let line = access_line(&site, &id).await;
            assert_eq!(line["status"], 499, "{id}: {line}");
            assert_no_warning(&id);
            if reader < 2 {
                let ended = site
                    .node
                    .wait_for(|it| is_this(it) && it.answered.is_some());
                let answered = patiently("end", ended).await.answered;
                assert_eq!(answered.map(|status| status.as_u16()), Some(400), "{id}");
            }
        }
    }
}

#[tokio::test]
async fn the_sql_nodes_own_break_during_an_upload_stays_its_own() {
    use sidecar_testkit::sql_node::Misbehaviour;
    let site = site().await;
    site.node.misbehave(None, 1, Misbehaviour::CloseBeforeHead);
    let body = json!({"statement": "select 1"}).to_string();
    let answer = site
        .client()
        .post(&site.url("/v1/execute"))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 502, "{}", answer.text());
}
