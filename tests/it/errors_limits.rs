//! The rows of the table of errors that limits lead to.
use crate::{
    errors::{NO_CONNECTION, Row, assert_rows, get},
    site::{Settings, Site},
};
use futures_util::future::join_all;
use sidecar_testkit::{client::body_channel, provider::SignedWith, sql_node::RETAIL};
use std::time::Duration;

#[tokio::test]
async fn one_connection_too_many_has_its_row() {
    let site = Site::with(|settings| settings.set("listen", "max_connections", "1")).await;
    let connection = site.client().connect(&site.origin()).await.unwrap();
    let (mut sender, body) = body_channel();
    let busy = connection.post("/test/echo").body_stream(body);
    assert!(sender.send("a").await);
    let busy = busy.stream().await.unwrap();
    let refused = get(&site, "/v1/info").await;
    assert_rows(&[Row("connection limit", refused, 503, NO_CONNECTION, -206)]);
    drop(sender);
    assert_eq!(busy.collect().await.unwrap().body, "a");
}

#[tokio::test]
async fn guessing_is_told_to_wait_while_good_tokens_of_the_same_client_are_served() {
    let limit = |settings: &mut Settings| {
        settings.set("limits", "failed_signins_per_client", "5");
    };
    let site = Site::with(limit).await;
    let (session, id_token) = (site.session_of("alice", RETAIL).await, site.id_token("bob"));
    let guess = format!("ocs_{}", "x".repeat(43));
    for number in 0..5 {
        let answer = site.query_as(&guess).await;
        assert_eq!(answer.status, 401, "guess {number}");
    }
    for number in 0..3 {
        let bad = site.token(|token| token.claim("n", number).signed_with(SignedWith::Garbled));
        let rows = [
            Row("session", site.query_as(&guess).await, 429, "57011", -1100),
            Row("bearer", site.query_as(&bad).await, 429, "57011", -1100),
            Row("sso_token", site.exchange(&bad).await, 429, "57011", -1100),
            Row(
                "state",
                get(&site, "/v1/callback?code=c&state=s").await,
                429,
                "57011",
                -1100,
            ),
        ];
        assert_rows(&rows);
        assert_eq!(rows[0].1.header("retry-after"), Some("60"));
        assert_eq!(site.query_as(&session).await.status, 200);
        assert_eq!(site.query_as(&id_token).await.status, 200);
        assert_eq!(site.exchange(&id_token).await.status, 200);
        site.signed_in_as("carol").await;
    }
    let other = site.client().from_address("127.0.0.2".parse().unwrap());
    let answer = site.query(&other).bearer(&guess).send().await.unwrap();
    assert_eq!(answer.status, 401, "another client: {}", answer.text());
}

#[tokio::test]
async fn a_flood_of_bad_tokens_from_one_address_never_makes_a_good_one_there_fail() {
    let limit = |settings: &mut Settings| settings.set("limits", "failed_signins_per_client", "5");
    let site = Site::with(limit).await;
    let known = site.id_token("alice");
    assert_eq!(site.query_as(&known).await.status, 200);
    let mint = |number: u32, signer: SignedWith| {
        site.token(|token| token.claim("n", number).signed_with(signer))
    };
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let query = async |token: &str| {
        let request = client.get("/v1/execute?statement=select+1").bearer(token);
        request.send().await.unwrap()
    };
    for round in 0..5 {
        let bad: Vec<String> = (0..100)
            .map(|number| mint(round * 1000 + number, SignedWith::Garbled))
            .collect();
        let new: Vec<String> = (0..10)
            .map(|number| mint(round * 1000 + 500 + number, SignedWith::CurrentKey))
            .collect();
        let (flood, new, old) = tokio::join!(
            join_all(bad.iter().map(|token| query(token))),
            join_all(new.iter().map(|token| query(token))),
            join_all((0..10).map(|_| query(&known))),
        );
        for answer in new.iter().chain(&old) {
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        }
        for answer in flood.iter().filter(|_| round > 0) {
            assert_eq!(answer.status, 429, "round {round}: {}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("60"), "round {round}");
        }
        assert!(flood.iter().all(|answer| answer.status != 200));
    }
    assert_eq!(site.exchange(&site.id_token("carol")).await.status, 200);
}

#[tokio::test]
async fn many_good_requests_at_once_are_no_guesses() {
    let limit = |settings: &mut Settings| settings.set("limits", "failed_signins_per_client", "1");
    let site = Site::with(limit).await;
    let token = site.id_token("alice");
    let answers = join_all((0..40).map(|_| site.query_as(&token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let answer = site
        .client()
        .timeout(Duration::from_secs(5))
        .get(&site.url("/v1/info"));
    assert_eq!(answer.send().await.unwrap().status, 200);
}
