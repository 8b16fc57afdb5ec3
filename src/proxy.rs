//! The service of one connection: each request's steps, in order.
mod answer;
mod forward;
mod head;
mod repeat;
mod respond;
mod worker;

pub use answer::AnswerBody;
pub use worker::WorkerProxy;

use crate::{
    auth::{Authenticator, Decision, Injection, Memo, Seen, WINDOW},
    body::Body,
    endpoints::{Endpoints, Reply, Visit},
    failure::Failure,
    headers::{ForwardedFields, forwarded_client},
    page::Reader,
    request_id::{RequestId, RequestIds},
    route::{Endpoint, Route, Routes, Target},
    server::{Admission, Peer},
    telemetry::{Audit, AuditEvent, Telemetry},
    upstream::{Client, Upstream},
};
use answer::Record;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use ipnet::IpNet;
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use url::Url;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Which path is whose.
    pub routes: Routes,
    /// Who may do what.
    pub auth: Authenticator,
    /// What we answer ourselves.
    pub endpoints: Endpoints,
    /// Proxies whose word about the client is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who we are to clients.
    pub public_url: Url,
    /// Where lines go.
    pub telemetry: Telemetry,
    /// Longest silence of a client within a request's body.
    pub silence: Duration,
    /// Where sign-in work runs.
    pub control: Handle,
}

/// The service of one connection.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    upstream: Upstream,
    /// Of its own: it is counted in and out at each request, which two CPUs would do in turns.
    telemetry: Arc<Telemetry>,
    peer: Peer,
    /// Where its requests are counted; `None`: its proxy says of each whose it is.
    client: Option<Client>,
    forwarded: ForwardedFields,
    is_trusted: bool,
    memo: Memo,
    request_ids: RequestIds,
}

/// What comes next for a request.
enum Step {
    /// To the SQL node with an Ocient token.
    Inject(Box<Request<Body>>, Injection),
    /// To the SQL node as it came.
    PassThrough(Box<Request<Body>>),
    /// Nothing: it was ours.
    Done(Box<Response<AnswerBody>>),
}

const AMBIGUOUS: &str = "this path could be taken for an endpoint it is not; spell it plainly";

