//! Sessions: logout, refresh, restart, expiry.
use crate::site::{SESSION_COOKIE, Settings, Site, assert_refused, note};
use serde_json::json;
use sidecar_testkit::sql_node::{Endpoint, RETAIL, Who};
use std::time::{Duration, Instant};

#[tokio::test]
async fn after_logout_the_old_cookie_and_token_are_good_for_nothing() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let token = site.session_cookie(&client);
    site.provider.hold("revoke");
    let logout = client
        .post(&site.url("/v1/logout"))
        .header("sec-fetch-site", "same-origin");
    let answer = logout.send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["status"]["vendor_code"], 0);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cleared = format!("{SESSION_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(cleared.as_str()));
    let elsewhere = answer.json()["redirect_url"].as_str().unwrap().to_owned();
    assert!(
        elsewhere.starts_with(&site.provider.url("end_session")),
        "{elsewhere}"
    );
    assert!(client.cookies().find(SESSION_COOKIE).is_none());
    site.node.clear_requests();
    for path in ["/v1/execute", "/v1/info", "/v1/token_refresh", "/v1/logout"] {
        let as_token = site
            .post_as(&token, path)
            .json(json!({"statement": "select 1"}));
        assert_refused(&as_token.send().await.unwrap(), 401, -1204, path);
        let cookie = format!("{SESSION_COOKIE}={token}");
        let as_cookie = site
            .client()
            .post(&site.url(path))
            .header("cookie", &cookie);
        let as_cookie = as_cookie
            .header("sec-fetch-site", "same-origin")
            .send()
            .await
            .unwrap();
        assert_refused(&as_cookie, 401, -1204, path);
        assert_eq!(
            as_cookie.header("www-authenticate"),
            Some("Bearer"),
            "{path}"
        );
        let as_password = site.client().post(&site.url(path)).basic("session", &token);
        assert_refused(&as_password.send().await.unwrap(), 401, -1204, path);
    }
    assert_eq!(site.node.requests().len(), 0);
    site.provider.reached("revoke", 1).await;
    let revoked = site.provider.last_request("revoke").unwrap();
    let refresh_token = revoked.parameter("token").unwrap();
    assert!(site.provider.is_refresh_token_good(refresh_token));
    site.provider.release("revoke");
    while site.provider.is_refresh_token_good(refresh_token) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_logout_ends_one_session_and_no_other() {
    let site = Site::start().await;
    let sessions = [
        site.session_of("alice", RETAIL).await,
        site.session_of("alice", RETAIL).await,
    ];
    let answer = site
        .post_as(&sessions[0], "/v1/logout")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        !answer.headers.contains_key("set-cookie"),
        "it was no cookie's"
    );
    assert_eq!(site.query_as(&sessions[0]).await.status, 401);
    assert_eq!(site.query_as(&sessions[1]).await.status, 200);
}

#[tokio::test]
async fn a_logout_while_the_provider_is_down_ends_the_session_all_the_same() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let token = site.session_cookie(&client);
    site.provider.die();
    let answer = site.post_as(&token, "/v1/logout").send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_refused(&site.query_as(&token).await, 401, -1204, "after it");
}

#[tokio::test]
async fn token_refresh_extends_a_session_under_the_same_token() {
    let site = Site::start().await;
    let client = site.signed_in_as("alice").await;
    let token = site.session_cookie(&client);
    let as_token = site
        .post_as(&token, "/v1/token_refresh")
        .send()
        .await
        .unwrap();
    let as_cookie = client.post(&site.url("/v1/token_refresh"));
    let as_cookie = as_cookie
        .header("origin", site.origin())
        .send()
        .await
        .unwrap();
    for answer in [as_token, as_cookie] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let members = body.as_object().unwrap().keys();
        let mut members: Vec<&str> = members.map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            [
                "access_token",
                "database",
                "expires_in",
                "status",
                "username"
            ]
        );
        assert_eq!(body["access_token"], token.as_str());
        assert_eq!(body["username"], "alice");
        assert_eq!(body["database"], RETAIL);
        assert!(body["expires_in"].as_u64().unwrap() > 28_700);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(
        site.node.token_exchanges().token_refresh,
        0,
        "the node is not asked"
    );
    let get = site
        .client()
        .get(&site.url("/v1/token_refresh"))
        .bearer(&token);
    let get = get.send().await.unwrap();
    assert_refused(&get, 405, -1254, "GET");
    assert_eq!(get.header("allow"), Some("POST"));
}

