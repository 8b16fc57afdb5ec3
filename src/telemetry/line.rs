//! The members of access and audit lines, and their two forms.
use crate::config::LogFormat;
use serde::{Serialize, ser::Error};
use std::{fmt::Display, net::IpAddr, time::Duration, time::SystemTime};

/// One request, from its head to the end of its answer.
#[derive(Debug, Serialize)]
pub struct Access<'a> {
    /// When the request's head was read.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// `access`.
    pub kind: &'static str,
    /// Joins this line with the answer and the SQL node's log.
    pub request_id: &'a str,
    /// The client, or what a trusted proxy says of it.
    pub client: IpAddr,
    /// The method; cut after 1,024 bytes.
    #[serde(serialize_with = "cut")]
    pub method: &'a str,
    /// The path as it was sent, without its query; cut after 1,024 bytes.
    #[serde(serialize_with = "cut")]
    pub path: &'a str,
    /// Of the answer.
    pub status: u16,
    /// Bytes of the answer's body that went out.
    pub bytes: u64,
    /// From the request's head to the last byte of the answer, in milliseconds.
    #[serde(serialize_with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// How the answer ended.
    pub outcome: Outcome,
    /// The name of the verified identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a str>,
    /// The database the grant was checked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<&'a str>,
    /// What the client showed.
    pub credential: CredentialKind,
    /// Whether the identity was known already; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hit: Option<bool>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of it was handed to the connection.
    Complete,
    /// The client left, or the SQL node broke off, before its end.
    Broken,
}

/// The kind of credential a request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// None.
    None,
    /// User name and password, for the SQL node to judge.
    Basic,
    /// A bearer token, for the SQL node to judge.
    Bearer,
    /// An ID token or access token of a provider.
    ProviderToken,
    /// A session token in `Authorization`.
    SessionToken,
    /// A session token in a cookie.
    SessionCookie,
    /// A key for OAuth connections.
    ApiKey,
}

/// Something that matters to whoever asks later who got in, and who did not.
#[derive(Debug, Serialize)]
pub struct Audit<'a> {
    /// When it happened.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// `audit`.
    pub kind: &'static str,
    /// What happened.
    pub event: AuditEvent,
    /// Joins this line with the access line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The configured name of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'a str>,
    /// `sub` of the verified token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The name of the verified identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a str>,
    /// The database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<&'a str>,
    /// Why it was refused, as the client was told; absent when all went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Ocient's code of that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_code: Option<i32>,
}

impl Audit<'_> {
    /// A line that says nothing but what happened, to be filled by struct update.
    pub fn new(event: AuditEvent, now: SystemTime) -> Self {
        Self {
            time: now,
            kind: "audit",
            event,
            request_id: None,
            client: None,
            provider: None,
            subject: None,
            identity: None,
            database: None,
            reason: None,
            vendor_code: None,
        }
    }
}

/// What an audit line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A session began.
    SignIn,
    /// A request or sign-in was refused.
    Refusal,
    /// The SQL node issued or refused an Ocient token.
    Exchange,
    /// A session was ended.
    Logout,
    /// The tokens of an OAuth connection were stored, and given to its owner.
    Connect,
    /// An owner read the tokens of its OAuth connections.
    ConnectionsRead,
    /// An owner ended an OAuth connection.
    Disconnect,
    /// The provider ended the grant of an OAuth connection.
    ConnectionEnd,
}

/// One line with its line break.
pub(super) fn format(line: &impl Serialize, format: LogFormat) -> Vec<u8> {
    let mut out = match format {
        LogFormat::Json => serde_json::to_vec(line).unwrap_or_default(),
        LogFormat::Text => text(line),
    };
    out.push(b'\n');
    out
}

/// `name=value` pairs; values are JSON, so that no text of a client's can forge a line.
fn text(line: &impl Serialize) -> Vec<u8> {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(line) else {
        return Vec::new();
    };
    let pairs: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ").into_bytes()
}

/// `None`: before 1970 or after 9999, at which the library fails or panics.
pub(super) fn timestamp(time: SystemTime) -> Option<impl Display> {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let has_text = since_1970.as_secs() < YEAR_10000;
    has_text.then(|| humantime::format_rfc3339_millis(time))
}

/// Seconds since 1970.
const YEAR_10000: u64 = 253_402_300_800;

fn rfc3339<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = timestamp(*time).ok_or_else(|| S::Error::custom("no such time"))?;
    serializer.collect_str(&text)
}

/// With three decimals.
pub(super) fn in_milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_milliseconds(*time))
}

/// A request's head may be 64 KiB; its log line need not.
const MAX_TEXT: usize = 1024;

/// As much of `text` as stands in a line.
pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

fn cut<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(path: &str) -> Access<'_> {
        Access {
            time: SystemTime::UNIX_EPOCH,
            kind: "access",
            request_id: "r1",
            client: "192.0.2.1".parse().unwrap(),
            method: "GET",
            path,
            status: 200,
            bytes: 5,
            duration: Duration::from_micros(1500),
            outcome: Outcome::Complete,
            identity: Some("alice"),
            database: None,
            credential: CredentialKind::SessionCookie,
            cache_hit: Some(true),
        }
    }

    #[test]
    fn a_json_line_holds_every_member() {
        let line = format(&access("/v1/info"), LogFormat::Json);
        let expected = r#"{"time":"1970-01-01T00:00:00.000Z","kind":"access","request_id":"r1","client":"192.0.2.1","method":"GET","path":"/v1/info","status":200,"bytes":5,"duration_ms":1.5,"outcome":"complete","identity":"alice","credential":"session_cookie","cache_hit":true}"#;
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn a_client_cannot_forge_a_line_or_a_member() {
        for form in [LogFormat::Json, LogFormat::Text] {
            let line = format(&access("/a\n{\"kind\":\"audit\"} status=500"), form);
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(!line.contains("\"kind\":\"audit\""), "{line}");
        }
    }

    #[test]
    fn a_long_path_and_a_long_method_are_cut() {
        let (path, method) = ("/\u{e9}".repeat(1000), "M".repeat(60_000));
        let access = Access {
            method: &method,
            ..access(&path)
        };
        let line = format(&access, LogFormat::Json);
        assert!(line.len() < 2 * MAX_TEXT + 400, "{}", line.len());
    }
}
