//! Sign-in on another device: who asks when, who waits, and who gets the session.
use crate::site::{Site, assert_refused, device_site, vendor_code};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidecar_testkit::provider::{Endpoint, Lie};
use std::time::{Duration, Instant};

/// The pauses between the questions at the token endpoint, in milliseconds.
fn pauses(site: &Site) -> Vec<u128> {
    let mut requests = site.provider.requests();
    requests.retain(|request| request.endpoint == Endpoint::Token);
    let times: Vec<Instant> = requests.iter().map(|request| request.at).collect();
    let pause = |pair: &[Instant]| (pair[1] - pair[0]).as_millis();
    times.windows(2).map(pause).collect()
}

#[tokio::test]
async fn the_provider_is_asked_in_its_interval_whatever_clients_do() {
    let site = device_site(|_| {}).await;
    let begun = Instant::now();
    let device = site.device().await;
    // Nobody waits at first, then many.
    site.provider.reached("token", 2).await;
    let waiting = join_all((0..10).map(|_| site.verified(&device.code, 2)));
    for answer in waiting.await {
        assert_refused(&answer, 408, -1238, "pending");
    }
    assert!(begun.elapsed() >= Duration::from_secs(4));
    let pauses = pauses(&site);
    assert!(pauses.iter().all(|pause| *pause >= 990), "{pauses:?}");
    let asked = site.provider.fetches("token");
    assert!((3..=6).contains(&asked), "{asked}");
}

#[tokio::test]
async fn slow_down_makes_the_interval_five_seconds_longer() {
    let site = device_site(|_| {}).await;
    site.provider.lie(Lie::TokenError(400, "slow_down"));
    site.device().await;
    site.provider.reached("token", 2).await;
    let pauses = pauses(&site);
    assert!(pauses[0] >= 5_990, "{pauses:?}");
}

#[tokio::test]
async fn an_outage_of_the_provider_delays_a_grant_and_does_not_end_it() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    site.provider.reached("token", 1).await;
    site.provider.die();
    let answer = site.verified(&device.code, 3).await;
    assert_refused(&answer, 408, -1238, "dead");
    site.provider.revive();
    site.decide(&device, Some("alice"));
    assert_eq!(site.verified(&device.code, 30).await.status, 200);
}

#[tokio::test]
async fn of_many_who_wait_for_one_grant_one_gets_the_session() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    let waiting = join_all((0..30).map(|_| site.verified(&device.code, 30)));
    let decide = async {
        site.provider.reached("token", 1).await;
        site.decide(&device, Some("alice"));
    };
    let (mut answers, ()) = tokio::join!(waiting, decide);
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{}", answers[0].text());
    for answer in &answers[1..] {
        assert_refused(answer, 400, -1203, "the others");
    }
    let session = answers[0].json()["access_token"].clone();
    let query = site.query_as(session.as_str().unwrap()).await;
    assert_eq!(query.status, 200);
    let sign_in = |line: &Value| line["event"] == "sign_in";
    site.log.wait_for("audit", 1, sign_in).await;
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn a_client_that_lost_its_connection_comes_again_and_loses_nothing() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    for http2 in [false, true] {
        let client = site.client();
        let client = if http2 { client.http2() } else { client };
        let body = json!({"user_code": device.code, "database": "retail_analytics"});
        let url = site.url("/v1/sso_device_grant_verify");
        let waiting = client.post(&url).json(body).send();
        let left = tokio::time::timeout(Duration::from_millis(700), waiting).await;
        assert!(left.is_err(), "it waits");
    }
    site.decide(&device, Some("alice"));
    // Nobody waits while the person approves and the session begins.
    let exchanged = async {
        while site.node.token_exchanges().sso_token == 0 {
            tokio::task::yield_now().await;
        }
    };
    let exchanged = tokio::time::timeout(Duration::from_secs(20), exchanged);
    exchanged.await.expect("the sidecar asks by itself");
    assert_eq!(site.verified(&device.code, 30).await.status, 200);
}

#[tokio::test]
async fn a_sidecar_that_stops_sends_those_who_wait_elsewhere() {
    let site = device_site(|settings| settings.set("listen", "drain_min", "'3s'")).await;
    let device = site.device().await;
    let drain = async {
        site.provider.reached("token", 1).await;
        site.begin_stopping();
    };
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(site.verified(&device.code, 30), drain);
    assert_refused(&answer, 503, -206, "while it waits");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(answer.header("retry-after").is_some());
    for answer in [
        site.verified(&device.code, 30).await,
        site.begin_device(json!({})).await,
    ] {
        assert_eq!((answer.status.as_u16(), vendor_code(&answer)), (503, -206));
        assert!(answer.header("retry-after").is_some());
    }
}
