//! What reaches the client: status, fields and body as the SQL node wrote them.
use crate::{site::Site, wire::Wire};
use bytes::Bytes;
use http::Version;
use sidecar_testkit::{
    client::Client,
    sql_node::{RawNode, Then},
};

/// Sends one GET over HTTP/1.1 to a sidecar in front of a server that answers `bytes`.
async fn raw_answer(bytes: &'static [u8], then: Then) -> crate::wire::Plain {
    let node = RawNode::answering(bytes, then).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    wire.answer().await
}

#[tokio::test]
async fn status_reason_and_fields_arrive_with_their_case_bytes_and_order() {
    let answer = b"HTTP/1.1 299 Rather Fine\r\nX-List: one\r\nx-LIST: two, three\r\nX-List: \r\n\
        Server: Ocient/1\r\nDATE: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a=1; Path=/\r\n\
        Set-Cookie: b=2\r\nETag: W/\"x\"\r\nContent-Length: 3\r\nAge: 1\r\n\r\nabc";
    let passed = raw_answer(answer, Then::Hold).await;
    assert_eq!(passed.body, b"abc");
    let mut lines: Vec<&str> = passed.head.lines().collect();
    assert_eq!(lines.remove(0), "HTTP/1.1 299 Rather Fine");
    lines.retain(|line| !line.starts_with("x-request-id: "));
    assert_eq!(passed.fields("x-list"), ["one", "two, three", ""]);
    assert_eq!(passed.fields("set-cookie"), ["a=1; Path=/", "b=2"]);
    let mut sent: Vec<&str> = std::str::from_utf8(answer)
        .unwrap()
        .lines()
        .skip(1)
        .collect();
    sent.truncate(10);
    let trim = |line: &&str| line.trim_end().to_owned();
    let mut lines: Vec<String> = lines.iter().map(trim).collect();
    let mut sent: Vec<String> = sent.iter().map(trim).collect();
    lines.sort_unstable();
    sent.sort_unstable();
    assert_eq!(lines, sent);
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_complete() {
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
    let passed = raw_answer(answer, Then::Close).await;
    assert_eq!(passed.body, b"until the end");
    let old = raw_answer(b"HTTP/1.0 200 OK\r\n\r\nold", Then::Close).await;
    assert_eq!(old.body, b"old");
}

#[tokio::test]
async fn head_204_and_304_have_no_body_and_keep_their_fields() {
    let site = Site::start().await;
    let clients = [site.client(), site.client().http2()];
    for client in &clients {
        let head = client.head(&site.url("/test/fixed?bytes=5"));
        let answer = head.send().await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), Some("5"));
        assert!(answer.body.is_empty());
        for code in [204, 304] {
            let url = site.url(&format!("/test/status/{code}"));
            let answer = client.get(&url).send().await.unwrap();
            assert_eq!(answer.status, code, "{:?}", answer.version);
            assert!(answer.body.is_empty());
        }
    }
    // The length is that of the answer not sent (RFC 9110 section 8.6).
    let not_modified = b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n";
    let node = RawNode::answering(not_modified.as_slice(), Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    for _ in 0..2 {
        wire.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.field("etag")), (304, Some("\"x\"")));
        assert_eq!(answer.field("content-length"), Some("1234"));
    }
    assert_eq!(node.received().len(), 1);
    let lines = site.log.wait_for("access", 2, |line| line["status"] == 304);
    let lines = lines.await;
    assert!(
        lines
            .iter()
            .all(|line| line["outcome"] == "complete" && line["bytes"] == 0)
    );
    let http2 = site
        .client()
        .http2()
        .get(&site.url("/x"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (http2.status.as_u16(), http2.header("content-length")),
        (304, Some("1234"))
    );
}

#[tokio::test]
async fn interim_answers_do_not_disturb_the_final_one() {
    let pieces = [
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ];
    for is_http2 in [false, true] {
        let node = RawNode::in_pieces(pieces.map(Bytes::from), Then::Hold).await;
        let site = Site::before(&node.url()).await;
        let client = if is_http2 {
            site.client().http2()
        } else {
            site.client()
        };
        node.release();
        node.release();
        let answer = client.get(&site.url("/x")).send().await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok"));
        assert!(!answer.headers.contains_key("link"));
    }
}

