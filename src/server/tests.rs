//! How connections are spread over the workers.
use super::*;
use crate::{
    config::Config,
    tls::{Certificate, server_config},
};
use http_body_util::Full;
use hyper::service::service_fn;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Answers everything with nothing.
struct Empty;

impl Application for Empty {
    type Body = Full<Bytes>;

    fn service(&self, _: Peer) -> impl Handler<Full<Bytes>> + use<> {
        service_fn(async |_request| Ok(Response::new(Full::new(Bytes::new()))))
    }

    fn unreadable(&self, _: Peer, _: StatusCode) {}
}

/// A server of two workers that accepts from `listener`.
async fn two_workers(folder: &Path, listener: TcpListener) -> Arc<Server> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("server.crt"), made.cert.pem()).unwrap();
    let key = folder.join("server.key");
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let text = "[listen]\npublic_url = 'https://localhost'\nworkers = 2\n\
                [tls]\ncertificate = 'server.crt'\nprivate_key = 'server.key'\n\
                [sql_node]\nurl = 'http://127.0.0.1:9090'\n\
                [[provider]]\nname = 'corp'\nissuer = 'http://127.0.0.1:1'\nclient_id = 'a'\n";
    let config = Config::from_toml(text, "config.toml", folder).unwrap();
    let certificate = Certificate::open(&config.tls.certificate, &config.tls.private_key).unwrap();
    let tls = server_config(&config.tls, Arc::new(certificate)).unwrap();
    let server = Server::start(&config.listen, config.limits, tls, |_worker| Empty);
    let server = Arc::new(server.unwrap());
    let accepting = server.clone();
    // Ends with the test's runtime.
    tokio::spawn(async move {
        accepting.accept(listener, CancellationToken::new()).await;
    });
    server
}

/// Waits until so many connections are open in all.
async fn settled(server: &Server, count: usize) -> Vec<usize> {
    while server.connections().iter().sum::<usize>() != count {
        tokio::task::yield_now().await;
    }
    server.connections()
}

#[tokio::test]
async fn few_connections_are_spread_evenly_also_after_some_have_gone() {
    let folder = tempfile::tempdir().unwrap();
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = two_workers(folder.path(), listener).await;
    let mut clients = Vec::new();
    for count in 1..=4 {
        clients.push(TcpStream::connect(address).await.unwrap());
        settled(&server, count).await;
    }
    assert_eq!(server.connections(), [2, 2]);
    // The first and the third are on the same worker.
    clients.remove(2);
    clients.remove(0);
    let left = settled(&server, 2).await;
    assert!(left == [0, 2] || left == [2, 0], "{left:?}");
    for count in 3..=4 {
        clients.push(TcpStream::connect(address).await.unwrap());
        settled(&server, count).await;
    }
    assert_eq!(server.connections(), [2, 2]);
}

#[tokio::test]
async fn four_connections_are_spread_evenly_from_an_inherited_listener_too() {
    let folder = tempfile::tempdir().unwrap();
    // Whoever made it keeps its own descriptor of the socket, as systemd does.
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    // Two are there before anybody accepts.
    let mut clients = vec![
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    ];
    let inherited = listener::adopt(elsewhere.try_clone().unwrap()).unwrap();
    let server = two_workers(folder.path(), inherited).await;
    assert_eq!(settled(&server, 2).await, [1, 1]);
    for count in 3..=4 {
        clients.push(TcpStream::connect(address).await.unwrap());
        settled(&server, count).await;
    }
    assert_eq!(server.connections(), [2, 2]);
}
