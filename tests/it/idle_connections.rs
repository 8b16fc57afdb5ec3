//! Client connections that nobody uses make room for others.
use crate::{
    site::Site,
    wire::{Ended, GOAWAY, Http2Wire, Wire, patiently},
};
use sidecar_testkit::client::Client;
use std::{net::IpAddr, time::Duration};

const INFO: &str = "GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n";

/// What a connection would be closed in, were it to be closed.
const A_MOMENT: Duration = Duration::from_millis(100);

async fn site(most: &str, per_client: &str) -> Site {
    Site::with(|settings| {
        settings.set("listen", "max_connections", most);
        settings.set("limits", "connections_per_client", per_client);
    })
    .await
}

fn other(site: &Site) -> Client {
    site.client().from_address(IpAddr::from([127, 0, 0, 7]))
}

/// Connections of one client, each used once.
async fn used(site: &Site, count: usize) -> Vec<Wire> {
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::open(site).await;
        wire.send(INFO).await;
        assert_eq!(wire.answer().await.status, 200);
        wires.push(wire);
    }
    wires
}

#[tokio::test]
async fn fifty_idle_connections_of_fifty_shut_nobody_out() {
    let site = site("50", "50").await;
    let mut wires = used(&site, 50).await;
    let answer = other(&site).get(&site.url("/v1/info")).send().await;
    assert_eq!(answer.unwrap().status, 200);
    let end = wires.remove(0).rest().await;
    assert_eq!(end, (Vec::new(), Ended::Properly), "idle for longest");
    for (number, wire) in wires.iter_mut().enumerate() {
        wire.send(INFO).await;
        assert_eq!(wire.answer().await.status, 200, "{number}");
    }
}

#[tokio::test]
async fn connections_that_never_said_anything_make_room_too() {
    let site = site("3", "3").await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(crate::wire::connect(&site).await); // no handshake
    }
    let answer = other(&site).get(&site.url("/v1/info")).send().await;
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn at_its_share_a_clients_own_idle_connection_makes_room() {
    let site = site("20", "0").await;
    let mut others = Http2Wire::open(&site).await; // older than any of the following
    others.request(1, ("GET", "/v1/info"), &[]).await;
    assert_eq!(others.status().await, 200);
    let first = other(&site).connect(&site.origin()).await.unwrap();
    assert_eq!(first.get("/v1/info").send().await.unwrap().status, 200);
    let mut further = Vec::new();
    for _ in 0..9 {
        let one = other(&site).connect(&site.origin()).await.unwrap();
        assert_eq!(one.get("/v1/info").send().await.unwrap().status, 200);
        further.push(one);
    }
    // 127.0.0.7 has ten of eleven; more than half of twenty are taken.
    let closed = async {
        while first.is_open() {
            tokio::task::yield_now().await;
        }
    };
    patiently("the end of its oldest one", closed).await;
    assert!(further.iter().all(|connection| connection.is_open()));
    others.request(3, ("GET", "/v1/info"), &[]).await;
    assert_eq!(others.status().await, 200);
}

#[tokio::test]
async fn an_idle_http2_connection_is_told_with_goaway() {
    let site = site("1", "1").await;
    let mut idle = Http2Wire::open(&site).await;
    idle.request(1, ("GET", "/v1/info"), &[]).await;
    assert_eq!(idle.status().await, 200);
    let answer = other(&site).get(&site.url("/v1/info")).send().await;
    assert_eq!(answer.unwrap().status, 200);
    idle.next(GOAWAY).await;
}

#[tokio::test]
async fn a_connection_with_a_request_under_way_is_never_cut() {
    let site = site("1", "1").await;
    let mut busy = Wire::open(&site).await;
    let head = "POST /test/digest HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na";
    busy.send(head).await;
    site.node.next_request().await;
    let refused = other(&site).get(&site.url("/v1/info")).send().await;
    assert_eq!(refused.unwrap().status, 503);
    assert!(!busy.ended_within(A_MOMENT).await);
    busy.send("b").await;
    assert_eq!(busy.answer().await.status, 200);
    let served = async {
        let ask = async || other(&site).get(&site.url("/v1/info")).send().await;
        while ask().await.is_ok_and(|answer| answer.status == 503) {}
    };
    patiently("room", served).await;
    assert_eq!(busy.rest().await, (Vec::new(), Ended::Properly));
}
