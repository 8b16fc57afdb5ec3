//! The operator's listener: liveness, readiness, its socket file.
use crate::{
    site::{Site, assert_refused},
    wire::patiently,
};
use http::Method;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::Answer,
    provider::{Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

async fn ask(site: &Site, path: &str) -> Answer {
    let client = site.client();
    client.get(&site.admin_url(path)).send().await.unwrap()
}

/// Asks until `/readyz` says `status`.
async fn readiness(site: &Site, status: &str) -> Answer {
    let asking = async {
        loop {
            let answer = ask(site, "/readyz").await;
            if answer.json()["status"] == status {
                return answer;
            }
        }
    };
    patiently(status, asking).await
}

/// Asks until `/readyz` tells of trouble with `what`.
async fn told(site: &Site, what: &str) -> Value {
    let asking = async {
        loop {
            let readiness = ask(site, "/readyz").await.json();
            if readiness["providers"][0]["troubles"][0]["what"] == what {
                return readiness;
            }
        }
    };
    patiently(what, asking).await
}

/// Whether `text` is a time as RFC 3339 writes it, to the second.
fn humantime(text: &str) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(shape).collect::<String>() == "0000-00-00T00:00:00Z"
}

/// Sends a GET to a socket file; the answer's text.
async fn ask_socket(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let reading = stream.read_to_string(&mut text);
    patiently("answer", reading).await.unwrap();
    text
}

#[tokio::test]
async fn livez_answers_and_the_rest_is_not_found() {
    let site = Site::start().await;
    let client = site.client();
    for (method, path, status) in [
        (Method::GET, "/livez", 200),
        (Method::HEAD, "/livez", 200),
        (Method::POST, "/livez", 405),
        (Method::DELETE, "/readyz", 405),
        (Method::GET, "/", 404),
        (Method::GET, "/v1/info", 404),
        (Method::POST, "/v1/execute", 404),
        (Method::GET, "/livez/", 404),
    ] {
        let request = client.request(method.clone(), &site.admin_url(path));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(
        ask(&site, "/livez").await.json(),
        json!({"status": "alive"})
    );
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn readyz_is_degraded_while_a_provider_is_down_and_says_which() {
    let provider = Provider::start(ProviderOptions::new(&crate::site::authority()));
    provider.die();
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await;
    let degraded = readiness(&site, "degraded").await;
    assert_eq!(degraded.status, 200);
    let degraded = told(&site, "metadata").await;
    let provider = &degraded["providers"][0];
    let found = (&provider["name"], &provider["ready"]);
    assert_eq!(found, (&json!("corp"), &json!(false)));
    let trouble = &provider["troubles"][0];
    assert_eq!(trouble["usable_seconds"], 0);
    let since = trouble["since"].as_str().unwrap();
    assert!(humantime(since), "{since}");
    let failure = trouble["failure"].as_str().unwrap();
    assert!(failure.contains("cannot be reached"), "{failure}");
    let reason = degraded["reasons"][0].as_str().unwrap();
    let expected = format!(
        "provider corp: no new metadata since {since}: {failure}; \
         its sign-ins and tokens are refused"
    );
    assert_eq!(reason, expected);
    // Whoever needs no provider is served.
    let client = site.client();
    let query = site.query(&client).basic("admin@system", "admin");
    assert_eq!(query.send().await.unwrap().status, 200);

    site.provider.revive();
    let ready = readiness(&site, "ready").await;
    let providers = json!([{"name": "corp", "ready": true}]);
    assert_eq!(
        (ready.status.as_u16(), ready.json()),
        (
            200,
            json!({"status": "ready", "reasons": [], "providers": providers})
        )
    );
}

#[tokio::test]
async fn readyz_is_degraded_while_known_keys_cannot_be_renewed_and_all_goes_on() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    assert_eq!(site.query_as(&token).await.status, 200);
    readiness(&site, "ready").await;
    site.provider.die();
    // A key that nobody knows makes the keys be asked for.
    let unknown = site.token(|token| token.header("kid", "unknown"));
    assert_refused(&site.query_as(&unknown).await, 503, -1220, "an outage");
    let degraded = told(&site, "keys").await;
    assert_eq!(degraded["status"], "degraded");
    let provider = &degraded["providers"][0];
    assert_eq!(provider["ready"], true);
    let left = provider["troubles"][0]["usable_seconds"].as_u64().unwrap();
    assert!((86_000..=86_400).contains(&left), "{left}");
    assert_eq!(site.query_as(&token).await.status, 200);
}

#[tokio::test]
async fn probes_do_not_exist_on_the_public_listener() {
    let site = Site::start().await;
    let client = site.client();
    for path in ["/livez", "/readyz"] {
        client.get(&site.url(path)).send().await.unwrap();
        assert_eq!(site.node.last_request().target, path);
    }
}

#[tokio::test]
async fn the_socket_file_is_its_owners_alone_and_a_stale_one_is_replaced() {
    let listen = |settings: &mut crate::site::Settings| {
        settings.set("admin", "listen", "'unix:admin.sock'");
    };
    let mut site = Site::with(listen).await;
    let socket = site.folder.path().join("admin.sock");
    for round in ["fresh", "left behind"] {
        let mode = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{round}");
        let answer = ask_socket(&socket, "/livez").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{round}: {answer}"
        );
        site.stop_sidecar().await;
        // The file of a process that was killed: nobody listens on it.
        drop(fs::remove_file(&socket));
        drop(UnixListener::bind(&socket).unwrap());
        site.start_sidecar().await;
    }
}

/// A page of another site whose name points here (DNS rebinding).
#[tokio::test]
async fn the_admin_listener_answers_to_no_name_that_others_can_have() {
    let site = Site::with(|settings| settings.set("admin", "hosts", "['SQL0.example.com']")).await;
    for (host, status) in [
        ("127.0.0.1:9901", 200),
        ("localhost", 200),
        ("sql0.example.com:9901", 200),
        ("evil.example", 421),
        ("evil@localhost", 400),
    ] {
        for path in ["/livez", "/readyz", "/v1/execute"] {
            let request = site.client().get(&site.admin_url(path));
            let answer = request.header("host", host).send().await.unwrap();
            let expected = if (status, path) == (200, "/v1/execute") {
                404
            } else {
                status
            };
            assert_eq!(answer.status, expected, "{host} {path}");
            if status != 200 {
                assert_eq!(answer.json()["status"], "refused", "{host}");
            }
        }
    }
}
