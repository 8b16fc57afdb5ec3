//! Whatever bytes a client sends to our endpoints: no panic, no session, no failure of ours.
use crate::site::Site;
use http::Method;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sidecar_testkit::client::{Answer, ClientError, Connection};
use std::cell::Cell;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};

const ENDPOINTS: [&str; 9] = [
    "/v1/sso_token",
    "/v1/sso_authentication",
    "/v1/callback",
    "/v1/logout",
    "/v1/token_refresh",
    "/v1/sso_device_grant",
    "/v1/sso_device_grant_verify",
    "/v1/backchannel_logout",
    "/v1/execute",
];

/// A failing case is printed; there is no place for a file of old ones.
fn cases(count: u32) -> Config {
    Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    }
}

/// One request in the parts that an attacker chooses.
#[derive(Clone, Debug)]
struct Attack {
    method: Method,
    path: &'static str,
    authorization: Option<Vec<u8>>,
    another_authorization: Option<Vec<u8>>,
    cookie: Option<Vec<u8>>,
    query: String,
    media_type: &'static str,
    body: Vec<u8>,
}

/// Bytes that a header's value can hold.
fn header_byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'\t'), 0x20..=0x7eu8, 0x80..=0xffu8]
}

/// Random text, and pieces of what would be good, put together at random.
fn pieces(words: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(words).prop_map(String::into_bytes);
    let piece = prop_oneof![3 => word, 1 => vec(header_byte(), 0..20)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A JSON object of the members that our endpoints know. None names the database of the grant that
/// waits, for which a right code would be waited with.
fn object(words: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let names = vec![
        "database",
        "user_code",
        "timeout",
        "id_token",
        "access_token",
        "provider",
        "sso_callback_path",
        "return_to",
        "do_redirect",
    ];
    let is_json = |word: &String| serde_json::from_str::<serde_json::Value>(word).is_ok();
    let is_free = |word: &String| !word.contains("retail");
    let mut values: Vec<String> = words.into_iter().filter(is_json).filter(is_free).collect();
    values.extend(["\"system\"", "\"corp\"", "true", "{}"].map(str::to_owned));
    let (name, value) = (
        proptest::sample::select(names),
        proptest::sample::select(values),
    );
    let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")).into_bytes())
}

/// `part` of a good token opens the parsers' inner doors; a whole good one is not among them.
fn words(parts: &[String]) -> Vec<String> {
    let fixed = [
        "Bearer ",
        "bearer\t",
        "Basic ",
        "Basic aWRfdG9rZW46",
        "Basic c2Vzc2lvbjo=",
        "ocs_",
        ".",
        "..",
        "__Host-ocient_session=",
        "__Host-ocient_login_",
        "; ",
        "=",
        "\"",
        "e30",
        "eyJhbGciOiJub25lIn0",
        "\u{e9}",
        "{\"database\":",
        "\"retail_analytics\"",
        ",\"id_token\":",
        "\"access_token\\t\":",
        "}",
        "{",
        "[",
        "null",
        "\\u0000",
        "1e999",
        "-",
        "\"x\"",
        "logout_token=",
        "logout%5ftoken=",
        "database=retail_analytics",
        "&",
        "%00",
        "+",
        "{\"user_code\":",
        "\"BDWD-HQPK\"",
        ",\"timeout\":",
        "1",
        "601",
        "\"30\"",
    ];
    let fixed = fixed.iter().map(|word| (*word).to_owned());
    fixed.chain(parts.iter().cloned()).collect()
}

fn attack(words: Vec<String>) -> impl Strategy<Value = Attack> {
    let some = || proptest::option::of(pieces(words.clone()));
    let names = vec![
        "state",
        "code",
        "iss",
        "error",
        "database",
        "return_to",
        "do_redirect",
        "provider",
        "x%00",
        "%ff",
    ];
    let value = "[!$'()*+,./0-9:;?@A-Z_a-z~|%{}^`\\\\-]{0,40}";
    let pair = (proptest::sample::select(names), value)
        .prop_map(|(name, value)| format!("{name}={value}"));
    let query = vec(pair, 0..4).prop_map(|pairs| pairs.join("&"));
    let body = prop_oneof![
        20 => pieces(words.clone()),
        20 => object(words.clone()),
        20 => vec(any::<u8>(), 0..200),
        1 => (any::<u8>(), 60_000..70_000_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    let methods = vec![
        Method::GET,
        Method::POST,
        Method::POST,
        Method::PUT,
        Method::HEAD,
    ];
    let media = vec![
        "application/json",
        "text/plain",
        "application/json; charset=x",
        "application/x-www-form-urlencoded",
        "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8",
        "\"",
    ];
    (
        proptest::sample::select(methods),
        proptest::sample::select(&ENDPOINTS[..]),
        some(),
        // Two of them are refused before anything is read, so that most have one.
        proptest::option::weighted(0.05, pieces(words.clone())),
        some(),
        query,
        proptest::sample::select(media),
        body,
    )
        .prop_map(
            |(method, path, authorization, another, cookie, query, media_type, body)| Attack {
                method,
                path,
                authorization,
                another_authorization: another,
                cookie,
                query,
                media_type,
                body,
            },
        )
}

async fn send(connection: &Connection, attack: &Attack) -> Result<Answer, ClientError> {
    let target = format!("{}?{}", attack.path, attack.query);
    let mut request = connection.request(attack.method.clone(), &target);
    request = request.header("content-type", attack.media_type);
    request = request.header("sec-fetch-site", "same-origin");
    for (name, value) in [
        ("authorization", &attack.authorization),
        ("authorization", &attack.another_authorization),
        ("cookie", &attack.cookie),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.body(attack.body.clone()).send().await
}

#[test]
fn no_bytes_in_a_request_cause_a_panic_a_failure_of_ours_or_a_session() {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(Site::fuzzed());
    let good = site.id_token("alice");
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    // A sign-in on another device that waits all the while.
    let device = runtime.block_on(site.device());
    parts.push(format!("\"{}\"", device.code));
    let connections = runtime.block_on(everywhere(&site));
    let number = Cell::new(0);
    let mut runner = TestRunner::new(cases(600));
    let outcome = runner.run(&attack(words(&parts)), |attack| {
        number.set(number.get() + 1);
        let connection = &connections[number.get() % connections.len()];
        let answer = runtime.block_on(send(connection, &attack));
        let answer =
            answer.map_err(|error| TestCaseError::fail(format!("no answer: {error:?}")))?;
        let status = answer.status.as_u16();
        let text = String::from_utf8_lossy(&answer.body);
        let begins = ["_authentication", "_grant"];
        let begins = begins.iter().any(|end| attack.path.ends_with(end));
        let is_begun = status == 302 || (status == 200 && begins);
        let is_nodes = attack.path == "/v1/execute"
            || ["logout", "refresh"]
                .iter()
                .any(|own| attack.path.ends_with(own));
        let is_refusal = [400, 401, 403, 404, 405, 408, 413, 415, 429].contains(&status);
        prop_assert!(is_refusal || is_begun || is_nodes, "{status}: {text}");
        prop_assert!(status < 500, "{status}: {text}");
        prop_assert!(!text.contains("ocs_") || is_nodes, "{text}");
        let cookies = answer.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.map(|cookie| String::from_utf8_lossy(cookie.as_bytes()));
        prop_assert!(!cookies.any(|cookie| cookie.contains("=ocs_")));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        site.node.token_exchanges().sso_token,
        0,
        "no identity was believed"
    );
    let waiting = runtime.block_on(site.verified(&device.code, 1));
    assert_eq!(waiting.status, 408, "{}", waiting.text());
    let alive = runtime.block_on(site.query_as(&good));
    assert_eq!(alive.status, 200, "{}", alive.text());
}

/// Connections of both kinds from many addresses: five wrong user codes of one are the last that
/// are looked at.
async fn everywhere(site: &Site) -> Vec<Connection> {
    let mut connections = Vec::new();
    for number in 10..40 {
        let address = std::net::IpAddr::from([127, 0, 0, number]);
        let client = site.client().without_cookies().from_address(address);
        let http2 = client.http2().connect(&site.origin()).await;
        connections.push(client.connect(&site.origin()).await.unwrap());
        connections.push(http2.unwrap());
    }
    connections
}

#[test]
fn no_bytes_on_a_connection_disturb_anybody_else() {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(Site::fuzzed());
    let session = runtime.block_on(site.session_of("alice", "retail_analytics"));
    let mut runner = TestRunner::new(cases(60));
    let head = proptest::sample::select(vec![
        "",
        "GET ",
        "POST /v1/sso_token HTTP/1.1\r\nhost: a\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]);
    let bytes = (head, vec(any::<u8>(), 0..300), "(\r\n){0,3}");
    let outcome = runner.run(&bytes, |(head, bytes, tail)| {
        runtime.block_on(async {
            let mut stream = site
                .client()
                .raw(&site.origin(), &["http/1.1"])
                .await
                .unwrap();
            let sent = [head.as_bytes(), &bytes, tail.as_bytes()].concat();
            drop(stream.write_all(&sent).await); // it may have been cut off already
            drop(stream.shutdown().await);
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer).await); // a reset is an end, too
            let text = String::from_utf8_lossy(&answer).into_owned();
            prop_assert!(
                !text.starts_with("HTTP/1.1 5") && !text.contains("ocs_"),
                "{text}"
            );
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let alive = runtime.block_on(site.query_as(&session));
    assert_eq!(alive.status, 200, "{}", alive.text());
}
