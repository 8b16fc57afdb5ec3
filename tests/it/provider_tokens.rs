//! Provider tokens straight on the query.
use crate::site::{Settings, Site, assert_refused, authority, note};
use futures_util::future::join_all;
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    provider::{Provider, ProviderOptions, SignedWith},
    sql_node::{Endpoint, Misbehaviour, RETAIL, SqlNodeOptions, Who},
};
use std::time::{Duration, Instant};

async fn as_password(site: &Site, user: &str, token: &str) -> Answer {
    let client = site.client();
    site.query(&client).basic(user, token).send().await.unwrap()
}

#[tokio::test]
async fn each_way_to_show_a_token_injects_its_users_ocient_token() {
    let site = Site::start().await;
    let (id, access) = (site.id_token("alice"), site.access_token("bob"));
    let session = site.session_of("carol", RETAIL).await;
    for (user, token, name) in [
        ("id_token", &id, "alice"),
        ("access_token", &access, "bob"),
        ("session", &session, "carol"),
        // The password says what it is; the user name only that it is a token.
        ("session", &id, "alice"),
        ("id_token", &access, "bob"),
    ] {
        let who = Who::Token(name.to_owned());
        for answer in [
            as_password(&site, user, token).await,
            site.query_as(token).await,
        ] {
            assert_eq!(answer.status, 200, "{user} {name}: {}", answer.text());
            let request = site.node.last_request();
            assert_eq!(request.credential, who, "{user} {name}");
            let values: Vec<_> = request.headers.get_all("authorization").iter().collect();
            assert_eq!(values.len(), 1, "{user} {name}");
        }
    }
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let query = site.query(&site.client());
        let query = query.header("authorization", format!("{scheme} {id}"));
        assert_eq!(query.send().await.unwrap().status, 200, "{scheme}");
    }
    assert_eq!(site.node.token_exchanges().sso_token, 3);
}

#[tokio::test]
async fn token_like_passwords_that_are_no_tokens_are_the_nodes_affair() {
    let site = Site::start().await;
    for (user, password) in [
        ("id_token", "secret-word"),
        ("session", ""),
        ("access_token", "a.b.c"),
    ] {
        let answer = as_password(&site, user, password).await;
        assert_eq!(answer.status, 401, "{user}");
        assert_eq!(site.node.last_request().credential, Who::Refused, "{user}");
    }
}

#[tokio::test]
async fn a_hundred_requests_with_one_new_token_verify_and_exchange_once() {
    let site = Site::start().await;
    assert_eq!(site.query_as(&site.id_token("bob")).await.status, 200);
    site.provider.rotate_keys_and_drop();
    let fetches = site.provider.fetches("jwks");
    let token = site.id_token("alice");
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::StallBeforeHead);
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let queries = (0..100).map(|_| {
        let body = json!({"statement": "select 1"});
        client.post("/v1/execute").bearer(&token).json(body).send()
    });
    let release = async {
        site.node
            .wait_for(|request| request.endpoint == Endpoint::SsoToken)
            .await;
        site.node.release_stalled();
    };
    let (answers, ()) = tokio::join!(join_all(queries), release);
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(site.node.token_exchanges().sso_token, 2);
    // One by the sidecar and one by the SQL node, which verifies for itself.
    assert_eq!(site.provider.fetches("jwks") - fetches, 2);
    let of_alice =
        |line: &serde_json::Value| line["event"] == "exchange" && line["identity"] == "alice";
    site.log.wait_for("audit", 1, of_alice).await;
}

