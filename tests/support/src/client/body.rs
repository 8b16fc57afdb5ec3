//! Request bodies, whole or streamed by the test while the request is under way.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// The sending end of a streamed request body. Dropping it ends the body.
pub struct BodySender(Sender<Bytes, BoxError>);

/// The end of a streamed request body that goes into
/// [`RequestBuilder::body_stream`](super::RequestBuilder::body_stream).
pub struct BodyStream(Channel<Bytes, BoxError>);

/// A streamed request body. One chunk is buffered, so `send` shows the server's backpressure.
pub fn body_channel() -> (BodySender, BodyStream) {
    let (sender, channel) = Channel::new(1);
    (BodySender(sender), BodyStream(channel))
}

impl BodySender {
    /// Sends one chunk; false when the other side no longer reads.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) -> bool {
        self.0.send_data(chunk.into()).await.is_ok()
    }

    /// Sends the trailers and ends the body; false when the other side no longer reads. In HTTP/1.1 only
    /// trailers that the request's `Trailer` header names are sent.
    pub async fn finish(mut self, trailers: HeaderMap) -> bool {
        self.0.send_trailers(trailers).await.is_ok()
    }

    /// Breaks the request off in the middle.
    pub fn abort(self) {
        self.0.abort("the test broke the body off".into());
    }
}

pub(crate) fn whole(bytes: Bytes) -> RequestBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn streamed(body: BodyStream) -> RequestBody {
    body.0.boxed_unsync()
}

pub(crate) fn with_trailers(body: RequestBody, trailers: HeaderMap) -> RequestBody {
    body.with_trailers(async move { Some(Ok(trailers)) })
        .boxed_unsync()
}
