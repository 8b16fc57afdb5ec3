//! Attacks with header and trailer fields.
use crate::{site::Site, wire::Wire};

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
