//! The rows of the table of errors that a provider or a SQL node in trouble leads to.
use crate::{
    errors::{NO_CONNECTION, REFUSED, Row, assert_rows, get},
    site::{Site, authority},
};
use http::StatusCode;
use sidecar_testkit::{
    provider::{Lie, Provider, ProviderOptions},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, SqlNodeOptions},
};

#[tokio::test]
async fn a_provider_in_trouble_has_its_rows() {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.lie(Lie::AnotherIssuer);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await;
    let nonsense = get(&site, "/v1/sso_authentication").await;
    let site = {
        let provider = Provider::start(ProviderOptions::new(&authority()));
        provider.die();
        Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await
    };
    let down = get(&site, "/v1/sso_authentication").await;
    assert_rows(&[
        Row("nonsense", nonsense, 502, NO_CONNECTION, -1222),
        Row("unreachable", down, 503, NO_CONNECTION, -1220),
    ]);
}

#[tokio::test]
async fn a_sql_node_in_trouble_has_its_rows() {
    let site = Site::with(|settings| settings.set("sql_node", "head_timeout", "'300ms'")).await;
    let session = site.session_of("alice", RETAIL).await;
    let mut rows = Vec::new();
    for what in [Misbehaviour::StallBeforeHead, Misbehaviour::CloseBeforeHead] {
        let (status, code) = match what {
            Misbehaviour::StallBeforeHead => (504, -204),
            _ => (502, -203),
        };
        site.node.misbehave(Endpoint::Execute, 2, what);
        let injected = site.query_as(&session).await;
        let passed = site
            .query(&site.client())
            .basic("admin", "admin")
            .send()
            .await
            .unwrap();
        rows.push(Row(
            "late or broke, session",
            injected,
            status,
            NO_CONNECTION,
            code,
        ));
        rows.push(Row(
            "late or broke, password",
            passed,
            status,
            NO_CONNECTION,
            code,
        ));
        site.node.behave();
    }
    let token = site.id_token("bob");
    let refusal = CannedAnswer::failure(StatusCode::UNAUTHORIZED, -1231, REFUSED);
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(refusal));
    rows.push(Row(
        "refuses the identity",
        site.query_as(&token).await,
        403,
        REFUSED,
        -719,
    ));
    site.node.refuse_connections().await;
    site.node.drop_connections().await;
    rows.push(Row(
        "unreachable, session",
        site.query_as(&session).await,
        502,
        NO_CONNECTION,
        -201,
    ));
    rows.push(Row(
        "unreachable, anonymous",
        get(&site, "/v1/info").await,
        502,
        NO_CONNECTION,
        -201,
    ));
    let other = site
        .exchange(&site.token(|token| token.claim("n", 1)))
        .await;
    rows.push(Row(
        "unreachable, exchange",
        other,
        502,
        NO_CONNECTION,
        -201,
    ));
    assert_rows(&rows);
}
