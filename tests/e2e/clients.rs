//! Clients as customers have them. README.md shows the same two programs.

use std::process::Command;

use sidecar_testkit::{
    secrets,
    sql_node::{RETAIL, Recorded},
};

use crate::{
    parts::{ROOT, python, require},
    site::Site,
};

/// What both programs ask for, two rows in the form `collection`.
const ROWS: [&str; 2] = [r#""c1":1"#, r#""c1":2"#];

#[tokio::test]
async fn python_requests_queries_with_an_id_token_and_with_a_session() {
    let site = Site::start("web-rs256").await;
    let mut program = Command::new(python());
    program.arg(format!("{ROOT}/tests/e2e/clients/query.py"));
    let said = run(&site, program).await;
    let rows = "[{'c1': 1}, {'c1': 2}]\n";
    assert_eq!(
        said,
        rows.repeat(4),
        "once with the token, thrice with the session"
    );
    assert_eq!(queries(&site).len(), 4);
    assert_eq!(site.sql_node.token_exchanges().sso_token, 2);
}

#[tokio::test]
async fn curl_queries_with_a_password_and_with_an_id_token() {
    let site = Site::start("web-rs256").await;
    require("curl", "curl");
    let mut program = Command::new("bash");
    program
        .args(["-euo", "pipefail"])
        .arg(format!("{ROOT}/tests/e2e/clients/query.sh"));
    let said = run(&site, program).await;
    for row in ROWS {
        assert_eq!(said.matches(row).count(), 3, "{said}");
    }
    assert!(said.contains(r#""username":"alice""#), "{said}");
    let queries = queries(&site);
    let sent = queries[0].header("authorization");
    assert_eq!(sent, Some("Basic YWxpY2U6d29uZGVybGFuZA=="), "untouched");
    assert_eq!(queries.len(), 3);
}

#[test]
fn the_programs_are_those_of_the_readme() {
    let readme = include_str!("../../README.md");
    for (name, program) in [
        ("query.py", include_str!("clients/query.py")),
        ("query.sh", include_str!("clients/query.sh")),
    ] {
        assert!(readme.contains(program), "README.md shows another {name}");
    }
}

/// Runs a program as alice's; what it prints.
async fn run(site: &Site, mut program: Command) -> String {
    let tokens = site
        .provider()
        .tokens("web-rs256", "alice", "urn:ocient:sql", &site.url);
    let id_token = tokens.await.id_token.expect("a user was there");
    secrets::note("wonderland");
    let ca = site.file("ca.crt");
    let output = program
        .env("SIDECAR", &site.url)
        .env("ID_TOKEN", id_token)
        .env("PASSWORD", "wonderland")
        .env("REQUESTS_CA_BUNDLE", &ca)
        .env("CA", &ca)
        .output()
        .expect("the program starts");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {problem}");
    let said = String::from_utf8(output.stdout).expect("it prints text");
    note_session(&said);
    said
}

/// The session token in the answer of `/v1/sso_token`, if the program has printed it.
fn note_session(said: &str) {
    if let Some((_, rest)) = said.split_once(r#""access_token":""#) {
        secrets::note(rest.split('"').next().unwrap_or_default());
    }
}

/// The queries that reached the SQL node, all answered.
fn queries(site: &Site) -> Vec<Recorded> {
    let mut requests = site.sql_node.requests();
    requests.retain(|request| request.target == format!("/v1/execute/{RETAIL}"));
    for request in &requests {
        assert_eq!(request.answered.map(|status| status.as_u16()), Some(200));
    }
    requests
}
