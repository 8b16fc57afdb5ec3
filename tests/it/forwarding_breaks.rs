//! Who breaks off is noticed at once and on the other side too.
use crate::{
    site::{Site, vendor_code},
    wire::{Ended, Wire, patiently},
};
use serde_json::json;
use sidecar_testkit::{
    client::{Client, RequestBuilder},
    sql_node::{Misbehaviour, RawNode, Then},
};

/// Row 1 at once, row 2 behind the gate.
const HALF: &str = "select c1, case when c1 > 1 then pause('half') end from sys.dummy3";

/// Nothing before the gate opens.
const NOTHING: &str = "select pause('nothing')";

fn query(site: &Site, client: &Client, statement: &str) -> RequestBuilder {
    client
        .post(&site.url("/v1/execute"))
        .json(json!({"statement": statement, "fetch_size": 1}))
}

/// The head and the first chunk of a raw query's answer, if `statement` gives one.
async fn raw_query(site: &Site, statement: &str) -> Wire {
    let mut wire = Wire::open(site).await;
    let body = json!({"statement": statement, "fetch_size": 1}).to_string();
    wire.send(format!(
        "POST /v1/execute HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW5Ac3lzdGVtOmFkbWlu\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    if statement == HALF {
        assert!(wire.head().await.starts_with("HTTP/1.1 200"));
        assert!(wire.chunk().await.is_some());
        site.node.paused_at("half").await;
    } else {
        site.node.paused_at("nothing").await;
    }
    wire
}

async fn is_interrupted(site: &Site, case: &str) {
    let interrupted = patiently("interruption", site.node.interrupted()).await;
    assert!(interrupted.interrupted, "{case}");
}

#[tokio::test]
async fn a_client_that_closes_or_resets_its_connection_ends_its_statement() {
    let site = Site::start().await;
    for statement in [NOTHING, HALF] {
        // TCP's FIN with no word of TLS, as of a killed process.
        drop(raw_query(&site, statement).await);
        is_interrupted(&site, "closed").await;
        raw_query(&site, statement).await.reset();
        is_interrupted(&site, "reset").await;
        raw_query(&site, statement).await.say_goodbye().await;
        is_interrupted(&site, "closed properly").await;
    }
}

#[tokio::test]
async fn an_http2_client_that_resets_its_stream_ends_its_statement_alone() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let connection = site.client().http2().connect(&site.origin()).await.unwrap();
    let execute = |statement| {
        let body = json!({"statement": statement, "fetch_size": 1});
        connection.post("/v1/execute").json(body)
    };
    for injected in [false, true] {
        let sign = |request: RequestBuilder| match injected {
            false => request.basic("admin@system", "admin"),
            true => request.bearer(&token),
        };
        let before_head = tokio::spawn(sign(execute(NOTHING)).send());
        site.node.paused_at("nothing").await;
        before_head.abort();
        is_interrupted(&site, "before the head").await;

        let mut in_body = sign(execute(HALF)).stream().await.unwrap();
        in_body.next_chunk().await.unwrap().unwrap();
        site.node.paused_at("half").await;
        drop(in_body);
        is_interrupted(&site, "in the body").await;
        let answer = sign(execute("select 1")).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_client_that_breaks_its_upload_off_breaks_it_off_at_the_sql_node() {
    let site = Site::start().await;
    for client in [site.client(), site.client().http2()] {
        site.node.clear_requests();
        let (mut sender, stream) = sidecar_testkit::client::body_channel();
        let request = client.post(&site.url("/test/digest")).body_stream(stream);
        let answer = tokio::spawn(request.send());
        assert!(sender.send("half of it").await);
        site.node.wait_for(|request| request.body_bytes == 10).await;
        sender.abort();
        assert!(answer.await.unwrap().is_err());
        // The node's own answer to a body that broke off, which nobody gets any more.
        let refused = site.node.wait_for(|request| request.answered.is_some());
        assert_eq!(patiently("end", refused).await.answered.unwrap(), 400);
        assert_eq!(site.node.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_sql_node_that_breaks_before_its_head_is_502_and_not_asked_again() {
    let site = Site::start().await;
    for client in [site.client(), site.client().http2()] {
        // The second time on a connection that was used before.
        for used in [false, true] {
            site.node.clear_requests();
            site.node.misbehave(None, 1, Misbehaviour::CloseBeforeHead);
            let query = query(&site, &client, "select 1").basic("admin@system", "admin");
            let answer = query.send().await.unwrap();
            let codes = (answer.status.as_u16(), vendor_code(&answer));
            assert_eq!(codes, (502, -203), "{used}");
            assert_eq!(site.node.requests().len(), 1, "{used}");
            let info = client.get(&site.url("/v1/info")).send().await.unwrap();
            assert_eq!(info.status, 200);
        }
    }
}

#[tokio::test]
async fn a_sql_node_that_cannot_be_reached_is_502() {
    let site = Site::start().await;
    site.node.refuse_connections().await;
    let client = site.client();
    let answer = client.get(&site.url("/v1/info")).send().await.unwrap();
    assert_eq!((answer.status.as_u16(), vendor_code(&answer)), (502, -201));
    site.node.accept_connections().await;
    let answer = client.get(&site.url("/v1/info")).send().await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_sql_node_too_late_with_its_head_is_504_and_its_statement_ends() {
    let site = Site::with(|settings| settings.set("sql_node", "head_timeout", "'1s'")).await;
    let client = site.client();
    let late = query(&site, &client, NOTHING).basic("admin@system", "admin");
    let answer = late.send().await.unwrap();
    assert_eq!((answer.status.as_u16(), vendor_code(&answer)), (504, -204));
    is_interrupted(&site, "late head").await;
    // The body may take as long as it takes.
    let slow = query(&site, &client, HALF).basic("admin@system", "admin");
    let mut slow = slow.stream().await.unwrap();
    slow.next_chunk().await.unwrap().unwrap();
    let pause = std::time::Duration::from_millis(1300); // longer than a head may take
    assert!(
        tokio::time::timeout(pause, slow.next_chunk())
            .await
            .is_err()
    );
    site.node.open_gate("half");
    assert!(!slow.collect().await.unwrap().body.is_empty());
}

#[tokio::test]
async fn what_is_no_http_is_502() {
    for answer in [
        "220 smtp.example.com ESMTP\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad field: 1\r\n\r\n",
        "HTTP/1.1 20",
        "",
    ] {
        let node = RawNode::answering(answer, Then::Close).await;
        let site = Site::before(&node.url()).await;
        let answered = site.client().get(&site.url("/x")).send().await.unwrap();
        let codes = (answered.status.as_u16(), vendor_code(&answered));
        assert_eq!(codes, (502, -203), "{answer:?}");
    }
}

#[tokio::test]
async fn a_break_in_the_body_is_visible_to_the_client() {
    let site = Site::start().await;
    for path in [
        "/test/fixed?bytes=100000",
        "/test/stream?bytes=100000&chunk=700",
    ] {
        for client in [site.client(), site.client().http2()] {
            site.node
                .misbehave(None, 1, Misbehaviour::BreakBodyAfter(5000));
            let mut answer = client.get(&site.url(path)).stream().await.unwrap();
            assert_eq!(answer.status, 200);
            let mut bytes = 0;
            let ended = loop {
                match answer.next_chunk().await {
                    Ok(Some(chunk)) => bytes += chunk.len(),
                    Ok(None) => break "complete",
                    Err(_) => break "broken",
                }
            };
            let case = format!("{path} {:?}", answer.version);
            assert_eq!((bytes, ended), (5000, "broken"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_break_in_the_body_never_looks_like_its_end_on_the_wire() {
    let cases = [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "1.1",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nx",
            "1.1",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            "1.1",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "1.1"),
        // Ends with its connection at the client, so that TLS alone can tell.
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "1.0",
        ),
    ];
    for (answer, version) in cases {
        for then in [Then::Close, Then::Reset] {
            let node = RawNode::in_pieces([answer.into(), "".into()], then).await;
            let site = Site::before(&node.url()).await;
            let mut wire = Wire::open(&site).await;
            wire.send(format!("GET /x HTTP/{version}\r\nhost: a\r\n\r\n"))
                .await;
            let head = wire.head().await;
            assert!(head.contains(" 200 OK"), "{head}");
            node.release();
            let (rest, ended) = wire.rest().await;
            let case = format!("{answer:?} {version} {then:?}: {rest:?}");
            assert!(!rest.ends_with(b"0\r\n\r\n"), "{case}");
            assert_eq!(ended, Ended::Broken, "{case}");
        }
    }
}
