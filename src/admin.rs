//! The operator's listener: is the process alive, is it ready. Never on a public address.
mod hosts;

pub use hosts::Hosts;

use crate::{
    body::Body,
    config::AdminAddress,
    oidc::{Provider, Trouble},
    server::Accepting,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use humantime::format_rfc3339_seconds;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::{
    convert::Infallible,
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};

/// What readiness depends on.
#[derive(Debug)]
pub struct Health {
    draining: AtomicBool,
    providers: Vec<Arc<Provider>>,
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness<'a> {
    /// `ready`, `degraded` (some provider gives no good answers, all else works) or `draining`.
    status: &'static str,
    /// Why it is not simply ready.
    reasons: Vec<String>,
    providers: Vec<ProviderReadiness<'a>>,
}

#[derive(Serialize)]
struct ProviderReadiness<'a> {
    name: &'a str,
    /// Whether sign-ins and tokens of this provider work.
    ready: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    troubles: Vec<ProviderTrouble>,
}

/// What cannot be fetched from a provider.
#[derive(Serialize)]
struct ProviderTrouble {
    /// `metadata` or `keys`.
    what: &'static str,
    since: String,
    failure: String,
    /// How long the last good answer is still used; 0: it is not.
    usable_seconds: u64,
}

impl ProviderTrouble {
    fn of(trouble: Trouble) -> Self {
        Self {
            what: trouble.what,
            since: format_rfc3339_seconds(trouble.since).to_string(),
            failure: trouble.failure,
            usable_seconds: trouble.usable_for.unwrap_or_default().as_secs(),
        }
    }
}

impl<'a> ProviderReadiness<'a> {
    fn of(provider: &'a Provider) -> Self {
        Self {
            name: &provider.config().name,
            ready: provider.is_ready(),
            troubles: provider
                .troubles()
                .into_iter()
                .map(ProviderTrouble::of)
                .collect(),
        }
    }

    /// Why it is not simply ready, for a person.
    fn reasons(&self) -> Vec<String> {
        let name = self.name;
        let reason = |trouble: &ProviderTrouble| {
            let ProviderTrouble { what, since, .. } = trouble;
            let effect = match trouble.usable_seconds {
                0 => "its sign-ins and tokens are refused".to_owned(),
                seconds => {
                    let minutes = seconds.div_ceil(60);
                    format!("the last good answer is used for {minutes} more minutes at most")
                }
            };
            let failure = &trouble.failure;
            format!("provider {name}: no new {what} since {since}: {failure}; {effect}")
        };
        if self.troubles.is_empty() && !self.ready {
            return vec![format!("provider {name} has not answered yet")];
        }
        self.troubles.iter().map(reason).collect()
    }
}

impl Health {
    /// Ready, as far as the providers are.
    pub fn new(providers: Vec<Arc<Provider>>) -> Self {
        Self {
            draining: AtomicBool::new(false),
            providers,
        }
    }

    /// From now on the process is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// An unreachable provider does not make the sidecar unready: passwords, sessions and
    /// known tokens go on working, and no other sidecar would do better.
    fn readiness(&self) -> (StatusCode, Readiness<'_>) {
        let providers: Vec<_> = self
            .providers
            .iter()
            .map(|provider| ProviderReadiness::of(provider))
            .collect();
        let mut reasons: Vec<String> = providers
            .iter()
            .flat_map(ProviderReadiness::reasons)
            .collect();
        let is_draining = self.draining.load(Ordering::Relaxed);
        if is_draining {
            reasons.push("the process is stopping".to_owned());
        }
        let (code, status) = match (is_draining, reasons.is_empty()) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            (false, true) => (StatusCode::OK, "ready"),
            (false, false) => (StatusCode::OK, "degraded"),
        };
        (
            code,
            Readiness {
                status,
                reasons,
                providers,
            },
        )
    }

    /// `hosts`: by which names it may be asked; `None`: nobody asks by a name.
    fn answer<B>(&self, request: &Request<B>, hosts: Option<&Hosts>) -> Response<Body> {
        if let Some(Err(status)) = hosts.map(|hosts| hosts.check(request)) {
            return refusal(status);
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, body) = match (request.uri().path(), is_read) {
            ("/livez", true) => (StatusCode::OK, Vec::from(*b"{\"status\":\"alive\"}\n")),
            ("/readyz", true) => {
                let (status, readiness) = self.readiness();
                let mut body = serde_json::to_vec(&readiness).unwrap_or_default();
                body.push(b'\n');
                (status, body)
            }
            ("/livez" | "/readyz", false) => (StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
            _ => (StatusCode::NOT_FOUND, Vec::new()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

fn refusal(status: StatusCode) -> Response<Body> {
    let reason = match status {
        StatusCode::MISDIRECTED_REQUEST => "Host is none of admin.hosts",
        _ => "Host is missing, malformed or doubled",
    };
    let body = format!("{{\"status\":\"refused\",\"reason\":\"{reason}\"}}\n");
    let mut response = Response::new(Body::from(body.into_bytes()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The bound listener.
#[derive(Debug)]
pub enum AdminListener {
    /// On a loopback address, normally.
    Tcp(TcpListener),
    /// A socket file that its owner alone can use.
    Unix(UnixListener),
}

/// Connections at once; a probe and a person need two.
pub const MAX_CONNECTIONS: usize = 32;

/// Longest wait for a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(5);

impl AdminListener {
    /// Binds it. A socket file that a stopped process left behind is replaced.
    ///
    /// # Errors
    /// Whatever the system says.
    pub async fn bind(address: &AdminAddress) -> io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            AdminAddress::Unix(path) => {
                remove_stale(path);
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Where it listens, if that is an address.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Answers for ever; to be dropped when the process stops. `hosts`: by which names it may be
    /// asked over TCP.
    pub async fn serve(self, health: Arc<Health>, hosts: Arc<Hosts>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut accepting = Accepting::new("admin");
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let (health, hosts) = (health.clone(), hosts.clone());
            let accepted = match &self {
                Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move { (speak(stream, health, Some(hosts)).await, place) });
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move { (speak(stream, health, None).await, place) });
                }),
            };
            accepting.tried(accepted).await;
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    health: Arc<Health>,
    hosts: Option<Arc<Hosts>>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = health.answer(&request, hosts.as_deref());
        async { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop(served); // a probe that hangs up is nobody's trouble
}

/// Removes a socket file nobody listens on.
fn remove_stale(path: &Path) {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        drop(fs::remove_file(path)); // binding will say what is wrong, if anything is
    }
}
