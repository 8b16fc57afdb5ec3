//! Grants: who may use which database, on every request, on the database that the node obeys.
use crate::site::{Settings, Site, assert_refused};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, body_channel},
    sql_node::{Endpoint, RETAIL, SYSTEM, Who},
};

/// Alice, an analyst, may use the retail database, bob, an admin, both; carol none.
pub(crate) fn two_grants(settings: &mut Settings) {
    settings.grant("groups = ['analysts']\ndatabases = ['retail_*']");
    settings.grant("provider = 'corp'\nusers = ['bob']\ndatabases = ['*']");
    settings.set("sso", "default_database", "'retail_analytics'");
}

async fn post(site: &Site, token: &str, path: &str, body: &str) -> Answer {
    let request = site
        .post_as(token, path)
        .header("content-type", "application/json");
    request.body(body.to_owned()).send().await.unwrap()
}

/// A statement that says which database it runs in, with more members in its JSON.
fn order(more: &Value) -> String {
    let mut order =
        json!({"statement": "select current_database() as name", "format": "collection"});
    let members = more.as_object().unwrap().clone();
    order.as_object_mut().unwrap().extend(members);
    order.to_string()
}

#[track_caller]
fn assert_ran_in(answer: &Answer, database: &str, case: &str) {
    assert_eq!(answer.status, 200, "{case}: {}", answer.text());
    assert_eq!(answer.json()["data"][0]["name"], database, "{case}");
}

#[tokio::test]
async fn grants_go_by_group_user_and_database_pattern() {
    let site = Site::with(two_grants).await;
    for (user, database, is_granted) in [
        ("alice", RETAIL, true),
        ("alice", SYSTEM, false),
        ("bob", RETAIL, true),
        ("bob", SYSTEM, true),
        ("carol", RETAIL, false),
        ("carol", SYSTEM, false),
    ] {
        let case = format!("{user} {database}");
        let token = site.id_token(user);
        let path = format!("/v1/execute/{database}");
        let answer = post(&site, &token, &path, &order(&json!({}))).await;
        let signed_in = site
            .sso_token(json!({"database": database, "id_token": token}))
            .await;
        if is_granted {
            assert_ran_in(&answer, database, &case);
            assert_eq!(signed_in.status, 200, "{case}: {}", signed_in.text());
        } else {
            assert_refused(&answer, 403, -719, &case);
            assert_refused(&signed_in, 403, -719, &case);
        }
    }
    let who = Who::Token("carol".to_owned());
    assert!(
        site.node
            .requests()
            .iter()
            .all(|request| request.credential != who)
    );
}

#[tokio::test]
async fn a_grant_counts_for_its_provider_and_group_alone() {
    let site = Site::with(|settings| {
        let issuer = "https://other.example/realms/x";
        settings.more(&format!(
            "[[provider]]\nname = 'other'\nissuer = '{issuer}'\nclient_id = 'x'"
        ));
        settings.grant("provider = 'other'\nusers = ['alice']");
        settings.grant("groups = ['nobodies']");
        settings.grant("users = ['Alice', 'alice ', 'ALICE']");
    })
    .await;
    let answer = site.query_as(&site.id_token("alice")).await;
    assert_refused(&answer, 403, -719, "no grant is alice's");
    assert_eq!(
        site.node.requests().len(),
        0,
        "and nothing is asked for her"
    );
}

