//! A provider token on many connections: what one of them got known is known to all, and nothing
//! that ends or changes in between is missed on any.
use crate::{
    applications::{self, to},
    grants::two_grants,
    kept_connections::{ask, connections, get_known},
    site::{Site, assert_refused},
};
use serde_json::json;
use sidecar_testkit::{
    client::Connection,
    sql_node::{RETAIL, SYSTEM, Who},
};
use std::time::{Duration, Instant};

/// Gets the token known on connections of both protocols; others, on which it was never shown.
async fn known_elsewhere(site: &Site, token: &str) -> [Connection; 2] {
    for connection in connections(site).await {
        get_known(&connection, token).await;
    }
    connections(site).await
}

#[tokio::test]
async fn each_token_is_its_own_whoever_shows_it_on_whichever_connection() {
    let site = Site::start().await;
    let users = ["alice", "bob", "carol"];
    let tokens = users.map(|user| site.id_token(user));
    let mut all = Vec::new();
    for token in &tokens {
        all.extend(known_elsewhere(&site, token).await);
    }
    let exchanges = site.node.token_exchanges().sso_token;
    for turn in 0..2 {
        for connection in &all {
            for (user, token) in users.iter().zip(&tokens) {
                assert_eq!(ask(connection, token).await.status, 200, "{user} {turn}");
                let who = Who::Token((*user).to_owned());
                assert_eq!(site.node.last_request().credential, who);
            }
        }
    }
    assert_eq!(site.node.token_exchanges().sso_token, exchanges);
}

#[tokio::test]
async fn a_known_signature_lends_itself_to_no_other_token() {
    let site = Site::start().await;
    let (alice, bob) = (site.id_token("alice"), site.id_token("bob"));
    let others = known_elsewhere(&site, &alice).await;
    let part = |token: &str, number| token.split('.').nth(number).unwrap().to_owned();
    let [header, claims, signature] = [0, 1, 2].map(|number| part(&alice, number));
    let end = &signature[signature.len() - 32..];
    let of_bob = part(&bob, 2);
    let of_bob = &of_bob[..of_bob.len() - 32];
    for connection in &others {
        for (case, forged) in [
            ("claims", format!("{header}.{}.{signature}", part(&bob, 1))),
            ("end", format!("{header}.{claims}.{of_bob}{end}")),
            ("longer", format!("{header}.{claims}.A{signature}")),
        ] {
            assert_eq!(ask(connection, &forged).await.status, 401, "{case}");
        }
        for no_token in [end.to_owned(), signature.clone()] {
            assert_eq!(ask(connection, &no_token).await.status, 401, "no token");
        }
        assert_eq!(ask(connection, &alice).await.status, 200);
    }
}

#[tokio::test]
async fn a_known_token_ends_everywhere_with_its_expiry() {
    let site = Site::with(|settings| settings.provider("clock_skew", "'0s'")).await;
    let token = site.token(|token| token.expires_in(3));
    let began = Instant::now();
    let others = known_elsewhere(&site, &token).await;
    for connection in others.iter().chain(&connections(&site).await) {
        let refused = loop {
            let answer = ask(connection, &token).await;
            if answer.status != 200 {
                break answer;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "it never ended");
        };
        assert_refused(&refused, 401, -1228, "expired");
    }
}

#[tokio::test]
async fn a_known_token_ends_everywhere_with_a_logout_at_the_provider() {
    let site = Site::start().await;
    let token = site.token(|it| it.claim("sid", "s-1").issued_in(-5));
    let other = site.token(|it| it.claim("sid", "s-2").issued_in(-5));
    known_elsewhere(&site, &other).await;
    let [shown, never_shown] = known_elsewhere(&site, &token).await;
    get_known(&shown, &token).await;
    site.sign_out_at_provider(|it| it.claim("sid", "s-1")).await;
    for connection in [&shown, &never_shown] {
        assert_refused(&ask(connection, &token).await, 401, -1228, "signed out");
        assert_eq!(ask(connection, &other).await.status, 200);
    }
}

#[tokio::test]
async fn a_known_token_ends_everywhere_with_its_key() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    let [shown, never_shown] = known_elsewhere(&site, &token).await;
    get_known(&shown, &token).await;
    site.provider.rotate_keys_and_drop();
    // Of a key that is not known yet: the sidecar fetches the keys anew.
    assert_eq!(site.query_as(&site.id_token("bob")).await.status, 200);
    for connection in [&shown, &never_shown] {
        assert_refused(&ask(connection, &token).await, 401, -1229, "withdrawn");
    }
}

#[tokio::test]
async fn grants_are_looked_up_for_every_request_of_a_known_token() {
    let site = Site::with(two_grants).await;
    let alice = site.id_token("alice");
    for connection in known_elsewhere(&site, &alice).await {
        for (database, status) in [(RETAIL, 200), (SYSTEM, 403), (RETAIL, 200)] {
            let path = format!("/v1/execute/{database}");
            let query = json!({"statement": "select 1"});
            let query = connection.post(&path).bearer(&alice).json(query);
            assert_eq!(query.send().await.unwrap().status, status, "{database}");
        }
    }
}

#[tokio::test]
async fn a_known_token_of_one_application_opens_nothing_to_one_of_another() {
    let site = applications::site(None, "", &["provider = 'public'"]).await;
    let (own, other) = (site.token(to("ocient-public")), site.token(to("ocient")));
    for connection in known_elsewhere(&site, &own).await {
        for turn in 0..3 {
            assert_eq!(ask(&connection, &own).await.status, 200, "{turn}");
            assert_eq!(ask(&connection, &other).await.status, 403, "{turn}");
        }
    }
}
