//! A listener that was there before the sidecar, as systemd passes it.

use std::{
    fs::File,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::Command,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::ServerName;
use serde_json::json;
use sidecar_testkit::sql_node::RETAIL;
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    parts::{SIDECAR, sidecar_log},
    process::Process,
    site::{Site, WHOAMI},
};

#[tokio::test]
async fn who_connects_before_a_start_or_restart_is_served_over_the_inherited_listener() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let systemds = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = systemds.local_addr().unwrap();
    for start in ["start", "restart"] {
        let early = TcpStream::connect(address).expect("the kernel takes it");
        let mut sidecar = inherit(&site, systemds.try_clone().unwrap(), OWN_ID);
        sidecar.line(|line| line.contains("inherited") && line.contains(&address.to_string()));
        let answer = timeout(PATIENCE, whoami_over(early, &site)).await;
        let answer = answer.expect("an answer in time");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{start}: {answer}");
        assert!(answer.contains(r#""who":"admin""#), "{start}: {answer}");
        let configured = site.url.trim_start_matches("https://");
        assert!(TcpStream::connect(configured).is_err(), "{start}");
        assert_eq!(sidecar.stop().code(), Some(0), "{start}");
    }
}

#[tokio::test]
async fn what_is_inherited_but_no_listening_tcp_socket_ends_the_start_with_a_word() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let idle = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let unix = UnixListener::bind(site.file("socket")).unwrap();
    let wrong: [(&str, OwnedFd); 5] = [
        ("file", File::open("/dev/null").unwrap().into()),
        ("UDP", UdpSocket::bind("127.0.0.1:0").unwrap().into()),
        ("Unix", unix.into()),
        ("connected", connected.into()),
        ("idle", idle.into()),
    ];
    for (case, socket) in wrong {
        let mut sidecar = inherit(&site, socket, OWN_ID);
        let said = sidecar.line(|line| line.contains("cannot start"));
        let says = |word| said.contains(word);
        assert!(
            says("a socket passed by systemd: fd 3 is"),
            "{case}: {said}"
        );
        assert_eq!(sidecar.wait().code(), Some(1), "{case}");
    }
}

#[tokio::test]
async fn a_count_of_sockets_that_is_none_ends_the_start_with_a_word() {
    let site = Site::without_processes("web-rs256", &[]).await;
    for count in ["abc", "''", "0", "-1", "2147483647"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sidecar = inherit_counted(&site, listener, OWN_ID, count);
        let said = sidecar.line(|line| line.contains("cannot start"));
        let word = format!("LISTEN_FDS is `{}`", count.trim_matches('\''));
        assert!(said.contains(&word), "{count}: {said}");
        assert_eq!(sidecar.wait().code(), Some(1), "{count}");
    }
    // Whatever is said to somebody else.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sidecar = inherit_counted(&site, listener, "1", "2147483647");
    sidecar.line(|line| line.starts_with("listening on "));
    assert_eq!(sidecar.stop().code(), Some(0));
}

#[tokio::test]
async fn a_listener_that_was_passed_to_another_process_is_not_inherited() {
    let site = Site::without_processes("web-rs256", &[]).await;
    for id in ["1", "''", "x"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sidecar = inherit(&site, listener, id);
        let said = sidecar.line(|line| line.starts_with("listening on "));
        assert_eq!(said, format!("listening on {}", site.url), "{id}");
        assert_eq!(sidecar.stop().code(), Some(0), "{id}");
    }
}

#[test]
fn the_shipped_socket_listens_where_the_shipped_configuration_does() {
    let socket = include_str!("../../systemd/ocient-sidecar.socket");
    let mut lines = socket.lines();
    let address = lines.find_map(|line| line.strip_prefix("ListenStream="));
    let configured = format!("\naddresses = [\"{}\"]\n", address.unwrap());
    assert!(include_str!("../../config.toml").contains(&configured));
}

/// Starts the sidecar with one socket, in the way of sd_listen_fds(3), meant for process `id`.
fn inherit(site: &Site, socket: impl Into<OwnedFd>, id: &str) -> Process {
    inherit_counted(site, socket, id, "1")
}

/// The same, where the number of sockets is said to be `count`.
fn inherit_counted(site: &Site, socket: impl Into<OwnedFd>, id: &str, count: &str) -> Process {
    let script = format!(
        r#"exec 3<&0 </dev/null; exec env LISTEN_FDS={count} LISTEN_PID={id} "$0" run --config "$1""#
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, SIDECAR])
        .arg(site.file("config.toml"));
    Process::start_with("sidecar", command, socket.into().into(), sidecar_log())
}

/// Asks the SQL node for the user's name over a connection that is there already.
async fn whoami_over(tcp: TcpStream, site: &Site) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(site.authority.roots())
        .with_no_client_auth();
    tcp.set_nonblocking(true).expect("it is a socket");
    let tcp = tokio::net::TcpStream::from_std(tcp).expect("there is a runtime");
    let name = ServerName::try_from("127.0.0.1").expect("it is an address");
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, tcp).await;
    let mut stream = stream.expect("a handshake");
    let host = site.url.trim_start_matches("https://");
    let credential = STANDARD.encode("admin:admin");
    let body = json!({ "statement": WHOAMI, "format": "collection" }).to_string();
    let request = format!(
        "POST /v1/execute/{RETAIL} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: Basic {credential}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it takes the request");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    read.expect("an answer to its end");
    site.note_node_tokens();
    answer
}

/// Of the shell, and then of the sidecar in its place.
const OWN_ID: &str = "$$";

/// Starting and answering take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
