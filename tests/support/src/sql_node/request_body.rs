//! Request bodies, recorded while they are read.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{answer::Fault, node::Node};

/// A request body whose bytes go into the record as they pass.
pub(super) struct Observed {
    pub(super) node: Arc<Node>,
    pub(super) number: u64,
    pub(super) body: Incoming,
}

impl Observed {
    /// The whole body.
    pub(super) async fn read(mut self) -> Result<Bytes, Fault> {
        let mut all = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let frame = frame
                .map_err(|error| Fault::bad_request(format!("the body broke off: {error}")))?;
            if let Ok(data) = frame.into_data() {
                all.extend_from_slice(&data);
            }
            if all.len() > MOST_BODY {
                let reason = "the request body is too large";
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Fault::new(status, -500, "54000", reason));
            }
        }
        Ok(all.freeze())
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            if let Some(data) = frame.data_ref() {
                self.node.records.append_body(self.number, data);
            }
            if let Some(trailers) = frame.trailers_ref() {
                self.node.records.set_trailers(self.number, trailers);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Statements are text; the largest that tests send have a few megabytes.
const MOST_BODY: usize = 64 * 1024 * 1024;
