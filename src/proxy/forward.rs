//! To the SQL node and back: header hygiene, injection, one repetition after a refused token.
use super::{AnswerBody, Proxy, X_REQUEST_ID, repeat::Repeatable};
use crate::{
    auth::Injection,
    body::{Body, Outgoing},
    cookie,
    endpoints::Visit,
    failure::Failure,
    headers,
    request_id::RequestId,
    status::StatusOnly,
    telemetry::chain,
    upstream::{Answer, InFlight, UpstreamError},
};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use memchr::memchr_iter;
use std::time::Duration;

/// Longest answer, in bytes, that is looked into for an Ocient status: an envelope is shorter.
const MAX_ENVELOPE: u64 = 2048;

/// Fields that are added to a request: five about the client, its identifier, `Host`, `Connection`,
/// `Transfer-Encoding`, and the token.
const MOST_ADDED: usize = 10;

/// Longest wait for such an answer once its head is there: envelopes come in one piece. An answer
/// that takes longer is passed on as it comes, without a look.
const ENVELOPE_WAIT: Duration = Duration::from_secs(5);

/// Ocient's codes for a token that is no longer good: −733 session expired; −1205 to −1208
/// security token invalid, badly signed, of unknown origin, expired.
const REFUSED_TOKEN: [i32; 5] = [-733, -1205, -1206, -1207, -1208];

impl Proxy {
    /// The head as the SQL node gets it, but for the credential. What belongs to the client's
    /// connection is gone already.
    fn prepare(&self, request: &mut Request<Body>, id: &RequestId) {
        let headers = request.headers_mut();
        let _room = headers.try_reserve(MOST_ADDED); // at once
        if self.is_trusted {
            headers::strip_lookalikes(headers);
            self.forwarded.append(headers);
        } else {
            headers::strip_forged(headers);
            self.forwarded.set(headers);
        }
        if self.shared.auth.has_api_keys() {
            headers::strip_api_keys(headers);
        }
        headers::limit_trailer(headers);
        if headers.contains_key(header::TE) {
            // hyper passes trailers on; the next hop has to be told (RFC 9110 section 10.1.4).
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        headers.insert(X_REQUEST_ID, id.as_header().clone());
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, self.upstream.authority().clone());
        }
        *request.version_mut() = Version::HTTP_11;
        frame_body(request);
    }

    /// The whole head, with the token.
    fn credit(&self, request: &mut Request<Body>, injection: &Injection, id: &RequestId) {
        self.prepare(request, id);
        let authorization = injection.token().authorization().clone();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization);
    }

    /// Sends a request on as it came; only our own cookies stay here.
    pub(super) async fn pass_through(
        &self,
        mut request: Box<Request<Body>>,
        visit: &Visit<'_>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let id = visit.request_id;
        self.prepare(&mut request, id);
        cookie::remove_ours(request.headers_mut());
        let counted = self.admit(visit)?;
        let sent = self.upstream.send(request.map(outgoing)).await;
        sent.map(|answer| finish(answer, counted))
            .map_err(|error| no_answer(&error, id))
    }

    /// Sends a request on with an Ocient token and no other credential. If the SQL node does
    /// not take the token, a new one is obtained and the request repeated, once, if its
    /// whole body is still held.
    pub(super) async fn inject(
        &self,
        mut request: Box<Request<Body>>,
        injection: Injection,
        visit: &Visit<'_>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let counted = self.admit(visit)?;
        let headers = request.headers_mut();
        headers.remove(header::COOKIE);
        headers::strip_identities(headers);
        let mut copy = Repeatable::of(&request);
        self.credit(&mut request, &injection, visit.request_id);
        let request = request.map(|body| copy.keeping(outgoing(body)));
        let sent = self.upstream.send(request).await;
        let answer = sent.map_err(|error| no_answer(&error, visit.request_id))?;
        let mut answer = without_cookies(finish(answer, counted));
        match glance(&mut answer)? {
            Look::Fine => Ok(answer),
            // Seldom, and large: futures of their own, as in `Proxy::step`.
            Look::Refused => self.repeat(answer, copy, injection, visit).boxed().await,
            Look::Unclear => self.read_on(answer, copy, injection, visit).boxed().await,
        }
    }

    /// Waits for the rest of an answer that may refuse the token.
    async fn read_on(
        &self,
        mut answer: Response<AnswerBody>,
        copy: Repeatable,
        injection: Injection,
        visit: &Visit<'_>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let whole = answer.body_mut().read_ahead(ENVELOPE_WAIT).await;
        let whole = whole.map_err(|_| Failure::NodeBroke)?;
        match whole.is_some_and(|whole| refuses_token(&whole)) {
            false => Ok(answer),
            true => self.repeat(answer, copy, injection, visit).await,
        }
    }

    /// Sends `copy` with a new token, and gives its answer instead of `refusal`, if both can be had.
    async fn repeat(
        &self,
        refusal: Response<AnswerBody>,
        copy: Repeatable,
        injection: Injection,
        visit: &Visit<'_>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let request = copy.whole();
        let renewed = self.shared.auth.renew(injection, visit.now).await;
        let (Some(mut request), Ok(Some(renewed))) = (request, renewed) else {
            return Ok(refusal);
        };
        drop(refusal); // and with it, its connection
        let counted = self.admit(visit)?;
        self.credit(&mut request, &renewed, visit.request_id);
        let sent = self.upstream.send(request.map(outgoing)).await;
        let answer = sent.map_err(|error| no_answer(&error, visit.request_id))?;
        Ok(without_cookies(finish(answer, counted)))
    }

    /// Counts the request of `visit` for its client's network.
    fn admit(&self, visit: &Visit<'_>) -> Result<InFlight, Failure> {
        let counted = match &self.client {
            Some(client) => self.upstream.admit(client),
            None => self.upstream.admit(&self.upstream.client(visit.client)),
        };
        counted.map_err(|error| no_answer(&error, visit.request_id))
    }
}

