//! How long a client may be silent within a request, or take nothing of its answer.
use crate::{
    site::{Settings, Site},
    wire::{Ended, Wire, patiently},
};
use serde_json::json;
use sidecar_testkit::{client::body_channel, sql_node::RETAIL};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// The limit under test.
const LIMIT: Duration = Duration::from_millis(200);

/// Several times [`LIMIT`].
const A_WHILE: Duration = Duration::from_millis(700);

/// Far above what the machine needs.
const LONG: Duration = Duration::from_secs(8);

fn limited(settings: &mut Settings) {
    settings.set("limits", "idle_timeout", "'200ms'");
    settings.grant("users = ['alice']");
    settings.grant("users = ['bob']\ndatabases = ['retail_*']");
}

/// Who reads a body: the SQL node, for nobody and for an identity; the inspection; an endpoint.
async fn readers(site: &Site) -> [(&'static str, String); 4] {
    [
        ("/test/digest", String::new()),
        ("/v1/execute", site.session_of("alice", RETAIL).await),
        ("/v1/execute", site.session_of("bob", RETAIL).await),
        ("/v1/sso_token", String::new()),
    ]
}

#[tokio::test]
async fn a_client_silent_within_its_body_is_told_408_and_cut() {
    let site = Site::with(limited).await;
    for (reader, (path, session)) in readers(&site).await.into_iter().enumerate() {
        let id = format!("silent-{reader}");
        let credential = match session.as_str() {
            "" => String::new(),
            session => format!("authorization: Bearer {session}\r\n"),
        };
        let started = Instant::now();
        let mut wire = Wire::open(&site).await;
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n{credential}\
             content-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
        ))
        .await;
        let answer = wire.answer().await;
        let took = started.elapsed();
        assert_eq!(
            (answer.status, answer.vendor_code()),
            (408, -1254),
            "{path}"
        );
        assert_eq!(answer.field("connection"), Some("close"), "{path}");
        assert!((LIMIT..LONG).contains(&took), "{path}: {took:?}");
        assert_eq!(wire.rest().await, (Vec::new(), Ended::Properly), "{path}");
        let lines = site
            .log
            .wait_for("access", 1, |line| line["request_id"] == id.as_str());
        assert_eq!(lines.await[0]["status"], 408, "{path}");
    }
}

