//! `/test/…`: raw bodies for transport tests; nothing of this is Ocient's.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Fault, full, json_answer},
    request_body::Observed,
    result::hex,
};

/// The SHA-256, in hexadecimal, of the first `bytes` bytes that `/test/stream` and `/test/fixed`
/// send.
pub fn stream_digest(bytes: u64) -> String {
    let mut context = digest::Context::new(&SHA256);
    let mut at = 0;
    while at < bytes {
        let piece = pattern_at(at, bytes - at, MOST_CHUNK);
        context.update(&piece);
        at += piece.len() as u64;
    }
    hex(context.finish().as_ref())
}

pub(super) async fn answer(head: &Parts, path: &[String], body: Observed) -> Result<Answer, Fault> {
    let query = Query::of(head);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["stream"] => Ok(stream(&query, Length::Chunked)),
        ["fixed"] => Ok(stream(&query, Length::Declared)),
        ["digest"] => digest_of(body).await,
        ["echo"] => Ok(echo(head, body)),
        ["status", code] => status(code),
        ["headers"] => Ok(json_answer(StatusCode::OK, &listed(&head.headers))),
        ["answer"] => made_up(&query, body).await,
        // The body stays unread: the answer is early.
        ["early_answer"] => {
            let reason = "answered before the body was read";
            Err(Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                -500,
                "54000",
                reason,
            ))
        }
        _ => Err(Fault::new(
            StatusCode::NOT_FOUND,
            -100,
            "58005",
            "no such test endpoint",
        )),
    }
}

/// The query string's pairs.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(head: &Parts) -> Self {
        let query = head.uri.query().unwrap_or_default();
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.first(name)?.parse().ok()
    }
}

#[derive(PartialEq)]
enum Length {
    Chunked,
    Declared,
}

/// `?bytes=N&chunk=M`, with `&trailer=value` also a trailer `x-test-trailer`.
fn stream(query: &Query, length: Length) -> Answer {
    let bytes = query.number("bytes").unwrap_or(0);
    let chunk = query.number("chunk").unwrap_or(DEFAULT_CHUNK);
    let trailer = query
        .first("trailer")
        .and_then(|value| HeaderValue::from_str(value).ok());
    let has_trailer = trailer.is_some();
    let body = Pattern {
        at: 0,
        end: bytes,
        chunk: chunk.clamp(1, MOST_CHUNK),
        trailer,
        is_declared: length == Length::Declared,
    };
    let mut answer = Answer::new(body.boxed_unsync());
    let headers = answer.headers_mut();
    let binary = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, binary);
    if has_trailer {
        headers.insert(header::TRAILER, HeaderValue::from_static("x-test-trailer"));
    }
    answer
}

async fn digest_of(mut body: Observed) -> Result<Answer, Fault> {
    let mut context = digest::Context::new(&SHA256);
    let mut bytes = 0;
    let mut trailers = Value::Null;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Fault::bad_request(format!("the body broke off: {error}")))?;
        match frame.into_data() {
            Ok(data) => {
                context.update(&data);
                bytes += data.len() as u64;
            }
            Err(frame) => trailers = frame.trailers_ref().map_or(Value::Null, listed),
        }
    }
    let sha256 = hex(context.finish().as_ref());
    let answer = json!({ "bytes": bytes, "sha256": sha256, "trailers": trailers });
    Ok(json_answer(StatusCode::OK, &answer))
}

/// The body back, while it still arrives, with its type and its trailers.
fn echo(head: &Parts, body: Observed) -> Answer {
    let mut answer = Answer::new(body.boxed_unsync());
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRAILER,
    ] {
        if let Some(value) = head.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn status(code: &str) -> Result<Answer, Fault> {
    let status: StatusCode = code
        .parse()
        .map_err(|_| Fault::bad_request("no such status"))?;
    let is_empty = matches!(status.as_u16(), 204 | 205 | 304);
    let text = if is_empty {
        String::new()
    } else {
        format!("status {code}\n")
    };
    let mut answer = Answer::new(full(text));
    *answer.status_mut() = status;
    if status == StatusCode::NOT_MODIFIED {
        let tag = HeaderValue::from_static("\"as-before\"");
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}

/// `?status=…&header=name:value&header=…&body=…`: exactly this answer.
async fn made_up(query: &Query, body: Observed) -> Result<Answer, Fault> {
    body.read().await?;
    let text = query.first("body").unwrap_or_default().to_owned();
    let mut answer = Answer::new(full(text));
    if let Some(code) = query.first("status") {
        *answer.status_mut() = code
            .parse()
            .map_err(|_| Fault::bad_request("no such status"))?;
    }
    for line in query.all("header") {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let name: HeaderName = name
            .parse()
            .map_err(|_| Fault::bad_request("no header name"))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| Fault::bad_request("no header value"))?;
        answer.headers_mut().append(name, value);
    }
    Ok(answer)
}

/// `[[name, value], …]`, repeated names included.
fn listed(headers: &HeaderMap) -> Value {
    let pairs = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        json!([name.as_str(), value])
    });
    pairs.collect()
}

/// A body of cheap, never repeating-looking bytes.
struct Pattern {
    at: u64,
    end: u64,
    chunk: u64,
    trailer: Option<HeaderValue>,
    is_declared: bool,
}

impl HttpBody for Pattern {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.at < self.end {
            let piece = pattern_at(self.at, self.end - self.at, self.chunk);
            self.at += piece.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(self.trailer.take().map(|value| {
            let name = HeaderName::from_static("x-test-trailer");
            Ok(Frame::trailers(
                HashMap::from([(name, value)]).into_iter().collect(),
            ))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end && self.trailer.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_declared {
            return SizeHint::with_exact(self.end - self.at);
        }
        SizeHint::default()
    }
}

/// The bytes from `at` on: at most `left` and `chunk` of them.
fn pattern_at(at: u64, left: u64, chunk: u64) -> Bytes {
    static BLOCK: OnceLock<Bytes> = OnceLock::new();
    let block = BLOCK.get_or_init(block);
    let start = (at % PERIOD) as usize;
    let length = left.min(chunk) as usize;
    // The block is `PERIOD + MOST_CHUNK` long, so no piece runs over its end.
    block.slice(start..start + length)
}

fn block() -> Bytes {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let period: Vec<u8> = (0..PERIOD)
        .map(|_| {
            // Knuth's MMIX generator; its upper bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let length = (PERIOD + MOST_CHUNK) as usize;
    period.iter().copied().cycle().take(length).collect()
}

/// A prime, so that no power-of-two buffer meets the same bytes twice.
const PERIOD: u64 = 1_048_573;

/// The largest piece, which bounds the block.
const MOST_CHUNK: u64 = 1024 * 1024;

/// A usual buffer's size.
const DEFAULT_CHUNK: u64 = 64 * 1024;