/// What the client is told when the SQL node gave no answer.
fn no_answer(error: &UpstreamError, id: &RequestId) -> Failure {
    let failure = Failure::from(error);
    let request_id = id.as_str();
    // Anybody can break off, or ask for too much, as often as he likes; nobody has to be woken for it.
    let is_limited = matches!(error, UpstreamError::Full | UpstreamError::ClientFull);
    let error = chain(error);
    match (failure.is_incomplete_request(), is_limited) {
        (true, _) => tracing::debug!(request_id, error, "no whole request"),
        (_, true) => tracing::debug!(request_id, error, "not sent"),
        _ => tracing::warn!(request_id, error, "no answer"),
    }
    failure
}

fn outgoing(body: Body) -> Outgoing {
    Outgoing::new(body, headers::strip_trailers)
}

/// Says that a body of unknown length is chunked. hyper does so too, but for GET and HEAD, whose
/// body it would leave out without a word.
fn frame_body<B: http_body::Body>(request: &mut Request<B>) {
    let body = request.body();
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        let chunked = HeaderValue::from_static("chunked");
        let headers = request.headers_mut();
        headers.insert(header::TRANSFER_ENCODING, chunked);
    }
}

/// Whether an answer refuses the injected token.
enum Look {
    Fine,
    Refused,
    /// Not all of it has come yet.
    Unclear,
}

/// Looks whether the answer refuses the token: by its HTTP status, or by Ocient's, which may come
/// with any. Nearly always all of it is there.
fn glance(answer: &mut Response<AnswerBody>) -> Result<Look, Failure> {
    if answer.status() == StatusCode::UNAUTHORIZED {
        return Ok(Look::Refused);
    }
    if !is_envelope(answer) {
        return Ok(Look::Fine);
    }
    Ok(match answer.body_mut().at_hand() {
        None => Look::Unclear,
        Some(whole) => match refuses_token(&whole.map_err(|_| Failure::NodeBroke)?) {
            true => Look::Refused,
            false => Look::Fine,
        },
    })
}

/// Whether an envelope's status says so. Most answers hold none of the numbers, so that a search
/// for what they begin with saves reading them.
fn refuses_token(envelope: &[u8]) -> bool {
    let mut negatives = memchr_iter(b'-', envelope).map(|sign| &envelope[sign + 1..]);
    negatives.any(|digits| digits.starts_with(b"733") || digits.starts_with(b"120"))
        && serde_json::from_slice::<StatusOnly>(envelope)
            .is_ok_and(|envelope| REFUSED_TOKEN.contains(&envelope.status.vendor_code))
}

/// Whether the answer may be nothing but an envelope: short JSON of known length.
fn is_envelope<B: http_body::Body>(response: &Response<B>) -> bool {
    let length = response.body().size_hint().exact();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    length.is_some_and(|length| (1..=MAX_ENVELOPE).contains(&length))
        && media_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
        && !response.headers().contains_key(header::CONTENT_ENCODING)
}

/// The SQL node's answer, its body still streaming.
fn finish(answer: Answer, counted: InFlight) -> Response<AnswerBody> {
    let Answer {
        mut response,
        lease,
    } = answer;
    headers::strip_hop_by_hop(response.headers_mut());
    response.map(|body| AnswerBody::from_node(Body::Stream(body), (lease, counted)))
}

/// A session of the SQL node must not reach a client that signed in here: two identities would
/// mix.
fn without_cookies(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    response.headers_mut().remove(header::SET_COOKIE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body::Frame;
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    /// A body that does not say how long it is, as a chunked one.
    struct Unmeasured;

    impl http_body::Body for Unmeasured {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }
    }

    fn framing<B: http_body::Body>(method: &str, body: B) -> Option<HeaderValue> {
        let mut request = Request::builder().method(method).body(body).unwrap();
        frame_body(&mut request);
        request.headers().get(header::TRANSFER_ENCODING).cloned()
    }

    #[test]
    fn a_body_of_unknown_length_is_chunked_whatever_the_method() {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            assert_eq!(framing(method, Unmeasured).unwrap(), "chunked", "{method}");
            assert_eq!(framing(method, Body::empty()), None, "{method}");
            assert_eq!(framing(method, Body::from("select 1")), None, "{method}");
        }
    }
}
