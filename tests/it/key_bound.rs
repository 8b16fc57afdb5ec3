//! Tokens that are bound to a key (RFC 7800; DPoP, RFC 9449; mutual TLS, RFC 8705): whoever shows one as
//! a bearer has not shown the key, so none is good for anything here.
use crate::{
    connections::{CALLBACK, ETL, HOUR, connecting, consented, get},
    rp::{assert_no_sign_in, assert_signs_in},
    site::{Site, assert_refused, device_site},
};
use serde_json::{Value, json};
use sidecar_testkit::{provider::Lie, sql_node::RETAIL};

/// The two that are in use, one of nobody's, and what is none.
fn confirmations() -> [Value; 8] {
    [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": {"kty": "EC"}}),
        json!({}),
        json!(null),
        json!(""),
        json!([]),
        json!(false),
    ]
}

#[tokio::test]
async fn no_key_bound_token_gets_in_or_ends_anything() {
    let site = Site::patient().await;
    let session = site.session_of("alice", RETAIL).await;
    let asked = site.node.requests().len();
    for cnf in confirmations() {
        let case = cnf.to_string();
        let id_token = site.token(|token| token.claim("cnf", cnf.clone()));
        let access_token = site.token(|token| {
            let token = token.access_token().audience("ocient");
            token.claim("cnf", cnf.clone())
        });
        for token in [&id_token, &access_token] {
            // The second time it comes from the cache of refused tokens.
            for _ in 0..2 {
                assert_refused(&site.query_as(token).await, 401, -1236, &case);
            }
            let query = site.query(&site.client()).basic("access_token", token);
            assert_refused(&query.send().await.unwrap(), 401, -1236, &case);
        }
        assert_refused(&site.exchange(&id_token).await, 401, -1236, &case);
        let body = json!({"database": RETAIL, "access_token": access_token});
        assert_refused(&site.sso_token(body).await, 401, -1236, &case);
        let logout = site.logout_token(|token| token.claim("cnf", cnf.clone()));
        assert_refused(&site.report(&logout).await, 400, -1236, &case);
    }
    assert_eq!(site.node.requests().len(), asked);
    assert_eq!(site.query_as(&session).await.status, 200);
}

#[tokio::test]
async fn no_key_bound_id_token_signs_a_browser_in() {
    let site = Site::patient().await;
    for cnf in confirmations() {
        let lie = Lie::IdTokenClaim("cnf", cnf);
        assert_no_sign_in(&site, &[lie], 401, -1236).await;
    }
    site.provider.be_honest();
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn no_key_bound_id_token_signs_a_device_in() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    site.provider
        .lie(Lie::IdTokenClaim("cnf", json!({"jkt": "x"})));
    site.decide(&device, Some("alice"));
    let answer = site.verified(&device.code, 30).await;
    assert_refused(&answer, 401, -1236, "device");
}

#[tokio::test]
async fn a_session_ends_whose_refresh_brings_a_key_bound_id_token() {
    let site = Site::patient().await;
    let session = site.refreshable().await;
    site.provider.lie(Lie::IdTokenClaim("cnf", json!(null)));
    assert_refused(&site.refresh(&session).await, 401, -733, "refreshed");
    assert_refused(&site.query_as(&session).await, 401, -1204, "after it");
}

#[tokio::test]
async fn no_key_bound_id_token_makes_a_connection() {
    let site = connecting(HOUR).await;
    site.provider
        .lie(Lie::IdTokenClaim("cnf", json!({"jkt": "x"})));
    let client = site.client();
    let back = consented(&site, &client, Some(ETL), "alice").await;
    assert!(back.path().ends_with(CALLBACK));
    let answer = get(&client, back.as_str(), ETL).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());
    assert!(
        answer.text().contains("bound to a key"),
        "{}",
        answer.text()
    );
}
