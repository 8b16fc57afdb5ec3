//! Header fields that must not pass, or not as they came; requests that are never forwarded.
use crate::{
    site::{Site, vendor_code},
    wire::{Plain, Wire, patiently},
};
use http::Method;
use sidecar_testkit::sql_node::{COOKIE, CannedAnswer, RETAIL, RawNode, Recorded, Then, Who};

/// Sends the head of a request with these lines to `/test/headers`; the answer and what the
/// node got.
async fn exchange(site: &Site, lines: &str) -> (Plain, Recorded) {
    let mut wire = Wire::open(site).await;
    let request = format!("GET /test/headers HTTP/1.1\r\nHost: sql0:8443\r\n{lines}\r\n");
    wire.send(request).await;
    (wire.answer().await, site.node.last_request())
}

fn all<'a>(request: &'a Recorded, name: &str) -> Vec<&'a str> {
    let values = request.headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn hop_by_hop_fields_stay_here_both_ways() {
    let site = Site::start().await;
    let (_, request) = exchange(
        &site,
        "Connection: keep-alive, X-One\r\nConnection: x-two\r\nconnection:,X-THREE ,\r\n\
         X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nX-Three: 3\r\nX-Four: 4\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
         Upgrade: h2c\r\n",
    )
    .await;
    for name in [
        "connection",
        "x-one",
        "x-two",
        "x-three",
        "keep-alive",
        "proxy-connection",
    ] {
        assert_eq!(all(&request, name), [""; 0], "{name}");
    }
    assert_eq!(
        (all(&request, "te"), all(&request, "upgrade")),
        (vec![], vec![])
    );
    assert_eq!(all(&request, "x-four"), ["4"]);

    let answer = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-One\r\nConnection: x-two\r\n\
        X-One: 1\r\nX-Two: 2\r\nX-Four: 4\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\ncontent-length: 0\r\n\r\n";
    let node = RawNode::answering(answer, Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = wire.answer().await;
    for name in [
        "connection",
        "x-one",
        "x-two",
        "keep-alive",
        "proxy-connection",
        "upgrade",
    ] {
        assert_eq!(answer.fields(name), [""; 0], "{name}");
    }
    assert_eq!(answer.field("x-four"), Some("4"));
    let http2 = site
        .client()
        .http2()
        .get(&site.url("/x"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (http2.status.as_u16(), http2.header("x-four")),
        (200, Some("4"))
    );
}

#[tokio::test]
async fn a_connection_line_takes_the_clients_own_fields_away_and_none_of_ours() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let (_, request) = exchange(
        &site,
        &format!(
            "Connection: authorization, host, x-forwarded-for, x-request-id, cookie\r\n\
             Authorization: Bearer {session}\r\n"
        ),
    )
    .await;
    assert_eq!(request.credential, Who::Anonymous);
    assert_eq!(all(&request, "host"), ["sql0:8443"]);
    assert_eq!(all(&request, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all(&request, "x-request-id").len(), 1);
}

const FORGED: &str = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.7\r\n\
    x_forwarded_for: 203.0.113.9\r\nX-FORWARDED-USER: root\r\nX-Forwarded_Email: r@x\r\n\
    Forwarded: for=203.0.113.9;proto=http\r\nX-Real-IP: 203.0.113.9\r\nx_real_ip: 1\r\n\
    X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\n";

#[tokio::test]
async fn forged_forwarded_fields_never_reach_the_sql_node() {
    let site = Site::start().await;
    let (_, request) = exchange(&site, FORGED).await;
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "sql0:8443"),
        ("forwarded", "for=127.0.0.1;proto=https"),
    ] {
        assert_eq!(all(&request, name), [value], "{name}");
    }
    let names = request.headers.keys().filter(|name| {
        let name = name.as_str().replace('_', "-");
        name.starts_with("x-forwarded") || name.contains("forwarded") || name == "x-real-ip"
    });
    assert_eq!(names.count(), 5);
}

