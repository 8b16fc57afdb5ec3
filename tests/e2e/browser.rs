//! A real browser at the sidecar's and the certified provider's own pages.

use std::{fs, path::Path, process::Stdio, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use sidecar_testkit::{secrets, sql_node::Who};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{
    parts,
    provider::password_of,
    site::{Site, write},
};

/// A browser starts in a second or two, and a visit takes as long again.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_person_signs_in_queries_signs_out_and_is_out() {
    let site = site().await;
    let shots = visit(&site, "whole").await;
    assert_eq!(shots, 8, "two pages, two widths, two colour schemes");
    let who = |name: &str| Who::Token(name.to_owned());
    let requests = site.sql_node.requests();
    let of_alice = requests.iter().filter(|it| it.credential == who("alice"));
    assert_eq!(of_alice.count(), 2, "/v1/info and one query: {requests:?}");
    assert!(requests.iter().all(|it| it.header("cookie").is_none()));
}

#[tokio::test]
async fn two_tabs_sign_in_at_once() {
    visit(&site().await, "twoTabs").await;
}

#[tokio::test]
async fn a_person_who_refused_can_begin_again() {
    let site = site().await;
    assert_eq!(visit(&site, "refusal").await, 4);
}

#[tokio::test]
async fn a_page_of_another_site_gets_nothing_from_a_signed_in_browser() {
    let site = site().await;
    assert_eq!(visit(&site, "attack").await, 4);
    let queries = site.sql_node.requests();
    let queries = queries
        .iter()
        .filter(|it| it.target.contains("/v1/execute"));
    assert_eq!(queries.count(), 1, "the page's own");
}

#[tokio::test]
async fn a_page_of_another_site_runs_nothing_with_a_password_that_the_browser_repeats() {
    let site = site().await;
    visit(&site, "password").await;
    let requests = site.sql_node.requests();
    let ran = requests
        .iter()
        .filter(|it| it.answered == Some(StatusCode::OK));
    let ran: Vec<_> = ran.map(|it| it.target.rsplit('+').next()).collect();
    assert_eq!(ran, [Some("typed"), Some("again")]);
}

/// The sidecar is `localhost` here: to a browser, another site than the provider's 127.0.0.1. The
/// same host on another port would be the same site.
async fn site() -> Site {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    let address = site.url.replace("https://", "");
    site.url = site.url.replace("127.0.0.1", "localhost");
    let file = site.file("config.toml");
    let config = fs::read_to_string(&file).expect("it has been written");
    let [old, new] = [format!("https://{address}"), site.url.clone()];
    assert_eq!(config.matches(&old).count(), 1, "{config}");
    write(&file, &config.replace(&old, &new));
    site.start_provider();
    site.start_sidecar();
    site.sidecar()
        .line(|line| line.contains("provider fetched"));
    site
}

/// Goes through one of the visits in browser/drive.mjs; how many pictures it took.
///
/// # Panics
/// When anything there was not as it should be.
async fn visit(site: &Site, name: &str) -> usize {
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e/pages");
    fs::create_dir_all(&shots).expect("the folder can be made");
    let job = json!({
        "visit": name,
        "chromium": parts::chromium(),
        "sidecar": site.url,
        "issuer": site.provider().issuer,
        "certificates": [site.file("sidecar.crt"), site.file("provider.crt")],
        "user": "alice",
        "password": password_of("alice"),
        "shots": shots,
    });
    let mut child = Command::new(parts::node())
        .arg("drive.mjs")
        .current_dir(parts::browser())
        .env("HOME", site.file("")) // what it leaves behind goes with the site
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let job = job.to_string();
    stdin.write_all(job.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("a visit ends").expect("it can be waited for");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {problem}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it speaks JSON");
    for secret in answer["secrets"].as_array().expect("a list") {
        secrets::note(secret.as_str().expect("a text"));
    }
    answer["shots"].as_array().expect("a list").len()
}
