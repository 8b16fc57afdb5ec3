//! What one client may take: time for handshake and head, idle time, header bytes, connections.
use crate::{
    site::{Site, vendor_code},
    wire::{Ended, GOAWAY, Http2Wire, PING, Wire, connect, patiently},
};
use sidecar_testkit::client::body_channel;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The limit under test; the others stay at their seconds and minutes.
const SHORT: Duration = Duration::from_millis(60);

/// Far below every other limit, far above what the machine needs.
const LONG: Duration = Duration::from_secs(5);

/// Several times [`SHORT`].
const A_WHILE: Duration = Duration::from_millis(300);

const INFO: &str = "GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n";

/// Waits until the other side ends it.
async fn is_cut(tcp: &mut TcpStream) {
    let mut nothing = [0; 16];
    while let Ok(1..) = patiently("end", tcp.read(&mut nothing)).await {}
}

#[tokio::test]
async fn a_silent_or_slow_handshake_is_cut_after_handshake_timeout() {
    let site = Site::with(|settings| settings.set("limits", "handshake_timeout", "'60ms'")).await;
    // A record of 512 bytes that begins a ClientHello of 508, of which no more comes.
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let started = Instant::now();
        let mut tcp = connect(&site).await;
        tcp.write_all(sent).await.unwrap();
        is_cut(&mut tcp).await;
        let took = started.elapsed();
        assert!((SHORT..LONG).contains(&took), "{sent:?}: {took:?}");
    }
}