/// Joins the logs of client, sidecar and SQL node.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Proxy {
    /// For a connection from `peer`, on the worker whose connections to the SQL node are
    /// `upstream`.
    pub fn new(shared: Arc<Shared>, upstream: Upstream, peer: Peer) -> Self {
        let address = peer.address.ip().to_canonical();
        let is_trusted = shared
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&address));
        Self {
            client: (!is_trusted).then(|| upstream.client(address)),
            telemetry: Arc::new(shared.telemetry.clone()),
            shared,
            upstream,
            peer,
            forwarded: ForwardedFields::new(address),
            is_trusted,
            memo: Memo::default(),
            request_ids: RequestIds::new(),
        }
    }

    /// Answers one request, whatever happens to it.
    pub fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<AnswerBody>> + Send {
        let (now, started) = (SystemTime::now(), Instant::now());
        let reader = Reader::of(request.headers());
        let request_id = self.request_ids.of(request.headers().get(X_REQUEST_ID));
        let client = self.client(request.headers());
        let visit = Visit {
            client,
            request_id: &request_id,
            now,
        };
        let record = Record::new(&request, visit, started, self.telemetry.clone());
        let record = Box::new(record); // moved with the answer, more than once
        let (head, body) = request.into_parts();
        let body = Body::arriving(body, &head, self.shared.silence);
        // Handed down from call to call, each of which would hold a copy in its future.
        let request = Box::new(Request::from_parts(head, body));
        self.answered(request, request_id, reader, record)
    }

    async fn answered(
        self: Arc<Self>,
        request: Box<Request<Body>>,
        request_id: RequestId,
        reader: Reader,
        mut record: Box<Record>,
    ) -> Response<AnswerBody> {
        let visit = Visit {
            client: record.client(),
            request_id: &request_id,
            now: record.time(),
        };
        // One after the other, not one within the other: a future is moved together with those
        // that it awaits.
        let answer = match self.step(request, &visit, &mut record.seen).await {
            Ok(Step::Inject(request, injection)) => self.inject(request, injection, &visit).await,
            Ok(Step::PassThrough(request)) => self.pass_through(request, &visit).boxed().await,
            Ok(Step::Done(answer)) => Ok(*answer),
            Err(failure) => Err(failure),
        };
        let mut answer = match answer {
            Ok(answer) => record.noted(answer),
            Err(failure) => {
                let is_abandoned = record.is_abandoned(&failure);
                let refusal = self.refuse(failure, &visit, reader, &record.seen);
                if !is_abandoned {
                    record.status = refusal.status();
                }
                let refusal = match record.is_head() {
                    true => respond::head_only(refusal),
                    false => refusal,
                };
                refusal.map(AnswerBody::from)
            }
        };
        answer
            .headers_mut()
            .insert(X_REQUEST_ID, request_id.as_header().clone());
        answer.body_mut().record(record);
        answer
    }

    /// Answers what is not for the SQL node, and decides about the rest.
    async fn step(
        &self,
        mut request: Box<Request<Body>>,
        visit: &Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Step, Failure> {
        let target = match self.route(&mut request)? {
            Route::SqlNode(target) => target,
            Route::Ambiguous => return Err(Failure::malformed(AMBIGUOUS)),
            // Large, and seldom: a future of its own. `boxed`, not `Box::pin`: behind a pointer to
            // its code it cannot be inlined here, where it made each turn touch seven pages of stack.
            Route::Ours(endpoint) => {
                let asked = self.ask_endpoint(endpoint, request, visit, seen);
                match asked.boxed().await? {
                    Reply::Answer(answer) => {
                        return Ok(Step::Done(Box::new(answer.map(AnswerBody::from))));
                    }
                    Reply::Forward(forwarded) => {
                        request = forwarded;
                        Target::Elsewhere
                    }
                }
            }
        };
        let whose = (visit.client, &self.memo);
        let auth = &self.shared.auth;
        let decision = auth.decide(&mut request, &target, whose, visit.now, seen);
        Ok(match decision.await? {
            Decision::PassThrough => Step::PassThrough(request),
            Decision::Inject(injection) => Step::Inject(request, injection),
        })
    }

    /// What is to be done with a request, once it is clear that it may be answered at all.
    fn route(&self, request: &mut Request<Body>) -> Result<Route, Failure> {
        if self.peer.admission == Admission::OverLimit {
            return Err(Failure::ConnectionLimit);
        }
        head::check(request, &self.shared.public_url)?;
        Ok(self.shared.routes.classify(request.uri().path()))
    }

    /// Sign-in work is the control runtime's: it takes no time from other requests of this
    /// worker, and goes on if the client leaves; but nobody waits for a client that has left.
    async fn ask_endpoint(
        &self,
        endpoint: Endpoint,
        request: Box<Request<Body>>,
        visit: &Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Reply, Failure> {
        let (endpoints, request_id) = (self.shared.endpoints.clone(), visit.request_id.clone());
        let (client, now) = (visit.client, visit.now);
        // What goes wrong on the way is logged with the request's id, at every level.
        let span = tracing::error_span!("request", id = %request_id);
        let work = async move {
            let mut seen = Seen::nothing();
            let visit = Visit {
                client,
                request_id: &request_id,
                now,
            };
            let reply = endpoints.answer(endpoint, *request, visit, &mut seen);
            (reply.await, seen)
        };
        let work = self.shared.control.spawn(work.instrument(span));
        let done = match endpoint {
            Endpoint::SsoDeviceGrantVerify => AbortOnDropHandle::new(work).await,
            _ => work.await,
        };
        let (reply, found) = done.map_err(|_| Failure::Internal)?;
        *seen = found;
        reply
    }

    /// Tells the client, counts guesses, and records who was kept out.
    fn refuse(
        &self,
        failure: Failure,
        visit: &Visit<'_>,
        reader: Reader,
        seen: &Seen,
    ) -> Response<Body> {
        let throttled =
            failure.is_failed_sign_in() && self.shared.auth.throttle().is_over(visit.client);
        let failure = if throttled {
            Failure::TooManyFailures(WINDOW)
        } else {
            failure
        };
        if failure.is_refusal() {
            let row = failure.row();
            self.shared.telemetry.audit(&Audit {
                request_id: Some(visit.request_id.as_str()),
                client: Some(visit.client),
                identity: seen.identity.as_deref(),
                database: seen.database.as_deref(),
                reason: Some(&row.reason),
                vendor_code: Some(row.vendor_code),
                ..Audit::new(AuditEvent::Refusal, visit.now)
            });
        }
        respond::respond(&failure, visit.request_id.as_str(), reader, seen)
    }

    /// Who asks: the peer, or whom a trusted proxy names.
    fn client(&self, headers: &HeaderMap) -> IpAddr {
        let named = if self.is_trusted {
            forwarded_client(headers)
        } else {
            None
        };
        named.unwrap_or(self.peer.address.ip()).to_canonical()
    }
}
