//! User names of Ocient's clients that stand for a token or a sign-in: no rule can be gone around by them.
use crate::{
    connections::{CRM, ETL, HOUR, connecting},
    grants::two_grants,
    site::{Site, assert_refused, note},
    wire::Wire,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sidecar_testkit::{
    client::Answer,
    sql_node::{Endpoint, RETAIL, RawNode, SYSTEM, Then, Who},
};

/// A query that names no database.
async fn ask(site: &Site, authorization: &str) -> Answer {
    let query = site.client().get(
        &site.url("/v1/execute?statement=select+current_database()+as+name&format=collection"),
    );
    let query = query.header("authorization", authorization);
    query.send().await.unwrap()
}

fn basic(user: &str, password: &str) -> String {
    let value = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    );
    note(&value);
    value
}

fn queries(site: &Site) -> usize {
    let requests = site.node.requests();
    let queries = requests
        .iter()
        .filter(|one| one.endpoint == Endpoint::Execute);
    queries.count()
}

#[tokio::test]
async fn a_token_for_a_database_is_judged_for_that_database() {
    let site = Site::with(two_grants).await;
    for (token, user) in [
        (site.id_token("bob"), "id_token"),
        (site.access_token("bob"), "access_token"),
    ] {
        for database in [RETAIL, SYSTEM] {
            let answer = ask(&site, &basic(&format!("{user}@{database}"), &token)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["data"][0]["name"], database, "{user}");
            let request = site.node.last_request();
            assert_eq!(request.credential, Who::Token("bob".to_owned()), "{user}");
        }
    }
    // The path says more.
    let client = site.client();
    let path = format!(
        "/v1/execute/{RETAIL}?statement=select+current_database()+as+name&format=collection"
    );
    let named = client.get(&site.url(&path));
    let token = site.id_token("bob");
    let answer = named.basic("id_token@system", &token).send().await.unwrap();
    assert_eq!(answer.json()["data"][0]["name"], RETAIL);
    // A token that is remembered without a database is not remembered with that of another request.
    for _ in 0..3 {
        let plain = ask(&site, &format!("Bearer {token}")).await;
        assert_eq!(plain.json()["data"][0]["name"], RETAIL, "the default");
        let named = ask(&site, &basic("id_token@system", &token)).await;
        assert_eq!(named.json()["data"][0]["name"], SYSTEM);
    }
}

#[tokio::test]
async fn nobody_whom_no_grant_fits_gets_around_it_by_a_user_name() {
    let site = Site::with(two_grants).await;
    let (carol, alice) = (site.id_token("carol"), site.id_token("alice"));
    for user in [
        "id_token",
        "id_token@system",
        "id_token@retail_analytics",
        "access_token@system",
    ] {
        let answer = ask(&site, &basic(user, &carol)).await;
        let status = answer.status.as_u16();
        assert!(matches!(status, 401 | 403), "{user}: {}", answer.text());
    }
    let foreign = ask(&site, &basic("id_token@system", &alice)).await;
    assert_refused(&foreign, 403, -719, "alice may use the other one alone");
    for user in ["oauth_code", "oauth_tokens", "oauth_device_code"] {
        for database in ["", "@system"] {
            let user = format!("{user}{database}");
            let answer = ask(&site, &basic(&user, &carol)).await;
            assert_refused(&answer, 401, -1204, &user);
        }
    }
    for user in [
        "ID_TOKEN",
        "id_token ",
        "id_token\0@system",
        "\"access_token\"",
        "OAUTH_CODE@system",
    ] {
        let answer = ask(&site, &basic(user, &carol)).await;
        assert_refused(&answer, 400, -1254, user);
    }
    let plain = BASE64_STANDARD.encode(format!("id_token@system:{carol}"));
    for garbled in [
        format!("{} {}", &plain[..4], &plain[4..]),
        format!("{plain} x"),
        format!("{}!{}", &plain[..6], &plain[6..]),
        format!("{plain}=="),
    ] {
        note(&garbled);
        let answer = ask(&site, &format!("Basic {garbled}")).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(queries(&site), 0);
}

#[tokio::test]
async fn nobody_who_was_signed_out_at_the_provider_gets_around_it_by_a_user_name() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    assert_eq!(
        ask(&site, &basic("id_token@system", &token)).await.status,
        200
    );
    let told = site.report(&site.logout_token(|it| it.user("alice"))).await;
    assert_eq!(told.status, 200, "{}", told.text());
    site.node.clear_requests();
    for user in ["id_token", "id_token@system", "oauth_tokens", "ID_TOKEN"] {
        let answer = ask(&site, &basic(user, &token)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{user}");
    }
    assert_eq!(queries(&site), 0);
}

#[tokio::test]
async fn a_session_is_for_its_own_database_whatever_the_user_name_says() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let own = ask(&site, &basic("session@retail_analytics", &session)).await;
    assert_eq!(own.status, 200, "{}", own.text());
    let other = ask(&site, &basic("session@system", &session)).await;
    assert_refused(&other, 403, -719, "another database");
}

