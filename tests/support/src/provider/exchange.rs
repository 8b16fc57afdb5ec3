//! Requests as the endpoints read them, and the few kinds of answers.

use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::shared::{Recorded, Shared};

/// An answer before the transport may spoil it.
pub(crate) type Reply = Response<Bytes>;

/// Reads a request; a body that is too long or breaks off counts as none.
pub(crate) async fn read(
    shared: &Shared,
    request: Request<Incoming>,
    certificate: Option<Vec<u8>>,
) -> Recorded {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let kind = head.headers.get(header::CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let path = head.uri.path();
    let endpoint = match path.strip_prefix(shared.options.path.as_str()) {
        Some(rest) => Endpoint::at(rest),
        None => Endpoint::Other,
    };
    Recorded {
        at: Instant::now(),
        endpoint,
        target: head.uri.to_string(),
        query: pairs(head.uri.query().unwrap_or_default().as_bytes()),
        form: pairs(if is_form { &body } else { b"" }),
        method: head.method,
        headers: head.headers,
        body,
        certificate,
    }
}

impl Recorded {
    /// A parameter of the form that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        only(&self.form, name)
    }

    /// A parameter of the query that is there once.
    pub(crate) fn query_field(&self, name: &str) -> Option<&str> {
        only(&self.query, name)
    }
}

/// The value of a name that is there exactly once.
pub(crate) fn only<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = pairs.iter().filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// The first name that is there twice.
pub(crate) fn duplicate(pairs: &[(String, String)]) -> Option<&str> {
    let earlier = |index: usize, name: &str| pairs[..index].iter().any(|(key, _)| key == name);
    pairs
        .iter()
        .enumerate()
        .find(|(index, (name, _))| earlier(*index, name))
        .map(|(_, (name, _))| name.as_str())
}

pub(crate) fn json_reply(status: StatusCode, value: &Value) -> Reply {
    reply(status, "application/json", value.to_string())
}

/// An OAuth error (RFC 6749 5.2).
pub(crate) fn oauth_error(status: StatusCode, error: &str, why: &str) -> Reply {
    let value = json!({"error": error, "error_description": why});
    let mut reply = json_reply(status, &value);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = http::HeaderValue::from_static("Basic realm=\"test\"");
        reply
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    reply
}

pub(crate) fn reply(status: StatusCode, kind: &str, body: impl Into<Bytes>) -> Reply {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-store")
        .body(body.into())
        .expect("status and content type are fixed")
}

/// 303: what comes after a form is a GET (RFC 9700 4.12).
pub(crate) fn see_other(location: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, "text/plain", "");
    // A `Url` is visible ASCII.
    let location = http::HeaderValue::from_str(location).expect("locations are URLs");
    reply.headers_mut().insert(header::LOCATION, location);
    reply
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// Ample for any form; a fault of the sidecar must not fill the memory.
const LONGEST_BODY: usize = 64 * 1024;
