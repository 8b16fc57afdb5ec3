use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::authority::Authority;

/// A TLS server that echoes body, trailers, target and cookies; `/redirect` redirects to `/landed`.
async fn echo_server(authority: &Authority) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = authority.server_config(&["localhost", "127.0.0.1"]);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                let io = TokioIo::new(tls);
                if is_h2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(io, service_fn(echo)).await);
                } else {
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(io, service_fn(echo)).await);
                }
            });
        }
    });
    address
}

type EchoBody = http_body_util::Either<Full<Bytes>, Channel<Bytes>>;

async fn echo(request: Request<Incoming>) -> Result<Response<EchoBody>, Infallible> {
    let answer = Response::builder();
    if request.uri().path() == "/redirect" {
        let answer = answer.status(302).header("location", "/landed");
        let answer = answer.header("set-cookie", "__Host-c=1; Secure; Path=/");
        return Ok(answer.body(EchoBody::Left(Full::default())).unwrap());
    }
    let cookies = request.headers().get("cookie").cloned();
    let target = request.uri().path_and_query().unwrap().to_string();
    let mut answer = answer.header("x-target", target).header("trailer", "x-end");
    if let Some(cookies) = cookies {
        answer = answer.header("x-cookies", cookies);
    }
    let (mut sender, channel) = Channel::new(1);
    tokio::spawn(async move {
        let mut body = request.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    Ok(answer.body(EchoBody::Right(channel)).unwrap())
}

#[tokio::test]
async fn body_trailers_and_target_arrive_as_sent_in_both_versions() {
    let authority = Authority::new();
    let address = echo_server(&authority).await;
    let client = Client::new(&authority.ca_pem());
    let cases = [
        (client.clone(), Version::HTTP_11),
        (client.http2(), Version::HTTP_2),
    ];
    for (client, version) in cases {
        let url = format!("https://{address}//a/../%2f?q=%20");
        let (mut sender, body) = body_channel();
        let request = client.post(&url).header("te", "trailers");
        let request = request.header("trailer", "x-end").body_stream(body);
        let mut answer = request.stream().await.unwrap();
        assert_eq!(answer.version, version);
        assert_eq!(
            answer.header("x-target"),
            Some("//a/../%2f?q=%20"),
            "{version:?}"
        );
        // The answer has begun before the request's body ends.
        assert!(sender.send("one").await);
        assert_eq!(answer.next_chunk().await.unwrap().unwrap(), "one");
        let mut trailers = HeaderMap::new();
        trailers.insert("x-end", "yes".parse().unwrap());
        assert!(sender.finish(trailers).await);
        let answer = answer.collect().await.unwrap();
        assert_eq!(answer.trailers["x-end"], "yes", "{version:?}");
    }
}

#[tokio::test]
async fn a_followed_redirect_carries_the_cookie_it_set() {
    let authority = Authority::new();
    let address = echo_server(&authority).await;
    let client = Client::new(&authority.ca_pem());
    let url = format!("https://localhost:{}/redirect", address.port());
    let first = client.get(&url).send().await.unwrap();
    assert_eq!(first.status, StatusCode::FOUND);
    let last = client.follow(first).await.unwrap();
    assert_eq!(last.header("x-target"), Some("/landed"));
    assert_eq!(last.header("x-cookies"), Some("__Host-c=1"));
    let bare = client
        .without_cookies()
        .get(&last.url)
        .send()
        .await
        .unwrap();
    assert_eq!(bare.header("x-cookies"), None);
}

#[tokio::test]
async fn one_connection_carries_several_requests() {
    let authority = Authority::new();
    let address = echo_server(&authority).await;
    let client = Client::new(&authority.ca_pem());
    for client in [client.clone(), client.http2()] {
        let url = format!("https://{address}/");
        let connection = client.connect(&url).await.unwrap();
        for body in ["first", "second"] {
            let answer = connection.post("/x").body(body).send().await.unwrap();
            assert_eq!(answer.text(), body);
        }
        assert!(connection.is_open());
        let group = connection.tls().unwrap().group;
        assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
    }
}

#[tokio::test]
async fn raw_bytes_reach_the_server() {
    let authority = Authority::new();
    let address = echo_server(&authority).await;
    let client = Client::new(&authority.ca_pem());
    let url = format!("https://{address}");
    let mut stream = client.raw(&url, &["http/1.1"]).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let address = echo_server(&Authority::new()).await;
    let client = Client::new(&Authority::new().ca_pem());
    let refused = client.get(&format!("https://{address}/")).send().await;
    assert!(matches!(refused, Err(ClientError::Tls(..))), "{refused:?}");
}