#[tokio::test]
async fn logout_and_refresh_of_the_nodes_own_credentials_are_the_nodes_affair() {
    let site = Site::start().await;
    let login = json!({"username": "admin@system", "password": "admin"});
    let login = site
        .client()
        .post(&site.url("/v1/login"))
        .json(login)
        .send()
        .await
        .unwrap();
    assert_eq!(login.status, 200, "{}", login.text());
    let ocient = login.json()["access_token"].as_str().unwrap().to_owned();
    note(&ocient);
    for (path, endpoint) in [
        ("/v1/logout", Endpoint::Logout),
        ("/v1/token_refresh", Endpoint::TokenRefresh),
    ] {
        let post = || site.client().fresh_jar().post(&site.url(path));
        for (request, who) in [
            (
                post().basic("admin@system", "admin"),
                Who::Basic("admin".to_owned()),
            ),
            (post().bearer(&ocient), Who::Token("admin".to_owned())),
            (post(), Who::Anonymous),
        ] {
            site.node.clear_requests();
            let answer = request.send().await.unwrap();
            let arrived = site.node.last_request();
            assert_eq!(
                (arrived.endpoint, &arrived.credential),
                (endpoint, &who),
                "{path}"
            );
            assert_eq!(Some(answer.status), arrived.answered, "{path} {who:?}");
        }
    }
}

