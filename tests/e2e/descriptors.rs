//! A process that may have few files open.

use std::{
    fs,
    io::Read,
    net::{IpAddr, TcpStream},
    process::Command,
    time::Duration,
};

use futures_util::future::join_all;
use sidecar_testkit::client::{BodySender, Connection, Streaming, body_channel};

use crate::{parts, site::Site};

/// Longer than several attempts to accept.
const A_WHILE: Duration = Duration::from_millis(500);

/// A request that the SQL node answers as long as its body lasts.
async fn held(connection: &Connection) -> (BodySender, Streaming) {
    let (mut sender, body) = body_channel();
    let request = connection.post("/test/echo").body_stream(body);
    assert!(sender.send("a").await);
    (sender, request.stream().await.expect("the sidecar answers"))
}

#[tokio::test]
async fn a_client_that_takes_all_it_can_leaves_descriptors_for_others_and_for_probes() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    let earlier = log_length();
    site.start_sidecar_with_files(655);
    let client = |last| {
        let address = IpAddr::from([127, 0, 0, last]);
        site.browser().from_address(address)
    };
    let attacker = client(6).http2();
    let mut connections = Vec::new();
    for _ in 0..7 {
        let connection = attacker.connect(&site.url).await;
        connections.push(connection.expect("the sidecar accepts"));
    }
    let all = connections
        .iter()
        .flat_map(|connection| (0..100).map(move |_| held(connection)));
    let held = join_all(all).await;
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(site.url.trim_start_matches("https://")))
        .collect();
    let refused = held.iter().filter(|(_, answer)| answer.status == 503);
    assert!(refused.count() > 600, "of 700");
    for last in 7..10 {
        let answer = client(last).get(&format!("{}/v1/info", site.url)).send();
        assert_eq!(answer.await.expect("it is served").status, 200, "{last}");
    }
    assert_eq!(site.readiness().await["status"], "degraded", "no provider");
    drop((held, idle, connections));
    let log = log_since(earlier, site);
    assert!(!log.contains("accept failed"));
    let warning = "cannot carry listen.max_connections (10000)";
    let warnings: Vec<_> = log.lines().filter(|line| line.contains(warning)).collect();
    assert_eq!(warnings.len(), 1);
    for part in ["\"limit\":655", "\"level\":\"WARN\"", "LimitNOFILE"] {
        assert!(warnings[0].contains(part), "{part}: {warnings:?}");
    }
}

#[tokio::test]
async fn that_accepting_fails_is_said_once() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    let earlier = log_length();
    site.start_sidecar();
    let address = site.url.trim_start_matches("https://").to_owned();
    set_files(&site, 3); // the standard streams
    let mut client = TcpStream::connect(&address).expect("the system accepts");
    let failed = |line: &str| line.contains("accept failed");
    site.sidecar().line(failed);
    client.set_read_timeout(Some(A_WHILE)).expect("it is open");
    assert!(client.read(&mut [0]).is_err(), "nobody takes it");
    drop(client);
    set_files(&site, 1024);
    let log = log_since(earlier, site);
    let lines = log.lines().filter(|line| failed(line));
    assert_eq!(lines.count(), 1, "not ten a second");
}

/// How many files the running sidecar may open. (`prlimit` is of util-linux.)
fn set_files(site: &Site, limit: u32) {
    let mut command = Command::new("prlimit");
    command.arg(format!("--pid={}", site.sidecar().id()));
    command.arg(format!("--nofile={limit}:"));
    assert!(command.status().expect("it is installed").success());
}

/// Bytes of the log of earlier runs.
fn log_length() -> usize {
    fs::read(parts::sidecar_log()).map_or(0, |log| log.len())
}

/// All that the sidecar of this run said.
fn log_since(earlier: usize, mut site: Site) -> String {
    assert!(site.stop_sidecar().success());
    let log = fs::read(parts::sidecar_log()).expect("it is kept");
    String::from_utf8(log[earlier..].to_vec()).expect("it is text")
}
