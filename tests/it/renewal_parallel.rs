//! Provider refresh tokens with two hundred requests in flight: over several connections, since
//! one has no more than a hundred at once.
use crate::{renewal::short_lived, site::Site};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Connection, RequestBuilder},
    provider::{Endpoint as At, Lie},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour},
};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Four connections with fifty requests each.
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 50;

/// Requests whose answers are to come.
struct InFlight(Vec<JoinHandle<Answer>>);

impl InFlight {
    /// Sends them all. Each connection's have arrived when this returns: one that was sent after
    /// them is answered, and a connection is read in order.
    async fn sent(site: &Site, request: impl Fn(&Connection) -> RequestBuilder) -> Self {
        let (mut sent, mut last) = (Vec::new(), Vec::new());
        for _ in 0..CONNECTIONS {
            let client = site.client().without_cookies().http2();
            let connection = client.connect(&site.origin()).await.unwrap();
            for _ in 0..REQUESTS {
                let request = request(&connection);
                // Tasks begin in the order in which they are spawned.
                sent.push(tokio::spawn(async { request.send().await.unwrap() }));
            }
            let nobody = connection.get("/v1/execute?statement=select+1");
            last.push(tokio::spawn(async { nobody.send().await.unwrap() }));
        }
        for answer in join_all(last).await {
            assert_eq!(answer.unwrap().status, 401, "without a credential");
        }
        Self(sent)
    }

    fn assert_all_wait(&self) {
        let answered = self.0.iter().filter(|task| task.is_finished()).count();
        assert_eq!((self.0.len(), answered), (200, 0));
    }

    async fn assert_all_succeed(self) {
        for (number, answer) in join_all(self.0).await.into_iter().enumerate() {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{number}: {}", answer.text());
        }
    }
}

/// A session that has to be renewed before anything can be asked with it: the SQL node's first
/// token has ended when it comes.
async fn to_be_renewed() -> (Site, String) {
    let site = short_lived(|_| {}).await;
    let ended = json!({"id_token": "ended", "expires_in": 0});
    let ended = CannedAnswer::status(StatusCode::OK).body(ended.to_string());
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::Answer(ended));
    let session = site.refreshable().await;
    (site, session)
}

fn query(connection: &Connection, session: &str) -> RequestBuilder {
    let query = connection.get("/v1/execute?statement=select+1");
    query.bearer(session)
}

#[tokio::test]
async fn two_hundred_requests_without_a_good_token_refresh_once_and_all_succeed() {
    let (site, session) = to_be_renewed().await;
    let asked = site.provider.fetches("token");
    site.provider.hold("token");
    let queries = InFlight::sent(&site, |connection| query(connection, &session)).await;
    site.provider.reached("token", asked + 1).await;
    queries.assert_all_wait();
    site.provider.release("token");
    queries.assert_all_succeed().await;
    assert_eq!(site.provider.fetches("token"), asked + 1);
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_eq!(site.provider.fetches("token"), asked + 1, "it is new yet");
    let used = site.used_refresh_token();
    let newest = site.revoked_refresh_token(&session).await;
    assert_ne!(used, newest, "the provider's new one took its place");
}

#[tokio::test]
async fn two_hundred_token_refreshes_at_once_ask_the_provider_once() {
    let site = Site::start().await;
    let session = site.refreshable().await;
    let asked = site.provider.fetches("token");
    site.provider.hold("token");
    let refresh = |connection: &Connection| connection.post("/v1/token_refresh").bearer(&session);
    let refreshes = InFlight::sent(&site, refresh).await;
    site.provider.reached("token", asked + 1).await;
    refreshes.assert_all_wait();
    site.provider.release("token");
    refreshes.assert_all_succeed().await;
    assert_eq!(site.provider.fetches("token"), asked + 1);
    assert_eq!(site.refresh(&session).await.status, 200);
    assert_eq!(site.provider.fetches("token"), asked + 1, "it is new yet");
}

#[tokio::test]
async fn whoever_must_wait_for_a_provider_that_answers_after_five_seconds_succeeds() {
    let (site, session) = to_be_renewed().await;
    let asked = site.provider.fetches("token");
    let (began, delay) = (Instant::now(), Duration::from_secs(5));
    site.provider.lie(Lie::AnswersAfter(At::Token, delay));
    let queries = InFlight::sent(&site, |connection| query(connection, &session)).await;
    queries.assert_all_wait();
    queries.assert_all_succeed().await;
    assert!(began.elapsed() >= delay, "after {:?}", began.elapsed());
    assert_eq!(site.provider.fetches("token"), asked + 1);
    assert_eq!(site.query_as(&session).await.status, 200);
}
