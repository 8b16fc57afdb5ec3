//! What the SQL node answers: the body type, JSON answers and Ocient's status envelope.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

/// Every body the node sends; an error in it breaks the connection.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// Every answer the node sends.
pub(super) type Answer = Response<Body>;

/// A refusal in Ocient's terms.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) http: StatusCode,
    pub(super) vendor_code: i64,
    pub(super) sql_state: &'static str,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(
        http: StatusCode,
        vendor_code: i64,
        sql_state: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            http,
            vendor_code,
            sql_state,
            reason: reason.into(),
        }
    }

    /// 401: no credential, or one that proves nobody.
    pub(super) fn unauthenticated(vendor_code: i64, reason: impl Into<String>) -> Self {
        let sql_state = if vendor_code == -304 {
            "08004"
        } else {
            "42502"
        };
        Self::new(StatusCode::UNAUTHORIZED, vendor_code, sql_state, reason)
    }

    /// 403: somebody known who may not do this.
    pub(super) fn forbidden(vendor_code: i64, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, vendor_code, "42502", reason)
    }

    /// 400: the request makes no sense.
    pub(super) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, -500, "42601", reason)
    }

    pub(super) fn no_such_database(name: &str) -> Self {
        let reason = format!("database {name:?} does not exist");
        Self::new(StatusCode::NOT_FOUND, -205, "08004", reason)
    }

    pub(super) fn status(&self) -> Value {
        status(self.vendor_code, self.sql_state, &self.reason)
    }

    pub(super) fn answer(&self) -> Answer {
        let mut answer = json_answer(self.http, &json!({ "status": self.status() }));
        if self.http == StatusCode::UNAUTHORIZED {
            // A line for each: browsers do not find the second one in a line.
            for challenge in ["Basic realm=\"sql node\"", "Bearer"] {
                let challenge = HeaderValue::from_static(challenge);
                answer
                    .headers_mut()
                    .append(header::WWW_AUTHENTICATE, challenge);
            }
        }
        answer
    }
}

/// Ocient's status object.
pub(super) fn status(vendor_code: i64, sql_state: &str, reason: &str) -> Value {
    json!({ "reason": reason, "sql_state": sql_state, "vendor_code": vendor_code })
}

/// The status object of success.
pub(super) fn success(reason: &str) -> Value {
    status(0, "00000", reason)
}

/// A whole JSON answer with its length.
pub(super) fn json_answer(http: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(full(value.to_string()));
    *answer.status_mut() = http;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// A body that is all there.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}
