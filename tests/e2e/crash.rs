//! The sidecar dies without warning.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sidecar_testkit::{client::Client, secrets, sql_node::RETAIL};
use tokio::sync::Notify;

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

/// Kills while people sign in and out.
const KILLS: usize = 20;

/// Who sign in at once.
const PEOPLE: usize = 4;

/// Tells when so many requests are answered.
struct Countdown {
    left: AtomicUsize,
    is_over: Notify,
}

impl Countdown {
    fn of(requests: usize) -> Self {
        Self {
            left: AtomicUsize::new(requests),
            is_over: Notify::new(),
        }
    }

    fn answered(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.is_over.notify_one();
        }
    }
}

/// What was answered before a kill.
#[derive(Default)]
struct Acknowledged {
    live: Vec<String>,
    ended: Vec<String>,
}

/// Signs in, and every third time out, until the sidecar answers no more.
async fn sign_in_and_out(site: &Site, id_token: &str, countdown: &Countdown) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    let client = site.browser();
    for number in 1.. {
        let body = json!({"database": RETAIL, "id_token": id_token});
        let begin = client
            .post(&format!("{}/v1/sso_token", site.url))
            .json(body);
        let Ok(begun) = begin.send().await else { break };
        assert_eq!(begun.status, 200, "{}", begun.text());
        let token = begun.json()["access_token"]
            .as_str()
            .expect("a text")
            .to_owned();
        secrets::note(&token);
        countdown.answered();
        if number % 3 != 0 {
            acknowledged.live.push(token);
            continue;
        }
        let logout = client
            .post(&format!("{}/v1/logout", site.url))
            .bearer(&token);
        let Ok(ended) = logout.send().await else {
            break;
        };
        assert_eq!(ended.status, 200, "{}", ended.text());
        acknowledged.ended.push(token);
        countdown.answered();
    }
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_before_any_of_twenty_kills_is_so_after_it() {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let mut seed = seed.as_nanos() as u64;
    eprintln!("seed {seed}");
    let mut site = Site::start("web-rs256").await;
    let tokens = site
        .provider()
        .tokens("web-rs256", "alice", "urn:ocient:sql", &site.url);
    let id_token = tokens.await.id_token.expect("a user was there");
    let (mut live, mut ended) = (0, 0);
    for kill in 0..KILLS {
        // Knuth's generator: how many requests until the kill, so that it meets every stage of one.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let countdown = Countdown::of(5 + (seed >> 33) as usize % 20);
        let people = (0..PEOPLE).map(|_| sign_in_and_out(&site, &id_token, &countdown));
        let killing = async {
            countdown.is_over.notified().await;
            site.sidecar().signal("KILL");
        };
        let (acknowledged, ()) = tokio::join!(join_all(people), killing);
        site.sidecar.take().expect("it ran").kill();
        site.start_sidecar();
        for one in &acknowledged {
            for token in &one.live {
                assert_is(&site.whoami(Whoami::Bearer(token)).await, "alice");
            }
            for token in &one.ended {
                assert_refused(&site.whoami(Whoami::Bearer(token)).await, 401, -1204);
            }
            live += one.live.len();
            ended += one.ended.len();
        }
        eprintln!("kill {kill}: {live} sessions, {ended} logouts so far");
    }
    assert!(
        live >= KILLS && ended > 0,
        "{live} sessions, {ended} logouts"
    );
}
