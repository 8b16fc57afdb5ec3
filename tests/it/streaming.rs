//! Bodies: every size both ways, as they come, as fast as the slower side.
use crate::{
    site::Site,
    wire::{Wire, patiently},
};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Client, body_channel},
    sql_node::{RawNode, Then, stream_digest},
};
use std::{fmt::Write, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// Around the sizes of buffers.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 1_000_000, 4_194_305];

const GIB: u64 = 1 << 30;

/// Long enough for loopback to carry on if anybody reads.
const STUCK: Duration = Duration::from_millis(300);

/// What sockets and buffers of two hops may hold, far below [`GIB`].
const IN_FLIGHT: u64 = 48 << 20;

fn hex(context: Context) -> String {
    let mut text = String::new();
    for byte in context.finish().as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn both(site: &Site) -> [Client; 2] {
    [site.client(), site.client().http2()]
}

#[tokio::test]
async fn bodies_of_every_size_arrive_at_the_sql_node() {
    let site = Site::start().await;
    for client in both(&site) {
        for size in SIZES {
            let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut context = Context::new(&SHA256);
            context.update(&body);
            let request = client.post(&site.url("/test/digest")).body(body);
            let answer = request.send().await.unwrap();
            let expected = json!({"bytes": size, "sha256": hex(context), "trailers": null});
            assert_eq!(answer.json(), expected, "{:?} {size}", answer.version);
            let length = site
                .node
                .last_request()
                .header("content-length")
                .map(str::to_owned);
            assert!(
                length.is_none_or(|length| length == size.to_string()),
                "{size}"
            );
        }
    }
}

#[tokio::test]
async fn chunked_bodies_arrive_at_the_sql_node() {
    let site = Site::start().await;
    for client in both(&site) {
        let (mut sender, stream) = body_channel();
        let request = client.post(&site.url("/test/digest")).body_stream(stream);
        let answer = tokio::spawn(request.send());
        let mut context = Context::new(&SHA256);
        for size in [1, 65_536, 7, 100_000] {
            let chunk = vec![b'x'; size];
            context.update(&chunk);
            assert!(sender.send(chunk).await, "{size}");
        }
        drop(sender);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.json()["sha256"], json!(hex(context)));
        let request = site.node.last_request();
        assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    }
}

#[tokio::test]
async fn bodies_of_every_size_arrive_at_the_client() {
    let site = Site::start().await;
    for client in both(&site) {
        for size in SIZES {
            for (kind, length) in [("fixed", Some(size.to_string())), ("stream", None)] {
                let url = site.url(&format!("/test/{kind}?bytes={size}"));
                let answer = client.get(&url).send().await.unwrap();
                let mut context = Context::new(&SHA256);
                context.update(&answer.body);
                let case = format!("{:?} {kind} {size}", answer.version);
                assert_eq!(hex(context), stream_digest(size as u64), "{case}");
                // The stand-in declares the length of nothing at all.
                let length = length.as_deref().or((size == 0).then_some("0"));
                assert_eq!(answer.header("content-length"), length, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_gibibyte_streams_to_the_client_unchanged() {
    let site = Site::start().await;
    let url = site.url(&format!("/test/stream?bytes={GIB}&chunk=1048576"));
    let client = site.client().timeout(Duration::from_secs(60));
    let mut answer = client.get(&url).stream().await.unwrap();
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    while let Some(chunk) = answer.next_chunk().await.unwrap() {
        context.update(&chunk);
        bytes += chunk.len() as u64;
    }
    assert_eq!((bytes, hex(context)), (GIB, stream_digest(GIB)));
}

#[tokio::test]
async fn a_gibibyte_streams_to_the_sql_node_unchanged() {
    let site = Site::start().await;
    let client = site.client().timeout(Duration::from_secs(60));
    let (mut sender, stream) = body_channel();
    let request = client.post(&site.url("/test/digest")).body_stream(stream);
    let answer = tokio::spawn(request.send());
    let mut context = Context::new(&SHA256);
    let chunk: Bytes = (0..1 << 20).map(|at| (at % 251) as u8).collect();
    for _ in 0..GIB / chunk.len() as u64 {
        context.update(&chunk);
        assert!(sender.send(chunk.clone()).await);
    }
    drop(sender);
    let answer = answer.await.unwrap().unwrap();
    let expected = json!({"bytes": GIB, "sha256": hex(context), "trailers": null});
    assert_eq!(answer.json(), expected);
}

/// Sums up what comes until nothing does for [`STUCK`].
async fn until_stuck(mut pieces: UnboundedReceiver<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(Some(piece)) = timeout(STUCK, pieces.recv()).await {
        sum += piece;
        assert!(sum < IN_FLIGHT, "nobody holds the writer back");
    }
    sum
}

/// A SQL node that answers one request with a gibibyte and reports what it could write.
async fn eager_node(listener: TcpListener, written: UnboundedSender<u64>) {
    let (mut tcp, _) = listener.accept().await.unwrap();
    read_head(&mut tcp).await;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {GIB}\r\n\r\n");
    tcp.write_all(head.as_bytes()).await.unwrap();
    let block = vec![b'x'; 65_536];
    while let Ok(count) = tcp.write(&block).await {
        written.send(count as u64).ok();
    }
}

async fn read_head(tcp: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_the_sql_node_back() {
    for is_http2 in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Site::before(&format!("http://{}", listener.local_addr().unwrap())).await;
        let (written, pieces) = unbounded_channel();
        tokio::spawn(eager_node(listener, written));
        let client = &both(&site)[usize::from(is_http2)];
        let mut answer = client.get(&site.url("/x")).stream().await.unwrap();
        let stuck_at = until_stuck(pieces).await;
        assert!(stuck_at > 0);
        // It goes on once the client reads.
        let mut read = 0;
        while read < 2 * stuck_at {
            read += answer.next_chunk().await.unwrap().unwrap().len() as u64;
        }
    }
}

#[tokio::test]
async fn a_sql_node_that_reads_nothing_holds_the_client_back() {
    for is_http2 in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Site::before(&format!("http://{}", listener.local_addr().unwrap())).await;
        let client = &both(&site)[usize::from(is_http2)];
        let (mut sender, stream) = body_channel();
        let request = client.post(&site.url("/x")).body_stream(stream);
        let _answer = tokio::spawn(request.send());
        let (mut tcp, _) = patiently("connection", listener.accept()).await.unwrap();
        read_head(&mut tcp).await;
        let (written, pieces) = unbounded_channel();
        tokio::spawn(async move {
            while sender.send(vec![b'x'; 65_536]).await {
                written.send(65_536).ok();
            }
        });
        assert!(until_stuck(pieces).await > 0);
    }
}

#[tokio::test]
async fn the_first_object_arrives_while_the_statement_still_runs() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    for (gate, client) in ["h1", "h2"].into_iter().zip(both(&site)) {
        let statement =
            format!("select c1, case when c1 > 1 then pause('{gate}') end from sys.dummy3");
        let query = client
            .post(&site.url("/v1/execute"))
            .json(json!({"statement": statement, "fetch_size": 1}));
        let query = query.accept("application/stream+json").bearer(&token);
        let mut answer = query.stream().await.unwrap();
        assert_eq!(
            answer.header("content-type"),
            Some("application/stream+json")
        );
        let first = answer.next_chunk().await.unwrap().unwrap();
        let object: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(object["data"][0][0], 1, "{gate}");
        site.node.paused_at(gate).await;
        site.node.open_gate(gate);
        let rest = answer.collect().await.unwrap();
        let rest = serde_json::Deserializer::from_slice(&rest.body).into_iter::<Value>();
        assert_eq!(rest.map(Result::unwrap).count(), 3, "{gate}");
    }
}

#[tokio::test]
async fn each_chunk_of_the_sql_node_is_one_chunk_to_the_client() {
    let chunks = ["{\"a\":1}\n", "{\"b\":", "2}\n", "{}"];
    let framed = chunks.map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    // One by one, then all of them in one segment.
    let mut pieces: Vec<Bytes> = vec![head.into()];
    pieces.extend(framed.iter().cloned().map(Bytes::from));
    pieces.push((framed.concat() + "0\r\n\r\n").into());
    let node = RawNode::in_pieces(pieces, Then::Hold).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    for chunk in chunks {
        node.release();
        assert_eq!(wire.chunk().await.as_deref(), Some(chunk.as_bytes()));
    }
    node.release();
    for chunk in chunks {
        assert_eq!(wire.chunk().await.as_deref(), Some(chunk.as_bytes()));
    }
    assert_eq!(wire.chunk().await, None);
}
