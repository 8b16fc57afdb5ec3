//! Connections to the SQL node: kept, replaced when stale, by TLS.
use crate::{
    site::{Site, authority, vendor_code},
    wire::Wire,
};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use sidecar_testkit::{
    authority::{Authority, Issued},
    provider::{Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};
use std::{fs, sync::Arc};

#[tokio::test]
async fn connections_to_the_sql_node_are_reused() {
    let site = Site::with(|settings| settings.set("listen", "workers", "1")).await;
    for (client, connections) in [(site.client(), 1), (site.client().http2(), 1)] {
        for path in [
            "/v1/info",
            "/test/fixed?bytes=100000",
            "/test/stream?bytes=100000&chunk=333",
            "/test/stream?bytes=0",
            "/test/status/204",
            "/test/status/304",
            "/test/status/500",
            "/nowhere",
        ] {
            let answer = client.get(&site.url(path)).send().await;
            assert!(answer.is_ok(), "{path}");
            assert_eq!(site.node.connections(), connections, "{path}");
            let head = client.head(&site.url(path)).send().await;
            assert!(head.is_ok(), "{path}");
            assert_eq!(site.node.connections(), connections, "HEAD {path}");
        }
        let post = client.post(&site.url("/test/digest")).body("abc");
        assert_eq!(post.send().await.unwrap().status, 200);
        assert_eq!(site.node.connections(), connections);
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced_and_the_request_arrives_once() {
    let site = Site::with(|settings| settings.set("listen", "workers", "1")).await;
    let mut wire = Wire::open(&site).await;
    for round in 1..=20 {
        site.node.clear_requests();
        let body = "{\"statement\":\"select 1\"}";
        wire.send(format!(
            "POST /test/digest HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        assert_eq!(wire.answer().await.status, 200, "{round}");
        assert_eq!(site.node.requests().len(), 1, "{round}");
        assert_eq!(site.node.connections(), round);
        site.node.drop_connections().await;
    }
}

#[tokio::test]
async fn an_answer_before_the_whole_request_was_read_spoils_no_further_one() {
    let site = Site::with(|settings| settings.set("listen", "workers", "1")).await;
    for client in [site.client(), site.client().http2()] {
        let early = client.post(&site.url("/test/early_answer"));
        let early = early.body(vec![b'x'; 300_000]).send().await.unwrap();
        assert_eq!(early.status, 413, "{:?}", early.version);
        let info = client.get(&site.url("/v1/info")).send().await.unwrap();
        assert_eq!(info.status, 200, "{:?}", info.version);
    }
}

fn tls(issued: &Issued) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key())
        .unwrap()
}

/// A site whose SQL node shows this certificate; `trust` is a line of `[sql_node]`.
async fn encrypted(issued: &Issued, trust: (&str, &str)) -> Site {
    let options = SqlNodeOptions {
        tls: Some(tls(issued)),
        ..SqlNodeOptions::default()
    };
    let provider = Provider::start(ProviderOptions::new(&authority()));
    let (key, value) = trust;
    Site::with_parts(provider, options, |settings| {
        settings.set("sql_node", key, &format!("'{value}'"));
    })
    .await
}

#[tokio::test]
async fn a_sql_node_with_tls_is_believed_by_authority_or_pin() {
    let issued = authority().issue(&["127.0.0.1"]);
    let stranger = Authority::new().issue(&["somewhere.else"]);
    let pin = |issued: &Issued| {
        let digest = digest(&SHA256, &issued.chain()[0]);
        let hex = |byte: &u8| format!("{byte:02X}");
        let bytes: Vec<String> = digest.as_ref().iter().map(hex).collect();
        bytes.join(":")
    };
    for (issued, trust) in [
        (&issued, ("ca", "ca.crt".to_owned())),
        (&issued, ("certificate_sha256", pin(&issued))),
        (&stranger, ("certificate_sha256", pin(&stranger))),
    ] {
        let site = encrypted(issued, (trust.0, &trust.1)).await;
        assert!(site.node.url().starts_with("https://"));
        let session = site.session_of("alice", RETAIL).await;
        let client = site.client();
        for _ in 0..2 {
            let query = site.query(&client).bearer(&session);
            assert_eq!(query.send().await.unwrap().status, 200, "{trust:?}");
        }
    }
}

#[tokio::test]
async fn a_sql_node_with_another_certificate_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let other_ca = folder.path().join("other-ca.crt");
    fs::write(&other_ca, Authority::new().ca_pem()).unwrap();
    let other_ca = other_ca.to_str().unwrap();
    let good = authority().issue(&["127.0.0.1"]);
    let other_name = authority().issue(&["sql1.example.com"]);
    let expired = authority().issue_expired(&["127.0.0.1"]);
    let other_pin = "00".repeat(32);
    for (issued, trust) in [
        (&good, ("ca", other_ca)),
        (&good, ("certificate_sha256", &*other_pin)),
        (&other_name, ("ca", "ca.crt")),
        (&expired, ("ca", "ca.crt")),
    ] {
        let site = encrypted(issued, trust).await;
        let client = site.client();
        let query = site.query(&client).basic("admin@system", "admin");
        let answer = query.send().await.unwrap();
        let codes = (answer.status.as_u16(), vendor_code(&answer));
        assert_eq!(codes, (502, -201), "{trust:?}");
        assert!(site.node.requests().is_empty(), "{trust:?}");
    }
}
