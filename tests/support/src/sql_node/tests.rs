//! The node over real sockets.

mod endpoints;
mod sso;
mod streaming;
mod transport;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::{SqlNode, SqlNodeOptions};

/// A whole answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn vendor_code(&self) -> i64 {
        self.json()["status"]["vendor_code"].as_i64().unwrap()
    }
}

async fn node() -> SqlNode {
    SqlNode::start(SqlNodeOptions::default()).await
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn post(node: &SqlNode, path: &str) -> Builder {
    Request::post(format!("{}{path}", node.url())).header("content-type", "application/json")
}

fn get(node: &SqlNode, path: &str) -> Builder {
    Request::get(format!("{}{path}", node.url()))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A statement by alice, in `retail_analytics`.
fn alice(node: &SqlNode) -> Builder {
    post(node, "/v1/execute").header("authorization", basic("alice", "wonderland"))
}

async fn open(request: Builder, body: impl Into<Bytes>) -> Response<Incoming> {
    let request = request.body(Full::new(body.into())).unwrap();
    client().request(request).await.unwrap()
}

async fn send(request: Builder, body: impl Into<Bytes>) -> Answer {
    let (head, body) = open(request, body).await.into_parts();
    let body = body.collect().await.unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    }
}

/// The next frame's bytes.
async fn next_chunk(answer: &mut Response<Incoming>) -> Option<Bytes> {
    let frame = answer.body_mut().frame().await?;
    Some(frame.unwrap().into_data().unwrap())
}