#[tokio::test]
async fn an_authorization_beyond_ascii_is_refused_and_without_a_provider_nothing_is() {
    let site = Site::start().await;
    for value in [
        "Basic\u{a0}YWRtaW5Ac3lzdGVtOmFkbWlu",
        "Bearer \u{e9}",
        "\u{ff}",
    ] {
        let mut wire = Wire::open(&site).await;
        wire.send(format!(
            "GET /v1/info HTTP/1.1\r\nhost: a\r\nauthorization: {value}\r\n\r\n"
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!(
            (answer.status, answer.vendor_code()),
            (400, -1254),
            "{value}"
        );
    }
    assert!(site.node.requests().is_empty());

    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let node = RawNode::answering(ok, Then::Repeat).await;
    let url = format!("'{}'", node.url());
    let bare = Site::with(|settings| {
        settings.set("sql_node", "url", &url);
        settings.no_providers();
    })
    .await;
    let mut wire = Wire::open(&bare).await;
    for (number, value) in [
        "Basic \u{e9}",
        "Basic b2F1dGhfdG9rZW5zOng=", // oauth_tokens
        "Basic SURfVE9LRU46eA==",     // ID_TOKEN
        "Basic aWRfdG9r ZW46eA==",
    ]
    .into_iter()
    .enumerate()
    {
        wire.send(format!(
            "GET /v1/info HTTP/1.1\r\nhost: a\r\nauthorization: {value}\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer().await.status, 200, "{value}");
        let received = node.received().remove(0);
        let received = String::from_utf8_lossy(&received).into_owned();
        let head = received.split("\r\n\r\n").nth(number).unwrap();
        assert!(
            head.contains(&format!("authorization: {value}\r\n")),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_api_key_reaches_neither_the_node_nor_a_provider() {
    let site = connecting(HOUR).await;
    let shown = |answer: &Answer, case: &str| assert_refused(answer, 401, -1204, case);
    for value in [
        format!("Bearer {ETL}"),
        basic("etl", CRM),
        basic("access_token", ETL),
    ] {
        for path in [
            "/v1/execute?statement=select+1",
            "/v1/logout",
            "/v1/token_refresh",
        ] {
            let request = site.client().post(&site.url(path));
            let answer = request
                .header("authorization", &value)
                .send()
                .await
                .unwrap();
            shown(&answer, path);
        }
    }
    assert!(site.node.requests().is_empty());
    for name in ["x-api-key", "X_Api_Key", "X.Api.Key"] {
        let query = site.query(&site.client()).basic("admin@system", "admin");
        let answer = query.header(name, ETL).send().await.unwrap();
        assert_eq!(answer.status, 200, "{name}");
        let request = site.node.last_request();
        let text = format!("{:?}", request.headers);
        assert!(!text.contains(ETL), "{name}");
    }
}

#[tokio::test]
async fn an_api_key_is_no_opaque_token_to_ask_a_provider_about() {
    let site = crate::introspection::site(crate::connections::with_connections).await;
    let body = serde_json::json!({"database": RETAIL, "access_token": ETL});
    let answer = site.sso_token(body).await;
    assert_refused(&answer, 401, -1204, "as a token to sign in with");
    let answer = site.query_as(ETL).await;
    assert_refused(&answer, 401, -1204, "as a bearer token");
    assert_eq!(crate::introspection::asked(&site), 0);
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn a_login_at_the_node_is_no_way_around_either() {
    let site = Site::start().await;
    let token = site.id_token("carol");
    let session = site.session_of("alice", RETAIL).await;
    site.node.clear_requests();
    for path in [
        "/v1/login",
        "/v1/login/",
        "/V1/login",
        "/v1/%6Cogin",
        "//v1/login",
    ] {
        for user in [
            "id_token",
            "id_token@system",
            "oauth_tokens",
            "Access_Token@retail_analytics",
        ] {
            let body = serde_json::json!({"username": user, "password": token});
            let login = site.client().post(&site.url(path)).json(&body);
            let answer = login.send().await.unwrap();
            assert_refused(&answer, 401, -1204, &format!("{path} {user}"));
            let login = site
                .client()
                .post(&site.url(path))
                .json(&body)
                .bearer(&session);
            let answer = login.send().await.unwrap();
            assert_refused(
                &answer,
                401,
                -1204,
                &format!("{path} {user}, with a session"),
            );
        }
    }
    assert!(site.node.requests().is_empty());
    let body = serde_json::json!({"username": "admin@system", "password": "admin"});
    let login = site.client().post(&site.url("/v1/login")).json(&body);
    let answer = login.send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    note(answer.json()["access_token"].as_str().unwrap());
    assert_eq!(site.node.last_request().json(), body, "as it came");
}
