//! The access line as JSON, member by member. It is made once per request, and a general
//! serialiser, which looks at every name for what has to be escaped, takes three times as long.
use super::{
    line::{Access, CredentialKind, Outcome, in_milliseconds, shortened, timestamp},
    visible::visible,
};
use serde::Serialize;
use std::{
    cell::Cell,
    fmt::{self, Write},
    net::IpAddr,
    time::SystemTime,
};

/// Bytes that hold most lines, so that their buffer does not have to grow.
const USUAL: usize = 512;

/// One line with its line break; the very bytes that `serde_json` makes of it, once they are made
/// [`visible`]. `None`: something
/// in it has no JSON form, as a time before 1970. It is made where a request is dropped, which
/// must not panic.
pub(super) fn format(access: &Access<'_>) -> Option<Vec<u8>> {
    let mut line = Line {
        bytes: Vec::with_capacity(USUAL),
        is_whole: true,
        is_plain: true,
    };
    line.raw("{\"time\":\"");
    line.time(access.time)?;
    line.raw("\",\"kind\":\"");
    line.raw(access.kind);
    line.raw("\",\"request_id\":");
    line.text(access.request_id);
    line.raw(",\"client\":\"");
    line.address(access.client);
    line.raw("\",\"method\":");
    line.text(shortened(access.method));
    line.raw(",\"path\":");
    line.text(shortened(access.path));
    line.raw(",\"status\":");
    line.value(&access.status);
    line.raw(",\"bytes\":");
    line.value(&access.bytes);
    line.raw(",\"duration_ms\":");
    line.value(&in_milliseconds(access.duration));
    line.raw(",\"outcome\":\"");
    line.raw(outcome(access.outcome));
    line.raw("\"");
    if let Some(identity) = access.identity {
        line.raw(",\"identity\":");
        line.text(identity);
    }
    if let Some(database) = access.database {
        line.raw(",\"database\":");
        line.text(database);
    }
    line.raw(",\"credential\":\"");
    line.raw(credential(access.credential));
    line.raw("\"");
    if let Some(cache_hit) = access.cache_hit {
        line.raw(",\"cache_hit\":");
        line.value(&cache_hit);
    }
    line.raw("}\n");
    let bytes = match line.is_plain {
        true => line.bytes,
        false => visible(&line.bytes).into_owned(),
    };
    line.is_whole.then_some(bytes)
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Broken => "broken",
    }
}

fn credential(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::None => "none",
        CredentialKind::Basic => "basic",
        CredentialKind::Bearer => "bearer",
        CredentialKind::ProviderToken => "provider_token",
        CredentialKind::SessionToken => "session_token",
        CredentialKind::SessionCookie => "session_cookie",
        CredentialKind::ApiKey => "api_key",
    }
}

thread_local! {
    /// The second that was written last, since 1970, and its text up to the point.
    static SECOND: Cell<Option<(u64, [u8; 20])>> = const { Cell::new(None) };
}

struct Line {
    bytes: Vec<u8>,
    is_whole: bool,
    /// Whether there is nothing in it but visible ASCII.
    is_plain: bool,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}

impl Line {
    /// Of ours, and JSON already.
    fn raw(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Of a type whose text needs no escapes.
    fn display(&mut self, value: impl fmt::Display) {
        let written = write!(self, "{value}");
        self.is_whole &= written.is_ok();
    }

    /// The text of its second is remembered: a busy sidecar needs it many times. `None`: it has
    /// no text.
    fn time(&mut self, time: SystemTime) -> Option<()> {
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let second = since_1970.as_secs();
        let known = SECOND.get().filter(|(known, _)| *known == second);
        let (_, text) = match known {
            Some(known) => known,
            None => (
                second,
                *timestamp(time)?.to_string().as_bytes().first_chunk()?,
            ),
        };
        SECOND.set(Some((second, text)));
        self.bytes.extend_from_slice(&text);
        let millis = since_1970.subsec_millis();
        let digits = [millis / 100, millis / 10 % 10, millis % 10];
        self.bytes.extend(digits.map(|digit| b'0' + digit as u8));
        self.raw("Z");
        Some(())
    }

    fn address(&mut self, address: IpAddr) {
        let IpAddr::V4(address) = address else {
            return self.display(address);
        };
        // Display pads, and takes as long as half of the line.
        for (number, octet) in address.octets().iter().enumerate() {
            self.raw(if number > 0 { "." } else { "" });
            self.value(octet);
        }
    }

    fn value(&mut self, value: &impl Serialize) {
        let written = serde_json::to_writer(&mut self.bytes, value);
        self.is_whole &= written.is_ok();
    }

    /// Of anybody.
    fn text(&mut self, text: &str) {
        let is_plain = |byte| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
        // To the end, whatever is found: many bytes at a time then.
        if !text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            self.is_plain = false;
            return self.value(&text);
        }
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::LogFormat, telemetry::line};
    use proptest::{option, prelude::*, sample::select};
    use std::time::Duration;

    const KINDS: [CredentialKind; 7] = [
        CredentialKind::None,
        CredentialKind::Basic,
        CredentialKind::Bearer,
        CredentialKind::ProviderToken,
        CredentialKind::SessionToken,
        CredentialKind::SessionCookie,
        CredentialKind::ApiKey,
    ];

    proptest! {
        #[test]
        fn is_what_the_library_makes_of_it(
            (millis, micros) in (0u64..4_000_000_000_000, 0u64..100_000_000_000),
            (client, status, bytes) in (any::<IpAddr>(), 0u16..1000, any::<u64>()),
            (request_id, method, path) in ("[a-f0-9]{0,40}", ".{0,8}", "(?s).{0,1100}"),
            (identity, database) in (option::of("(?s).{0,20}"), option::of("(?s).{0,20}")),
            (is_complete, cache_hit) in (any::<bool>(), any::<Option<bool>>()),
            credential in select(&KINDS[..]),
        ) {
            let access = Access {
                time: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
                kind: "access",
                request_id: &request_id,
                client,
                method: &method,
                path: &path,
                status,
                bytes,
                duration: Duration::from_micros(micros),
                outcome: if is_complete { Outcome::Complete } else { Outcome::Broken },
                identity: identity.as_deref(),
                database: database.as_deref(),
                credential,
                cache_hit,
            };
            let expected = serde_json::to_string(&access).unwrap() + "\n";
            let line = format(&access).unwrap();
            prop_assert_eq!(&line[..], &*visible(expected.as_bytes()));
        }
    }

    #[test]
    fn a_time_that_has_no_text_loses_its_line_and_no_more() {
        let access = Access {
            time: SystemTime::UNIX_EPOCH - Duration::from_secs(1),
            kind: "access",
            request_id: "1",
            client: IpAddr::from([192, 0, 2, 1]),
            method: "GET",
            path: "/",
            status: 200,
            bytes: 0,
            duration: Duration::ZERO,
            outcome: Outcome::Complete,
            identity: None,
            database: None,
            credential: CredentialKind::None,
            cache_hit: None,
        };
        let after_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        for time in [access.time, after_9999] {
            let access = Access { time, ..access };
            assert_eq!(format(&access), None);
            let text = line::format(&access, LogFormat::Text);
            assert_eq!(text, b"\n");
        }
    }
}
