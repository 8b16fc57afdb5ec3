use super::*;
use crate::{
    config::Config,
    ocient::{OcientTokens, TokenEndpoints},
    oidc::{Identity, stand_in},
    seal::KeyRing,
    secret::Secret,
    session::Sessions,
    telemetry::Telemetry,
};
use http::HeaderValue;
use serde_json::json;
use std::collections::HashMap;
use tokio::runtime::Handle;

const SECOND: Duration = Duration::from_secs(1);

fn bearer(token: &str) -> Arc<Bearer> {
    let expires_at = SystemTime::now() + 60 * SECOND;
    let identity: Identity = serde_json::from_value(json!({
        "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
        "groups": [], "expires_at": expires_at, "sid": null, "token_kind": "Id",
    }))
    .unwrap();
    Arc::new(Bearer::new(Arc::new(identity), Secret::new(token)))
}

fn basis() -> Basis {
    Basis {
        provider: 0,
        keys: KeysVersion::default(),
        forgotten: 0,
        until: SystemTime::UNIX_EPOCH + LONGEST,
    }
}

fn shows(memo: &Memo, lines: &[&str]) -> bool {
    shows_at(SystemTime::UNIX_EPOCH, memo, lines)
}

fn shows_at(now: SystemTime, memo: &Memo, lines: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    for line in lines {
        let line = HeaderValue::from_str(line).unwrap();
        headers.append(header::AUTHORIZATION, line);
    }
    memo.shown_in(&headers, now).is_some()
}

#[test]
fn only_the_very_token_is_remembered() {
    let memo = Memo::default();
    assert!(!shows(&memo, &["Bearer abc"]), "before any");
    memo.keep(bearer("abc"), basis());
    for (lines, is_shown) in [
        (&["Bearer abc"][..], true),
        (&["bearer abc"], true),
        (&["Bearer abd"], false),
        (&["Bearer ab"], false),
        (&["Bearer abcd"], false),
        (&["Bearer  abc"], false),
        (&["Bearer "], false),
        (&["Basic abc"], false),
        (&["abc"], false),
        (&["Bearer abc", "Bearer abc"], false),
        (&[], false),
    ] {
        assert_eq!(shows(&memo, lines), is_shown, "{lines:?}");
    }
    memo.keep(bearer("other"), basis());
    assert!(shows(&memo, &["Bearer other"]) && !shows(&memo, &["Bearer abc"]));
}

#[test]
fn after_a_minute_the_cache_is_looked_at_again() {
    let memo = Memo::default();
    memo.keep(bearer("abc"), basis());
    let shows_after = |seconds: u32| {
        let now = SystemTime::UNIX_EPOCH + SECOND * seconds;
        shows_at(now, &memo, &["Bearer abc"])
    };
    assert!(shows_after(59) && !shows_after(60));
}

#[test]
fn never_prints_its_token() {
    let memo = Memo::default();
    memo.keep(bearer("t0ps3cret"), basis());
    assert!(!format!("{memo:?}").contains("t0ps3cret"));
}

/// With a provider that was never asked for its keys.
async fn keyless() -> Authenticator {
    let folder = tempfile::tempdir().unwrap();
    let text = "[listen]\npublic_url = 'https://sql0.example.com:8443'\n\
         [tls]\ncertificate = 'server.crt'\nprivate_key = 'server.key'\n\
         [sql_node]\nurl = 'http://127.0.0.1:9'\n\
         [sessions]\nstore = 'memory'\nkeys = 'keys'\n\
         [[provider]]\nname = 'corp'\nclient_id = 'ocient'\nissuer = 'https://x'\n";
    let config = Config::from_toml(text, "config.toml", folder.path()).unwrap();
    let provider = stand_in::provider(&config.providers[0], None);
    let ring = Arc::new(KeyRing::open(&config.sessions.keys).unwrap());
    let sessions = Sessions::open(&config.sessions, ring, None).await.unwrap();
    let (control, telemetry) = (
        Handle::current(),
        Telemetry::new(config.log, std::io::sink()),
    );
    let url = config.sql_node.url.clone();
    let node = TokenEndpoints::new(stand_in::http(), url, 60 * SECOND);
    let tokens = OcientTokens::new(node, 10, control.clone(), telemetry.clone());
    let passwords = HashMap::new();
    let providers = vec![provider];
    Authenticator::new(
        &config, passwords, providers, sessions, tokens, control, telemetry,
    )
}

#[tokio::test]
async fn a_token_is_not_remembered_when_there_are_no_keys_to_judge_it_by() {
    let (authenticator, memo) = (keyless().await, Memo::default());
    assert_eq!(authenticator.0.verified.forgotten(), basis().forgotten);
    let now = SystemTime::now();
    let until = now + LONGEST;
    memo.keep(bearer("abc"), Basis { until, ..basis() });
    assert!(shows_at(now, &memo, &["Bearer abc"]));
    let mut headers = HeaderMap::new();
    headers.insert(
        header::AUTHORIZATION,
        HeaderValue::from_static("Bearer abc"),
    );
    let remembered = authenticator.remembered(&memo, &headers, now);
    assert!(remembered.is_none(), "by keys that nobody has");
}
