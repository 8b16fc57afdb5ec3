//! Attacks on the state that a sign-in carries through the browser.
use crate::site::{LOGIN_COOKIE, Site, assert_refused, note, parameter, with_parameter};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ocient_sidecar::seal::{KeyRing, Purpose};
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Client},
    sql_node::RETAIL,
};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

async fn visit(client: &Client, url: &Url) -> Answer {
    client.get(url.as_str()).send().await.unwrap()
}

#[tokio::test]
async fn a_used_state_is_never_good_again() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    // A thief of history and cookies has both halves.
    let binding = login_cookie(&client);
    assert_eq!(visit(&client, &back).await.status, 200);
    let replayed = site.client().get(back.as_str()).header("cookie", &binding);
    assert_refused(&replayed.send().await.unwrap(), 400, -1203, "replayed");
    let fresh_code = site.nearly_signed_in(&site.client()).await;
    let code = parameter(fresh_code.as_str(), "code").unwrap();
    let url = with_parameter(&back, "code", Some(&code));
    let replayed = site.client().get(url.as_str()).header("cookie", &binding);
    assert_refused(
        &replayed.send().await.unwrap(),
        400,
        -1203,
        "with another code",
    );
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn one_of_many_simultaneous_callbacks_with_one_state_gets_in() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let binding = login_cookie(&client);
    let visits = (0..20).map(|_| {
        let client = site.client();
        let request = client.get(back.as_str()).header("cookie", &binding);
        async { request.send().await.unwrap() }
    });
    let answers = futures_util::future::join_all(visits).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused(answer, 400, -1203, "a later one");
    }
    assert_eq!(site.provider.fetches("token"), 1, "the code goes out once");
}

