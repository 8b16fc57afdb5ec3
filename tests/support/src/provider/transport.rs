//! Lies below the content: broken, endless, redirected and mislabelled answers.

use std::io::Write;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};

use super::endpoint::Endpoint;
use super::exchange::{Reply, only, reply, see_other};
use super::garble;
use super::lie::Lie;
use super::shared::{Recorded, Shared};

/// A body that may break.
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// The redirect of `Lie::Redirect`, to the same place with a mark; there the answer is honest.
pub(crate) fn redirect(shared: &Shared, lies: &[Lie], call: &Recorded) -> Option<Reply> {
    let is_marked = only(&call.query, "redirected").is_some();
    if is_marked || !lies.contains(&Lie::Redirect(call.endpoint)) {
        return None;
    }
    let origin = shared.issuer.strip_suffix(shared.options.path.as_str())?;
    let mark = if call.query.is_empty() { '?' } else { '&' };
    let mut reply = see_other(&format!("{origin}{}{mark}redirected=1", call.target));
    *reply.status_mut() = StatusCode::FOUND;
    Some(reply)
}

/// Applies the lies about `endpoint` to an answer.
pub(crate) fn spoil(lies: &[Lie], endpoint: Endpoint, honest: Reply) -> Response<ReplyBody> {
    let mut answer = garble::apply(lies, endpoint, honest).map(whole);
    for lie in lies {
        match lie {
            Lie::Drip(at) if *at == endpoint => {
                answer = answer.map(|_| Drip::default().boxed_unsync());
            }
            Lie::ServerError(at) if *at == endpoint => {
                let page = "<!DOCTYPE html><title>Oops</title><h1>Something went wrong</h1>";
                answer = reply(StatusCode::INTERNAL_SERVER_ERROR, "text/html", page).map(whole);
            }
            Lie::HtmlPage(at, status) if *at == endpoint => {
                let status = StatusCode::from_u16(*status).expect("a test's status is one");
                let page = "<!DOCTYPE html><title>Blocked</title><h1>Request blocked</h1>";
                answer = reply(status, "text/html", page).map(whole);
            }
            Lie::NotJson(at) if *at == endpoint => {
                answer =
                    reply(StatusCode::OK, "application/json", "{\"issuer\": nonsense").map(whole);
            }
            Lie::WrongContentType(at) if *at == endpoint => {
                let html = HeaderValue::from_static("text/html");
                answer.headers_mut().insert(header::CONTENT_TYPE, html);
            }
            Lie::EndlessBody(at) if *at == endpoint => {
                answer = answer.map(|_| Endless { left: ENDLESS }.boxed_unsync());
            }
            Lie::BrokenOff(at) if *at == endpoint => {
                answer = answer.map(|_| BrokenOff { begun: false }.boxed_unsync());
            }
            Lie::CompressedBomb(at) if *at == endpoint => {
                let gzip = HeaderValue::from_static("gzip");
                answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
                answer = answer.map(|_| whole(bomb()));
            }
            _ => {}
        }
    }
    answer
}

fn whole(bytes: Bytes) -> ReplyBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// 64 MiB of spaces, which JSON allows before its value. Made once: it takes a second.
fn bomb() -> Bytes {
    static BOMB: OnceLock<Bytes> = OnceLock::new();
    let make = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let block = vec![b' '; 1024 * 1024];
        for _ in 0..64 {
            encoder.write_all(&block).expect("a vector takes all");
        }
        encoder.finish().expect("a vector takes all").into()
    };
    BOMB.get_or_init(make).clone()
}

/// So many bytes of white space.
struct Endless {
    left: usize,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        static BLOCK: [u8; 64 * 1024] = [b' '; 64 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= BLOCK.len();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLOCK)))))
    }
}

/// White space without end, slowly.
#[derive(Default)]
struct Drip {
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let pause = || Box::pin(tokio::time::sleep(DRIP));
        let waited = self.pause.get_or_insert_with(pause).as_mut().poll(context);
        waited.map(|()| {
            self.pause = None;
            Some(Ok(Frame::data(Bytes::from_static(b" "))))
        })
    }
}

/// An opening brace, then the end of the connection.
struct BrokenOff {
    begun: bool,
}

impl Body for BrokenOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Err(std::io::ErrorKind::BrokenPipe.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{")))))
    }
}

/// Often enough that no limit on the time between two bytes ends it.
const DRIP: Duration = Duration::from_millis(10);

/// As good as endless to anybody who is careful, and no danger to the machine if nobody is.
const ENDLESS: usize = 64 * 1024 * 1024;
