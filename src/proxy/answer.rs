//! The body of an answer: counts what goes out, gives the connection back, writes the access line.
use crate::{
    auth::Seen,
    body::{Body, BodyError},
    endpoints::Visit,
    failure::Failure,
    request_id::RequestId,
    telemetry::{Access, Outcome, Telemetry},
    upstream::{InFlight, Lease},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use std::{
    future::poll_fn,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

/// A body on its way to the client.
#[derive(Debug)]
pub struct AnswerBody {
    /// What was read of it already; handed out first.
    ahead: Option<Bytes>,
    body: Body,
    /// The connection that it comes on, and its place among the client's requests.
    lease: Option<(Lease, InFlight)>,
    record: Option<Box<Record>>,
}

impl AnswerBody {
    /// The SQL node's body, and the connection it comes on.
    pub(super) fn from_node(body: Body, lease: (Lease, InFlight)) -> Self {
        let mut answer = Self {
            ahead: None,
            body,
            lease: Some(lease),
            record: None,
        };
        if http_body::Body::is_end_stream(&answer.body) {
            answer.end();
        }
        answer
    }

    /// The whole body if all of it has come; it is handed out later all the same. For bodies that
    /// are known to be short and without trailers.
    pub(super) fn at_hand(&mut self) -> Option<Result<Bytes, BodyError>> {
        // Whoever waits for more polls again, with a waker.
        match self.poll_ahead(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => Some(ended.map(|()| self.read())),
            Poll::Pending => None,
        }
    }

    /// The same, waiting for it; `None` if that takes longer than `limit`.
    pub(super) async fn read_ahead(&mut self, limit: Duration) -> Result<Option<Bytes>, BodyError> {
        match timeout(limit, poll_fn(|cx| self.poll_ahead(cx))).await {
            Ok(Ok(())) => Ok(Some(self.read())),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn read(&self) -> Bytes {
        self.ahead.clone().unwrap_or_default()
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let data = match self.ahead.take() {
                None => data,
                Some(read) => [read, data].concat().into(),
            };
            self.ahead = Some(data).filter(|data| !data.is_empty());
        }
        self.end();
        Poll::Ready(Ok(()))
    }

    /// Claims the length of an answer 304, which is that of the body not sent (RFC 9110 section
    /// 8.6): hyper writes a `Content-Length` there only beside a body that claims to be so long,
    /// and then asks that body for nothing.
    fn claim_length(&mut self, headers: &HeaderMap) {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if let Some(length) = length {
            self.body = Body::Unsent(length);
        }
    }

    /// Writes the access line of `record` when the body has ended, or is dropped.
    pub(super) fn record(&mut self, mut record: Box<Record>) {
        // hyper drops the body of an answer to HEAD, and of a 304, unread.
        let is_sent = record.is_head()
            || record.status == StatusCode::NOT_MODIFIED
            || http_body::Body::is_end_stream(self);
        record.outcome = match is_sent {
            true => Outcome::Complete,
            false => Outcome::Broken, // until its end
        };
        self.record = Some(record);
    }

    /// The whole answer has been read: its connection can serve the next request.
    fn end(&mut self) {
        if let Some((lease, _counted)) = self.lease.take() {
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
            ahead: None,
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
        let polled = match this.ahead.take() {
            Some(ahead) => Poll::Ready(Some(Ok(Frame::data(ahead)))),
            None => Pin::new(&mut this.body).poll_frame(cx),
        };
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
        self.ahead.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        let Some(ahead) = &self.ahead else {
            return rest;
        };
        let ahead = ahead.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(ahead + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(ahead + upper);
        }
        hint
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
    telemetry: Arc<Telemetry>,
}

/// Of requests whose client left before there was an answer; nginx's number for it.
const CLIENT_LEFT: u16 = 499;

impl Record {
    pub(super) fn new<B>(
        request: &Request<B>,
        visit: Visit<'_>,
        started: Instant,
        telemetry: Arc<Telemetry>,
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

    /// The answer, its status noted, and its length claimed where hyper would leave it out.
    pub(super) fn noted(&mut self, answer: Response<AnswerBody>) -> Response<AnswerBody> {
        self.status = answer.status();
        if self.status != StatusCode::NOT_MODIFIED || self.version == Version::HTTP_2 {
            return answer;
        }
        let (head, mut body) = answer.into_parts();
        body.claim_length(&head.headers);
        Response::from_parts(head, body)
    }

    pub(super) fn client(&self) -> IpAddr {
        self.client
    }

    pub(super) fn time(&self) -> SystemTime {
        self.time
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
    use crate::{
        config::{Log, LogFormat},
        request_id::RequestIds,
    };
    use http_body_util::BodyExt;
    use hyper_util::rt::TokioIo;
    use std::{
        io::{self, Write},
        sync::Mutex,
    };
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

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
        let telemetry = Arc::new(Telemetry::new(log, sink.clone()));
        let request = Request::builder().method(method).body(()).unwrap();
        let visit = Visit {
            client: IpAddr::from([192, 0, 2, 1]),
            request_id: &RequestIds::new().of(None),
            now: SystemTime::UNIX_EPOCH,
        };
        let record = Record::new(&request, visit, Instant::now(), telemetry.clone());
        let mut body = AnswerBody::from(Body::from("x"));
        body.record(Box::new(record));
        drop(body);
        telemetry.flush();
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    const LIMIT: Duration = Duration::from_secs(5);

    /// An answer of six bytes, of which three have come, and the SQL node's end of it.
    async fn half_an_answer() -> (AnswerBody, DuplexStream) {
        let (near, mut far) = duplex(1024);
        let connecting = hyper::client::conn::http1::handshake(TokioIo::new(near));
        let (mut requests, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        let asking = requests.send_request(Request::new(Body::empty()));
        let answering = async {
            let asked = far.read(&mut [0; 512]).await.unwrap();
            assert!(asked > 0);
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc";
            tokio::io::AsyncWriteExt::write_all(&mut far, half)
                .await
                .unwrap();
        };
        let (answer, ()) = tokio::join!(asking, answering);
        let body = Body::Stream(answer.unwrap().into_body());
        (AnswerBody::from(body), far)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_whole_in_time_loses_nothing() {
        let (mut body, mut far) = half_an_answer().await;
        assert_eq!(body.read_ahead(LIMIT).await.unwrap(), None);
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(6));
        tokio::io::AsyncWriteExt::write_all(&mut far, b"def")
            .await
            .unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_looked_into_is_handed_out_whole() {
        let (mut body, mut far) = half_an_answer().await;
        tokio::io::AsyncWriteExt::write_all(&mut far, b"def")
            .await
            .unwrap();
        assert_eq!(body.read_ahead(LIMIT).await.unwrap().unwrap(), "abcdef");
        assert!(!http_body::Body::is_end_stream(&body));
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(6));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
    }

    #[test]
    fn an_answer_to_head_is_complete_without_its_body() {
        assert!(line("HEAD").contains("\"outcome\":\"complete\""));
        assert!(line("GET").contains("\"outcome\":\"broken\""));
    }
}
