//! What is kept of a request until it is clear that it need not be sent once more.
use crate::body::{Body, Kept, Outgoing};
use http::{HeaderMap, Method, Request, Uri};

/// A copy of a request: of its head at once, of its body while that is sent.
#[derive(Debug)]
pub(super) struct Repeatable {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Kept,
}

impl Repeatable {
    /// The request, and what will be a copy of it. The case of the names of its fields is not
    /// kept.
    pub(super) fn of(request: Request<Outgoing>) -> (Request<Outgoing>, Self) {
        let body = Kept::default();
        let request = request.map(|outgoing| outgoing.kept_in(body.clone()));
        let copy = Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            body,
        };
        (request, copy)
    }

    /// The whole request. `None` if its body was too long to be kept, or has not been sent to its
    /// end.
    pub(super) fn whole(self) -> Option<Request<Body>> {
        let mut request = Request::new(Body::from(self.body.whole()?));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        Some(request)
    }
}
