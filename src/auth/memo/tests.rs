use super::*;
use crate::{
    auth::{Secrets, holder::Proven},
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
use tokio::runtime::Handle;

const SECOND: Duration = Duration::from_secs(1);

fn bearer(token: &str) -> Arc<Bearer> {
    let expires_at = SystemTime::now() + 60 * SECOND;
    let identity: Identity = serde_json::from_value(json!({
        "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
        "groups": [], "expires_at": expires_at, "sid": null, "token_kind": "Id",
    }))
    .unwrap();
    Arc::new(Bearer::new(Proven::new(identity, None), Secret::new(token)))
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
    shown_in(&headers).is_some_and(|token| memo.find(token, now).is_some())
}

fn keep(memo: &Memo, token: &str) {
    memo.keep(remembered(token, basis()));
}

fn remembered(token: &str, basis: Basis) -> Remembered {
    let bearer = bearer(token);
    Remembered { bearer, basis }
}

#[test]
fn only_the_very_token_is_remembered() {
    let memo = Memo::default();
    assert!(!shows(&memo, &["Bearer abc"]), "before any");
    keep(&memo, "abc");
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
    keep(&memo, "other");
    assert!(shows(&memo, &["Bearer other"]) && !shows(&memo, &["Bearer abc"]));
}

#[test]
fn every_byte_of_a_long_token_counts() {
    let memo = Memo::default();
    let token = "t".repeat(100);
    keep(&memo, &token);
    assert!(shows(&memo, &[&format!("Bearer {token}")]));
    for place in 0..token.len() {
        let mut other = token.clone();
        other.replace_range(place..=place, "x");
        assert!(!shows(&memo, &[&format!("Bearer {other}")]), "{place}");
    }
    for other in [&token[1..], &token[..99], &token[..32], &token[..31]] {
        assert!(!shows(&memo, &[&format!("Bearer {other}")]), "{other}");
    }
}

#[test]
fn after_a_minute_the_cache_is_looked_at_again() {
    let memo = Memo::default();
    keep(&memo, "abc");
    let shows_after = |seconds: u32| {
        let now = SystemTime::UNIX_EPOCH + SECOND * seconds;
        shows_at(now, &memo, &["Bearer abc"])
    };
    assert!(shows_after(59) && !shows_after(60));
}

#[test]
fn never_prints_its_token() {
    let memo = Memo::default();
    keep(&memo, "t0ps3cret");
    assert!(!format!("{memo:?}").contains("t0ps3cret"));
}

fn is_recent(recent: &Recent, token: &str) -> bool {
    recent
        .find(token.as_bytes(), SystemTime::UNIX_EPOCH)
        .is_some()
}

#[test]
fn a_token_with_the_end_of_a_recent_one_is_another() {
    let recent = Recent::new(10);
    let end = "e".repeat(32);
    let good = format!("good.{end}");
    recent.keep(remembered(&good, basis()));
    for (token, expected) in [
        (good.clone(), true),
        (format!("gooD.{end}"), false),
        (format!("x{good}"), false),
        (end.clone(), false),
        (format!("good.{end}e"), false),
        (format!("good.f{}", &end[1..]), false),
        ("e".repeat(31), false),
        (String::new(), false),
    ] {
        assert_eq!(is_recent(&recent, &token), expected, "{token}");
    }
}

#[test]
fn a_recent_token_is_the_same_for_all_and_with_it_its_slot() {
    let recent = Recent::new(10);
    let known = remembered(&"t".repeat(40), basis());
    recent.keep(known.clone());
    let token = known.bearer.token().expose().as_bytes();
    for _ in 0..2 {
        let found = recent.find(token, SystemTime::UNIX_EPOCH).unwrap();
        assert!(Arc::ptr_eq(&found.bearer, &known.bearer));
    }
}

#[test]
fn two_recent_tokens_of_one_end_take_each_others_place() {
    let recent = Recent::new(10);
    let [one, other] = ["one", "other"].map(|it| format!("{it}.{}", "e".repeat(32)));
    for token in [&one, &other] {
        recent.keep(remembered(token, basis()));
    }
    assert!(!is_recent(&recent, &one) && is_recent(&recent, &other));
}

#[test]
fn recent_tokens_are_few_and_none_is_long() {
    let token = |number: u64| format!("{number:032}");
    let recent = Recent::new(u64::MAX);
    let count = MAX_RECENT + 100;
    for number in 0..count {
        let token = remembered(&token(number), basis());
        recent.keep(token);
    }
    recent.0.run_pending_tasks();
    let known = (0..count).filter(|number| is_recent(&recent, &token(*number)));
    assert_eq!(known.count() as u64, MAX_RECENT);
    for (size, expected) in [(MAX_SIZE, true), (MAX_SIZE + 1, false), (31, false)] {
        let token = "t".repeat(size);
        recent.keep(remembered(&token, basis()));
        assert_eq!(is_recent(&recent, &token), expected, "{size}");
    }
    recent.clear();
    assert!(!is_recent(&recent, &token(count - 1)));
}

#[test]
fn a_recent_token_is_looked_up_again_after_a_minute_though_it_was_kept_anew() {
    let recent = Recent::new(10);
    let token = "t".repeat(32);
    let at = |seconds: u32| SystemTime::UNIX_EPOCH + SECOND * seconds;
    recent.keep(remembered(&token, basis()));
    for (seconds, expected) in [(59, true), (60, false)] {
        let found = recent.find(token.as_bytes(), at(seconds));
        assert_eq!(found.is_some(), expected, "{seconds}");
    }
}

#[test]
fn recent_tokens_are_never_printed() {
    let recent = Recent::new(10);
    let token = format!("t0ps3cret{}", "t".repeat(32));
    recent.keep(remembered(&token, basis()));
    assert_eq!(format!("{recent:?}"), "Recent"); // the end of a token is in its key, as numbers
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
    let providers = vec![provider];
    Authenticator::new(
        &config,
        Secrets::default(),
        providers,
        sessions,
        tokens,
        control,
        telemetry,
    )
}

#[tokio::test]
async fn a_token_is_not_remembered_when_there_are_no_keys_to_judge_it_by() {
    let (authenticator, memo) = (keyless().await, Memo::default());
    assert_eq!(authenticator.0.verified.forgotten(), basis().forgotten);
    let now = SystemTime::now();
    let until = now + LONGEST;
    let token = "t".repeat(40);
    let known = remembered(&token, Basis { until, ..basis() });
    memo.keep(known.clone());
    authenticator.0.recent.keep(known);
    let line = format!("Bearer {token}");
    assert!(shows_at(now, &memo, &[&line]));
    assert!(authenticator.0.recent.find(token.as_bytes(), now).is_some());
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, line.parse().unwrap());
    let remembered = authenticator.remembered(&memo, &headers, now);
    assert!(remembered.is_none(), "by keys that nobody has");
}
