//! `/v1/sso_token` against a small provider over HTTPS; the node itself over HTTPS.

use std::{convert::Infallible, sync::Arc, time::SystemTime};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet},
};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::sql_node::{Integration, Who};

/// A provider with one ES256 key.
struct Provider {
    issuer: String,
    ca_pem: String,
    key: EncodingKey,
}

fn certificate() -> (ServerConfig, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (config, cert.pem())
}

fn signing_key() -> EncodingKey {
    EncodingKey::from_ec_pem(KeyPair::generate().unwrap().serialize_pem().as_bytes()).unwrap()
}

impl Provider {
    async fn start() -> Self {
        let (config, ca_pem) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://{}/", listener.local_addr().unwrap());
        let key = signing_key();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("k1".into());
        let keys = serde_json::to_string(&JwkSet { keys: vec![jwk] }).unwrap();
        let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}keys") });
        tokio::spawn(serve(listener, config, discovery.to_string(), keys));
        Self {
            issuer,
            ca_pem,
            key,
        }
    }

    fn integration(&self) -> Integration {
        Integration {
            issuer: self.issuer.clone(),
            client_id: "sidecar".into(),
            audiences: vec!["api".into()],
            ca_pem: self.ca_pem.clone(),
            username_claim: "email".into(),
            databases: Vec::new(),
        }
    }

    fn claims(&self) -> Value {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        json!({
            "iss": self.issuer, "aud": "sidecar", "exp": now + 300, "sub": "1", "email": "jo@example.com",
        })
    }
}

async fn serve(listener: TcpListener, config: ServerConfig, discovery: String, keys: String) {
    let tls = TlsAcceptor::from(Arc::new(config));
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let stream = tls.accept(tcp).await.unwrap();
        let service = service_fn(async |request: Request<Incoming>| {
            let text = match request.uri().path() {
                "/.well-known/openid-configuration" => &discovery,
                _ => &keys,
            };
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text.clone()))))
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        drop(connection.await);
    }
}

fn signed(claims: &Value, key: &EncodingKey, id: &str) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(id.into());
    encode(&header, claims, key).unwrap()
}

async fn exchange(node: &SqlNode, body: Value) -> Answer {
    send(post(node, "/v1/sso_token"), body.to_string()).await
}

async fn node_of(provider: &Provider) -> SqlNode {
    SqlNode::start(SqlNodeOptions {
        integrations: vec![provider.integration()],
        ..SqlNodeOptions::default()
    })
    .await
}

#[tokio::test]
async fn a_provider_token_becomes_one_of_the_nodes() {
    let provider = Provider::start().await;
    let node = node_of(&provider).await;
    let token = signed(&provider.claims(), &provider.key, "k1");
    for name in ["id_token", "access_token", "access_token\t"] {
        let body = json!({ "database": "retail_analytics", name: token, "other": "" });
        let answer = exchange(&node, body).await;
        assert_eq!(answer.status, 200, "{name}");
        let answer = answer.json();
        assert_eq!(answer["database"], "retail_analytics");
        let bearer = format!("Bearer {}", answer["id_token"].as_str().unwrap());
        let query = post(&node, "/v1/execute").header("authorization", bearer);
        let body = r#"{"statement":"SELECT current_user()"}"#;
        assert_eq!(
            send(query, body).await.json()["data"][0][0],
            "jo@example.com"
        );
        assert_eq!(
            node.last_request().credential,
            Who::Token("jo@example.com".into())
        );
    }
    assert_eq!(node.token_exchanges().sso_token, 3);
}

#[tokio::test]
async fn faults_of_a_provider_token_have_their_codes() {
    let provider = Provider::start().await;
    let node = node_of(&provider).await;
    let with = |name: &str, value: Value| {
        let mut claims = provider.claims();
        claims[name] = value;
        signed(&claims, &provider.key, "k1")
    };
    let cases = [
        ("expired", with("exp", json!(1)), -1228),
        (
            "unknown key",
            signed(&provider.claims(), &provider.key, "k2"),
            -1229,
        ),
        ("other application", with("azp", json!("other")), -1231),
        ("no user name", with("email", json!(null)), -1231),
        ("other issuer", with("iss", json!("https://other")), -1232),
        (
            "several audiences without azp",
            with("aud", json!(["sidecar", "api"])),
            -1231,
        ),
        (
            "wrong key",
            signed(&provider.claims(), &signing_key(), "k1"),
            -1234,
        ),
        ("no token", "abc".to_owned(), -1235),
    ];
    for (name, token, code) in cases {
        let body = json!({ "database": "system", "id_token": token });
        let answer = exchange(&node, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.vendor_code()),
            (401, code),
            "{name}"
        );
    }
    let mut claims = provider.claims();
    claims["azp"] = json!("sidecar");
    for (audience, code) in [("stranger", Some(-1233)), ("api", None)] {
        claims["aud"] = json!([audience]);
        let token = signed(&claims, &provider.key, "k1");
        let answer = exchange(
            &node,
            json!({ "database": "system", "access_token": token }),
        )
        .await;
        let found = (answer.status != 200).then(|| answer.vendor_code());
        assert_eq!(found, code, "{audience}");
    }
}

#[tokio::test]
async fn malformed_exchanges_are_refused() {
    let provider = Provider::start().await;
    let node = node_of(&provider).await;
    let cases = [
        (json!({ "id_token": "x" }), 400, -1254),
        (json!({ "database": "system" }), 400, -1254),
        (
            json!({ "database": "system", "id_token": "x", "access_token": "y" }),
            400,
            -1254,
        ),
        (json!({ "database": "nowhere", "id_token": "x" }), 404, -205),
    ];
    for (body, status, code) in cases {
        let answer = exchange(&node, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.vendor_code()),
            (status, code),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_node_speaks_https_when_given_a_certificate() {
    let (config, ca_pem) = certificate();
    let node = SqlNode::start(SqlNodeOptions {
        tls: Some(config),
        ..SqlNodeOptions::default()
    })
    .await;
    assert!(node.url().starts_with("https://"));
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let request = get(&node, "/v1/info").body(Full::default()).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 200);
}