#[tokio::test]
async fn a_provider_token_is_not_renewed_into_an_ocient_token() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    for path in [
        "/v1/token_refresh",
        "/v1/token-refresh",
        "/v1/token_refresh/",
        "//v1/token_refresh",
    ] {
        let answer = site.post_as(&token, path).send().await.unwrap();
        assert_refused(&answer, 400, -1254, path);
        let password = site
            .client()
            .post(&site.url(path))
            .basic("id_token", &token);
        assert_refused(&password.send().await.unwrap(), 400, -1254, path);
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn guessed_and_misspelled_session_tokens_are_refused_and_never_forwarded() {
    let site = Site::patient().await;
    let good = site.session_of("alice", RETAIL).await;
    site.node.clear_requests();
    let guess = format!("ocs_{}", "A".repeat(43));
    for token in [
        guess,
        "ocs_".to_owned(),
        "ocs_x".to_owned(),
        good[..46].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        format!("{good} x"),
        good.replace("ocs_", "ocs_ "),
    ] {
        assert_refused(&site.query_as(&token).await, 401, -1204, &token);
        let cookie = format!("{SESSION_COOKIE}={token}");
        let query = site.query(&site.client()).header("cookie", cookie);
        let query = query.header("sec-fetch-site", "same-origin");
        assert_refused(&query.send().await.unwrap(), 401, -1204, &token);
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn embedded_sessions_survive_a_restart_with_their_ocient_token() {
    let mut site = Site::with(embedded).await;
    let session = site.session_of("alice", RETAIL).await;
    let ended = site.session_of("bob", RETAIL).await;
    assert_eq!(
        site.post_as(&ended, "/v1/logout")
            .send()
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(site.query_as(&session).await.status, 200);
    let exchanges = site.node.token_exchanges();
    site.stop_sidecar().await;
    let file = std::fs::read(site.folder.path().join("state/sessions.redb")).unwrap();
    let text = String::from_utf8_lossy(&file);
    for secret in ["ocs_", "oct_", "eyJ", "alice"] {
        assert!(
            !text.contains(secret),
            "{secret} is in the clear in the session file"
        );
    }
    site.start_sidecar().await;
    // Not even the provider is needed.
    site.provider.die();
    let answer = site.query_as(&session).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        site.node.last_request().credential,
        Who::Token("alice".to_owned())
    );
    assert_eq!(site.node.token_exchanges(), exchanges, "no new exchange");
    assert_refused(
        &site.query_as(&ended).await,
        401,
        -1204,
        "a logout survives, too",
    );
}

#[tokio::test]
async fn a_state_used_before_a_restart_is_still_used() {
    let mut site = Site::with(embedded).await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let cookies: Vec<String> = client
        .cookies()
        .all()
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    assert_eq!(client.get(back.as_str()).send().await.unwrap().status, 200);
    site.stop_sidecar().await;
    site.start_sidecar().await;
    let mut back = back;
    let port = url::Url::parse(&site.origin()).unwrap().port();
    back.set_port(port).unwrap();
    let replayed = site
        .client()
        .get(back.as_str())
        .header("cookie", cookies.join("; "));
    assert_refused(&replayed.send().await.unwrap(), 400, -1203, "replayed");
    assert_eq!(site.provider.fetches("token"), 1);
}

#[tokio::test]
async fn sessions_in_memory_end_with_the_sidecar() {
    let mut site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    site.stop_sidecar().await;
    site.start_sidecar().await;
    assert_refused(
        &site.query_as(&session).await,
        401,
        -1204,
        "after a restart",
    );
}

#[tokio::test]
async fn an_idle_session_ends_while_a_used_one_lives_on() {
    for store in ["'memory'", "'embedded'"] {
        let site = Site::with(|settings| {
            settings.set("sessions", "store", store);
            settings.set("sessions", "idle", "'2s'");
            settings.set("sessions", "local_ttl", "'100ms'");
        })
        .await;
        let idle = site.session_of("alice", RETAIL).await;
        let used = site.session_of("bob", RETAIL).await;
        assert_eq!(site.query_as(&idle).await.status, 200, "{store}");
        let began = Instant::now();
        while began.elapsed() <= Duration::from_millis(2100) {
            assert_eq!(site.query_as(&used).await.status, 200, "{store}");
        }
        assert_refused(&site.query_as(&idle).await, 401, -733, store);
        assert_refused(&site.query_as(&idle).await, 401, -733, store);
        assert_eq!(site.query_as(&used).await.status, 200, "{store}");
    }
}

#[tokio::test]
async fn no_use_keeps_a_session_beyond_its_lifetime_unless_it_is_refreshed() {
    let site = Site::with(|settings| {
        settings.set("sessions", "lifetime", "'4s'");
    })
    .await;
    let began = Instant::now();
    let left = site.session_of("alice", RETAIL).await;
    let extended = site.session_of("bob", RETAIL).await;
    let mut is_extended = false;
    while began.elapsed() <= Duration::from_millis(4300) {
        let answer = site.query_as(&left).await;
        match began.elapsed() < Duration::from_secs(4) {
            true => assert_eq!(answer.status, 200, "{}", answer.text()),
            false => assert!(matches!(answer.status.as_u16(), 200 | 401)),
        }
        if began.elapsed() > Duration::from_secs(2) && !is_extended {
            let answer = site
                .post_as(&extended, "/v1/token_refresh")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            is_extended = true;
        }
    }
    assert_refused(&site.query_as(&left).await, 401, -733, "over");
    let refresh = site
        .post_as(&left, "/v1/token_refresh")
        .send()
        .await
        .unwrap();
    assert_refused(&refresh, 401, -733, "and not to be brought back");
    assert_eq!(site.query_as(&extended).await.status, 200);
}

fn embedded(settings: &mut Settings) {
    settings.set("sessions", "store", "'embedded'");
}
