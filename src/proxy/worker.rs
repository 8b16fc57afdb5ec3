//! The application of one worker: a `Proxy` for each connection, an access line for what is none.
use super::{AnswerBody, Proxy, Shared};
use crate::{
    request_id::RequestIds,
    server::{Application, Handler, Peer},
    telemetry::{Access, CredentialKind, Outcome},
    upstream::Upstream,
};
use futures_util::FutureExt;
use http::StatusCode;
use hyper::service::service_fn;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What serves the connections of one worker.
#[derive(Debug)]
pub struct WorkerProxy {
    shared: Arc<Shared>,
    upstream: Upstream,
}

impl WorkerProxy {
    /// With connections to the SQL node of the worker's own.
    pub fn new(shared: Arc<Shared>, upstream: Upstream) -> Self {
        Self { shared, upstream }
    }
}

impl Application for WorkerProxy {
    type Body = AnswerBody;

    fn service(&self, peer: Peer) -> impl Handler<AnswerBody> + use<> {
        let proxy = Proxy::new(self.shared.clone(), self.upstream.clone(), peer);
        let proxy = Arc::new(proxy);
        // In a box: hyper moves it a few times, over HTTP/2 into a task.
        service_fn(move |request| Box::pin(proxy.clone().handle(request)).map(Ok))
    }

    /// The line has no method and no path: nothing that the client sent is in it.
    fn unreadable(&self, peer: Peer, status: StatusCode) {
        self.shared.telemetry.access(&Access {
            time: SystemTime::now(),
            kind: "access",
            request_id: RequestIds::new().of(None).as_str(),
            client: peer.address.ip().to_canonical(),
            method: "",
            path: "",
            status: status.as_u16(),
            bytes: 0,
            duration: Duration::ZERO,
            outcome: Outcome::Complete,
            identity: None,
            database: None,
            credential: CredentialKind::None,
            cache_hit: None,
        });
    }
}
