use super::*;
use crate::{oidc::Identity, secret::Secret};
use http::HeaderValue;
use serde_json::json;
use std::time::Duration;

fn bearer(token: &str) -> Arc<Bearer> {
    let expires_at = SystemTime::now() + Duration::from_secs(60);
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
    }
}

fn shows(memo: &Memo, lines: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    for line in lines {
        let line = HeaderValue::from_str(line).unwrap();
        headers.append(header::AUTHORIZATION, line);
    }
    memo.shown_in(&headers).is_some()
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
fn never_prints_its_token() {
    let memo = Memo::default();
    memo.keep(bearer("t0ps3cret"), basis());
    assert!(!format!("{memo:?}").contains("t0ps3cret"));
}
