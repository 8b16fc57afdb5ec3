//! The access line as JSON, member by member. It is made once per request, and a general
//! serialiser, which looks at every name for what has to be escaped, takes three times as long.
use super::line::{Access, in_milliseconds, shortened, timestamp};
use serde::Serialize;
use std::fmt::{self, Write};

/// Bytes that hold most lines, so that their buffer does not have to grow.
const USUAL: usize = 512;

/// One line with its line break; the very bytes that `serde_json` makes of it. `None`: something
/// in it has no JSON form, as a time before 1970. It is made where a request is dropped, which
/// must not panic.
pub(super) fn format(access: &Access<'_>) -> Option<Vec<u8>> {
    let mut line = Line {
        bytes: Vec::with_capacity(USUAL),
        is_whole: true,
    };
    line.raw("{\"time\":\"");
    line.display(timestamp(access.time)?);
    line.raw("\",\"kind\":");
    line.text(access.kind);
    line.raw(",\"request_id\":");
    line.text(access.request_id);
    line.raw(",\"client\":\"");
    line.display(access.client);
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
    line.raw(",\"outcome\":");
    line.value(&access.outcome);
    if let Some(identity) = access.identity {
        line.raw(",\"identity\":");
        line.text(identity);
    }
    if let Some(database) = access.database {
        line.raw(",\"database\":");
        line.text(database);
    }
    line.raw(",\"credential\":");
    line.value(&access.credential);
    if let Some(cache_hit) = access.cache_hit {
        line.raw(",\"cache_hit\":");
        line.value(&cache_hit);
    }
    line.raw("}\n");
    line.is_whole.then_some(line.bytes)
}

struct Line {
    bytes: Vec<u8>,
    is_whole: bool,
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

    fn value(&mut self, value: &impl Serialize) {
        let written = serde_json::to_writer(&mut self.bytes, value);
        self.is_whole &= written.is_ok();
    }

    /// Of anybody.
    fn text(&mut self, text: &str) {
        let needs_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if text.bytes().any(needs_escape) {
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
    use crate::{
        config::LogFormat,
        telemetry::{CredentialKind, Outcome, line},
    };
    use proptest::{option, prelude::*};
    use std::{
        net::IpAddr,
        time::{Duration, SystemTime},
    };

    proptest! {
        #[test]
        fn is_what_the_library_makes_of_it(
            (millis, micros) in (0u64..4_000_000_000_000, 0u64..100_000_000_000),
            (client, status, bytes) in (any::<IpAddr>(), 0u16..1000, any::<u64>()),
            (request_id, method, path) in ("[a-f0-9]{0,40}", ".{0,8}", "(?s).{0,1100}"),
            (identity, database) in (option::of("(?s).{0,20}"), option::of("(?s).{0,20}")),
            (is_complete, cache_hit) in (any::<bool>(), any::<Option<bool>>()),
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
                credential: CredentialKind::ProviderToken,
                cache_hit,
            };
            let expected = serde_json::to_string(&access).unwrap() + "\n";
            let line = format(&access).unwrap();
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
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
