//! Whatever bytes a client sends to our endpoints: no panic, no session, no failure of ours.
mod attack;

use crate::{
    connections::{ALL, CALLBACK, CORP, ETL, connect, listed, path_of, with_connections},
    site::Site,
};
use attack::{Attack, attack, words};
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

const ENDPOINTS: [&str; 12] = [
    "/v1/sso_token",
    "/v1/sso_authentication",
    "/v1/callback",
    "/v1/logout",
    "/v1/token_refresh",
    "/v1/sso_device_grant",
    "/v1/sso_device_grant_verify",
    "/v1/backchannel_logout",
    "/v1/execute",
    CALLBACK,
    ALL,
    CORP,
];

/// A failing case is printed; there is no place for a file of old ones.
fn cases(count: u32) -> Config {
    Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    }
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
        ("x-api-key", &attack.api_key),
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
    let site = runtime.block_on(Site::fuzzed(with_connections));
    site.provider.allow_redirect("ocient", &site.url(CALLBACK));
    // An OAuth connection that nobody ends.
    let connection = runtime.block_on(connect(&site, ETL, "alice"));
    let mut paths = ENDPOINTS.map(str::to_owned).to_vec();
    paths.push(path_of(&connection));
    let good = site.id_token("alice");
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    // A sign-in on another device that waits all the while.
    let device = runtime.block_on(site.device());
    parts.push(format!("\"{}\"", device.code));
    let connections = runtime.block_on(everywhere(&site));
    let number = Cell::new(0);
    let mut runner = TestRunner::new(cases(600));
    let outcome = runner.run(&attack(words(&parts), paths), |attack| {
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
    let listed = runtime.block_on(listed(&site, ETL));
    let subjects: Vec<_> = listed.iter().map(|one| &one["subject"]).collect();
    let expected = [&connection["subject"]];
    assert_eq!(subjects, expected, "none was ended, and none was made");
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
    let site = runtime.block_on(Site::fuzzed(|_| {}));
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