#[tokio::test]
async fn clients_stuck_in_the_handshake_delay_nobody() {
    let site = Site::with(|settings| settings.set("listen", "workers", "1")).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut tcp = connect(&site).await;
        tcp.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
        stuck.push(tcp);
    }
    let answer = timeout(LONG, site.client().get(&site.url("/v1/info")).send()).await;
    assert_eq!(answer.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_first_byte_that_does_not_come_is_awaited_for_header_timeout() {
    let site = Site::with(|settings| settings.set("limits", "header_timeout", "'60ms'")).await;
    for (alpn, sent) in [
        ("http/1.1", &b""[..]),
        ("h2", b""),
        // The whole preface with empty SETTINGS, but no request.
        (
            "h2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        ),
    ] {
        let started = Instant::now();
        let mut wire = Wire::with_alpn(&site, &[alpn]).await;
        wire.send(sent).await;
        wire.rest().await;
        let took = started.elapsed();
        assert!((SHORT..LONG).contains(&took), "{alpn} {sent:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_dribbling_head_is_cut_after_header_timeout_also_on_a_used_connection() {
    let site = Site::with(|settings| settings.set("limits", "header_timeout", "'60ms'")).await;
    for requests_before in [0, 1, 3] {
        let mut wire = Wire::open(&site).await;
        for _ in 0..requests_before {
            wire.send(INFO).await;
            assert_eq!(wire.answer().await.status, 200);
        }
        let started = Instant::now();
        let mut bytes = INFO.trim_end().bytes().cycle();
        let dribbling = async {
            while wire.try_send([bytes.next().unwrap()]).await.is_ok()
                && !wire.ended_within(Duration::from_millis(15)).await
            {}
        };
        patiently("end", dribbling).await;
        let took = started.elapsed();
        let seen = site.node.requests().len();
        assert!((SHORT..LONG).contains(&took), "{requests_before}: {took:?}");
        site.node.clear_requests();
        assert_eq!(seen, requests_before);
    }
}

#[tokio::test]
async fn an_idle_connection_outlives_header_timeout_and_ends_after_idle_timeout() {
    let site = Site::with(|settings| {
        settings.set("limits", "header_timeout", "'60ms'");
        settings.set("limits", "idle_timeout", "'1s'");
    })
    .await;
    let wrong_host = "GET http://elsewhere/ HTTP/1.1\r\nhost: a\r\n\r\n";
    let idle = async |request: &str, status: u16| {
        let mut wire = Wire::open(&site).await;
        for _ in 0..2 {
            wire.send(request).await;
            assert_eq!(wire.answer().await.status, status, "{request:?}");
            assert!(!wire.ended_within(A_WHILE).await, "{request:?}");
        }
        let end = (Vec::new(), Ended::Properly);
        assert_eq!(wire.rest().await, end, "{request:?}");
    };
    let started = Instant::now();
    // The second is answered before anything is awaited.
    tokio::join!(idle(INFO, 200), idle(wrong_host, 400));
    assert!(started.elapsed() > Duration::from_secs(1));
}

#[tokio::test]
async fn an_idle_http2_connection_ends_with_a_farewell() {
    let site = Site::with(|settings| settings.set("limits", "idle_timeout", "'60ms'")).await;
    let mut wire = Http2Wire::open(&site).await;
    wire.request(1, ("GET", "/v1/info"), &[]).await;
    assert_eq!(wire.status().await, 200);
    let warning = wire.next(GOAWAY).await;
    assert_eq!(warning[..4], [0x7f, 0xff, 0xff, 0xff]); // any stream yet
    let ping = wire.next(PING).await;
    wire.send(PING, 1, 0, &ping).await; // ACK
    assert_eq!(wire.next(GOAWAY).await[..4], [0, 0, 0, 1]);
    assert_eq!(wire.end().await, Ended::Properly);
}

#[tokio::test]
async fn a_running_query_outlives_header_and_idle_timeout() {
    let site = Site::with(|settings| {
        settings.set("limits", "header_timeout", "'60ms'");
        settings.set("limits", "idle_timeout", "'60ms'");
    })
    .await;
    let client = site.client();
    for (gate, client) in [("one", client.clone()), ("two", client.http2())] {
        let statement = format!("select pause('{gate}')");
        let query = site
            .statement(&client, &statement)
            .basic("admin@system", "admin");
        let running = tokio::spawn(query.send());
        site.node.paused_at(gate).await;
        let mut running = running;
        assert!(timeout(A_WHILE, &mut running).await.is_err(), "{gate}");
        site.node.open_gate(gate);
        let answer = running.await.unwrap().unwrap();
        assert_eq!(answer.status, 200, "{gate}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_slow_upload_outlives_header_timeout() {
    let site = Site::with(|settings| settings.set("limits", "header_timeout", "'60ms'")).await;
    for client in [site.client(), site.client().http2()] {
        let (mut sender, stream) = body_channel();
        let request = client.post(&site.url("/test/echo")).body_stream(stream);
        assert!(sender.send("a").await);
        let mut answer = request.stream().await.unwrap();
        assert_eq!(answer.next_chunk().await.unwrap().unwrap(), "a");
        assert!(timeout(A_WHILE, answer.next_chunk()).await.is_err());
        assert!(sender.send("b").await);
        drop(sender);
        assert_eq!(answer.collect().await.unwrap().body, "b");
    }
}

#[tokio::test]
async fn a_head_longer_than_header_bytes_is_431() {
    let site = Site::with(|settings| settings.set("limits", "header_bytes", "'8KiB'")).await;
    for client in [site.client(), site.client().http2()] {
        for (length, status) in [(7000, 200), (9000, 431)] {
            let info = client.get(&site.url("/v1/info"));
            let answer = info.header("x-long", "x".repeat(length)).send().await;
            let answer = answer.unwrap();
            assert_eq!(answer.status, status, "{:?} {length}", answer.version);
        }
    }
    assert_eq!(site.node.requests().len(), 2);
}

#[tokio::test]
async fn a_head_of_nearly_64_kib_passes_by_default() {
    let site = Site::start().await;
    for client in [site.client(), site.client().http2()] {
        let long = "x".repeat(64 * 1024 - 1000);
        let info = client.get(&site.url("/v1/info")).header("x-long", &long);
        assert_eq!(info.send().await.unwrap().status, 200);
        assert_eq!(site.node.last_request().header("x-long"), Some(&*long));
    }
}

/// A request whose body lacks its last byte.
const HALF: &str = "POST /test/digest HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na";

/// A connection with a request under way: one that is idle would make room for others.
async fn busy(site: &Site) -> Wire {
    let mut wire = Wire::open(site).await;
    wire.send(HALF).await;
    site.node.next_request().await;
    wire
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_until_there_is_room() {
    let site = Site::with(|settings| settings.set("listen", "max_connections", "1")).await;
    let mut first = busy(&site).await;

    let mut second = Wire::open(&site).await;
    second.send(INFO).await;
    let refusal = second.answer().await;
    assert_eq!((refusal.status, refusal.vendor_code()), (503, -206));
    assert!(refusal.field("retry-after").is_some(), "{}", refusal.head);
    assert_eq!(second.rest().await, (Vec::new(), Ended::Properly));

    first.send("b").await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(site.node.requests().len(), 1);
    drop(first);
    // The sidecar needs a moment to see that the first one has gone.
    let client = site.client();
    let served = async {
        while client
            .get(&site.url("/v1/info"))
            .send()
            .await
            .is_ok_and(|answer| answer.status == 503)
        {}
    };
    patiently("room", served).await;
    assert_eq!(site.node.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_http2_connection_is_closed_so_that_the_next_one_may_be_served() {
    let site = Site::with(|settings| settings.set("listen", "max_connections", "1")).await;
    let _first = busy(&site).await;
    let second = site.client().http2().connect(&site.origin()).await.unwrap();
    let refusal = second.get("/v1/info").send().await.unwrap();
    assert_eq!(
        (refusal.status.as_u16(), vendor_code(&refusal)),
        (503, -206)
    );
    let closed = async {
        while second.is_open() {
            tokio::task::yield_now().await;
        }
    };
    patiently("end", closed).await;
}

#[tokio::test]
async fn connections_far_over_the_limit_are_closed_unanswered() {
    let site = Site::with(|settings| settings.set("listen", "max_connections", "1")).await;
    let mut first = busy(&site).await;
    // Each of these could be told that it is one too many, but does not listen.
    let mut refused = Vec::new();
    for _ in 0..64 {
        refused.push(connect(&site).await);
    }
    let mut last = connect(&site).await;
    is_cut(&mut last).await;
    first.send("b").await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(site.node.requests().len(), 1);
}