#[tokio::test]
async fn an_http2_client_silent_within_its_body_is_told_408() {
    let site = Site::with(limited).await;
    for (path, session) in readers(&site).await {
        let client = site.client().http2();
        let (mut sender, stream) = body_channel();
        let mut request = client.post(&site.url(path)).body_stream(stream);
        if !session.is_empty() {
            request = request.bearer(&session);
        }
        assert!(sender.send("{").await);
        let answer = patiently("answer", request.send()).await.unwrap();
        assert_eq!(answer.status, 408, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_silent_body_does_not_look_whole_to_the_sql_node() {
    let site = Site::with(limited).await;
    let mut wire = Wire::open(&site).await;
    wire.send(
        "POST /test/digest HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
    )
    .await;
    assert_eq!(wire.answer().await.status, 408);
    let ended = site.node.wait_for(|request| request.answered.is_some());
    let answered = patiently("end", ended).await.answered.unwrap();
    assert_eq!(answered, 400);
}

#[tokio::test]
async fn unauthenticated_posts_that_say_nothing_more_do_not_pile_up() {
    let site = Site::with(limited).await;
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::open(&site).await;
        wire.send("POST /v1/execute HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
            .await;
        wires.push(wire);
    }
    for mut wire in wires {
        assert_eq!(wire.answer().await.status, 408);
        wire.rest().await;
    }
}

#[tokio::test]
async fn a_slow_upload_that_takes_longer_than_the_limit_arrives() {
    let site = Site::with(limited).await;
    for client in [site.client(), site.client().http2()] {
        let (mut sender, stream) = body_channel();
        let request = client.post(&site.url("/test/digest")).body_stream(stream);
        let mut answer = tokio::spawn(request.send());
        for piece in 0..12 {
            assert!(sender.send("x").await, "{piece}");
            assert!(timeout(LIMIT / 4, &mut answer).await.is_err(), "{piece}");
        }
        drop(sender);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.json()["bytes"], 12, "{}", answer.text());
    }
}

async fn read_head(tcp: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
}

/// A site in front of `listener`.
async fn before(listener: &TcpListener) -> Site {
    let url = format!("'http://{}'", listener.local_addr().unwrap());
    Site::with(|settings| {
        limited(settings);
        settings.set("sql_node", "url", &url);
    })
    .await
}

const DONE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";

#[tokio::test]
async fn a_sql_node_slow_to_take_the_body_is_not_the_clients_silence() {
    const SIZE: usize = 48 << 20; // more than the buffers of two hops hold
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = before(&listener).await;
    let body = vec![b'x'; SIZE];
    let client = site.client().timeout(Duration::from_secs(30));
    let mut answer = tokio::spawn(client.post(&site.url("/x")).body(body).send());
    let (mut tcp, _) = patiently("connection", listener.accept()).await.unwrap();
    read_head(&mut tcp).await;
    assert!(timeout(A_WHILE, &mut answer).await.is_err());
    let mut rest = vec![0; 1 << 20];
    for _ in 0..SIZE >> 20 {
        tcp.read_exact(&mut rest).await.unwrap();
    }
    tcp.write_all(DONE).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().text(), "done");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_not_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = before(&listener).await;
    let mut wire = Wire::open(&site).await;
    wire.send("POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await;
    let (mut tcp, _) = patiently("connection", listener.accept()).await.unwrap();
    read_head(&mut tcp).await;
    assert!(wire.is_silent_for(A_WHILE).await);
    tcp.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(wire.head().await, "HTTP/1.1 100 Continue");
    wire.send("ok").await;
    tcp.read_exact(&mut [0; 2]).await.unwrap();
    // Nor is one whose query runs.
    assert!(wire.is_silent_for(A_WHILE).await);
    tcp.write_all(DONE).await.unwrap();
    assert_eq!(wire.answer().await.body, b"done");
}

/// The request `deaf` was cut within its answer, and the SQL node has been let go, too.
async fn assert_cut(site: &Site) {
    let lines = site
        .log
        .wait_for("access", 1, |line| line["request_id"] == "deaf");
    let line = lines.await.remove(0);
    assert_eq!(
        (&line["status"], &line["outcome"]),
        (&json!(200), &json!("broken"))
    );
    let left = site
        .node
        .wait_for(|request| request.interrupted || request.answered.is_some());
    patiently("end", left).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    let site = Site::with(limited).await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /test/stream?bytes=1073741824&chunk=1048576 HTTP/1.1\r\nhost: a\r\nx-request-id: deaf\r\n\r\n")
        .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    assert_cut(&site).await;
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_gets_it() {
    let site = Site::with(limited).await;
    let url = site.url("/test/stream?bytes=1073741824&chunk=65536");
    let mut answer = site.client().get(&url).stream().await.unwrap();
    let started = Instant::now();
    let mut taken = 0;
    while started.elapsed() < 4 * LIMIT {
        // As much as makes its system tell that there is room again.
        for _ in 0..128 {
            taken += answer.next_chunk().await.unwrap().unwrap().len();
        }
        assert!(
            timeout(LIMIT / 4, std::future::pending::<()>())
                .await
                .is_err()
        );
    }
    assert!(taken > 0);
    assert!(answer.next_chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn an_http2_stream_that_takes_nothing_of_its_answer_is_reset_and_no_other() {
    let site = Site::with(limited).await;
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let deaf = client
        .get("/test/stream?bytes=1073741824&chunk=1048576")
        .header("x-request-id", "deaf")
        .stream();
    let mut deaf = deaf.await.unwrap();
    assert_cut(&site).await;
    let other = client.get("/test/stream?bytes=10&chunk=10").send().await;
    assert_eq!(other.unwrap().status, 200, "on the same connection");
    let rest = async { while let Some(Ok(_)) = deaf.next_chunk().await.transpose() {} };
    patiently("reset", rest).await;
}
