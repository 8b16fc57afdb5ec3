//! The raw endpoints and broken connections.

use serde_json::json;

use super::*;
use crate::sql_node::{Misbehaviour, stream_digest};

#[tokio::test]
async fn streams_are_what_their_digest_says() {
    let node = node().await;
    let path = "/test/stream?bytes=3000001&chunk=70000";
    let streamed = send(get(&node, path), "").await;
    assert!(!streamed.headers.contains_key("content-length"));
    let fixed = send(get(&node, "/test/fixed?bytes=3000001"), "").await;
    assert_eq!(fixed.headers["content-length"], "3000001");
    assert_eq!(streamed.body, fixed.body);
    let digest = send(post(&node, "/test/digest"), fixed.body).await.json();
    assert_eq!(digest["bytes"], 3_000_001);
    assert_eq!(digest["sha256"], stream_digest(3_000_001));
    assert_eq!(node.last_request().body.len(), 65_536);
    assert_eq!(node.last_request().body_bytes, 3_000_001);
}

#[tokio::test]
async fn trailers_follow_a_stream_for_those_who_take_them() {
    let node = node().await;
    let request = get(&node, "/test/stream?bytes=10&trailer=yes").header("te", "trailers");
    let answer = send(request, "").await;
    assert_eq!(answer.trailers.unwrap()["x-test-trailer"], "yes");
}

#[tokio::test]
async fn bodies_are_echoed() {
    let node = node().await;
    let answer = send(post(&node, "/test/echo"), "hello").await;
    assert_eq!(answer.body, "hello");
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test]
async fn head_and_empty_statuses_have_no_body() {
    let node = node().await;
    let request = Request::head(format!("{}/test/fixed?bytes=5", node.url()));
    let answer = send(request, "").await;
    assert_eq!(answer.headers["content-length"], "5");
    assert!(answer.body.is_empty());
    for (code, length) in [(204, 0), (304, 0), (404, 11), (500, 11)] {
        let answer = send(get(&node, &format!("/test/status/{code}")), "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (code, length),
            "{code}"
        );
    }
}

#[tokio::test]
async fn repeated_headers_are_listed_and_made_up() {
    let node = node().await;
    let request = get(&node, "/test/headers")
        .header("x-a", "1")
        .header("x-a", "2");
    let listed = send(request, "").await.json();
    let listed = listed.as_array().unwrap();
    assert!(listed.contains(&json!(["x-a", "1"])) && listed.contains(&json!(["x-a", "2"])));
    let path = "/test/answer?status=201&header=x-b:1&header=x-b:%202&body=made";
    let answer = send(get(&node, path), "").await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.headers.get_all("x-b").iter().collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert_eq!(answer.body, "made");
}

#[tokio::test]
async fn a_broken_body_is_visibly_broken() {
    let node = node().await;
    for path in [
        "/test/fixed?bytes=100000",
        "/test/stream?bytes=100000&chunk=700",
    ] {
        node.misbehave(None, 1, Misbehaviour::BreakBodyAfter(5000));
        let answer = open(get(&node, path), "").await;
        let mut body = answer.into_body();
        let mut bytes = 0;
        let ended = loop {
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.into_data().unwrap().len(),
                Some(Err(_)) => break "broken",
                None => break "complete",
            }
        };
        assert_eq!((bytes, ended), (5000, "broken"), "{path}");
    }
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_body() {
    let node = node().await;
    let answer = send(post(&node, "/test/early_answer"), "x").await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn connections_can_be_refused_and_cut() {
    let node = node().await;
    let client = client();
    let ask = async || {
        let request = get(&node, "/v1/info").body(Full::default()).unwrap();
        client.request(request).await.map(|answer| answer.status())
    };
    assert!(ask().await.is_ok());
    assert_eq!((node.connections(), node.open_connections()), (1, 1));
    node.refuse_connections().await;
    node.drop_connections().await;
    assert_eq!(node.open_connections(), 0);
    assert!(ask().await.is_err());
    node.accept_connections().await;
    assert!(ask().await.is_ok());
    let address = node.address();
    node.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
