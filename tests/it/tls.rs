//! TLS towards clients: versions, key exchange, ALPN, client certificates, listeners.
use crate::{
    site::{Site, authority},
    wire::{Wire, client_config, connect},
};
use rustls::{ALL_VERSIONS, NamedGroup, ProtocolVersion, version::TLS12, version::TLS13};
use sidecar_testkit::client::Client;
use std::{fs, sync::Arc};
use tokio::net::TcpStream;

#[tokio::test]
async fn tls_12_and_13_are_spoken() {
    let site = Site::start().await;
    for (version, expected) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let tcp = connect(&site).await;
        let mut wire = Wire::over(tcp, &site, &["http/1.1"], &[version])
            .await
            .unwrap();
        assert_eq!(wire.version(), Some(expected));
        wire.send("GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200, "{expected:?}");
    }
}

#[tokio::test]
async fn the_first_key_exchange_is_post_quantum() {
    let site = Site::start().await;
    let connection = site.client().connect(&site.origin()).await.unwrap();
    let facts = connection.tls().unwrap();
    assert_eq!(facts.version, ProtocolVersion::TLSv1_3);
    assert_eq!(facts.group, Some(NamedGroup::X25519MLKEM768));
}

#[tokio::test]
async fn each_connection_brings_one_ticket_for_a_resumed_one() {
    let site = Site::start().await;
    let config = Arc::new(client_config(&site, &["http/1.1"], &[&TLS13]));
    let open = async || {
        Wire::by(connect(&site).await, config.clone())
            .await
            .unwrap()
    };
    for is_resumed in [false, true, true] {
        let mut wire = open().await;
        assert_eq!(wire.is_resumed(), is_resumed);
        // The ticket comes with the answer.
        wire.send("GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
    }
    let two = [open().await, open().await];
    assert_eq!(two.map(|wire| wire.is_resumed()), [true, false]);
}

#[tokio::test]
async fn alpn_chooses_http2_then_http11_and_does_without() {
    let site = Site::start().await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut wire = Wire::with_alpn(&site, offered).await;
        assert_eq!(wire.alpn().as_deref(), chosen, "{offered:?}");
        if chosen != Some("h2") {
            wire.send("GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert_eq!(wire.answer().await.status, 200, "{offered:?}");
        }
    }
    let info = site.url("/v1/info");
    let answer = site.client().http2().get(&info).send().await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.version),
        (200, http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn an_unknown_protocol_alone_is_refused_in_the_handshake() {
    let site = Site::start().await;
    let tcp = connect(&site).await;
    let refused = Wire::over(tcp, &site, &["spdy/3"], ALL_VERSIONS).await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn min_version_13_refuses_12() {
    let site = Site::with(|settings| settings.set("tls", "min_version", "'1.3'")).await;
    let tcp = connect(&site).await;
    let refused = Wire::over(tcp, &site, &[], &[&TLS12]).await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("ProtocolVersion"), "{error}");
    let tcp = connect(&site).await;
    assert!(Wire::over(tcp, &site, &[], &[&TLS13]).await.is_ok());
}

#[tokio::test]
async fn client_ca_admits_only_clients_with_a_certificate_of_it() {
    let site = Site::with(|settings| settings.set("tls", "client_ca", "'ca.crt'")).await;
    let info = site.url("/v1/info");
    let ca = authority().ca_pem();
    let known = authority().issue_client("analyst-laptop");
    let unknown = sidecar_testkit::authority::Authority::new().issue_client("stranger");
    assert!(site.client().get(&info).send().await.is_err());
    let client = Client::new(&ca).identified_by(&ca, &unknown);
    assert!(client.get(&info).send().await.is_err());
    assert!(site.node.requests().is_empty());
    for client in [Client::new(&ca), Client::new(&ca).http2()] {
        let client = client.identified_by(&ca, &known);
        assert_eq!(client.get(&info).send().await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn every_listener_serves() {
    let both = "['127.0.0.1:{port}', '127.0.0.2:{port}']";
    let site = Site::with(|settings| settings.set("listen", "addresses", both)).await;
    for host in ["127.0.0.1", "127.0.0.2"] {
        let tcp = TcpStream::connect((host, site.port())).await.unwrap();
        let mut wire = Wire::over(tcp, &site, &[], ALL_VERSIONS).await.unwrap();
        wire.send("GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_restarted_sidecar_shows_its_new_certificate() {
    let mut site = Site::start().await;
    let before = site.client().connect(&site.origin()).await.unwrap();
    site.stop_sidecar().await;
    let issued = authority().issue(&["localhost"]);
    fs::write(site.folder.path().join("server.crt"), &issued.cert_pem).unwrap();
    fs::write(site.folder.path().join("server.key"), &issued.key_pem).unwrap();
    site.start_sidecar().await;
    let after = site.client().connect(&site.origin()).await.unwrap();
    assert_eq!(
        after.tls().unwrap().certificate,
        Some(issued.chain().remove(0))
    );
    assert_ne!(
        before.tls().unwrap().certificate,
        after.tls().unwrap().certificate
    );
}