#[tokio::test]
async fn path_counts_before_body_and_query_and_the_sessions_database_comes_last() {
    let site = Site::with(two_grants).await;
    let (alice, bob) = (site.id_token("alice"), site.session_of("bob", SYSTEM).await);
    let in_body = |database: &str| order(&json!({"database": database}));
    let statement = "statement=select+current_database()+as+name&format=collection";
    for (case, answer, database) in [
        (
            "nothing",
            post(&site, &alice, "/v1/execute", &order(&json!({}))).await,
            RETAIL,
        ),
        (
            "slash",
            post(&site, &alice, "/v1/execute/", &order(&json!({}))).await,
            RETAIL,
        ),
        (
            "body",
            post(&site, &alice, "/v1/execute", &in_body(RETAIL)).await,
            RETAIL,
        ),
        (
            "path before body",
            post(
                &site,
                &alice,
                "/v1/execute/retail_analytics",
                &in_body(SYSTEM),
            )
            .await,
            RETAIL,
        ),
        (
            "bob's session",
            post(&site, &bob, "/v1/execute", &order(&json!({}))).await,
            SYSTEM,
        ),
        (
            "bob's body",
            post(&site, &bob, "/v1/execute", &in_body(RETAIL)).await,
            RETAIL,
        ),
    ] {
        assert_ran_in(&answer, database, case);
    }
    let get = async |token: &str, target: &str| {
        site.client()
            .get(&site.url(target))
            .bearer(token)
            .send()
            .await
            .unwrap()
    };
    let query = |target: &str| format!("/v1/execute{target}{statement}");
    assert_ran_in(&get(&alice, &query("?")).await, RETAIL, "GET");
    let named = query("?database=retail_analytics&");
    assert_ran_in(&get(&alice, &named).await, RETAIL, "GET with the database");
    let path = query("/retail_analytics?database=system&");
    assert_ran_in(&get(&alice, &path).await, RETAIL, "path before query");
    for target in [
        query("?database=system&"),
        query("/system?database=retail_analytics&"),
        query("?data%62ase=system&"),
    ] {
        assert_refused(&get(&alice, &target).await, 403, -719, &target);
    }
    for (path, body) in [
        ("/v1/execute", in_body(SYSTEM)),
        ("/v1/execute/", in_body(SYSTEM)),
        ("/v1/execute/system", in_body(RETAIL)),
        ("/v1/execute/%73ystem", in_body(RETAIL)),
        ("/v1/execute?database=retail_analytics", in_body(SYSTEM)),
        ("/v1/execute?database=system", in_body(RETAIL)),
        ("/v1/execute?database=system", order(&json!({}))),
    ] {
        let answer = post(&site, &alice, path, &body).await;
        assert_refused(&answer, 403, -719, &format!("{path} {body}"));
    }
}