#[tokio::test]
async fn a_trusted_proxys_fields_are_kept_and_appended_to() {
    let trusted = "['127.0.0.2/32', '10.0.0.0/8']";
    let site = Site::with(|settings| settings.set("listen", "trusted_proxies", trusted)).await;
    let (_, untrusted) = exchange(&site, FORGED).await;
    assert_eq!(all(&untrusted, "x-forwarded-for"), ["127.0.0.1"]);
    let client = site.client().from_address([127, 0, 0, 2].into());
    let request = client
        .get(&site.url("/test/headers"))
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-for", "198.51.100.7")
        .header("forwarded", "for=203.0.113.9")
        .header("x-forwarded-proto", "http");
    assert_eq!(request.send().await.unwrap().status, 200);
    let request = site.node.last_request();
    let chain = "203.0.113.9, 198.51.100.7, 127.0.0.2";
    assert_eq!(all(&request, "x-forwarded-for"), [chain]);
    let chain = "for=203.0.113.9, for=127.0.0.2;proto=https";
    assert_eq!(all(&request, "forwarded"), [chain]);
    assert_eq!(all(&request, "x-forwarded-proto"), ["http"]);
    // Lines are written behind the answers.
    let written = async {
        while !site
            .log
            .of_kind("access")
            .iter()
            .any(|line| line["client"] == "198.51.100.7")
        {
            tokio::task::yield_now().await;
        }
    };
    patiently("line with the client that the proxy saw", written).await;
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_one_is_made() {
    let site = Site::start().await;
    let (answer, request) = exchange(&site, "X-Request-Id: job-7:a/b\r\n").await;
    assert_eq!(answer.field("x-request-id"), Some("job-7:a/b"));
    assert_eq!(all(&request, "x-request-id"), ["job-7:a/b"]);
    let mut made = Vec::new();
    for lines in [
        "",
        "X-Request-Id: <script>\r\n",
        "X-Request-Id: \r\n",
        &format!("X-Request-Id: {}\r\n", "a".repeat(97)),
    ] {
        let (answer, request) = exchange(&site, lines).await;
        let id = answer.field("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32, "{lines:?}: {id}");
        assert_eq!(all(&request, "x-request-id"), [id.as_str()], "{lines:?}");
        made.push(id);
    }
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 4);
    // Errors of ours carry it too.
    let mut wire = Wire::open(&site).await;
    wire.send("GET http://elsewhere/ HTTP/1.1\r\nhost: a\r\nx-request-id: job-8\r\n\r\n")
        .await;
    let refusal = wire.answer().await;
    assert_eq!(refusal.field("x-request-id"), Some("job-8"));
    assert!(String::from_utf8_lossy(&refusal.body).contains("(request job-8)"));
}

#[tokio::test]
async fn cookies_of_the_sql_node_pass_for_its_own_credentials_and_never_for_ours() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let token = site.id_token("alice");
    let answered = CannedAnswer::status(http::StatusCode::OK)
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2");
    let basic = "Basic YWRtaW5Ac3lzdGVtOmFkbWlu".to_owned();
    for (credential, cookies) in [
        (basic, &["a=1", "b=2"][..]),
        (format!("Bearer {session}"), &[]),
        (format!("Bearer {token}"), &[]),
    ] {
        for client in [site.client(), site.client().http2()] {
            site.node.answer_next(1, answered.clone());
            let client = client.without_cookies();
            let query = site.query(&client).header("authorization", &credential);
            let answer = query
                .header("cookie", "session=x; other=y")
                .send()
                .await
                .unwrap();
            let set = answer.headers.get_all("set-cookie").iter();
            assert!(set.eq(cookies), "{:?}", answer.headers);
            let seen = site.node.last_request();
            assert_eq!(all(&seen, "cookie").is_empty(), cookies.is_empty());
        }
    }
}

#[tokio::test]
async fn our_own_cookies_never_reach_the_sql_node() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    // A password beside the cookie: the password is meant, and passes through.
    let query = site.query(&client).basic("admin@system", "admin");
    assert_eq!(query.send().await.unwrap().status, 200);
    let request = site.node.last_request();
    assert_eq!(request.credential, Who::Basic("admin".to_owned()));
    assert_eq!(all(&request, "cookie"), [""; 0]);
    for (sent, left) in [
        ("__Host-ocient_login_abc=1", None),
        ("a=1; __Host-ocient_login_abc=1; b=2", Some("a=1; b=2")),
        ("__Host-ocient_login_a=1; __Host-ocient_login_b=2", None),
        ("a=1", Some("a=1")),
    ] {
        let (_, request) = exchange(&site, &format!("Cookie: {sent}\r\n")).await;
        assert_eq!(request.header("cookie"), left, "{sent}");
    }
    let (_, request) = exchange(&site, &format!("Cookie: {COOKIE}=none\r\n")).await;
    assert_eq!(request.credential, Who::Refused);
}

#[tokio::test]
async fn requests_that_no_sql_node_should_see_are_refused() {
    let site = Site::start().await;
    let own = format!("localhost:{}", site.port());
    let cases = [
        ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n".to_owned(), 400),
        (format!("CONNECT {own} HTTP/1.1\r\nhost: {own}\r\n"), 400),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n".to_owned(), 405),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n".to_owned(),
            400,
        ),
        (
            "GET http://elsewhere/v1/info HTTP/1.1\r\nhost: a\r\n".to_owned(),
            400,
        ),
        (
            "GET https://u:p@a/v1/info HTTP/1.1\r\nhost: a\r\n".to_owned(),
            400,
        ),
        ("GET / HTTP/1.1\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic YTpi\r\nAuthorization: Bearer x\r\n"
                .to_owned(),
            400,
        ),
        (
            "GET / HTTP/1.1\r\nhost: a\r\ncookie: __Host-ocient_session=a\r\n\
             cookie: __Host-ocient_session=b\r\n"
                .to_owned(),
            400,
        ),
    ];
    for (head, status) in &cases {
        let mut wire = Wire::open(&site).await;
        wire.send(format!("{head}\r\n")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, *status, "{head:?}");
        assert_eq!(answer.vendor_code(), -1254, "{head:?}");
        assert_eq!(answer.field("allow").is_some(), *status == 405, "{head:?}");
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn http2_refuses_the_same() {
    let site = Site::start().await;
    let client = site.client().http2();
    let url = site.url("/v1/info");
    let cases = [
        client.request(Method::TRACE, &url),
        client
            .get(&url)
            .header("authorization", "Basic YTpi")
            .header("authorization", "Bearer x"),
        client.get(&url).header("host", "elsewhere"),
    ];
    for (number, request) in cases.into_iter().enumerate() {
        let answer = request.send().await.unwrap();
        assert_eq!(vendor_code(&answer), -1254, "{number}: {}", answer.status);
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn an_absolute_target_for_this_server_is_forwarded_in_origin_form() {
    let site = Site::start().await;
    let own = format!("LOCALHOST:{}", site.port());
    for (target, host) in [
        (format!("https://{own}/v1/info?a"), "anything"),
        ("http://sql0.internal/v1/info?a".to_owned(), "sql0.internal"),
    ] {
        let mut wire = Wire::open(&site).await;
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .await;
        assert_eq!(wire.answer().await.status, 200, "{target}");
        let request = site.node.last_request();
        assert_eq!(request.target, "/v1/info?a", "{target}");
        // RFC 9112 section 3.2.2: the target's authority replaces Host.
        let authority = target.split('/').nth(2).unwrap();
        assert_eq!(all(&request, "host"), [authority]);
    }
}
