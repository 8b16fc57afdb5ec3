//! The sidecar dies without warning.

use std::fs;

use serde_json::Value;
use sidecar_testkit::{client::Client, secrets};

use crate::site::{SESSION, Site, Whoami, assert_is, assert_refused, write};

#[tokio::test]
async fn a_session_survives_kill_9() {
    let mut site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
    let killed = site.sidecar.take().expect("it runs").kill();
    assert!(!killed.success());
    site.provider = None; // what was stored has to be enough
    site.start_sidecar();
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
}

#[tokio::test]
async fn a_session_that_was_ended_before_kill_9_stays_ended() {
    let mut site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    let token = browser.cookies().find(SESSION).expect("a session").value;
    let logout = browser
        .post(&format!("{}/v1/logout", site.url))
        .header("origin", &site.url);
    assert_eq!(logout.send().await.unwrap().status, 200);
    site.sidecar.take().expect("it runs").kill();
    site.start_sidecar();
    assert_refused(&site.whoami(Whoami::Bearer(&token)).await, 401, -1204);
}

/// Of the owner `etl`.
const KEY: &str = "key-of-etl-0123456789abcdef";
const CALLBACK: &str = "/hub/integrations/oauth-callback";
const CONNECTIONS: &str = "\n[[callback]]\npath = '/hub/integrations/oauth-callback'
response = 'connection'\n[[api_key]]\nname = 'etl'\nsecret = { file = 'etl-key' }\nowner = 'etl'\n";

/// The connection of `user`, as it was answered.
async fn connect(site: &Site, user: &str) -> Value {
    let program = site.browser();
    let url = site
        .begin(&program, &format!("&sso_callback_path={CALLBACK}"))
        .await;
    let callback = site.provider().sign_in(&url, user).await;
    get(&program, callback.as_str()).await
}

async fn get(program: &Client, url: &str) -> Value {
    let answer = program.get(url).header("x-api-key", KEY).send().await;
    let answer = answer.expect("the sidecar answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let connection = answer.json();
    secrets::note(connection["access_token"].as_str().unwrap_or(KEY));
    connection
}

#[tokio::test]
async fn a_connection_survives_kill_9_and_its_sequence_never_repeats() {
    secrets::note(KEY);
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    let config = fs::read_to_string(site.file("config.toml")).expect("it was written");
    write(&site.file("config.toml"), &(config + CONNECTIONS));
    write(&site.file("etl-key"), KEY);
    site.start_provider();
    site.start_sidecar();
    for number in 1..=3 {
        let made = connect(&site, ["alice", "bob"][number % 2]).await;
        // It was answered, so it is stored; nothing more is asked of it.
        site.sidecar.take().expect("it runs").kill();
        site.start_sidecar();
        assert_eq!(made["sequence"], number);
        let url = format!("{}/hub/integrations/oauth-connections", site.url);
        let list = get(&site.browser(), &url).await;
        let results = list["results"].as_array().expect("a list");
        let kept = results.iter().find(|it| it["subject"] == made["subject"]);
        let kept = kept.unwrap_or_else(|| panic!("{number} is lost"));
        assert_eq!(kept["access_token"], made["access_token"]);
        assert_eq!(kept["sequence"], number);
    }
}
