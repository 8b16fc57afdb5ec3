//! What reaches the SQL node: method, target, fields and body as the client wrote them.
use crate::{
    site::Site,
    wire::{Plain, Wire},
};
use http::Method;
use sidecar_testkit::sql_node::{RawNode, Then};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Fields that the sidecar adds to every request.
const ADDED: [&str; 6] = [
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "forwarded",
];

/// Targets whose bytes a proxy is tempted to tidy up.
fn odd_targets() -> Vec<String> {
    let mut targets: Vec<String> = [
        "/",
        "/?",
        "/a?",
        "/a??",
        "/a?b=c&b=d&&=",
        "/a?x=/../?y",
        "/a?x=%20+%2B%0a%00",
        "/%7e%41%2f%2F%00%ff%C3%a9",
        "/%zz/%/%4",
        "//a//b//",
        "/a/../b/./c/..",
        "/a;b=c/d;e,f",
        "/:@!$&'()*+,;=-._~",
        "/\"{}|^[]\\",
        "/a?'{}|^[]\\`",
        "/\u{e9}\u{20ac}?\u{e9}",
        "/V1/Execute?STATEMENT=1",
    ]
    .map(str::to_owned)
    .into();
    targets.push(format!("/long/{}", "p/Q".repeat(6000)));
    targets.push(format!("/long?{}", "q=%20&".repeat(6000)));
    targets
}

