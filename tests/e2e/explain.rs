//! `ocient-sidecar explain` as an operator calls it, with tokens of the certified provider.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    parts::SIDECAR,
    site::{Site, write},
};

/// Runs it; `input` is its standard input.
fn explain(site: &Site, token: &str, more: &[&str], input: &str) -> Output {
    let mut child = Command::new(SIDECAR)
        .args([
            "explain",
            "--token",
            token,
            "--database",
            "retail_analytics",
        ])
        .args(more)
        .arg("--config")
        .arg(site.file("config.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    drop(stdin.write_all(input.as_bytes())); // it may not read that far
    drop(stdin);
    child.wait_with_output().expect("its output can be read")
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout[..], b"\n", &output.stderr].concat();
    String::from_utf8(streams).expect("it prints text")
}

#[tokio::test]
async fn a_token_is_explained_from_a_file_or_standard_input_and_never_shown() {
    let site = Site::start("web-rs256").await;
    let tokens = site
        .provider()
        .tokens("web-rs256", "alice", "urn:ocient:sql", &site.url);
    let token = tokens.await.id_token.unwrap();
    write(&site.file("token"), &token);
    let file = site.file("token");
    let missing = site.file("missing");
    let (file, missing) = (file.to_str().unwrap(), missing.to_str().unwrap());
    let broken = &token[..token.len() - 8];
    for (case, place, more, input, code) in [
        ("a file", file, &[][..], "", 0),
        ("standard input", "-", &[], token.as_str(), 0),
        ("JSON", "-", &["--json"], token.as_str(), 0),
        ("a broken token", "-", &[], broken, 1),
        ("nothing", "-", &[], "", 1),
        ("no file", missing, &[], "", 1),
        ("the token in place of its file", token.as_str(), &[], "", 1),
    ] {
        let output = explain(&site, place, more, input);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{case}: {said}");
        for part in token.split('.') {
            assert!(!said.contains(part), "{case}: {said}");
        }
        if case == "JSON" {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["identity"]["username"], "alice", "{said}");
        }
    }
    write(&site.file("config.toml"), "nonsense = 1");
    let output = explain(&site, file, &[], "");
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
}