#[tokio::test]
async fn a_leader_that_leaves_neither_cancels_nor_repeats_the_exchange() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::StallBeforeHead);
    let client = site.client();
    let leader = tokio::spawn(site.query(&client).bearer(&token).send());
    site.node
        .wait_for(|request| request.endpoint == Endpoint::SsoToken)
        .await;
    let followers = (0..5).map(|_| site.query(&client).bearer(&token).send());
    let followers = tokio::spawn(join_all(followers));
    leader.abort();
    // Its access line is written when its connection is gone.
    site.log
        .wait_for("access", 1, |line| line["status"] == 499)
        .await;
    site.node.release_stalled();
    for answer in followers.await.unwrap() {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn known_tokens_touch_neither_provider_nor_token_endpoint() {
    let site = Site::start().await;
    let (id, session) = (site.id_token("alice"), site.session_of("bob", RETAIL).await);
    assert_eq!(site.query_as(&id).await.status, 200);
    let provider = site.provider.requests().len();
    let exchanges = site.node.token_exchanges();
    site.provider.die();
    for _ in 0..20 {
        assert_eq!(site.query_as(&id).await.status, 200);
        assert_eq!(site.query_as(&session).await.status, 200);
    }
    assert_eq!(site.provider.requests().len(), provider);
    assert_eq!(site.node.token_exchanges(), exchanges);
    let hits = |line: &serde_json::Value| line["cache_hit"] == true;
    site.log.wait_for("access", 40, hits).await;
}

#[tokio::test]
async fn a_cached_token_is_refused_from_its_expiry_on() {
    let site = Site::with(|settings| settings.provider("clock_skew", "'0s'")).await;
    let token = site.token(|token| token.expires_in(2));
    let began = Instant::now();
    assert_eq!(site.query_as(&token).await.status, 200);
    let refused = loop {
        let answer = site.query_as(&token).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(4), "it never ended");
    };
    assert_refused(&refused, 401, -1228, "expired");
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn garbage_neither_pushes_out_good_tokens_nor_is_verified_twice() {
    let site = Site::with(|settings| {
        settings.set("cache", "capacity", "4");
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await;
    let good = site.id_token("alice");
    assert_eq!(site.query_as(&good).await.status, 200);
    let connection = site.client().connect(&site.origin()).await.unwrap();
    for number in 0..200 {
        let garbage = site.token(|token| token.claim("n", number).signed_with(SignedWith::Garbled));
        let query = connection
            .get("/v1/info")
            .bearer(&garbage)
            .send()
            .await
            .unwrap();
        assert_refused(&query, 401, -1234, "garbled");
    }
    site.provider.die();
    let answer = site.query_as(&good).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let line =
        |line: &serde_json::Value| line["path"] == "/v1/execute" && line["cache_hit"] == true;
    site.log.wait_for("access", 1, line).await;
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn an_outage_stops_no_start_and_is_not_remembered_as_the_tokens_fault() {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.die();
    let change = |settings: &mut Settings| settings.set("cache", "negative_ttl", "'5m'");
    let site = Site::with_parts(provider, SqlNodeOptions::default(), change).await;
    let token = site.id_token("alice");
    let answer = site.query_as(&token).await;
    assert_refused(&answer, 503, -1220, "while it is down");
    assert_eq!(answer.header("retry-after"), Some("5"));
    let sign_in = site.begin(&site.client(), "").await;
    assert_refused(&sign_in, 503, -1220, "a sign-in");
    assert_refused(&site.exchange(&token).await, 503, -1220, "sso_token");
    let password = site.query(&site.client()).basic("admin@system", "admin");
    assert_eq!(
        password.send().await.unwrap().status,
        200,
        "the rest goes on"
    );
    site.provider.revive();
    let began = Instant::now();
    let answer = loop {
        let answer = site.query_as(&token).await;
        if answer.status == 200 || began.elapsed() > Duration::from_secs(10) {
            break answer;
        }
        assert_refused(&answer, 503, -1220, "until it is asked again");
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_is_no_flood_at_the_provider() {
    let site = Site::patient().await;
    let good = site.id_token("alice");
    assert_eq!(site.query_as(&good).await.status, 200);
    let before = site.provider.fetches("jwks");
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let floods = (0..300).map(|number| {
        let token = site.token(|token| token.header("kid", format!("made-up-{number}")));
        client.get("/v1/info").bearer(&token).send()
    });
    for answer in join_all(floods).await {
        assert_refused(&answer.unwrap(), 401, -1229, "an unknown key");
    }
    assert_eq!(site.provider.fetches("jwks") - before, 1);
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn rotated_keys_are_found() {
    let site = Site::start().await;
    assert_eq!(site.query_as(&site.id_token("alice")).await.status, 200);
    site.provider.rotate_keys_and_drop();
    let new = site.id_token("bob");
    let answer = site.query_as(&new).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let another = site.token(|token| token.claim("n", 2));
    assert_eq!(site.query_as(&another).await.status, 200, "the new key");
}

#[tokio::test]
async fn every_algorithm_of_the_default_list_is_understood() {
    let site = Site::start().await;
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let token = site.token(|token| token.algorithm(algorithm));
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
    }
    let site = Site::with(|settings| settings.provider("algorithms", "['ES256']")).await;
    let token = site.token(|token| token.algorithm("RS256"));
    assert_refused(&site.query_as(&token).await, 401, -1235, "not on this list");
}

#[tokio::test]
async fn tokens_of_other_issuers_are_the_nodes_affair_unless_that_is_switched_off() {
    let stranger = |site: &Site| site.token(|token| token.claim("iss", "https://other.example"));
    let site = Site::start().await;
    let token = stranger(&site);
    assert_eq!(site.query_as(&token).await.status, 401);
    let request = site.node.last_request();
    assert_eq!(
        request.header("authorization"),
        Some(format!("Bearer {token}").as_str())
    );
    let site = Site::with(|settings| {
        for kind in ["basic", "bearer", "anonymous"] {
            settings.set("pass_through", kind, "false");
        }
    })
    .await;
    let token = stranger(&site);
    let query = || site.query(&site.client());
    for (case, request) in [
        ("another issuer's", query().bearer(&token)),
        ("opaque", query().bearer("opaque")),
        (
            "another scheme",
            query().header("authorization", "Negotiate abc"),
        ),
        ("no scheme", query().header("authorization", "")),
        ("password", query().basic("admin@system", "admin")),
        ("nothing", query()),
    ] {
        assert_refused(&request.send().await.unwrap(), 401, -1204, case);
    }
    assert_eq!(site.node.requests().len(), 0);
    assert_eq!(site.query_as(&site.id_token("alice")).await.status, 200);
}

#[tokio::test]
async fn an_unusable_token_of_our_provider_never_reaches_the_sql_node() {
    let site = Site::patient().await;
    let good = site.id_token("alice");
    let unsigned = site.token(|token| token.signed_with(SignedWith::Nobody));
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let issuer = site.provider.issuer();
    let twice = format!(r#"{{"iss":"{issuer}","iss":"{issuer}","sub":"x"}}"#);
    let twice = site.token(|token| token.raw_payload(&twice));
    let huge = site.token(|token| token.claim("filler", "x".repeat(14_000)));
    for (case, token) in [
        ("unsigned", unsigned),
        ("signature cut off", format!("{head}.{claims}.")),
        ("issuer twice", twice),
        ("too long", huge),
        ("a fourth part", format!("{good}.x")),
        (
            "signature not base64",
            format!("{head}.{claims}.{signature}*"),
        ),
        ("head not base64", format!("*.{claims}.{signature}")),
        ("no head", format!(".{claims}.{signature}")),
    ] {
        note(&token);
        let answer = site.query_as(&token).await;
        let found = (answer.status.as_u16(), site.node.requests().len());
        assert_eq!(found, (401, 0), "{case}: {}", answer.text());
        let password = as_password(&site, "id_token", &token).await;
        let found = (password.status.as_u16(), site.node.requests().len());
        assert_eq!(found, (401, 0), "{case} as a password: {}", password.text());
    }
}