async fn echo_site() -> (RawNode, Site) {
    let node = RawNode::answering(EMPTY, Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    (node, site)
}

/// The heads that the node got on its first connection.
fn heads(node: &RawNode) -> Vec<String> {
    let received = String::from_utf8_lossy(&node.received()[0]).into_owned();
    let heads = received.split_terminator("\r\n\r\n");
    heads.map(str::to_owned).collect()
}

#[tokio::test]
async fn targets_arrive_byte_for_byte() {
    let (node, site) = echo_site().await;
    let mut wire = Wire::open(&site).await;
    let targets = odd_targets();
    for target in &targets {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        wire.send(request).await;
        assert_eq!(wire.answer().await.status, 200, "{target}");
    }
    let heads = heads(&node);
    assert_eq!(heads.len(), targets.len());
    for (head, target) in heads.iter().zip(&targets) {
        let line = head.lines().next().unwrap();
        assert_eq!(line, format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn targets_arrive_byte_for_byte_from_http2() {
    let (node, site) = echo_site().await;
    let connection = site.client().http2().connect(&site.origin()).await.unwrap();
    let targets = odd_targets();
    for target in &targets {
        let answer = connection.get(target).send().await.unwrap();
        assert_eq!(answer.status, 200, "{target}");
    }
    let heads = heads(&node);
    assert_eq!(heads.len(), targets.len());
    for (head, target) in heads.iter().zip(&targets) {
        let line = head.lines().next().unwrap();
        assert_eq!(line, format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn bytes_that_no_target_may_hold_are_refused() {
    let (node, site) = echo_site().await;
    for target in [
        "/a<b", "/a>b", "/a`b", "/a?b<c", "/a?\"b\"", "/a b", "/a\u{1}", "/a\u{7f}", "a", "",
    ] {
        let mut wire = Wire::open(&site).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        wire.send(request).await;
        assert_eq!(wire.answer().await.status, 400, "{target:?}");
    }
    assert!(node.received().is_empty());
}

#[tokio::test]
async fn a_fragment_stays_behind() {
    let (node, site) = echo_site().await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /v1/info?a#b HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert_eq!(wire.answer().await.status, 200);
    assert!(heads(&node)[0].starts_with("GET /v1/info?a HTTP/1.1\r\n"));
}

#[tokio::test]
async fn every_method_arrives_as_it_was_spelled() {
    let (node, site) = echo_site().await;
    let methods = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "PROPFIND",
        "M-SEARCH",
        "get",
        "X!#$%&'*+-.^_`|~9",
    ];
    let mut wire = Wire::open(&site).await;
    let http2 = site.client().http2().connect(&site.origin()).await.unwrap();
    for method in methods {
        let request = format!("{method} /x HTTP/1.1\r\nhost: a\r\n\r\n");
        wire.send(request).await;
        assert_eq!(wire.answer_to(method).await.status, 200, "{method}");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = http2.request(method.clone(), "/x").send().await.unwrap();
        assert_eq!(answer.status, 200, "{method}");
    }
    for method in methods {
        let start = format!("{method} /x HTTP/1.1\r\n");
        let all = node.received();
        let seen = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).matches(&start).count();
        assert_eq!(all.iter().map(seen).sum::<usize>(), 2, "{method}");
    }
}

#[tokio::test]
async fn options_of_the_whole_server_arrives_as_an_asterisk() {
    let (node, site) = echo_site().await;
    let mut wire = Wire::open(&site).await;
    wire.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
    assert!(heads(&node)[0].starts_with("OPTIONS * HTTP/1.1\r\n"));
}

#[tokio::test]
async fn fields_arrive_with_their_case_bytes_and_order_and_nothing_is_made_up() {
    let (node, site) = echo_site().await;
    let mut wire = Wire::open(&site).await;
    let sent: [&[u8]; 12] = [
        b"Host: SQL.Example:1",
        b"aCCept: */*",
        b"X-List: one",
        b"X-List: two, three",
        b"x-lIST: ",
        b"X-List: \"four;=\"\t!",
        b"Accept-Encoding: br;q=0.1, gzip",
        b"AUTHORIZATION: Basic  YWRtaW5Ac3lzdGVtOmFkbWlu",
        b"X-Bytes: \xe9\xff\x80 \xc3\xa9",
        b"User_Agent: under",
        b"x.y!z: dots",
        b"Content-Length: 0",
    ];
    let request = [b"POST /x HTTP/1.1", sent.join(&b"\r\n"[..]).as_slice()].join(&b"\r\n"[..]);
    wire.send([request, b"\r\n\r\n".to_vec()].concat()).await;
    assert_eq!(wire.answer().await.status, 200);
    let received = node.received().remove(0);
    let head = received.strip_suffix(b"\r\n\r\n").unwrap();
    let mut lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').skip(1).collect();
    lines
        .iter_mut()
        .for_each(|line| *line = line.trim_ascii_end());
    let is_added = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        ADDED
            .iter()
            .any(|name| line.starts_with(&format!("{name}:")))
    };
    let mut passed: Vec<&[u8]> = lines
        .iter()
        .copied()
        .filter(|line| !is_added(line))
        .collect();
    let lists: Vec<&[u8]> = passed
        .iter()
        .copied()
        .filter(|line| line[..6].eq_ignore_ascii_case(b"x-list"))
        .collect();
    // A trailing space belongs to no field value (RFC 9112 section 5.1).
    let mut expected: Vec<&[u8]> = sent.iter().map(|line| line.trim_ascii_end()).collect();
    assert_eq!(lists, expected[2..6], "{lines:?}");
    assert_eq!(lines.len(), sent.len() + ADDED.len());
    passed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(passed, expected);
}

#[tokio::test]
async fn a_get_gets_no_body_and_an_empty_post_keeps_its_length() {
    let (node, site) = echo_site().await;
    let mut wire = Wire::open(&site).await;
    for request in [
        "GET /x HTTP/1.1\r\nhost: a\r\n\r\n",
        "DELETE /x HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    ] {
        wire.send(request).await;
        assert_eq!(wire.answer().await.status, 200, "{request:?}");
    }
    let heads = heads(&node);
    for (head, length) in heads.iter().zip([false, false, true]) {
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert_eq!(head.contains("content-length: 0"), length, "{head}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    let requests: String = (1..=5)
        .map(|size| format!("GET /test/fixed?bytes={size} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    wire.send(requests).await;
    for size in 1..=5 {
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.body.len()), (200, size));
    }
}

#[tokio::test]
async fn an_http10_client_is_served() {
    let site = Site::start().await;
    let ask = async |request: &str| -> (Plain, bool) {
        let mut wire = Wire::open(&site).await;
        wire.send(request).await;
        let answer = wire.answer().await;
        let kept = !wire
            .ended_within(std::time::Duration::from_millis(100))
            .await;
        (answer, kept)
    };
    let (answer, kept) = ask("GET /test/stream?bytes=300&chunk=7 HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status, answer.body.len(), kept), (200, 300, false));
    assert_eq!(answer.field("transfer-encoding"), None);
    let host = site.node.last_request().header("host").unwrap().to_owned();
    assert_eq!(host, site.node.address().to_string());
    let keep = "GET /test/fixed?bytes=300 HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";
    let (answer, kept) = ask(keep).await;
    assert_eq!((answer.status, answer.body.len(), kept), (200, 300, true));
}
