//! What a request asks for, and how long it says it is, reach the SQL node in one plain form.
use crate::{
    site::Site,
    wire::{DATA, HEADERS, Http2Wire, Wire},
};

#[tokio::test]
async fn an_empty_target_reaches_the_sql_node_as_a_slash() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    for target in ["http://a", "http://a#", "http://a#b"] {
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        wire.answer().await;
        assert_eq!(site.node.last_request().target, "/", "{target}");
    }
    let mut wire = Http2Wire::open(&site).await;
    for (stream, path, target) in [(1, "#", "/"), (3, "#b", "/"), (5, "?x", "/?x")] {
        site.node.clear_requests();
        wire.request(stream, ("GET", path), &[]).await;
        wire.next(HEADERS).await;
        assert_eq!(site.node.last_request().target, target, "{path}");
    }
}

#[tokio::test]
async fn an_asterisk_is_for_options_alone() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 400);
    let mut http2 = Http2Wire::open(&site).await;
    http2.request(1, ("GET", "*"), &[]).await;
    assert_eq!(http2.status().await, 400);
    assert!(site.node.requests().is_empty());
    wire.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    wire.answer().await;
    assert_eq!(site.node.last_request().target, "*");
}

#[tokio::test]
async fn an_http2_length_that_is_not_one_line_of_digits_is_refused() {
    let site = Site::start().await;
    let mut wire = Http2Wire::open(&site).await;
    wire.request(1, ("POST", "/test/digest"), &[("content-length", "")])
        .await;
    assert_eq!(wire.status().await, 400);
    let twice = [("content-length", "2"), ("content-length", "2")];
    wire.head(3, ("POST", "/test/digest"), &twice).await;
    assert_eq!(wire.status().await, 400);
    assert!(site.node.requests().is_empty());
}

/// As digits go, these are good ones, and both versions agree on it.
#[tokio::test]
async fn a_length_with_leading_zeros_is_that_length_in_both_versions() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    wire.send("POST /test/digest HTTP/1.1\r\nhost: a\r\ncontent-length: 002\r\n\r\nok")
        .await;
    assert_eq!(wire.answer().await.status, 200);
    let mut http2 = Http2Wire::open(&site).await;
    let length = [("content-length", "002")];
    http2.head(1, ("POST", "/test/digest"), &length).await;
    http2.send(DATA, 1, 1, b"ok").await; // END_STREAM
    assert_eq!(http2.status().await, 200);
    for request in site.node.requests() {
        assert_eq!(request.text(), "ok");
    }
}
