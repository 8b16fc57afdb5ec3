//! The body of an answer: counts what goes out, gives the connection back, writes the access line.
use crate::{
    auth::Seen,
    body::{Body, BodyError},
    endpoints::Visit,
    failure::Failure,
    request_id::RequestId,
    telemetry::{Access, Outcome, Telemetry},
    upstream::Lease,
};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, Version};
use http_body::{Frame, SizeHint};
use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

/// A body on its way to the client.
#[derive(Debug)]
pub struct AnswerBody {
    body: Body,
    lease: Option<Lease>,
    record: Option<Record>,
}

impl AnswerBody {
    /// The SQL node's body, and the connection it comes on.
    pub(super) fn from_node(body: Body, lease: Lease) -> Self {
        let mut answer = Self {
            body,
            lease: Some(lease),
            record: None,
        };
        if http_body::Body::is_end_stream(&answer.body) {
            answer.end();
        }
        answer
    }

    /// Writes the access line of `record` when the body has ended, or is dropped.
    pub(super) fn recorded(mut self, mut record: Record) -> Self {
        // hyper drops the body of an answer to HEAD unread.
        let is_sent = record.is_head() || http_body::Body::is_end_stream(&self.body);
        record.outcome = match is_sent {
            true => Outcome::Complete,
            false => Outcome::Broken, // until its end
        };
        self.record = Some(record);
        self
    }

    /// The whole answer has been read: its connection can serve the next request.
    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
        if let Some(record) = &mut self.record {
            record.outcome = Outcome::Complete;
        }
    }
}

impl From<Body> for AnswerBody {
    fn from(body: Body) -> Self {
        Self {
            body,
            lease: None,
            record: None,
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Pending | Poll::Ready(Some(Err(_))) => return polled,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(record), Some(data)) = (&mut this.record, frame.data_ref()) {
                    record.bytes += data.len() as u64;
                }
            }
            Poll::Ready(None) => this.end(),
        }
        if http_body::Body::is_end_stream(&this.body) {
            this.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the access line will say; written when it is dropped, so that no request goes without
/// one, however it ends.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) seen: Seen,
    pub(super) status: StatusCode,
    outcome: Outcome,
    bytes: u64,
    time: SystemTime,
    started: Instant,
    request_id: RequestId,
    client: IpAddr,
    method: Method,
    uri: Uri,
    version: Version,
    telemetry: Telemetry,
}

/// Of requests whose client left before there was an answer; nginx's number for it.
const CLIENT_LEFT: u16 = 499;

impl Record {
    pub(super) fn new<B>(
        request: &Request<B>,
        visit: Visit<'_>,
        started: Instant,
        telemetry: Telemetry,
    ) -> Self {
        Self {
            seen: Seen::nothing(),
            status: StatusCode::from_u16(CLIENT_LEFT).expect("three digits are a status"),
            outcome: Outcome::Broken,
            bytes: 0,
            time: visit.now,
            started,
            request_id: visit.request_id.clone(),
            client: visit.client,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            telemetry,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether `failure` means that nobody can be answered. As nginx has it: over HTTP/2 a body
    /// breaks by a reset of its stream, which is a client that left (499); in HTTP/1.1 it may
    /// have closed its own half alone, and is answered (400).
    pub(super) fn is_abandoned(&self, failure: &Failure) -> bool {
        *failure == Failure::BodyBroken && self.version == Version::HTTP_2
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.telemetry.access(&Access {
            time: self.time,
            kind: "access",
            request_id: self.request_id.as_str(),
            client: self.client,
            method: self.method.as_str(),
            path: self.uri.path(),
            status: self.status.as_u16(),
            bytes: self.bytes,
            duration: self.started.elapsed(),
            outcome: self.outcome,
            identity: self.seen.identity.as_deref(),
            database: self.seen.database.as_deref(),
            credential: self.seen.credential,
            cache_hit: self.seen.cache_hit,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Log, LogFormat};
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    /// Keeps what is written to any of its clones.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The access line of an answer whose body is dropped unread.
    fn line(method: &str) -> String {
        let sink = Sink::default();
        let log = Log {
            format: LogFormat::Json,
            level: tracing::Level::INFO,
        };
        let telemetry = Telemetry::new(log, sink.clone());
        let request = Request::builder().method(method).body(()).unwrap();
        let visit = Visit {
            client: IpAddr::from([192, 0, 2, 1]),
            request_id: &RequestId::of(None),
            now: SystemTime::UNIX_EPOCH,
        };
        let record = Record::new(&request, visit, Instant::now(), telemetry.clone());
        drop(AnswerBody::from(Body::from("x")).recorded(record));
        telemetry.flush();
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_answer_to_head_is_complete_without_its_body() {
        assert!(line("HEAD").contains("\"outcome\":\"complete\""));
        assert!(line("GET").contains("\"outcome\":\"broken\""));
    }
}
