//! One request of the client is never two at the SQL node.
use crate::{
    site::Site,
    wire::{Ended, Wire},
};
use sidecar_testkit::sql_node::{RawNode, Then};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What an attacker wants to slip through behind the request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";

/// Field lines whose body's end two readers may see at different places. `{length}` is the length
/// of the whole rest, `0\r\n\r\n` and the hidden request.
const SHAPES: [&str; 30] = [
    "Content-Length: {length}\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: {length}",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: {length}\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: {length}",
    "Content-Length: 5, {length}",
    "Content-Length: {length}, {length}",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length: 18446744073709551621",
    "Content-Length : 5",
    "Content-Length\t: 5",
    "Content-Length:\r\n 5",
    "Content_Length: 5\r\nContent-Length: {length}",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked\r\nContent-Length: 5",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: \u{b}chunked\r\nContent-Length: {length}",
    "Transfer-Encoding: \"chunked\"\r\nContent-Length: {length}",
    "Transfer-Encoding:\r\n chunked\r\nContent-Length: {length}",
    "X: y\nTransfer-Encoding: chunked\r\nContent-Length: {length}",
    "X: y\rTransfer-Encoding: chunked\r\nContent-Length: {length}",
    "Connection: content-length\r\nContent-Length: {length}",
    "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: {length}",
];

/// Whether the first of the bytes at a node are exactly one request, read as RFC 9112 says.
fn requests(mut bytes: &[u8]) -> Vec<String> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(bytes[..end].to_vec())
            .unwrap()
            .to_lowercase();
        bytes = &bytes[end + 4..];
        let values = |name: &str| -> Vec<String> {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let named = lines.filter(|(known, _)| *known == name);
            named.map(|(_, value)| value.to_owned()).collect()
        };
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
        assert!(lengths.len() + codings.len() <= 1, "two lengths: {head}");
        if let Some(length) = lengths.first() {
            let length: usize = length.parse().unwrap();
            bytes = &bytes[length.min(bytes.len())..];
        } else if !codings.is_empty() {
            assert_eq!(codings, ["chunked"]);
            let last = bytes
                .windows(5)
                .position(|five| five == b"0\r\n\r\n")
                .unwrap();
            bytes = &bytes[last + 5..];
        }
        requests.push(head);
    }
    requests
}

#[tokio::test]
async fn no_framing_trick_makes_the_sql_node_see_what_the_sidecar_did_not() {
    let node = RawNode::answering(OK, Then::Repeat).await;
    // One worker, so that its newest connection is the one in use.
    let site = Site::with(|settings| {
        settings.set("sql_node", "url", &format!("'{}'", node.url()));
        settings.set("listen", "workers", "1");
    })
    .await;
    for shape in SHAPES {
        let seen = node.received().concat().len();
        let rest = format!("0\r\n\r\n{HIDDEN}");
        let fields = shape.replace("{length}", &rest.len().to_string());
        let mut wire = Wire::open(&site).await;
        let request = format!("POST /open HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{rest}");
        // The sidecar may have refused it before it has all of it.
        drop(wire.try_send(request).await);
        let answers = wire.answers().await;
        let ok = answers.iter().filter(|status| **status == 200).count();
        let bytes: usize = node.received().concat().len() - seen;
        let all = node.received();
        let fresh = all
            .last()
            .map_or(&[][..], |last| &last[last.len() - bytes.min(last.len())..]);
        let arrived = requests(fresh);
        assert_eq!(arrived.len(), ok, "{shape:?}: {answers:?} {arrived:?}");
        for head in &arrived {
            assert!(head.contains("x-request-id: "), "{shape:?}: {head}");
        }
        assert!(answers.len() <= 1, "{shape:?}: {answers:?}");
    }
}

#[tokio::test]
async fn a_line_break_in_a_target_or_field_makes_no_second_request() {
    let node = RawNode::answering(OK, Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    for request in [
        "GET /a\rGET /hidden HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx: y\r\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\n: z\r\n\r\n",
        "GET /a HTTP/1.1\r\n host: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n",
        "GET  /a HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a HTTP/1.2 x\r\nhost: a\r\n\r\n",
        "GET /a HTTP/2.0\r\nhost: a\r\n\r\n",
        "GET /a\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let mut wire = Wire::open(&site).await;
        drop(wire.try_send(request).await);
        drop(wire.try_send("\r\n\r\n").await);
        let (answer, ended) = wire.rest().await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.starts_with("HTTP/1.1 400 "),
            "{request:?}: {answer:?}"
        );
        assert_eq!(ended, Ended::Properly, "{request:?}");
    }
    assert!(node.received().is_empty());
}

#[tokio::test]
async fn escaped_line_breaks_from_http2_stay_escaped() {
    let node = RawNode::answering(OK, Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    let target = "/a%0d%0aHost:%20b%0d%0a%0d%0aGET%20/hidden";
    let answer = site.client().http2().get(&site.url(target)).send().await;
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(requests(&node.received()[0]).len(), 1);
}
