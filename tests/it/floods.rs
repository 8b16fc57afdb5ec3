//! A flood of bad tokens that are all being judged: good ones of the same address do not wait.
use crate::{introspection, site::Site};
use sidecar_testkit::{
    client::{Answer, Connection},
    provider::SignedWith,
};
use std::net::IpAddr;
use tokio::task::JoinHandle;

/// Where the flood and the good tokens come from.
const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 7));

/// A new connection of the office.
async fn connection(site: &Site) -> Connection {
    let client = site.client().without_cookies().from_address(OFFICE);
    client.http2().connect(&site.origin()).await.unwrap()
}

fn ask(connection: &Connection, token: &str) -> JoinHandle<Answer> {
    let query = connection.get("/v1/execute?statement=select+1");
    let query = query.bearer(token);
    tokio::spawn(async { query.send().await.unwrap() })
}

/// Uses the office's failures up, then shows the provider's tokens all at once. They have all
/// arrived when this returns: a request that was sent after them is answered.
async fn flood(site: &Site, tokens: Vec<String>) -> Vec<JoinHandle<Answer>> {
    let connection = connection(site).await;
    for number in 0..6 {
        let garbled = site.token(|it| it.claim("n", number).signed_with(SignedWith::Garbled));
        let answer = ask(&connection, &garbled).await.unwrap();
        let expected = if number < 5 { 401 } else { 429 };
        assert_eq!(answer.status, expected, "{number}: {}", answer.text());
    }
    let flood = tokens.iter().map(|token| ask(&connection, token)).collect();
    let last = connection.get("/v1/execute?statement=select+1").send();
    assert_eq!(last.await.unwrap().status, 401, "without a credential");
    flood
}

fn assert_all_held(flood: &[JoinHandle<Answer>]) {
    let answered = flood.iter().filter(|task| task.is_finished()).count();
    assert_eq!((flood.len(), answered), (80, 0));
}

async fn assert_served(site: &Site, token: &str, what: &str) {
    let answer = ask(&connection(site).await, token).await.unwrap();
    assert_eq!(answer.status, 200, "{what}: {}", answer.text());
}

/// The keys that the flood's tokens name are being looked for.
#[tokio::test]
async fn good_tokens_are_answered_while_all_of_a_flood_waits_for_its_keys() {
    let site = Site::with(|settings| {
        settings.set("limits", "failed_signins_per_client", "5");
        settings.login_mode(); // the node asks for keys, too
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.grant("account = 'analyst'");
    })
    .await;
    let (known, new) = (site.id_token("alice"), site.id_token("bob"));
    for _ in 0..2 {
        assert_served(&site, &known, "before").await;
    }
    let fetches = site.provider.fetches("jwks");
    site.provider.hold("jwks");
    let unknown = |number: u32| site.token(|it| it.claim("n", number).header("kid", "unknown"));
    let flood = flood(&site, (100..180).map(unknown).collect()).await;
    site.provider.reached("jwks", fetches + 1).await;
    assert_all_held(&flood);
    for turn in 0..3 {
        assert_served(&site, &known, &format!("known, {turn}")).await;
    }
    assert_served(&site, &new, "new").await;
    assert_all_held(&flood);
    site.provider.release("jwks");
    for refused in flood {
        assert_eq!(refused.await.unwrap().status, 429);
    }
    assert_eq!(
        site.provider.fetches("jwks"),
        fetches + 1,
        "one look for all"
    );
}

/// The provider is being asked about one of the flood's tokens, and the others wait for their turn,
/// two seconds at most.
#[tokio::test]
async fn known_opaque_tokens_are_answered_while_all_of_a_flood_is_asked_about() {
    let site = introspection::site(|settings| {
        settings.set("limits", "failed_signins_per_client", "5");
    })
    .await;
    let known = introspection::opaque(&site, "alice");
    let jwt = site.id_token("alice");
    for token in [&known, &jwt] {
        assert_served(&site, token, "before").await;
    }
    let asked = introspection::asked(&site);
    site.provider.hold("introspect");
    let made_up = |number: u32| format!("made-up-token-{number}");
    let flood = flood(&site, (0..80).map(made_up).collect()).await;
    site.provider.reached("introspect", asked + 1).await;
    let is_held = |flood: &[JoinHandle<Answer>]| flood.iter().any(|task| !task.is_finished());
    assert!(is_held(&flood));
    assert_served(&site, &known, "known").await;
    assert_served(&site, &jwt, "of the other kind").await;
    assert!(is_held(&flood));
    site.provider.release("introspect");
    for refused in flood {
        assert_eq!(refused.await.unwrap().status, 429);
    }
    let new = introspection::opaque(&site, "alice");
    assert_served(&site, &new, "new").await;
}