#[tokio::test]
async fn a_body_that_two_readers_could_read_differently_is_refused_with_advice() {
    let site = Site::with(two_grants).await;
    let (alice, bob) = (site.id_token("alice"), site.id_token("bob"));
    let own = RETAIL;
    for body in [
        format!(r#"{{"statement":"select 1","database":"{own}","database":"system"}}"#),
        format!(r#"{{"statement":"select 1","database":"system","database":"{own}"}}"#),
        format!(r#"{{"statement":"select 1","database":"{own}","database":"{own}"}}"#),
        format!(r#"{{"statement":"select 1","database":"{own}","d\u0061tabase":"system"}}"#),
        r#"{"statement":"select 1","Database":"system"}"#.to_owned(),
        r#"{"statement":"select 1","DATABASE":"system"}"#.to_owned(),
        r#"{"statement":"select 1","database\t":"system"}"#.to_owned(),
        r#"{"statement":"select 1"," database":"system"}"#.to_owned(),
        r#"{"statement":"select 1","database\u0000":"system"}"#.to_owned(),
        r#"{"statement":"select 1","database":null}"#.to_owned(),
        r#"{"statement":"select 1","database":""}"#.to_owned(),
        r#"{"statement":"select 1","database":["system"]}"#.to_owned(),
        r#"{"statement":"select 1","database":{"a":"system"}}"#.to_owned(),
        r#"{"statement":"select 1"} {"database":"system"}"#.to_owned(),
        r#"{"statement":"select 1","database":"system""#.to_owned(),
        "[]".to_owned(),
        "select 1".to_owned(),
        String::new(),
    ] {
        let answer = post(&site, &alice, "/v1/execute", &body).await;
        assert_refused(&answer, 403, -719, &body);
        let reason = answer.json()["status"]["reason"].to_string();
        assert!(reason.contains("name the database in the path"), "{reason}");
    }
    let gzip = site
        .post_as(&alice, "/v1/execute")
        .header("content-encoding", "gzip");
    let gzip = gzip
        .header("content-type", "application/json")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_refused(&gzip, 403, -719, "gzip");
    let with_body = site
        .client()
        .get(&site.url("/v1/execute?statement=select+1"))
        .bearer(&alice);
    let with_body = with_body
        .body(r#"{"database":"system"}"#)
        .send()
        .await
        .unwrap();
    assert_refused(&with_body, 403, -719, "GET with a body");
    assert_eq!(site.node.requests().len(), 0);
    // Bob's grant is for every database: his requests are not read, so they pass as they are.
    let answer = post(&site, &bob, "/v1/execute", "[]").await;
    assert_eq!(
        answer.status,
        400,
        "the node's own opinion: {}",
        answer.text()
    );
    assert_eq!(site.node.last_request().text(), "[]");
}

#[tokio::test]
async fn plain_sql_names_no_database_unless_it_could_be_json() {
    let site = Site::with(two_grants).await;
    let alice = site.id_token("alice");
    let send = async |target: &str, body: &str| {
        let request = site
            .post_as(&alice, target)
            .header("content-type", "text/plain");
        request.body(body.to_owned()).send().await.unwrap()
    };
    let sql = "select current_database() as name";
    for target in [
        "/v1/execute?format=collection",
        "/v1/execute?format=collection&database=retail_analytics",
    ] {
        assert_ran_in(&send(target, sql).await, RETAIL, target);
    }
    for (target, body) in [
        ("/v1/execute?database=system", sql),
        (
            "/v1/execute",
            r#"{"statement":"select 1","database":"system"}"#,
        ),
        ("/v1/execute/system", sql),
    ] {
        assert_refused(
            &send(target, body).await,
            403,
            -719,
            &format!("{target} {body}"),
        );
    }
}

#[tokio::test]
async fn an_inspected_body_arrives_byte_for_byte_and_a_larger_one_is_refused() {
    let site = Site::with(|settings| {
        two_grants(settings);
        settings.set("limits", "inspected_body", "'8KiB'");
    })
    .await;
    let alice = site.id_token("alice");
    let padded = |length: usize| {
        let start = "{ \"statement\" :\t\"select 1 as \\u006fne\",\r\n \"n\": 1.50e+2, \"x\":\"";
        format!(
            "{start}{}\"}} \n",
            "é".repeat((length - start.len() - 4) / 2)
        )
    };
    for length in [200, 8 * 1024 - 1] {
        let body = padded(length);
        let answer = post(&site, &alice, "/v1/execute", &body).await;
        assert_eq!(answer.status, 200, "{length}: {}", answer.text());
        assert_eq!(site.node.last_request().text(), body, "{length}");
        for client in [site.client(), site.client().http2()] {
            let (mut sender, stream) = body_channel();
            let request = client.post(&site.url("/v1/execute")).bearer(&alice);
            let request = request
                .header("content-type", "application/json")
                .body_stream(stream);
            let chunks = async {
                for chunk in body.as_bytes().chunks(57) {
                    sender.send(chunk.to_vec()).await;
                }
                drop(sender);
            };
            let (answer, ()) = tokio::join!(request.send(), chunks);
            assert_eq!(answer.unwrap().status, 200, "{length} in chunks");
            assert_eq!(site.node.last_request().text(), body, "{length} in chunks");
        }
    }
    let large = padded(9 * 1024);
    let answer = post(&site, &alice, "/v1/execute", &large).await;
    assert_refused(&answer, 403, -719, "too large to be inspected");
    assert!(answer.text().contains("name the database in the path"));
    let answer = post(&site, &alice, "/v1/execute/retail_analytics", &large).await;
    assert_eq!(
        answer.status,
        200,
        "with the path it is not read: {}",
        answer.text()
    );
}

#[tokio::test]
async fn the_grant_is_asked_on_every_request_though_the_token_is_cached() {
    let site = Site::with(two_grants).await;
    let alice = site.id_token("alice");
    let session = site.session_of("alice", RETAIL).await;
    for round in 0..3 {
        for token in [&alice, &session] {
            for (path, status) in [
                ("/v1/execute/retail_analytics", 200),
                ("/v1/execute/system", 403),
            ] {
                let answer = post(&site, token, path, &order(&json!({}))).await;
                assert_eq!(
                    answer.status,
                    status,
                    "round {round} {path}: {}",
                    answer.text()
                );
            }
        }
    }
    let system = |request: &sidecar_testkit::sql_node::Recorded| request.target.contains("system");
    assert!(!site.node.requests().iter().any(system));
}

#[tokio::test]
async fn a_changed_configuration_counts_for_old_sessions_from_the_first_request_on() {
    let mut site = Site::with(|settings| {
        settings.set("sessions", "store", "'embedded'");
        settings.set("sso", "default_database", "'retail_analytics'");
    })
    .await;
    let session = site.session_of("alice", RETAIL).await;
    assert_eq!(site.query_as(&session).await.status, 200);
    site.stop_sidecar().await;
    site.settings.grant("users = ['bob']");
    site.start_sidecar().await;
    site.node.clear_requests();
    assert_refused(&site.query_as(&session).await, 403, -719, "a query");
    let refresh = site
        .post_as(&session, "/v1/token_refresh")
        .send()
        .await
        .unwrap();
    assert_refused(&refresh, 403, -719, "nor is the session extended");
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn requests_elsewhere_are_held_to_the_sessions_own_database() {
    let site = Site::with(two_grants).await;
    let (alice, carol) = (site.id_token("alice"), site.id_token("carol"));
    let info = async |token: &str| {
        site.client()
            .get(&site.url("/v1/info"))
            .bearer(token)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(info(&alice).await.status, 200);
    assert_refused(&info(&carol).await, 403, -719, "carol");
    let arrived = site.node.requests();
    let arrived = arrived
        .iter()
        .filter(|request| request.endpoint == Endpoint::Info);
    assert_eq!(arrived.count(), 1);
}
