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
