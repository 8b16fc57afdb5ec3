//! Sign-in on another device: guesses, floods, and codes that are somebody else's.
use crate::site::{Site, assert_refused, authority, device_site, note};
use futures_util::future::join_all;
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Connection},
    provider::{Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};
use std::{collections::HashSet, time::Duration};

async fn verify_from(site: &Site, address: &str, code: &str) -> Answer {
    let client = site.client().from_address(address.parse().unwrap());
    let body = json!({"user_code": code, "database": RETAIL, "timeout": 1});
    let url = site.url("/v1/sso_device_grant_verify");
    client.post(&url).json(body).send().await.unwrap()
}

#[tokio::test]
async fn guessed_user_codes_are_five_a_minute_and_a_right_one_after_them_is_no_good() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    site.decide(&device, Some("alice"));
    site.provider.reached("token", 1).await;
    let guesses = (0..50).map(|number| format!("WXYZ-{number:04}"));
    let guesses: Vec<String> = guesses.collect();
    let guesser = "127.0.0.2";
    let answers = join_all(guesses.iter().map(|code| verify_from(&site, guesser, code)));
    let statuses: Vec<u16> = answers.await.iter().map(|a| a.status.as_u16()).collect();
    let known = statuses.iter().filter(|status| **status == 400).count();
    let told_to_wait = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((known, told_to_wait), (5, 45), "{statuses:?}");
    let right = verify_from(&site, guesser, &device.code).await;
    assert_refused(&right, 429, -1100, "right, too late");
    assert_eq!(right.header("retry-after"), Some("60"));
    // The person at the device is not disturbed.
    assert_eq!(site.verified(&device.code, 30).await.status, 200);
}

#[tokio::test]
async fn a_code_is_of_its_database_alone() {
    let site = device_site(|_| {}).await;
    let device = site.device().await;
    site.decide(&device, Some("alice"));
    for database in ["system", "", "retail_analytic"] {
        let body = json!({"user_code": device.code, "database": database, "timeout": 1});
        let url = site.url("/v1/sso_device_grant_verify");
        let answer = site.client().post(&url).json(body).send().await.unwrap();
        assert_refused(&answer, 400, -1203, database);
    }
    let typed = device.code.to_lowercase().replace('-', " ");
    assert_eq!(site.verified(&typed, 30).await.status, 200);
}

#[tokio::test]
async fn a_device_of_another_network_picks_no_session_up_unless_it_may() {
    for (pickup, status) in [("'network'", 400), ("'anywhere'", 200)] {
        let site = device_site(|settings| settings.set("sso", "device_pickup", pickup)).await;
        let device = site.device().await;
        site.decide(&device, Some("alice"));
        site.provider.reached("token", 1).await;
        let body = json!({"user_code": device.code, "database": RETAIL, "timeout": 30});
        let url = site.url("/v1/sso_device_grant_verify");
        let foreign = site.client().from_address("127.0.1.1".parse().unwrap());
        let answer = foreign.post(&url).json(body).send().await.unwrap();
        assert_eq!(answer.status, status, "{pickup}: {}", answer.text());
        if status == 400 {
            assert_refused(&answer, 400, -1203, pickup);
            // The phished code is still good where it was begun, and at other devices there.
            let own = verify_from(&site, "127.0.0.9", &device.code).await;
            assert_eq!(own.status, 200, "{}", own.text());
        }
    }
}

#[tokio::test]
async fn one_address_has_twenty_grants_and_leaves_room_for_others() {
    let site = device_site(|_| {}).await;
    for _ in 0..20 {
        site.device().await;
    }
    let answer = site.begin_device(json!({})).await;
    assert_refused(&answer, 429, -1100, "one too many");
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(site.provider.fetches("device_authorization"), 20);
    let other = site.client().from_address("127.0.0.2".parse().unwrap());
    let url = site.url("/v1/sso_device_grant");
    let answer = other.post(&url).json(json!({})).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A provider that is asked about each grant so seldom that nobody else has to wait.
async fn seldom_asked() -> Site {
    let options = ProviderOptions {
        device_interval: Duration::from_secs(600),
        ..ProviderOptions::new(&authority())
    };
    Site::with_parts(Provider::start(options), SqlNodeOptions::default(), |_| {}).await
}

#[tokio::test]
async fn a_thousand_grants_wait_and_one_more_is_told_to_come_back() {
    let site = seldom_asked().await;
    let begin = |connection: &Connection| connection.post("/v1/sso_device_grant").json(json!({}));
    let mut codes = HashSet::new();
    for number in 0..50 {
        let client = site.client().from_address([127, 0, 1, number].into());
        let connection = client.http2().connect(&site.origin()).await.unwrap();
        for answer in join_all((0..20).map(|_| begin(&connection).send())).await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{number}: {}", answer.text());
            let code = answer.json()["user_code"].as_str().unwrap().to_owned();
            note(&code);
            codes.insert(code);
        }
    }
    assert_eq!(codes.len(), 1000);
    for address in ["127.0.2.1", "127.0.2.2"] {
        let client = site.client().from_address(address.parse().unwrap());
        let connection = client.connect(&site.origin()).await.unwrap();
        let answer = begin(&connection).send().await.unwrap();
        assert_refused(&answer, 503, -206, address);
        assert_eq!(answer.header("retry-after"), Some("5"), "{address}");
        let text = "too many sign-ins with a device code wait; try again later";
        assert!(answer.text().contains(text), "{}", answer.text());
    }
    assert_eq!(site.provider.fetches("device_authorization"), 1000);
    // Whoever has used up the room of an address is told so, and everybody else still signs in.
    let client = site.client().from_address([127, 0, 1, 0].into());
    let url = site.url("/v1/sso_device_grant");
    let answer = client.post(&url).json(json!({})).send().await.unwrap();
    assert_refused(&answer, 429, -1100, "the address has twenty");
    site.signed_in_as("alice").await;
}
