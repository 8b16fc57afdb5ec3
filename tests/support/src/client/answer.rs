//! What came back: whole, or frame by frame.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};

use super::ClientError;
use super::line::Line;

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The URL that was asked.
    pub url: String,
    /// The final status.
    pub status: StatusCode,
    /// The protocol version of the answer.
    pub version: Version,
    /// The headers as they came, duplicates included.
    pub headers: HeaderMap,
    /// The body, still in its content coding.
    pub body: Bytes,
    /// The trailers; empty if there were none.
    pub trailers: HeaderMap,
    /// The 1xx answers before the final one.
    pub interim: Vec<StatusCode>,
}

impl Answer {
    /// The only value of a header; `None` if it is absent, given twice or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body)
            .unwrap_or_else(|_| panic!("{} answered no text: {:?}", self.url, self.body))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON; the message shows what it was.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            let (url, status) = (&self.url, self.status);
            panic!(
                "{url} answered {status} with no JSON ({error}): {:?}",
                self.body
            )
        })
    }
}

/// An answer whose body is still under way. Dropping it closes the connection at once, as a client
/// does that went away; on a [`Connection`](super::Connection) it ends this exchange only.
pub struct Streaming {
    /// The URL that was asked.
    pub url: String,
    /// The final status.
    pub status: StatusCode,
    /// The protocol version of the answer.
    pub version: Version,
    /// The headers as they came.
    pub headers: HeaderMap,
    interim: Arc<Mutex<Vec<StatusCode>>>,
    body: Incoming,
    line: Arc<Line>,
    timeout: Duration,
}

impl Streaming {
    pub(crate) fn new(
        url: String,
        response: Response<Incoming>,
        interim: Arc<Mutex<Vec<StatusCode>>>,
        line: Arc<Line>,
        timeout: Duration,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            url,
            status: head.status,
            version: head.version,
            headers: head.headers,
            interim,
            body,
            line,
            timeout,
        }
    }

    /// The only value of a header; `None` if it is absent, given twice or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }

    /// The next piece of the body or the trailers; `None` at a proper end, an error at a visible break.
    pub async fn next_frame(&mut self) -> Result<Option<Frame<Bytes>>, ClientError> {
        match tokio::time::timeout(self.timeout, self.body.frame()).await {
            Err(_) => Err(ClientError::Timeout("the next frame")),
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => Ok(Some(frame)),
            Ok(Some(Err(error))) => Err(ClientError::Http(self.url.clone(), error)),
        }
    }

    /// The next piece of the body; trailers are skipped.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.next_frame().await? {
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the rest, up to 64 MiB.
    pub async fn collect(mut self) -> Result<Answer, ClientError> {
        let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
        while let Some(frame) = self.next_frame().await? {
            match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
            if body.len() > LONGEST {
                return Err(ClientError::TooLong(LONGEST));
            }
        }
        self.line.let_finish();
        let interim = self.interim.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Answer {
            url: self.url.clone(),
            status: self.status,
            version: self.version,
            headers: self.headers.clone(),
            body: body.freeze(),
            trailers,
            interim: interim.clone(),
        })
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// More than any answer that a test wants whole; larger ones are read as streams.
const LONGEST: usize = 64 * 1024 * 1024;
