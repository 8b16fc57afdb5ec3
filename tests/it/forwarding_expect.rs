//! `Expect: 100-continue`: the client is asked for its body when the SQL node asks.
use crate::{
    site::Site,
    wire::{Wire, patiently},
};
use bytes::Bytes;
use sidecar_testkit::sql_node::{RawNode, Then};
use std::time::{Duration, Instant};

const HEAD: &str =
    "POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Below the second after which a body is sent unasked.
const A_WHILE: Duration = Duration::from_millis(300);

/// A node that says these pieces, each when it is released; a client that has sent its head.
async fn expecting(pieces: &[&'static str]) -> (RawNode, Site, Wire) {
    // The first piece, which leaves by itself, is nothing.
    let pieces = [""].iter().chain(pieces).copied().map(Bytes::from);
    let node = RawNode::in_pieces(pieces, Then::Hold).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    wire.send(HEAD).await;
    let head = patiently("head", node.wait_for(|bytes| bytes.ends_with(b"\r\n\r\n"))).await;
    assert!(
        String::from_utf8(head)
            .unwrap()
            .contains("expect: 100-continue")
    );
    (node, site, wire)
}

#[tokio::test]
async fn the_client_is_asked_for_its_body_only_after_the_sql_node_asked() {
    let (node, _site, mut wire) = expecting(&[CONTINUE, OK]).await;
    assert!(wire.is_silent_for(A_WHILE).await);
    node.release();
    assert_eq!(wire.head().await, "HTTP/1.1 100 Continue");
    wire.send("hello").await;
    patiently(
        "body",
        node.wait_for(|bytes| bytes.ends_with(b"\r\n\r\nhello")),
    )
    .await;
    node.release();
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn a_refusal_at_once_means_that_the_body_is_never_asked_for() {
    for (answer, status) in [
        ("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n", 413),
        (
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            401,
        ),
    ] {
        let (node, _site, mut wire) = expecting(&[answer]).await;
        node.release();
        // The first head: no 100 before it.
        assert_eq!(wire.answer().await.status, status);
        let (rest, _) = wire.rest().await;
        assert!(rest.is_empty(), "{status}: {rest:?}");
        assert!(node.received()[0].ends_with(b"\r\n\r\n"), "{status}");
    }
}

#[tokio::test]
async fn a_sql_node_that_ignores_the_expectation_gets_the_body_within_a_second_or_so() {
    let (node, _site, mut wire) = expecting(&[OK]).await;
    let started = Instant::now();
    assert_eq!(wire.head().await, "HTTP/1.1 100 Continue");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    wire.send("hello").await;
    patiently(
        "body",
        node.wait_for(|bytes| bytes.ends_with(b"\r\n\r\nhello")),
    )
    .await;
    node.release();
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn a_real_server_asks_and_answers_for_passwords_and_provider_tokens() {
    let site = Site::start().await;
    let body = r#"{"statement":"select 1"}"#;
    let token = site.id_token("alice");
    for credential in ["Basic YWRtaW5Ac3lzdGVtOmFkbWlu", &format!("Bearer {token}")] {
        let mut wire = Wire::open(&site).await;
        wire.send(format!(
            "POST /v1/execute HTTP/1.1\r\nhost: a\r\nauthorization: {credential}\r\n\
             expect: 100-Continue\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
        assert_eq!(wire.head().await, "HTTP/1.1 100 Continue", "{credential}");
        wire.send(body).await;
        assert_eq!(wire.answer().await.status, 200, "{credential}");
    }
}
