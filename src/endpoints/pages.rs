//! The pages of a sign-in: signed in, signed out.
use crate::{auth::SignedIn, page::Page, session::Session};
use std::time::{Duration, SystemTime};

/// For a browser that wanted to go nowhere in particular: who is signed in to what, and the way
/// out.
pub(super) fn signed_in(session: &Session<SignedIn>, now: SystemTime) -> Page {
    let identity = &session.record.identity;
    let (end, idle) = (instant(session.expires_at), unused_end(session, now));
    let mut facts = vec![
        ("User", identity.username()),
        ("Database", &session.record.database),
        ("Signed in by", identity.provider()),
        ("Session ends", &end),
    ];
    facts.extend(idle.as_deref().map(|idle| ("If not used", idle)));
    Page::new("Signed in")
        .text("This browser is signed in. You can close this page.")
        .facts(&facts)
        .button("Sign out", "/v1/logout")
}

/// After a sign-out. `at_provider`: where the person can end the session there, too; with it, the
/// next sign-in would ask for no password. It holds no token: this page stays on the screen when
/// its reader has gone.
pub(super) fn signed_out(at_provider: Option<&str>) -> Page {
    let page = Page::new("Signed out").text("This browser is signed out of the database.");
    match at_provider {
        None => page.link("Sign in again", "/v1/sso_authentication"),
        Some(url) => page
            .text(
                "You may still be signed in at your organisation\u{2019}s sign-in service. On a \
                 computer that others use, sign out there, too.",
            )
            .link("Sign out there, too", url),
    }
}

/// After a sign-out here and at the provider.
pub(super) fn signed_out_everywhere() -> Page {
    Page::new("Signed out")
        .text(
            "This browser is signed out of the database, and of your organisation\u{2019}s sign-in \
             service if you agreed to that there.",
        )
        .link("Sign in again", "/v1/sso_authentication")
}

/// How long the session may lie idle, where that ends it sooner.
fn unused_end(session: &Session<SignedIn>, now: SystemTime) -> Option<String> {
    let end = session.ends_at();
    let idle = end.duration_since(now).unwrap_or_default();
    (end < session.expires_at).then(|| format!("ends after {}", span(idle)))
}

/// To the minute and in UTC: no script tells the browser's own time zone.
fn instant(at: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(at).to_string();
    // 2026-11-22T14:05:59Z
    format!("{} {} UTC", &text[..10], &text[11..16])
}

fn span(span: Duration) -> String {
    let whole = Duration::from_secs((span + Duration::from_millis(999)).as_secs());
    humantime::format_duration(whole).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_to_the_minute() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_356_359);
        assert_eq!(instant(at), "2026-11-22 14:05 UTC");
        assert_eq!(span(Duration::from_millis(3_599_001)), "1h");
    }
}
