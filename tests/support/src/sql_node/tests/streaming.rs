//! Results in several objects, compression, interruption.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::*;

/// Row 1 at once, row 2 behind the gate.
const PAUSING: &str = r#"{"statement":"SELECT c1, CASE WHEN c1 > 1 THEN pause('a') END FROM sys.dummy3","fetch_size":1}"#;

#[tokio::test]
async fn the_first_object_leaves_while_the_statement_still_runs() {
    let node = node().await;
    let request = alice(&node).header("accept", "application/stream+json");
    let mut answer = open(request, PAUSING).await;
    assert_eq!(answer.headers()["content-type"], "application/stream+json");
    let first: Value = serde_json::from_slice(&next_chunk(&mut answer).await.unwrap()).unwrap();
    assert_eq!(first["data"][0][0], 1);
    assert_eq!(first["schema"][0]["name"], "c1");
    assert!(first.get("status").is_none());
    node.paused_at("a").await;
    node.open_gate("a");
    let mut objects = Vec::new();
    while let Some(chunk) = next_chunk(&mut answer).await {
        objects.push(serde_json::from_slice::<Value>(&chunk).unwrap());
    }
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["query_id"], first["query_id"]);
    assert_eq!(objects[2]["status"]["vendor_code"], 0);
}

#[tokio::test]
async fn a_statement_is_interrupted_when_its_client_leaves() {
    let node = node().await;
    let mut answer = open(alice(&node), PAUSING).await;
    next_chunk(&mut answer).await.unwrap();
    node.paused_at("a").await;
    drop(answer);
    assert!(node.interrupted().await.interrupted);
}

#[tokio::test]
async fn a_busy_statement_is_interrupted_before_its_head() {
    let node = node().await;
    let body = r#"{"statement":"SELECT count(*) FROM sys.dummy100000000000"}"#;
    let waiting = tokio::spawn(send(alice(&node), body));
    node.wait_for(|request| request.body_bytes > 0).await;
    waiting.abort();
    assert_eq!(node.interrupted().await.text(), body);
}

#[tokio::test]
async fn a_slow_reader_holds_the_statement_back() {
    let node = node().await;
    let body = r#"{"statement":"SELECT zeroblob(1000000), pause('half') FROM sys.dummy1000","fetch_size":1}"#;
    node.open_gate("half");
    let mut answer = open(alice(&node), body).await;
    for _ in 0..3 {
        next_chunk(&mut answer).await.unwrap();
    }
    drop(answer);
    // It would have been over, not interrupted, had the rows not waited for the reader.
    node.interrupted().await;
}

#[tokio::test]
async fn large_results_come_in_several_objects_unasked() {
    let node = node().await;
    let body = r#"{"statement":"SELECT * FROM sys.dummy25000"}"#;
    let answer = send(alice(&node), body).await;
    let objects = serde_json::Deserializer::from_slice(&answer.body).into_iter::<Value>();
    let objects: Vec<Value> = objects.map(Result::unwrap).collect();
    let rows = |object: &Value| object["data"].as_array().unwrap().len();
    assert_eq!(objects.iter().map(rows).sum::<usize>(), 25_000);
    assert_eq!(objects.len(), 4);
}

#[tokio::test]
async fn max_rows_ends_the_result() {
    let node = node().await;
    let body = r#"{"statement":"SELECT * FROM sys.dummy100","max_rows":7}"#;
    let answer = send(alice(&node), body).await.json();
    assert_eq!(answer["data"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn gzip_compresses_the_whole_result() {
    let node = node().await;
    let body = r#"{"statement":"SELECT * FROM customers","fetch_size":5000}"#;
    let answer = send(alice(&node).header("accept-encoding", "br, gzip"), body).await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert!(answer.headers.contains_key("content-length"));
    let mut text = String::new();
    MultiGzDecoder::new(&answer.body[..])
        .read_to_string(&mut text)
        .unwrap();
    let objects = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    assert_eq!(objects.map(Result::unwrap).count(), 5);
}

#[tokio::test]
async fn an_error_behind_the_first_object_comes_as_the_last_objects_status() {
    let node = node().await;
    let body = r#"{"statement":"SELECT c1, CASE c1 WHEN 3 THEN json('{') END FROM sys.dummy5","fetch_size":1}"#;
    let answer = send(alice(&node), body).await;
    assert_eq!(answer.status, 200);
    let last = answer
        .body
        .split(|&byte| byte == b'\n')
        .rfind(|line| !line.is_empty());
    let last: Value = serde_json::from_slice(last.unwrap()).unwrap();
    assert_eq!(last["status"]["vendor_code"], -500);
}
