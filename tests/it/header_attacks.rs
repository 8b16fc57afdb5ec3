//! Attacks with header and trailer fields.
use crate::{site::Site, wire::Wire};
use sidecar_testkit::sql_node::RETAIL;

#[tokio::test]
async fn a_connection_line_cannot_turn_a_password_into_an_anonymous_request() {
    let site = Site::with(|settings| settings.set("pass_through", "anonymous", "false")).await;
    let mut wire = Wire::open(&site).await;
    wire.send(
        "GET /v1/info HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic eDp5\r\n\
         connection: Authorization\r\n\r\n",
    )
    .await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.vendor_code()), (401, -1204));
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn a_connection_line_cannot_change_how_the_sql_node_reads_an_inspected_body() {
    let site = Site::with(|settings| settings.grant("databases = ['retail_*']")).await;
    let mut wire = Wire::open(&site).await;
    let token = site.id_token("alice");
    wire.send(format!(
        "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: text/plain\r\nconnection: content-type\r\ncontent-length: 8\r\n\r\nselect 1",
    ))
    .await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.vendor_code()), (403, -719));
    assert!(
        site.node
            .requests()
            .iter()
            .all(|one| !one.target.contains("execute"))
    );
}

#[tokio::test]
async fn credentials_and_forwarded_fields_in_trailers_never_reach_the_sql_node() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    let names = [
        "cookie",
        "proxy-authorization",
        "forwarded",
        "x-forwarded-for",
        "x_forwarded_user",
        "x-real-ip",
        "x-sum",
    ];
    let trailers = names.map(|name| format!("{name}: 1\r\n")).concat();
    let announced = names.join(", ");
    wire.send(format!(
        "POST /test/digest HTTP/1.1\r\nhost: localhost\r\ntrailer: {announced}\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n",
    ))
    .await;
    let answer = wire.answer().await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["trailers"], serde_json::json!([["x-sum", "1"]]));
}

/// What of `fields` arrives, by name, beside `authorization`.
async fn arrives(site: &Site, authorization: &str, fields: &[&str]) -> Vec<String> {
    site.node.clear_requests();
    let mut wire = Wire::open(site).await;
    let lines: String = fields
        .iter()
        .map(|name| format!("{name}: forged\r\n"))
        .collect();
    wire.send(format!(
        "GET /test/headers HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n{lines}\r\n"
    ))
    .await;
    assert_eq!(wire.answer().await.status, 200);
    let request = site.node.last_request();
    let forged = request
        .headers
        .iter()
        .filter(|(_, value)| *value == "forged");
    forged.map(|(name, _)| name.to_string()).collect()
}

#[tokio::test]
async fn look_alikes_of_our_fields_never_reach_the_sql_node() {
    let site = Site::with(|settings| {
        settings.set("listen", "trusted_proxies", "['127.0.0.0/8']");
    })
    .await;
    let session = format!("Bearer {}", site.session_of("alice", RETAIL).await);
    let password = "Basic YWRtaW5Ac3lzdGVtOmFkbWlu";
    let lookalikes = [
        "X_Request_Id",
        "X.Request.Id",
        "Transfer_Encoding",
        "Content_Length",
        "Proxy_Authorization",
        "Proxy_Connection",
        "X_Forwarded_For",
        "X.Real.Ip",
    ];
    let identities = [
        "Proxy-Authorization",
        "Remote-User",
        "REMOTE_USER",
        "X-Remote-User",
        "X-WebAuth-User",
        "X-Forwarded-User",
    ];
    for authorization in [&session, password] {
        let left = arrives(&site, authorization, &lookalikes).await;
        assert!(left.is_empty(), "{authorization}: {left:?}");
    }
    let left = arrives(&site, &session, &identities).await;
    assert!(left.is_empty(), "beside an injected token: {left:?}");
    let left = arrives(&site, password, &["Remote-User", "X_Custom", "A.B"]).await;
    assert_eq!(
        left,
        ["remote-user", "x_custom", "a.b"],
        "the client's own affair"
    );
}

#[tokio::test]
async fn a_trailer_field_announces_nothing_that_is_stripped() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    wire.send(
        "POST /test/digest HTTP/1.1\r\nhost: a\r\ntrailer: authorization, x-sum\r\n\
         trailer: x_request_id\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\nauthorization: Bearer x\r\nx-sum: 1\r\nx_request_id: 2\r\n\r\n",
    )
    .await;
    let answer = wire.answer().await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["trailers"], serde_json::json!([["x-sum", "1"]]));
    let request = site.node.last_request();
    let announced: Vec<_> = request.headers.get_all("trailer").iter().collect();
    assert_eq!(announced, ["x-sum"]);
}