#[tokio::test]
async fn a_protocol_switch_nobody_asked_for_is_not_passed_on() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let answer = raw_answer(switch, Then::Hold).await;
    assert_eq!((answer.status, answer.vendor_code()), (502, -203));
}

#[tokio::test]
async fn gzip_is_passed_on_as_it_is() {
    let site = Site::start().await;
    let body = r#"{"statement":"SELECT * FROM sys.dummy3000","fetch_size":1000}"#;
    let ask = async |client: &Client, origin: &str| {
        let query = client
            .post(&format!("{origin}/v1/execute"))
            .basic("admin@system", "admin");
        let query = query.header("content-type", "application/json").body(body);
        query
            .header("accept-encoding", "gzip")
            .send()
            .await
            .unwrap()
    };
    let client = site.client();
    let direct = ask(&client, &site.node.url()).await;
    for client in [client.clone(), client.http2()] {
        let passed = ask(&client, &site.origin()).await;
        assert_eq!(passed.header("content-encoding"), Some("gzip"));
        assert_eq!(passed.header("vary"), direct.header("vary"));
        assert_eq!(&passed.body[..2], b"\x1f\x8b");
        // Alike but for the query's identifier, so of about the same length.
        assert!(passed.body.len().abs_diff(direct.body.len()) < 100);
        let length = passed.body.len().to_string();
        assert_eq!(passed.header("content-length"), Some(&*length));
    }
}

#[tokio::test]
async fn trailers_of_answers_reach_those_who_take_them() {
    let site = Site::start().await;
    let path = "/test/stream?bytes=10&trailer=yes";
    for (te, trailers) in [
        (
            "TE: trailers\r\nConnection: TE\r\n",
            &["x-test-trailer: yes"][..],
        ),
        ("", &[]),
    ] {
        let mut wire = Wire::open(&site).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{te}\r\n");
        wire.send(request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.body.len(), 10);
        assert_eq!(answer.trailers, trailers, "{te:?}");
    }
    let http2 = site.client().http2().get(&site.url(path));
    let answer = http2.header("te", "trailers").send().await.unwrap();
    assert_eq!(answer.version, Version::HTTP_2);
    assert_eq!(answer.trailers["x-test-trailer"], "yes");
}

#[tokio::test]
async fn trailers_of_requests_reach_the_sql_node() {
    let site = Site::start().await;
    for client in [site.client(), site.client().http2()] {
        let (mut sender, stream) = sidecar_testkit::client::body_channel();
        let request = client.post(&site.url("/test/digest")).body_stream(stream);
        let answer = tokio::spawn(request.header("trailer", "x-sum").send());
        assert!(sender.send("abc").await);
        let trailers = [(http::HeaderName::from_static("x-sum"), "7".parse().unwrap())];
        assert!(sender.finish(trailers.into_iter().collect()).await);
        let answer = answer.await.unwrap().unwrap();
        let expected = serde_json::json!([["x-sum", "7"]]);
        assert_eq!(answer.json()["trailers"], expected, "{:?}", answer.version);
    }
}

#[tokio::test]
async fn forged_trailers_never_reach_the_sql_node() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    let forged = [
        "X-Forwarded-For",
        "x_forwarded_user",
        "Forwarded",
        "X-Real-IP",
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Host",
        "X-Request-Id",
        "Connection",
    ];
    let (names, lines): (String, String) = forged
        .iter()
        .map(|name| (format!("{name}, "), format!("{name}: evil\r\n")))
        .collect();
    let request = format!(
        "POST /test/digest HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
         trailer: {names}x-sum\r\n\r\n1\r\na\r\n0\r\n{lines}X-Sum: 7\r\n\r\n"
    );
    wire.send(request).await;
    let answer = wire.answer().await;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["trailers"], serde_json::json!([["x-sum", "7"]]));
}
