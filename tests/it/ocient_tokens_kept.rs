//! How long the Ocient tokens of a provider token are kept, and that no two are mixed up.
use crate::{
    grants::two_grants,
    kept_connections::{connections, exchanged, get_known},
    site::{Site, assert_refused},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::Connection,
    sql_node::{Endpoint, Misbehaviour, RETAIL, SYSTEM},
};

fn exchanges(site: &Site) -> u64 {
    site.node.token_exchanges().sso_token
}

/// The database that the SQL node says the request was in.
async fn database_of(connection: &Connection, database: &str, token: &str) -> Value {
    let query = json!({"statement": "select current_database() as name", "format": "collection"});
    let path = format!("/v1/execute/{database}");
    let answer = connection.post(&path).bearer(token).json(query).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200, "{database}: {}", answer.text());
    answer.json()["data"][0]["name"].clone()
}

#[tokio::test]
async fn a_change_of_keys_exchanges_no_known_token_again() {
    let site = Site::with(two_grants).await;
    let bob = site.id_token("bob");
    let [connection, _] = connections(&site).await;
    for database in [RETAIL, SYSTEM] {
        assert_eq!(database_of(&connection, database, &bob).await, database);
    }
    assert_eq!(exchanges(&site), 2);
    site.provider.rotate_keys();
    // Its key is unknown, so that the keys are fetched anew.
    let newer = site.token(|token| token.claim("n", 2));
    assert_eq!(site.query_as(&newer).await.status, 200);
    assert_eq!(exchanges(&site), 3, "of the newer one");
    let judged_again = |line: &Value| {
        line["identity"] == "bob" && line["database"] == RETAIL && line["cache_hit"] == false
    };
    site.log.wait_for("access", 1, judged_again).await;
    for database in [RETAIL, SYSTEM] {
        assert_eq!(database_of(&connection, database, &bob).await, database);
    }
    site.log.wait_for("access", 2, judged_again).await;
    assert_eq!(exchanges(&site), 3);
}

#[tokio::test]
async fn two_connections_share_the_exchange_of_a_first_request() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::StallBeforeHead);
    let both = connections(&site).await;
    let queries = join_all(both.iter().map(|connection| {
        let query = json!({"statement": "select 1"});
        connection
            .post("/v1/execute")
            .bearer(&token)
            .json(query)
            .send()
    }));
    let release = async {
        site.node
            .wait_for(|request| request.endpoint == Endpoint::SsoToken)
            .await;
        site.node.release_stalled();
    };
    let (answers, ()) = tokio::join!(queries, release);
    for answer in answers {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(exchanges(&site), 1);
}

#[tokio::test]
async fn databases_that_are_asked_for_at_once_with_a_new_token_are_never_mixed() {
    for round in 0..5 {
        let site = Site::with(two_grants).await;
        let bob = site.id_token("bob");
        let both = connections(&site).await;
        let queries = (0..40).map(|number| {
            let database = [RETAIL, SYSTEM][(number + round) % 2];
            let (connection, bob) = (&both[number % 4 / 2], &bob);
            async move {
                let said = database_of(connection, database, bob).await;
                assert_eq!(said, database, "{round} {number}");
            }
        });
        join_all(queries).await;
        let mut found = exchanged(&site);
        found.sort_by_key(Value::to_string);
        assert_eq!(found, [RETAIL, SYSTEM], "{round}");
        // Each exchanged token has been sent with requests for its own database alone.
        let sent = |database: &str| -> Vec<_> {
            let path = format!("/v1/execute/{database}");
            let requests = site.node.requests().into_iter();
            let requests = requests.filter(|request| request.target == path);
            requests
                .map(|it| it.headers["authorization"].clone())
                .collect()
        };
        let (retail, system) = (sent(RETAIL), sent(SYSTEM));
        assert_eq!((retail.len(), system.len()), (20, 20), "{round}");
        assert!(retail.iter().all(|one| *one == retail[0]), "{round}");
        assert!(system.iter().all(|one| *one == system[0]), "{round}");
        assert_ne!(retail[0], system[0], "{round}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_requests_of_a_provider_token() {
    let site = Site::with(two_grants).await;
    let bob = site.id_token("bob");
    for connection in connections(&site).await {
        for database in [RETAIL, SYSTEM] {
            database_of(&connection, database, &bob).await;
        }
        for database in [RETAIL, SYSTEM] {
            let before = exchanges(&site);
            site.node.forget_tokens();
            join_all((0..60).map(|_| database_of(&connection, database, &bob))).await;
            assert_eq!(exchanges(&site), before + 1, "{database}");
        }
    }
}

#[tokio::test]
async fn a_token_that_was_pushed_out_is_verified_and_exchanged_again_and_that_is_all() {
    let site = Site::with(|settings| settings.set("cache", "capacity", "4")).await;
    let tokens: Vec<_> = (0..200)
        .map(|number| site.token(|token| token.claim("n", number)))
        .collect();
    for (number, token) in tokens.iter().enumerate() {
        // On connections of their own, which remember nothing of each other.
        for turn in 0..2 {
            let answer = site.query_as(token).await;
            assert_eq!(answer.status, 200, "{number} {turn}: {}", answer.text());
        }
    }
    assert_eq!(exchanges(&site), 200, "one for each");
    let asked = site.provider.requests().len();
    for turn in 0..2 {
        let answer = site.query_as(&tokens[0]).await;
        assert_eq!(answer.status, 200, "{turn}: {}", answer.text());
    }
    assert_eq!(exchanges(&site), 201);
    assert_eq!(site.provider.requests().len(), asked);
}

#[tokio::test]
async fn a_logout_ends_a_token_for_all_its_databases_and_leaves_those_of_others() {
    let site = Site::with(two_grants).await;
    let of = |sid: &str| site.token(|it| it.user("bob").claim("sid", sid).issued_in(-5));
    for (connection, sid) in connections(&site).await.into_iter().zip(["s-1", "s-2"]) {
        let (token, other) = (of(sid), of("s-3"));
        for database in [RETAIL, SYSTEM] {
            for token in [&token, &other] {
                database_of(&connection, database, token).await;
            }
        }
        get_known(&connection, &token).await;
        let before = exchanges(&site);
        let by = |it: sidecar_testkit::provider::TokenBuilder| it.user("bob").claim("sid", sid);
        site.sign_out_at_provider(by).await;
        for database in [RETAIL, SYSTEM] {
            let query = connection.post(&format!("/v1/execute/{database}"));
            let query = query.bearer(&token).json(json!({"statement": "select 1"}));
            assert_refused(&query.send().await.unwrap(), 401, -1228, sid);
            assert_eq!(database_of(&connection, database, &other).await, database);
        }
        assert_eq!(exchanges(&site), before, "{sid}");
    }
}
