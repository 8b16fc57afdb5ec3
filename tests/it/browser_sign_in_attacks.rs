//! Attacks on the sign-in with a browser, and mishaps that look like them.
use crate::site::{
    LOGIN_COOKIE, SESSION_COOKIE, Site, assert_refused, note, parameter, with_parameter,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ocient_sidecar::seal::{KeyRing, Purpose};
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Client},
    provider::Lie,
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
    let plain = attempt(&client, 0);
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
            attempt(&client, seconds).as_bytes(),
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

/// The plain form of an attempt of this age that belongs to the client's cookie.
fn attempt(client: &Client, age: u64) -> String {
    let cookie = login_cookie(client);
    let (name, binding) = cookie.split_once('=').unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({
        "id": name.strip_prefix(LOGIN_COOKIE).unwrap(), "binding": binding,
        "nonce": "n".repeat(43), "verifier": "v".repeat(43), "provider": "corp",
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

#[tokio::test]
async fn missing_and_doubled_parameters_are_refused_before_anything_is_used_up() {
    let site = Site::start().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let doubled = |name: &str, value: &str| {
        let mut url = back.clone();
        url.query_pairs_mut().append_pair(name, value);
        url
    };
    let state = parameter(back.as_str(), "state").unwrap();
    for (case, url) in [
        ("state missing", with_parameter(&back, "state", None)),
        ("state empty", with_parameter(&back, "state", Some(""))),
        ("state twice", doubled("state", &state)),
        ("another state, too", doubled("state", "x")),
        ("code twice", doubled("code", "x")),
        ("iss twice", doubled("iss", site.provider.issuer())),
        (
            "error twice",
            doubled("error", "a")
                .query_pairs_mut()
                .append_pair("error", "b")
                .finish()
                .clone(),
        ),
        ("a name with a blank", doubled("state ", "x")),
    ] {
        assert_refused(&visit(&client, &url).await, 400, -1254, case);
    }
    assert_eq!(site.provider.fetches("token"), 0);
    assert_eq!(visit(&client, &back).await.status, 200);
    let back = site.nearly_signed_in(&client).await;
    let answer = visit(&client, &with_parameter(&back, "code", None)).await;
    assert_refused(&answer, 400, -1254, "code missing");
    for method in ["POST", "PUT", "HEAD"] {
        let request = client.request(method.parse().unwrap(), back.as_str());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET"), "{method}");
    }
    assert_eq!(site.node.token_exchanges().sso_token, 1, "the good one's");
}

#[tokio::test]
async fn a_mixed_up_or_missing_issuer_is_refused_before_the_code_goes_out() {
    let site = Site::patient().await;
    let issuer = site.provider.issuer();
    for (case, iss) in [
        (
            "another",
            Some("https://evil.example/realms/test".to_owned()),
        ),
        ("with a slash", Some(format!("{issuer}/"))),
        ("in upper case", Some(issuer.to_uppercase())),
        ("without its path", Some(issuer.replace("/realms/test", ""))),
        ("empty though promised", Some(String::new())),
        ("missing though promised", None),
    ] {
        for is_error in [false, true] {
            let client = site.client();
            let mut back =
                with_parameter(&site.nearly_signed_in(&client).await, "iss", iss.as_deref());
            if is_error {
                back = with_parameter(&back, "code", None);
                back.query_pairs_mut().append_pair("error", "access_denied");
            }
            let answer = visit(&client, &back).await;
            assert_refused(&answer, 401, -1232, &format!("{case}, error: {is_error}"));
        }
    }
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn the_providers_errors_have_codes_of_their_own() {
    let site = Site::start().await;
    for (error, status, code) in [
        ("access_denied", 403, -1251),
        ("unauthorized_client", 502, -1250),
        ("unsupported_response_type", 502, -1252),
        ("invalid_scope", 502, -1253),
        ("invalid_request", 502, -1254),
        ("server_error", 502, -1255),
        ("temporarily_unavailable", 503, -1256),
        ("login_required", 502, -1221),
        ("<script>", 502, -1221),
    ] {
        site.provider.lie(Lie::AuthorizationError(error));
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let answer = visit(&client, &back).await;
        assert_refused(&answer, status, code, error);
        assert!(!answer.text().contains("<script>"), "{}", answer.text());
        site.provider.be_honest();
    }
    let client = site.client();
    let start = client.get(&site.url("/v1/sso_authentication?database=retail_analytics"));
    let refused = site.provider.refuse(start, &client).await;
    assert_refused(&refused, 403, -1251, "the person refused");
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn return_to_never_leads_to_another_site() {
    let site = Site::start().await;
    for evil in [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\n/evil.example",
        "/\r\nLocation: https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        ".evil.example",
        "%2f%2fevil.example",
        "/\u{202e}evil",
        "/a\u{0}b",
        "?x",
        "#x",
    ] {
        let client = site.client();
        let query = return_to(evil);
        let answer = site.begin(&client, &query).await;
        assert_refused(&answer, 400, -1254, &format!("{evil:?}"));
        let body = json!({"return_to": evil});
        let answer = client
            .post(&site.url("/v1/sso_authentication"))
            .json(body)
            .send()
            .await;
        assert_refused(&answer.unwrap(), 400, -1254, &format!("{evil:?} in a body"));
    }
    // What is accepted stays on this site for every reader of URLs.
    for path in [
        "/%2f/evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/;//evil.example",
        "/@evil.example",
    ] {
        let client = site.client();
        let begun = site.begin(&client, &return_to(path)).await;
        let back = site.at_provider(&client, &begun).await;
        let answer = client
            .get(back.as_str())
            .accept("text/html")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, 303, "{path}");
        let here = Url::parse(&site.origin()).unwrap();
        let there = here.join(answer.header("location").unwrap()).unwrap();
        assert_eq!(there.origin(), here.origin(), "{path} -> {there}");
    }
}

fn return_to(path: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("database", RETAIL)
        .append_pair("return_to", path)
        .finish()
}

#[tokio::test]
async fn a_session_cookie_planted_before_the_sign_in_is_replaced() {
    let site = Site::start().await;
    let planted = site.session_of("bob", RETAIL).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let cookies = format!("{}; {SESSION_COOKIE}={planted}", login_cookie(&client));
    let answer = client
        .get(back.as_str())
        .header("cookie", cookies)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = site.session_cookie(&client);
    assert_ne!(session, planted);
    let mut sessions = vec![planted, session];
    for _ in 0..3 {
        let back = site.nearly_signed_in(&client).await;
        assert_eq!(visit(&client, &back).await.status, 200);
        sessions.push(site.session_cookie(&client));
    }
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 5, "new at every sign-in");
}

#[tokio::test]
async fn several_tabs_sign_in_side_by_side_in_any_order() {
    let site = Site::start().await;
    let client = site.client();
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(site.nearly_signed_in(&client).await);
    }
    tabs.reverse();
    for (number, back) in tabs.iter().enumerate() {
        let answer = visit(&client, back).await;
        assert_eq!(answer.status, 200, "tab {number}: {}", answer.text());
    }
    let left = client.cookies().all();
    assert_eq!(left.len(), 1, "only the session's: {left:?}");
}

#[tokio::test]
async fn abandoned_attempts_do_not_pile_up() {
    let site = Site::start().await;
    let client = site.client();
    let mut last = None;
    for _ in 0..20 {
        last = Some(site.begin(&client, "database=retail_analytics").await);
        assert!(
            client.cookies().all().len() <= 8,
            "{:?}",
            client.cookies().all()
        );
    }
    assert_eq!(client.cookies().all().len(), 8);
    let back = site.at_provider(&client, &last.unwrap()).await;
    assert_eq!(
        visit(&client, &back).await.status,
        200,
        "the newest attempt is kept"
    );
}
