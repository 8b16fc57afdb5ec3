//! Secrets stay where they belong: in no log, and in no answer but the two that hand them out.
use crate::site::{Log, SESSION_COOKIE, Site, flush_diagnostics, note, parameter, with_parameter};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    provider::{Endpoint as At, Lie, SignedWith},
    sql_node::{CannedAnswer, Endpoint, Misbehaviour, RETAIL, Who},
};
use std::collections::BTreeSet;

/// What the story used, so far as neither provider nor SQL node saw it.
#[derive(Default)]
struct Used(BTreeSet<String>);

impl Used {
    fn add(&mut self, secret: &str) {
        note(secret);
        self.0.insert(secret.to_owned());
    }
}

/// Everything that can be done with the sidecar, well and badly; the answers that it gave.
async fn story(site: &Site, used: &mut Used) -> Vec<Answer> {
    let mut answers = sign_ins(site, used).await;
    answers.extend(queries(site, used).await);
    answers.extend(troubles(site, used).await);
    answers
}

async fn sign_ins(site: &Site, used: &mut Used) -> Vec<Answer> {
    let mut answers = Vec::new();
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    for cookie in client.cookies().all() {
        used.add(&cookie.value);
    }
    for name in ["state", "code"] {
        used.add(&parameter(back.as_str(), name).unwrap());
    }
    let elsewhere = site.client().get(back.as_str()).send().await.unwrap();
    answers.push(elsewhere);
    answers.push(
        client
            .get(back.as_str())
            .accept("text/html")
            .send()
            .await
            .unwrap(),
    );
    answers.push(client.get(back.as_str()).send().await.unwrap());
    used.add(&site.session_cookie(&client));
    for lie in [
        Lie::TokenError(400, "invalid_grant"),
        Lie::NotJson(At::Token),
        Lie::ServerError(At::Token),
        Lie::BrokenOff(At::Token),
        Lie::NoIdToken,
        Lie::MacTokenType,
        Lie::BadSignature,
        Lie::WrongNonce,
        Lie::WrongCallbackIssuer,
        Lie::AuthorizationError("server_error"),
    ] {
        site.provider.lie(lie);
        let back = site.nearly_signed_in(&site.client()).await;
        used.add(&parameter(back.as_str(), "state").unwrap());
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        answers.push(client.get(back.as_str()).send().await.unwrap());
        let twice = with_parameter(&back, "code", Some("c-0123456789"));
        answers.push(client.get(twice.as_str()).send().await.unwrap());
        site.provider.be_honest();
    }
    answers
}

async fn queries(site: &Site, used: &mut Used) -> Vec<Answer> {
    let mut answers = Vec::new();
    let sql = "select 'sql-text-of-the-story' as x";
    used.add("sql-text-of-the-story");
    let session = site.session_of("alice", RETAIL).await;
    let (id, access) = (site.id_token("bob"), site.access_token("carol"));
    let garbled = site.token(|token| token.signed_with(SignedWith::Garbled));
    let stranger = site.token(|token| token.claim("iss", "https://stranger.example"));
    for token in [&session, &id, &access, &garbled, &stranger] {
        used.add(token);
        let client = site.client();
        answers.push(
            site.statement(&client, sql)
                .bearer(token)
                .send()
                .await
                .unwrap(),
        );
        answers.push(
            site.statement(&client, sql)
                .basic("id_token", token)
                .send()
                .await
                .unwrap(),
        );
        answers.push(site.exchange(token).await);
        let cookie = format!("{SESSION_COOKIE}={token}");
        let query = site.statement(&client, sql).header("cookie", cookie);
        answers.push(
            query
                .header("sec-fetch-site", "same-origin")
                .send()
                .await
                .unwrap(),
        );
        for malformed in [
            format!("{{\"database\":\"{token}\",\"id_token\":[\"{token}\"]}}"),
            format!("{{\"{token}\":1,\"id_token\":\"{token}"),
            token.clone(),
        ] {
            let request = client.post(&site.url("/v1/sso_token")).body(malformed);
            let request = request.header("content-type", "application/json");
            answers.push(request.send().await.unwrap());
        }
        for path in [
            "/v1/info",
            "/v1/callback",
            "/v1/sso_authentication",
            "/v1/execute",
        ] {
            let url = format!(
                "{path}?state={token}&access_token={token}&return_to={token}&provider={token}"
            );
            answers.push(client.get(&site.url(&url)).send().await.unwrap());
        }
        let doubled = site.query(&client).bearer(token).bearer(token);
        answers.push(doubled.send().await.unwrap());
    }
    for (user, password) in [
        ("admin@system", "admin"),
        ("admin@system", "wrong-password-9"),
    ] {
        used.add(password);
        used.add(&BASE64_STANDARD.encode(format!("{user}:{password}")));
        let client = site.client();
        answers.push(
            site.statement(&client, sql)
                .basic(user, password)
                .send()
                .await
                .unwrap(),
        );
    }
    answers
}