#[tokio::test]
async fn a_state_is_good_in_the_browser_that_began_alone() {
    let site = Site::start().await;
    let (alice, mallory) = (site.client(), site.client());
    let back = site.nearly_signed_in(&alice).await;
    let foreign = site.nearly_signed_in(&mallory).await;
    assert_refused(&visit(&site.client(), &back).await, 400, -1203, "no cookie");
    assert_refused(
        &visit(&mallory, &back).await,
        400,
        -1203,
        "another browser's cookie",
    );
    // Under the right name, with another attempt's value.
    let (name, _) = login_cookie(&alice).split_once('=').map(own).unwrap();
    let (_, value) = login_cookie(&mallory).split_once('=').map(own).unwrap();
    for (case, cookie) in [
        ("another attempt's value", format!("{name}={value}")),
        ("an empty value", format!("{name}=")),
        ("twice", format!("{0}; {0}", login_cookie(&alice))),
        ("in quotes", login_cookie(&alice).replace('=', "=\"") + "\""),
        ("in upper case", login_cookie(&alice).to_uppercase()),
    ] {
        let answer = site
            .client()
            .get(back.as_str())
            .header("cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_refused(&answer, 400, -1203, case);
    }
    assert_eq!(site.provider.fetches("token"), 0);
    assert_eq!(
        visit(&alice, &back).await.status,
        200,
        "nothing of it used the state up"
    );
    assert_eq!(visit(&mallory, &foreign).await.status, 200);
}

#[tokio::test]
async fn a_state_of_our_own_making_or_changed_in_one_place_is_refused() {
    let site = Site::patient().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let state = parameter(back.as_str(), "state").unwrap();
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(&state).unwrap();
    let changed = |at: usize| {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    };
    let other = tempfile::tempdir().unwrap();
    let foreign_ring = KeyRing::open(&other.path().join("keys")).unwrap();
    let own_ring = KeyRing::open(&site.folder.path().join("state/keys")).unwrap();
    let plain = attempt(&site, &client, 0);
    let seal = |ring: &KeyRing, purpose, context: &[u8]| {
        BASE64_URL_SAFE_NO_PAD.encode(ring.seal(purpose, context, plain.as_bytes()))
    };
    let mut cases = vec![
        ("random".to_owned(), "x".repeat(400)),
        ("short".to_owned(), "eA".to_owned()),
        ("cut".to_owned(), state[..state.len() - 4].to_owned()),
        ("longer".to_owned(), format!("{state}AAAA")),
        ("padded".to_owned(), format!("{state}=")),
        ("not base64".to_owned(), format!("{state}!")),
        (
            "another ring's".to_owned(),
            seal(&foreign_ring, Purpose::State, b"sign-in"),
        ),
        (
            "of another purpose".to_owned(),
            seal(&own_ring, Purpose::Session, b"sign-in"),
        ),
        (
            "of another context".to_owned(),
            seal(&own_ring, Purpose::State, b"ticket"),
        ),
    ];
    let step = sealed.len() / 20;
    cases.extend(
        (0..sealed.len())
            .step_by(step)
            .map(|at| (format!("byte {at}"), changed(at))),
    );
    for (case, state) in cases {
        let answer = visit(&client, &with_parameter(&back, "state", Some(&state))).await;
        assert_refused(&answer, 400, -1203, &case);
    }
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn a_state_older_than_ten_minutes_is_refused() {
    let site =
        Site::with(|settings| settings.set("limits", "failed_signins_per_client", "1000")).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let ring = KeyRing::open(&site.folder.path().join("state/keys")).unwrap();
    let aged = |seconds: u64| {
        let sealed = ring.seal(
            Purpose::State,
            b"sign-in",
            attempt(&site, &client, seconds).as_bytes(),
        );
        with_parameter(&back, "state", Some(&BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    };
    assert_refused(
        &visit(&client, &aged(601)).await,
        400,
        -1203,
        "10 minutes and a second",
    );
    assert_refused(&visit(&client, &aged(600)).await, 400, -1203, "10 minutes");
    assert_eq!(site.provider.fetches("token"), 0);
    // That nothing but its age was wrong with it: the nonce and verifier are made up here, so
    // a young one gets as far as the provider.
    visit(&client, &aged(300)).await;
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn a_code_goes_to_the_application_alone_that_it_was_asked_for() {
    for (key, value) in [("client_id", "'other'"), ("issuer", "")] {
        let mut site = Site::start().await;
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let binding = login_cookie(&client);
        site.stop_sidecar().await;
        let moved = match value {
            "" => format!("'{}x'", site.provider.issuer()),
            value => value.to_owned(),
        };
        site.settings.provider(key, &moved);
        site.start_sidecar().await;
        let mut again = back.clone(); // a restart has another port
        again.set_port(Some(site.port())).unwrap();
        let asked = site.client().get(again.as_str()).header("cookie", &binding);
        assert_refused(&asked.send().await.unwrap(), 400, -1203, key);
        assert_eq!(site.provider.fetches("token"), 0, "{key}");
    }
}

/// The plain form of an attempt of this age that belongs to the client's cookie.
fn attempt(site: &Site, client: &Client, age: u64) -> String {
    let cookie = login_cookie(client);
    let (name, binding) = cookie.split_once('=').unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({
        "id": name.strip_prefix(LOGIN_COOKIE).unwrap(), "binding": binding,
        "nonce": "n".repeat(43), "verifier": "v".repeat(43), "provider": "corp",
        "registration": {"issuer": site.provider.issuer(), "client_id": "ocient"},
        "database": RETAIL, "callback": "/v1/callback", "return_to": null, "started_at": now - age,
    })
    .to_string()
}

/// The one login cookie in the jar, as a `Cookie` field.
fn login_cookie(client: &Client) -> String {
    let mut jar = client.cookies().all();
    jar.retain(|cookie| cookie.name.starts_with(LOGIN_COOKIE));
    assert_eq!(jar.len(), 1, "{jar:?}");
    note(&jar[0].value);
    format!("{}={}", jar[0].name, jar[0].value)
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
