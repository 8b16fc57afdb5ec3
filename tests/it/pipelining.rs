//! Bytes behind a request that is still being answered: nothing of them is lost, and they do not
//! hide that the client leaves.
use crate::{
    site::Site,
    wire::{Wire, patiently},
};
use serde_json::json;

const INFO: &str = "GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n";

/// A query that waits at the gate.
fn query(gate: &str) -> String {
    let body = json!({"statement": format!("select pause('{gate}')")}).to_string();
    format!(
        "POST /v1/execute HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW5Ac3lzdGVtOmFkbWlu\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Echoes its body, which is the number alone.
fn echo(number: usize) -> String {
    let body = format!("{number:05}");
    format!("POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n{body}")
}

#[tokio::test]
async fn a_client_that_leaves_behind_unread_bytes_ends_its_statement() {
    let site = Site::start().await;
    let upload = "POST /v1/info HTTP/1.1\r\nhost: a\r\ncontent-length: 3000\r\n\r\nabc";
    for behind in ["\r\n", "G", INFO, &INFO.repeat(40), upload] {
        for how in ["at once", "later"] {
            for end in ["close", "reset", "goodbye"] {
                let case = format!("{behind:.60?} {how} {end}");
                let mut wire = Wire::open(&site).await;
                match how {
                    "at once" => wire.send(query("g") + behind).await,
                    _ => wire.send(query("g")).await,
                }
                patiently("query", site.node.paused_at("g")).await;
                if how == "later" {
                    wire.send(behind).await;
                }
                match end {
                    "close" => drop(wire),
                    "reset" => wire.reset(),
                    _ => wire.say_goodbye().await,
                }
                let interrupted = patiently(&case, site.node.interrupted()).await;
                assert!(interrupted.interrupted, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn bytes_behind_a_running_query_are_served_in_order_and_none_is_lost() {
    let site = Site::start().await;
    // Fewer and more than are read ahead, and more than hyper's own first buffer.
    for count in [1, 30, 60, 300] {
        for pieces in [1, 3, 50] {
            let case = format!("{count} in {pieces}");
            let gate = case.replace(' ', "-");
            let mut wire = Wire::open(&site).await;
            wire.send(query(&gate)).await;
            patiently("query", site.node.paused_at(&gate)).await;
            let behind: String = (0..count).map(echo).collect();
            for piece in behind.as_bytes().chunks(behind.len() / pieces + 1) {
                wire.send(piece).await;
                tokio::task::yield_now().await;
            }
            site.node.open_gate(&gate);
            assert_eq!(wire.answer().await.status, 200, "{case}");
            for number in 0..count {
                let answer = wire.answer().await;
                assert_eq!(answer.body, format!("{number:05}").as_bytes(), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn an_upload_is_unchanged_though_its_reader_pauses() {
    let site = Site::start().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let client = site.client();
    let request = client.post(&site.url("/test/echo")).body(body.clone());
    let mut answer = request.stream().await.unwrap();
    // The echo holds the upload back as long as nobody reads it.
    let mut echoed = Vec::new();
    while let Some(chunk) = answer.next_chunk().await.unwrap() {
        echoed.extend_from_slice(&chunk);
        tokio::task::yield_now().await;
    }
    assert!(echoed == body, "{} bytes of {}", echoed.len(), body.len());
}
