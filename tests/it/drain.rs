//! Stopping: unready at once, then finishing, then breaking what is left.
use crate::{
    site::Site,
    wire::{Ended, Http2Wire, Wire, connect, patiently},
};
use serde_json::Value;
use sidecar_testkit::client::{Answer, ClientError};
use std::time::{Duration, Instant};
use tokio::{net::TcpStream, task::JoinHandle};

const INFO: &str = "GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n";

async fn status_of(site: &Site, path: &str) -> u16 {
    let answer = site.client().get(&site.admin_url(path)).send().await;
    answer.unwrap().status.as_u16()
}

/// Waits until `/readyz` is 503.
async fn unready(site: &Site) -> Value {
    let asking = async {
        loop {
            let client = site.client();
            let answer = client.get(&site.admin_url("/readyz")).send().await.unwrap();
            if answer.status == 503 {
                return answer.json();
            }
        }
    };
    patiently("503", asking).await
}

/// Waits until the listener is closed.
async fn deaf(site: &Site) {
    let knocking = async { while TcpStream::connect(("127.0.0.1", site.port())).await.is_ok() {} };
    patiently("closed listener", knocking).await;
}

/// Starts a query that waits at a gate of its own, over HTTP/1.1 or HTTP/2.
async fn running_query(site: &Site, gate: &str) -> JoinHandle<Result<Answer, ClientError>> {
    let client = match gate {
        "h2" => site.client().http2(),
        _ => site.client(),
    };
    let query = site.statement(&client, &format!("select pause('{gate}')"));
    let running = tokio::spawn(query.basic("admin@system", "admin").send());
    site.node.paused_at(gate).await;
    running
}

#[tokio::test]
async fn a_stopping_sidecar_is_unready_at_once_but_accepts_for_drain_min() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_min", "'1s'")).await;
    let started = Instant::now();
    site.begin_stopping();
    let readiness = unready(&site).await;
    let took = started.elapsed();
    assert_eq!(readiness["status"], "draining");
    assert_eq!(status_of(&site, "/livez").await, 200);
    let mut wire = Wire::open(&site).await;
    wire.send(INFO).await;
    assert_eq!(wire.answer().await.status, 200);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(site.stop_sidecar().await, 0);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn running_queries_finish_while_nobody_new_is_accepted() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_max", "'30s'")).await;
    let queries = [
        ("h1", running_query(&site, "h1").await),
        ("h2", running_query(&site, "h2").await),
    ];
    site.begin_stopping();
    deaf(&site).await;
    assert_eq!(status_of(&site, "/livez").await, 200);
    assert_eq!(status_of(&site, "/readyz").await, 503);
    for (gate, query) in queries {
        site.node.open_gate(gate);
        let answer = query.await.unwrap().unwrap();
        assert_eq!(answer.status, 200, "{gate}: {}", answer.text());
        if gate == "h1" {
            assert_eq!(answer.header("connection"), Some("close"));
        }
    }
    assert_eq!(site.stop_sidecar().await, 0);
}

#[tokio::test]
async fn idle_connections_close_properly() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_max", "'30s'")).await;
    let mut used = Wire::open(&site).await;
    used.send(INFO).await;
    assert_eq!(used.answer().await.status, 200);
    let mut unused = Wire::open(&site).await;
    let http2 = site.client().http2().connect(&site.origin()).await.unwrap();
    http2.get("/v1/info").send().await.unwrap();
    site.begin_stopping();
    for (name, wire) in [("used", &mut used), ("unused", &mut unused)] {
        assert_eq!(wire.rest().await, (Vec::new(), Ended::Properly), "{name}");
    }
    assert_eq!(site.stop_sidecar().await, 0);
    assert!(!http2.is_open());
}

#[tokio::test]
async fn a_client_stuck_in_the_handshake_does_not_hold_up_the_end() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_max", "'30s'")).await;
    let _stuck = connect(&site).await;
    // Accepted in order: now the first one is in the sidecar's hands.
    Wire::open(&site).await;
    let started = Instant::now();
    assert_eq!(site.stop_sidecar().await, 0);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn http2_clients_that_do_not_take_their_leave_do_not_hold_up_the_end() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_max", "'30s'")).await;
    let _no_preface = Wire::with_alpn(&site, &["h2"]).await;
    let _no_request = Http2Wire::open(&site).await;
    let mut idle = Http2Wire::open(&site).await;
    idle.request(1, ("GET", "/v1/info"), &[]).await;
    assert_eq!(idle.status().await, 200);
    let _no_head = {
        let mut wire = Wire::open(&site).await;
        wire.send("GET /").await;
        wire
    };
    let started = Instant::now();
    assert_eq!(site.stop_sidecar().await, 0);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn what_runs_after_drain_max_is_broken_and_reported() {
    let mut site = Site::with(|settings| settings.set("listen", "drain_max", "'50ms'")).await;
    let queries = [
        running_query(&site, "h1").await,
        running_query(&site, "h2").await,
    ];
    assert_eq!(site.stop_sidecar().await, 2);
    for query in queries {
        assert!(query.await.unwrap().is_err());
        patiently("interruption", site.node.interrupted()).await;
    }
    let lines = site.log.of_kind("access");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["outcome"], "broken", "{line}");
    }
}