async fn troubles(site: &Site, used: &mut Used) -> Vec<Answer> {
    let mut answers = Vec::new();
    let session = site.session_of("alice", RETAIL).await;
    used.add(&session);
    let echo =
        r#"{"id_token":5,"access_token":"oct_echoed-by-a-test","status":"oct_echoed-by-a-test"}"#;
    used.add("oct_echoed-by-a-test");
    for what in [
        Misbehaviour::CloseBeforeHead,
        Misbehaviour::Answer(CannedAnswer::status(StatusCode::OK).body(echo)),
        Misbehaviour::Answer(CannedAnswer::failure(
            StatusCode::UNAUTHORIZED,
            -1231,
            "42502",
        )),
        Misbehaviour::Answer(CannedAnswer::status(StatusCode::BAD_GATEWAY).body(echo)),
    ] {
        for endpoint in [Endpoint::SsoToken, Endpoint::Execute] {
            if endpoint == Endpoint::Execute && matches!(what, Misbehaviour::Answer(_)) {
                continue; // what the node says to a query is the client's to read
            }
            site.node.misbehave(endpoint, 2, what.clone());
            let number = answers.len(); // or it would be a token that the node has exchanged
            let token = site.token(|token| token.user("bob").claim("n", number));
            answers.push(site.query_as(&token).await);
            answers.push(site.query_as(&session).await);
            site.node.behave();
        }
    }
    site.node.forget_tokens();
    answers.push(site.query_as(&session).await);
    site.provider.die();
    let unknown = site.token(|token| token.header("kid", "of-a-provider-that-is-down"));
    answers.push(site.query_as(&unknown).await);
    answers.push(site.begin(&site.client(), "").await);
    answers.push(site.post_as(&session, "/v1/logout").send().await.unwrap());
    answers.push(site.query_as(&session).await);
    answers
}

#[tokio::test]
async fn nothing_that_was_secret_in_a_whole_story_is_in_any_log_or_foreign_answer() {
    let mut site = Site::patient().await;
    let mut used = Used::default();
    let answers = story(&site, &mut used).await;
    let statuses: BTreeSet<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    for status in [200, 302, 400, 401, 403, 502, 503] {
        assert!(
            statuses.contains(&status),
            "the story is too short: {statuses:?}"
        );
    }
    let shown = |who: fn(String) -> Who, name: &str| {
        let who = who(name.to_owned());
        site.node
            .requests()
            .iter()
            .any(|request| request.credential == who)
    };
    assert!(shown(Who::Token, "alice") && shown(Who::Basic, "admin"));
    let mut secrets = site.secrets();
    secrets.extend(used.0);
    secrets.retain(|secret| secret.len() >= 8);
    secrets.extend(["ocient-secret".to_owned()]);
    assert!(secrets.len() > 80, "{}", secrets.len());
    site.stop_sidecar().await;
    flush_diagnostics();
    let (own, all) = (site.log.text(), Log::everything());
    assert!(
        own.lines().count() > 100 && all.contains("sign-in failed"),
        "there are logs"
    );
    for secret in &secrets {
        assert!(!own.contains(secret), "{secret} is in the log");
        assert!(!all.contains(secret), "{secret} is in the diagnostics");
    }
    for answer in &answers {
        assert_no_secret(answer, &secrets);
    }
}

/// Session tokens go to whom they belong, in the answer of `sso_token` and in the session
/// cookie alone; an ID token goes to the provider's logout. No other answer of ours repeats what
/// it was sent.
fn assert_no_secret(answer: &Answer, secrets: &BTreeSet<String>) {
    let path = answer.url.split('?').next().unwrap();
    let hands_out = ["/v1/sso_token", "/v1/logout"]
        .iter()
        .any(|own| path.ends_with(own));
    let is_ours = answer.headers.contains_key("x-content-type-options");
    if (hands_out && answer.status == 200) || !is_ours {
        return;
    }
    let text = String::from_utf8_lossy(&answer.body);
    for secret in secrets {
        assert!(
            !text.contains(secret),
            "{secret} is in the answer of {path}: {text}"
        );
    }
}

#[test]
fn a_search_for_secrets_would_find_one() {
    let secrets = BTreeSet::from(["s3cret-text".to_owned()]);
    let found = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    assert!(found(&json!({"reason": "x s3cret-text y"}).to_string()));
}
