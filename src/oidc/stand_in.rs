//! Tests only: a provider's HTTP side on plain loopback, which answers what it is told to.
use super::{
    ClientCredentials, Provider,
    mint::{self, Mint},
};
use crate::{config, http_client::HttpClient, secret::Secret};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Stops, and drops every connection, when it is dropped.
pub(crate) struct StandIn {
    pub(crate) issuer: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<HashMap<&'static str, Page>>,
    cache_control: Mutex<HashMap<&'static str, &'static str>>,
    asked: Mutex<Vec<Asked>>,
}

#[derive(Clone)]
struct Page {
    status: u16,
    location: String,
    media: &'static str,
    text: String,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) form: HashMap<String, String>,
}

impl StandIn {
    /// Publishes metadata and the keys of all mints.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        let stand_in = Self {
            issuer,
            shared,
            _tasks: tasks,
        };
        stand_in.publish(stand_in.metadata());
        stand_in.page(KEYS, 200, "application/jwk-set+json", &all_keys());
        stand_in
    }

    /// The metadata that a new stand-in publishes.
    pub(crate) fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}{TOKEN}"),
            "jwks_uri": format!("{issuer}{KEYS}"),
            "end_session_endpoint": format!("{issuer}/end"),
            "op_tos_uri": "",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["none", "RS256"],
            "code_challenge_methods_supported": ["plain"],
        })
    }

    pub(crate) fn publish(&self, metadata: Value) {
        let text = metadata.to_string();
        self.page(METADATA, 200, "Application/JSON; charset=utf-8", &text);
    }

    pub(crate) fn page(&self, path: &'static str, status: u16, media: &'static str, text: &str) {
        let text = text.to_owned();
        let page = Page {
            status,
            location: String::new(),
            media,
            text,
        };
        self.shared.pages.lock().unwrap().insert(path, page);
    }

    /// Sends whoever asks for `path` to another address.
    pub(super) fn redirect(&self, path: &'static str, status: u16, target: &str) {
        let page = Page {
            status,
            location: target.to_owned(),
            media: "text/plain",
            text: String::new(),
        };
        self.shared.pages.lock().unwrap().insert(path, page);
    }

    /// What the token endpoint answers.
    pub(super) fn token_answer(&self, status: u16, answer: &Value) {
        self.page(TOKEN, status, "application/json", &answer.to_string());
    }

    /// All requests for `path` so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked
            .iter()
            .filter(|one| one.path == path)
            .cloned()
            .collect()
    }

    /// `Cache-Control` of a page; none at first.
    pub(super) fn cache(&self, path: &'static str, cache_control: &'static str) {
        let mut all = self.shared.cache_control.lock().unwrap();
        all.insert(path, cache_control);
    }

    pub(crate) fn config(&self) -> config::Provider {
        config::Provider {
            issuer: self.issuer.as_str().into(),
            ..mint::rules()
        }
    }

    pub(super) fn provider(&self, secret: Option<&str>) -> Arc<Provider> {
        provider(&self.config(), secret)
    }

    /// `claims` as of this provider.
    pub(super) fn token(&self, mint: &Mint, mut claims: Value) -> Secret {
        claims["iss"] = json!(self.issuer);
        Secret::new(mint.token(&claims))
    }

    /// An access token without groups that is good at [`NOW`], and for this long.
    pub(crate) fn access_token(&self, life: Duration) -> Secret {
        let (mut header, mut claims) = (mint::ES256.header(), mint::access_claims());
        header["typ"] = json!("at+jwt");
        claims["iss"] = json!(self.issuer);
        claims["exp"] = json!(NOW + life.as_secs());
        Secret::new(mint::ES256.token_with(&header, &claims))
    }
}

/// Asks by a client which trusts nobody: all is plain loopback here.
pub(crate) fn http() -> HttpClient {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    HttpClient::new(tls, Duration::from_secs(10), 2 * 1024 * 1024)
}

/// A provider that asks so.
pub(crate) fn provider(config: &config::Provider, secret: Option<&str>) -> Arc<Provider> {
    let credentials = ClientCredentials {
        secret: secret.map(Secret::new),
        ..ClientCredentials::default()
    };
    Provider::new(config, credentials, http())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        connections.spawn(serve(tcp, shared.clone()));
    }
}

async fn serve(tcp: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, &shared));
    // A client that hangs up is no failure of a test.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(tcp), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path().to_owned();
    let authorization = head.headers.get("authorization");
    let asked = Asked {
        path: path.clone(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        form: url::form_urlencoded::parse(&body).into_owned().collect(),
    };
    shared.asked.lock().unwrap().push(asked);
    let page = shared.pages.lock().unwrap().get(path.as_str()).cloned();
    let page = page.unwrap_or(Page {
        status: 404,
        location: String::new(),
        media: "text/plain",
        text: String::new(),
    });
    let mut response = Response::builder()
        .status(page.status)
        .header("content-type", page.media)
        .header("location", page.location);
    if let Some(value) = shared.cache_control.lock().unwrap().get(path.as_str()) {
        response = response.header("cache-control", *value);
    }
    Ok(response.body(page.text.into()).unwrap())
}

/// A set with every mint's key.
pub(super) fn all_keys() -> String {
    mint::jwk_set(&mint::all().map(Mint::jwk))
}

pub(crate) const NOW: u64 = mint::NOW;
pub(super) const METADATA: &str = "/.well-known/openid-configuration";
pub(super) const KEYS: &str = "/keys";
pub(crate) const USERINFO: &str = "/userinfo";
pub(super) const TOKEN: &str = "/token";
pub(super) const REVOCATION: &str = "/revoke";
