//! Sign-in, tokens, execute.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::sql_node::{CannedAnswer, Endpoint, Misbehaviour, Who};

async fn login(node: &SqlNode) -> Answer {
    let body =
        json!({ "username": "alice", "password": "wonderland", "database": "retail_analytics" });
    send(post(node, "/v1/login"), body.to_string()).await
}

fn bearer(node: &SqlNode, path: &str, token: &str) -> Builder {
    post(node, path).header("authorization", format!("Bearer {token}"))
}

const ONE: &str = r#"{"statement":"SELECT 1 AS one"}"#;

#[tokio::test]
async fn info_needs_no_credential() {
    let node = node().await;
    let answer = send(get(&node, "/v1/info"), "").await;
    assert_eq!(answer.json()["default_database"], "system");
    assert_eq!(node.last_request().credential, Who::Anonymous);
}

#[tokio::test]
async fn a_statement_without_a_credential_is_refused() {
    let node = node().await;
    let answer = send(post(&node, "/v1/execute"), ONE).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.vendor_code(), -304);
    assert!(answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn the_published_sample_has_the_published_answer() {
    let node = node().await;
    let body = r#"{"statement":"SELECT * FROM sys.dummy2","format":"collection"}"#;
    let answer = send(alice(&node), body).await;
    let answer = answer.json();
    assert_eq!(answer["data"], json!([{ "c1": 1 }, { "c1": 2 }]));
    assert_eq!(answer["status"]["sql_state"], "00000");
    assert_eq!(answer["query_id"].as_str().unwrap().len(), 36);
    assert_eq!(
        answer["schema"],
        json!([{ "name": "c1", "type": "BIGINT" }])
    );
    let recorded = node.last_request();
    assert_eq!(recorded.credential, Who::Basic("alice".into()));
    assert_eq!(recorded.text(), body);
    assert_eq!(recorded.endpoint, Endpoint::Execute);
}

#[tokio::test]
async fn rows_come_as_arrays_unless_asked_otherwise() {
    let node = node().await;
    let body = r#"{"statement":"SELECT name, price FROM products WHERE product_id = {id};","params":{"id":7}}"#;
    let answer = send(alice(&node), body).await.json();
    assert_eq!(answer["data"][0][0], "Tent no. 7");
    assert_eq!(answer["schema"][1]["type"], "DECIMAL(10,2)");
}

#[tokio::test]
async fn the_path_beats_the_body_and_the_body_the_user() {
    let node = node().await;
    let admin = basic("admin@retail_analytics", "admin");
    let ask = async |path: &str, body: &str| {
        let request = post(&node, path).header("authorization", &admin);
        send(request, body.to_owned()).await.json()["data"][0][0].clone()
    };
    let plain = r#"{"statement":"SELECT current_database()"}"#;
    let named = r#"{"statement":"SELECT current_database()","database":"system"}"#;
    assert_eq!(ask("/v1/execute", plain).await, "retail_analytics");
    assert_eq!(ask("/v1/execute/", named).await, "system");
    assert_eq!(
        ask("/v1/execute/retail_analytics", named).await,
        "retail_analytics"
    );
}

#[tokio::test]
async fn get_and_plain_text_carry_statements_too() {
    let node = node().await;
    let path = "/v1/execute?statement=SELECT+current_user()&format=collection&fetch_size=5";
    let request = get(&node, path).header("authorization", basic("alice", "wonderland"));
    let answer = send(request, "").await.json();
    assert_eq!(answer["data"][0]["current_user()"], "alice");
    let request = Request::post(format!("{}/v1/execute?format=collection", node.url()))
        .header("authorization", basic("alice", "wonderland"))
        .header("content-type", "text/plain");
    let answer = send(request, "SELECT 2 AS two").await.json();
    assert_eq!(answer["data"][0]["two"], 2);
}

#[tokio::test]
async fn failures_carry_ocients_codes() {
    let node = node().await;
    let cases = [
        ("SELEC 1", 400, -500),
        ("SELECT * FROM nowhere", 400, -600),
        ("SELECT missing FROM orders", 400, -400),
        ("DELETE FROM orders", 403, -700),
        ("CREATE TABLE t (a INT)", 403, -700),
        ("PRAGMA query_only", 403, -700),
        ("ATTACH 'x' AS y", 403, -700),
        ("SELECT 1; SELECT 2", 400, -500),
    ];
    for (statement, status, code) in cases {
        let body = json!({ "statement": statement }).to_string();
        let answer = send(alice(&node), body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.vendor_code()),
            (status, code),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn databases_must_exist_and_be_the_users() {
    let node = node().await;
    let request =
        post(&node, "/v1/execute/system").header("authorization", basic("alice", "wonderland"));
    let answer = send(request, ONE).await;
    assert_eq!((answer.status.as_u16(), answer.vendor_code()), (403, -719));
    let request = post(&node, "/v1/execute/nope").header("authorization", basic("admin", "admin"));
    let answer = send(request, ONE).await;
    assert_eq!((answer.status.as_u16(), answer.vendor_code()), (404, -205));
}

#[tokio::test]
async fn an_administrator_writes_in_system() {
    let node = node().await;
    let run = async |statement: &str| {
        let request = post(&node, "/v1/execute").header("authorization", basic("admin", "admin"));
        send(request, json!({ "statement": statement }).to_string()).await
    };
    assert_eq!(run("CREATE TABLE t (a INT)").await.status, 200);
    assert_eq!(run("INSERT INTO t VALUES (5)").await.status, 200);
    assert_eq!(run("SELECT a FROM t").await.json()["data"], json!([[5]]));
}

#[tokio::test]
async fn a_login_gives_a_token_and_a_cookie() {
    let node = node().await;
    let answer = login(&node).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let answer = answer.json();
    assert_eq!(answer["expires_in"], 3600);
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(
        send(bearer(&node, "/v1/execute", token), ONE).await.status,
        200
    );
    assert_eq!(node.last_request().credential, Who::Token("alice".into()));
    let with_cookie = || post(&node, "/v1/execute").header("cookie", format!("a=b; {cookie}"));
    assert_eq!(send(with_cookie(), ONE).await.status, 200);
    assert_eq!(node.last_request().credential, Who::Cookie("alice".into()));
    let logout = post(&node, "/v1/logout").header("cookie", cookie);
    assert_eq!(send(logout, "").await.status, 200);
    assert_eq!(send(with_cookie(), ONE).await.status, 401);
    assert_eq!(
        send(bearer(&node, "/v1/execute", token), ONE).await.status,
        200
    );
    assert_eq!(node.token_exchanges().total(), 1);
}

#[tokio::test]
async fn a_bad_authorization_is_not_rescued_by_a_cookie() {
    let node = node().await;
    let answer = login(&node).await;
    let cookie = answer.headers["set-cookie"].clone();
    let request = bearer(&node, "/v1/execute", "nonsense").header("cookie", cookie);
    let answer = send(request, ONE).await;
    assert_eq!(answer.vendor_code(), -1205);
    assert_eq!(node.last_request().credential, Who::Refused);
}

#[tokio::test]
async fn tokens_end_and_can_be_refreshed() {
    let node = node().await;
    let old = login(&node).await.json()["access_token"].clone();
    let old = old.as_str().unwrap();
    node.advance_clock(Duration::from_secs(3601));
    assert_eq!(
        send(bearer(&node, "/v1/execute", old), ONE)
            .await
            .vendor_code(),
        -733
    );
    let answer = send(bearer(&node, "/v1/token_refresh", old), "{}")
        .await
        .json();
    let new = answer["access_token"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(
        send(bearer(&node, "/v1/execute", new), ONE).await.status,
        200
    );
    node.forget_tokens();
    assert_eq!(
        send(bearer(&node, "/v1/execute", new), ONE).await.status,
        401
    );
}

#[tokio::test]
async fn the_next_answers_can_be_made_up() {
    let node = node().await;
    node.answer_next(1, CannedAnswer::session_expired());
    node.answer_next(1, CannedAnswer::unauthorized());
    let first = send(alice(&node), ONE).await;
    assert_eq!((first.status.as_u16(), first.vendor_code()), (200, -733));
    assert_eq!(send(alice(&node), ONE).await.status, 401);
    assert_eq!(send(alice(&node), ONE).await.status, 200);
}

#[tokio::test]
async fn a_stalled_answer_comes_when_released() {
    let node = node().await;
    node.misbehave(None, 1, Misbehaviour::StallBeforeHead);
    let request = get(&node, "/v1/info");
    let waiting = tokio::spawn(send(request, ""));
    node.next_request().await;
    assert!(!waiting.is_finished());
    node.release_stalled();
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[tokio::test]
async fn its_own_sso_handlers_show_that_they_were_reached() {
    let node = node().await;
    let answer = send(get(&node, "/V1//callback/;x=1?code=a&state=b"), "").await;
    assert_eq!(answer.headers["x-sql-node-sso"], "reached");
    let recorded = node.last_request();
    assert!(recorded.endpoint.is_sso_handler());
    assert_eq!(recorded.target, "/V1//callback/;x=1?code=a&state=b");
}

#[tokio::test]
async fn odd_targets_are_recorded_as_they_came() {
    let node = node().await;
    let targets = [
        "//v1//callback",
        "/v1/%63allback?a=%2F&b=1/2",
        "/v1/x/../callback",
        "/v1;a/callback",
        "http://other/v1/callback",
    ];
    for target in targets {
        let mut tcp = TcpStream::connect(node.address()).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("x-sql-node-sso: reached"), "{target}");
        assert_eq!(node.last_request().target, target);
    }
}
