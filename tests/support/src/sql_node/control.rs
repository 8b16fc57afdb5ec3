//! What a test makes the node do wrong, and when.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Endpoint,
    answer::{Answer, full, status},
    locked::lock,
};

/// What to do instead of, or with, the next answers.
#[derive(Debug, Clone)]
pub enum Misbehaviour {
    /// Give this answer.
    Answer(CannedAnswer),
    /// Read the head, then send nothing until [`super::SqlNode::release_stalled`].
    StallBeforeHead,
    /// Close the connection without an answer.
    CloseBeforeHead,
    /// Send so many bytes of the true body, then break the connection.
    BreakBodyAfter(usize),
    /// Send so many bytes of the true body, then nothing until [`super::SqlNode::release_stalled`].
    StallBodyAfter(usize),
}

/// An answer made up by a test.
#[derive(Debug, Clone)]
pub struct CannedAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers, `Content-Length` not among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl CannedAnswer {
    /// A status and nothing else.
    pub fn status(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Ocient's envelope with this code: a failure, be the HTTP status 200 or another one.
    pub fn failure(http: StatusCode, vendor_code: i64, sql_state: &str) -> Self {
        let status = status(vendor_code, sql_state, "made up by a test");
        Self::status(http)
            .header("content-type", "application/json")
            .body(json!({ "status": status }).to_string())
    }

    /// 401 with −1208, as for an expired token.
    pub fn unauthorized() -> Self {
        Self::failure(StatusCode::UNAUTHORIZED, -1208, "42502").header("www-authenticate", "Bearer")
    }

    /// HTTP 200 that says −733 in its body: the session has expired.
    pub fn session_expired() -> Self {
        Self::failure(StatusCode::OK, -733, "42502")
    }

    /// Adds a header line.
    ///
    /// # Panics
    /// When name or value are no HTTP.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a test names a valid header");
        let value = HeaderValue::from_str(value).expect("a test gives a valid header value");
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn answer(self) -> Answer {
        let mut answer = Answer::new(full(self.body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        answer
    }
}

/// The rules in force, and the node's clock.
pub(super) struct Control {
    rules: Mutex<Vec<Rule>>,
    released: watch::Sender<()>,
    ahead: Mutex<Duration>,
}

struct Rule {
    endpoint: Option<Endpoint>,
    left: usize,
    what: Misbehaviour,
}

/// Ends when the test lets the stalled requests go.
pub(super) struct Released(watch::Receiver<()>);

impl Released {
    pub(super) async fn wait(mut self) {
        // A closed channel means that the node ends, so stalling is over too.
        let _ = self.0.changed().await;
    }
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            rules: Mutex::default(),
            released: watch::Sender::new(()),
            ahead: Mutex::default(),
        }
    }

    pub(super) fn add(&self, endpoint: Option<Endpoint>, times: usize, what: Misbehaviour) {
        lock(&self.rules).push(Rule {
            endpoint,
            left: times,
            what,
        });
    }

    /// The misbehaviour due for a request to this endpoint, the oldest rule first.
    pub(super) fn take(&self, endpoint: Endpoint) -> Option<(Misbehaviour, Released)> {
        let mut rules = lock(&self.rules);
        let fits = |rule: &Rule| rule.endpoint.is_none_or(|wanted| wanted == endpoint);
        let index = rules.iter().position(fits)?;
        let rule = &mut rules[index];
        let what = rule.what.clone();
        rule.left = rule.left.saturating_sub(1);
        if rule.left == 0 {
            rules.remove(index);
        }
        Some((what, Released(self.released.subscribe())))
    }

    pub(super) fn behave(&self) {
        lock(&self.rules).clear();
        self.released.send_replace(());
    }

    pub(super) fn release(&self) {
        // Under the lock: a request that has taken its rule has also subscribed.
        let mut rules = lock(&self.rules);
        let stalls = |what: &Misbehaviour| {
            matches!(
                what,
                Misbehaviour::StallBeforeHead | Misbehaviour::StallBodyAfter(_)
            )
        };
        rules.retain(|rule| !stalls(&rule.what));
        self.released.send_replace(());
    }

    pub(super) fn advance(&self, by: Duration) {
        *lock(&self.ahead) += by;
    }

    pub(super) fn now(&self) -> SystemTime {
        SystemTime::now() + *lock(&self.ahead)
    }
}
