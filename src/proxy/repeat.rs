//! What is kept of a request until it is clear that it need not be sent once more.
use crate::body::{Body, Kept, Outgoing};
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};

/// A copy of a request: of its head at once, of its body while that is sent.
#[derive(Debug)]
pub(super) struct Repeatable {
    method: Method,
    uri: Uri,
    /// A plain list, since nearly all copies are thrown away unread.
    fields: Vec<(HeaderName, HeaderValue)>,
    body: Option<Kept>,
}

impl Repeatable {
    /// What will be a copy of `request`, but for its credential. The case of the names of its
    /// fields is not kept.
    pub(super) fn of(request: &Request<Body>) -> Self {
        let fields = request.headers().iter();
        let fields = fields.filter(|(name, _)| **name != header::AUTHORIZATION);
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            fields: fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body: None,
        }
    }

    /// The request's body, of which a copy is kept.
    pub(super) fn keeping(&mut self, mut body: Outgoing) -> Outgoing {
        self.body = Some(body.keep());
        body
    }

    /// The whole request. `None` if its body was too long to be kept, or has not been sent to its
    /// end.
    pub(super) fn whole(self) -> Option<Box<Request<Body>>> {
        let mut request = Box::new(Request::new(Body::from(self.body?.whole()?)));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        for (name, value) in self.fields {
            request.headers_mut().append(name, value);
        }
        Some(request)
    }
}
