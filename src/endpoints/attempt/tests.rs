//! Tests of attempts to sign in.
use super::*;
use http::header;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn ring() -> KeyRing {
    let folder = tempfile::tempdir().unwrap();
    KeyRing::open(&folder.path().join("keys")).unwrap()
}

fn registration() -> Registration {
    Registration {
        issuer: "https://x".to_owned(),
        client_id: "ocient".to_owned(),
    }
}

fn attempt(return_to: Option<&str>) -> Attempt {
    let return_to = return_to.map(|path| path.parse().unwrap());
    let at = ("corp", registration());
    Attempt::begin(at, "retail & co", "/v1/callback", return_to, NOW)
}

/// The cookies of a browser that was given these `Set-Cookie` lines.
fn browser(lines: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (pair, _) = line.to_str().unwrap().split_once(';').unwrap();
        headers.append(header::COOKIE, pair.parse().unwrap());
    }
    headers
}

#[test]
fn what_was_begun_comes_back_in_the_same_browser() {
    let (ring, begun) = (ring(), attempt(Some("/app?x=1#y")));
    let headers = browser(&begun.set_cookies(&HeaderMap::new()));
    let opened = Attempt::open(&begun.seal(&ring), &ring, &headers, NOW).unwrap();
    assert_eq!(opened.id, begun.id);
    assert_eq!(opened.provider, "corp");
    assert_eq!(opened.registration, registration());
    assert_eq!(opened.database, "retail & co");
    assert_eq!(opened.callback, "/v1/callback");
    assert_eq!(opened.return_to, begun.return_to);
    assert_eq!(opened.ends_at(), begun.ends_at());
    for (name, opened, begun) in [
        ("nonce", &opened.nonce, &begun.nonce),
        ("verifier", &opened.verifier, &begun.verifier),
        ("binding", &opened.binding, &begun.binding),
    ] {
        assert!(opened.matches(begun.expose()), "{name}");
    }
}

#[test]
fn a_state_is_worth_nothing_in_another_browser_or_to_another_ring() {
    let (ring, begun, other) = (ring(), attempt(None), attempt(None));
    let state = begun.seal(&ring);
    let own = browser(&begun.set_cookies(&HeaderMap::new()));
    assert!(Attempt::open(&state, &ring, &own, NOW).is_some());
    let stolen = format!("{}={}", begun.cookie_name(), other.binding.expose());
    let stolen = browser(&[format!("{stolen};").parse().unwrap()]);
    let others = browser(&other.set_cookies(&HeaderMap::new()));
    let twice = browser(
        &[
            begun.set_cookies(&HeaderMap::new()),
            begun.set_cookies(&HeaderMap::new()),
        ]
        .concat(),
    );
    for (case, headers) in [
        ("no cookie", HeaderMap::new()),
        ("the cookie of another attempt", others),
        ("the right name with another value", stolen),
        ("the cookie twice", twice),
    ] {
        assert!(
            Attempt::open(&state, &ring, &headers, NOW).is_none(),
            "{case}"
        );
    }
    assert!(Attempt::open(&state, &self::ring(), &own, NOW).is_none());
    for state in [
        "",
        "x",
        &state[1..],
        &format!("{state}A"),
        &format!("{state}="),
    ] {
        assert!(Attempt::open(state, &ring, &own, NOW).is_none(), "{state}");
    }
}

#[test]
fn an_attempt_lasts_ten_minutes_and_not_an_instant_longer() {
    let (ring, begun) = (ring(), attempt(None));
    let headers = browser(&begun.set_cookies(&HeaderMap::new()));
    let state = begun.seal(&ring);
    let end = NOW + Duration::from_secs(600);
    let just_before = end - Duration::from_nanos(1);
    assert!(Attempt::open(&state, &ring, &headers, just_before).is_some());
    assert!(Attempt::open(&state, &ring, &headers, end).is_none());
}

#[test]
fn no_two_attempts_share_a_secret_or_a_name() {
    let (one, other) = (attempt(None), attempt(None));
    assert_ne!(one.id, other.id);
    assert!(!one.binding.matches(other.binding.expose()));
    assert!(!one.nonce.matches(other.nonce.expose()));
    assert!(!one.verifier.matches(other.verifier.expose()));
    assert!(!one.binding.matches(one.nonce.expose()));
    // RFC 7636 section 4.1: 43 to 128 characters.
    assert_eq!(one.verifier.expose().len(), 43);
}

#[test]
fn a_browser_keeps_its_newest_attempts_and_forgets_the_oldest() {
    let mut begun = Vec::new();
    let mut kept = HeaderMap::new();
    for second in 0..MAX_ATTEMPTS as u64 {
        let now = NOW + Duration::from_secs(second);
        let attempt = Attempt::begin(("corp", registration()), "d", "/v1/callback", None, now);
        let lines = attempt.set_cookies(&kept);
        assert_eq!(lines.len(), 1, "nothing is forgotten yet: {lines:?}");
        kept.extend(
            browser(&lines)
                .drain()
                .map(|(_, value)| (header::COOKIE, value)),
        );
        begun.push(attempt);
    }
    let late = NOW + Duration::from_secs(3600);
    let late = Attempt::begin(("corp", registration()), "d", "/v1/callback", None, late);
    let lines = late.set_cookies(&kept);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], begun[0].clear_cookie());
    assert!(lines[1].to_str().unwrap().starts_with(&late.cookie_name()));
}

#[test]
fn a_cookies_name_that_we_did_not_make_is_not_repeated() {
    let mut headers = HeaderMap::new();
    for number in 0..20 {
        let odd = format!("{}{number}\"<x>=1", cookie::LOGIN_PREFIX);
        headers.append(header::COOKIE, odd.parse().unwrap());
    }
    assert_eq!(attempt(None).set_cookies(&headers).len(), 1);
    assert!(is_ours("__Host-ocient_login_65a-_Z"));
    assert!(!is_ours("a;b") && !is_ours("a\"") && !is_ours("a b"));
}

#[test]
fn beginning_again_asks_for_the_same() {
    assert_eq!(
        attempt(None).begin_again(),
        "/v1/sso_authentication?database=retail+%26+co&provider=corp\
         &sso_callback_path=%2Fv1%2Fcallback"
    );
    let again = attempt(Some("/a?b=c&d=\"e\"")).begin_again();
    assert!(
        again.ends_with("&return_to=%2Fa%3Fb%3Dc%26d%3D%22e%22"),
        "{again}"
    );
}
