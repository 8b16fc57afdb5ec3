//! A provider token again and again on one connection, which remembers it: nothing that ends or
//! changes in between is missed.
use crate::{
    grants::two_grants,
    site::{Settings, Site, assert_refused},
};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, Connection},
    sql_node::{Endpoint, RETAIL, SYSTEM, Who},
};
use std::time::{Duration, Instant};

/// One connection of each protocol.
pub(crate) async fn connections(site: &Site) -> [Connection; 2] {
    let client = site.client();
    let http1 = client.connect(&site.origin()).await.unwrap();
    [http1, client.http2().connect(&site.origin()).await.unwrap()]
}

pub(crate) async fn ask(connection: &Connection, token: &str) -> Answer {
    let query = json!({"statement": "select 1"});
    let query = connection.post("/v1/execute").bearer(token).json(query);
    query.send().await.unwrap()
}

/// Shows the token until the connection remembers it.
pub(crate) async fn get_known(connection: &Connection, token: &str) {
    for turn in 0..3 {
        let answer = ask(connection, token).await;
        assert_eq!(answer.status, 200, "{turn}: {}", answer.text());
    }
}

#[tokio::test]
async fn each_request_is_its_own_tokens_whatever_came_before() {
    let site = Site::start().await;
    let (alice, bob) = (site.id_token("alice"), site.id_token("bob"));
    let session = site.session_of("carol", RETAIL).await;
    let (signed, signature) = alice.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    for connection in connections(&site).await {
        get_known(&connection, &alice).await;
        for (token, name) in [
            (&bob, "bob"),
            (&alice, "alice"),
            (&session, "carol"),
            (&alice, "alice"),
        ] {
            assert_eq!(ask(&connection, token).await.status, 200, "{name}");
            let who = Who::Token(name.to_owned());
            assert_eq!(site.node.last_request().credential, who);
        }
        assert_eq!(ask(&connection, &forged).await.status, 401, "forged");
        let longer = format!("{alice}x");
        assert_eq!(ask(&connection, &longer).await.status, 401, "longer");
        let nobody = connection.get("/v1/execute?statement=select+1");
        assert_eq!(nobody.send().await.unwrap().status, 401, "no credential");
        assert_eq!(site.node.last_request().credential, Who::Anonymous);
        let twice = connection.get("/v1/execute?statement=select+1");
        let twice = twice.bearer(&alice).header("authorization", "Basic x");
        assert_eq!(twice.send().await.unwrap().status, 400, "two credentials");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_expiry() {
    let site = Site::with(|settings| settings.provider("clock_skew", "'0s'")).await;
    let token = site.token(|token| token.expires_in(3));
    let began = Instant::now();
    let [http1, http2] = connections(&site).await;
    get_known(&http2, &token).await;
    for connection in [http1, http2] {
        let refused = loop {
            let answer = ask(&connection, &token).await;
            if answer.status != 200 {
                break answer;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "it never ended");
        };
        assert_refused(&refused, 401, -1228, "expired");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_with_a_logout_at_the_provider() {
    let site = Site::start().await;
    for (connection, sid) in connections(&site).await.into_iter().zip(["s-1", "s-2"]) {
        let token = site.token(|it| it.claim("sid", sid).issued_in(-5));
        let other = site.token(|it| it.claim("sid", "s-3").issued_in(-5));
        get_known(&connection, &other).await;
        get_known(&connection, &token).await;
        site.sign_out_at_provider(|it| it.claim("sid", sid)).await;
        assert_refused(&ask(&connection, &token).await, 401, -1228, sid);
        assert_eq!(ask(&connection, &other).await.status, 200, "{sid}");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_key() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let connections = connections(&site).await;
    for connection in &connections {
        get_known(connection, &token).await;
    }
    site.provider.rotate_keys_and_drop();
    // Of a key that is not known yet: the sidecar fetches the keys anew.
    assert_eq!(site.query_as(&site.id_token("bob")).await.status, 200);
    for connection in &connections {
        assert_refused(&ask(connection, &token).await, 401, -1229, "withdrawn");
    }
}

#[tokio::test]
async fn grants_are_looked_up_for_every_request_of_a_remembered_token() {
    let site = Site::with(two_grants).await;
    let alice = site.id_token("alice");
    for connection in connections(&site).await {
        get_known(&connection, &alice).await;
        for _ in 0..2 {
            for (database, status) in [(RETAIL, 200), (SYSTEM, 403)] {
                let path = format!("/v1/execute/{database}");
                let query = json!({"statement": "select 1"});
                let query = connection.post(&path).bearer(&alice).json(query);
                assert_eq!(query.send().await.unwrap().status, status, "{database}");
            }
        }
    }
}

/// Asks which database it is in; whose Ocient token the node saw, and which.
async fn ask_in(
    site: &Site,
    connection: &Connection,
    database: &str,
    token: &str,
) -> (Who, String) {
    let query = json!({"statement": "select current_database() as name", "format": "collection"});
    let path = format!("/v1/execute/{database}");
    let answer = connection.post(&path).bearer(token).json(query).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200, "{database}: {}", answer.text());
    assert_eq!(answer.json()["data"][0]["name"], database);
    let seen = site.node.last_request();
    let sent = seen.header("authorization").unwrap().to_owned();
    (seen.credential, sent)
}

/// The databases that provider tokens were exchanged for, in order.
pub(crate) fn exchanged(site: &Site) -> Vec<Value> {
    let requests = site.node.requests().into_iter();
    let exchanges = requests.filter(|request| request.endpoint == Endpoint::SsoToken);
    exchanges.map(|it| it.json()["database"].clone()).collect()
}

#[tokio::test]
async fn a_remembered_token_has_an_ocient_token_of_its_own_for_each_database() {
    for is_http2 in [false, true] {
        let site = Site::with(two_grants).await;
        let bob = site.id_token("bob");
        let [http1, http2] = connections(&site).await;
        let connection = if is_http2 { http2 } else { http1 };
        get_known(&connection, &bob).await;
        let retail = ask_in(&site, &connection, RETAIL, &bob).await;
        let system = ask_in(&site, &connection, SYSTEM, &bob).await;
        assert_ne!(retail.1, system.1, "one for two databases");
        for turn in 0..3 {
            for (database, expected) in [(RETAIL, &retail), (SYSTEM, &system)] {
                let seen = ask_in(&site, &connection, database, &bob).await;
                assert_eq!(&seen, expected, "{database} {turn}, http2: {is_http2}");
            }
        }
        assert_eq!(retail.0, Who::Token("bob".to_owned()));
        assert_eq!(exchanged(&site), [RETAIL, SYSTEM], "http2: {is_http2}");
    }
}

#[tokio::test]
async fn a_remembered_token_uses_the_account_of_each_database() {
    let site = Site::with(|settings| {
        settings.login_mode();
        settings.more(
            "[[account]]\nname = 'root'\nusername = 'admin@system'\n\
             password = { file = 'admin-password' }",
        );
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.grant("databases = ['retail_*']\naccount = 'analyst'");
        settings.grant("databases = ['system']\naccount = 'root'");
    })
    .await;
    let bob = site.id_token("bob");
    for connection in connections(&site).await {
        get_known(&connection, &bob).await;
        for turn in 0..3 {
            for (database, account) in [(RETAIL, "analyst"), (SYSTEM, "admin")] {
                let (who, _) = ask_in(&site, &connection, database, &bob).await;
                assert_eq!(who, Who::Token(account.to_owned()), "{database} {turn}");
            }
        }
    }
    assert_eq!(site.node.token_exchanges().login, 2, "one for each account");
}

#[tokio::test]
async fn a_remembered_tokens_ocient_token_is_replaced_when_the_node_forgets_it() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    for connection in connections(&site).await {
        get_known(&connection, &token).await;
        let exchanges = site.node.token_exchanges().sso_token;
        site.node.forget_tokens();
        get_known(&connection, &token).await;
        assert_eq!(site.node.token_exchanges().sso_token, exchanges + 1);
    }
}

/// A change of the configuration needs a new process, and connections of the old one end with it.
#[tokio::test]
async fn a_token_is_judged_by_the_configuration_in_force() {
    let mut site = Site::start().await;
    let token = site.id_token("alice");
    let [before, _] = connections(&site).await;
    get_known(&before, &token).await;
    let only_bob = |settings: &mut Settings| settings.grant("users = ['bob']");
    only_bob(&mut site.settings);
    site.stop_sidecar().await;
    site.start_sidecar().await;
    let query = before.get("/v1/execute?statement=select+1").bearer(&token);
    assert!(query.send().await.is_err(), "its process has ended");
    let [after, _] = connections(&site).await;
    assert_refused(&ask(&after, &token).await, 403, -719, "no longer granted");
}
