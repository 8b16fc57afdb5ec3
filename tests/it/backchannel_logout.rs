//! Back-channel logout: what a provider's logout ends here.
use crate::site::{Settings, Site, assert_refused, note};
use serde_json::json;
use sidecar_testkit::{
    client::Answer,
    provider::{SignedWith, TokenBuilder},
    sql_node::{Endpoint, Misbehaviour, RETAIL},
};

/// What a good logout token has as its event.
pub(crate) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Site {
    /// A logout token for alice, changed by `change`.
    pub(crate) fn logout_token(&self, change: impl FnOnce(TokenBuilder) -> TokenBuilder) -> String {
        let token = change(self.provider.mint().logout_token()).build();
        note(&token);
        token
    }

    /// As the provider posts it.
    pub(crate) async fn report(&self, logout_token: &str) -> Answer {
        let post = self
            .client()
            .post(&self.url("/v1/backchannel_logout"))
            .form(&[("logout_token", logout_token)]);
        post.send().await.unwrap()
    }

    /// Reports a logout; it must be taken.
    pub(crate) async fn sign_out_at_provider(
        &self,
        change: impl FnOnce(TokenBuilder) -> TokenBuilder,
    ) {
        let answer = self.report(&self.logout_token(change)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.body.is_empty());
    }
}

/// Every logout token that breaks one rule of which the suite has no test.
#[tokio::test]
async fn a_logout_token_that_breaks_a_rule_ends_nothing() {
    let site = Site::patient().await;
    let session = site.session_of("alice", RETAIL).await;
    let id_token = site.id_token("alice");
    type Change = fn(TokenBuilder) -> TokenBuilder;
    let broken: [(&str, Change, i64); 15] = [
        (
            "HS256 with the public key",
            |it| it.signed_with(SignedWith::PublicKeyAsSecret),
            -1235,
        ),
        (
            "bad signature",
            |it| it.signed_with(SignedWith::Garbled),
            -1234,
        ),
        (
            "foreign key",
            |it| it.signed_with(SignedWith::AnotherKey),
            -1234,
        ),
        ("no aud", |it| it.without("aud"), -1233),
        ("no issuer", |it| it.without("iss"), -1235),
        ("event as text", |it| it.claim("events", EVENT), -1231),
        (
            "event without object",
            |it| it.claim("events", json!({EVENT: true})),
            -1231,
        ),
        ("no iat", |it| it.without("iat"), -1231),
        ("stale iat", |it| it.issued_in(-600), -1228),
        ("iat ahead", |it| it.issued_in(600), -1231),
        (
            "no exp, and stale",
            |it| it.without("exp").issued_in(-190),
            -1228,
        ),
        (
            "no exp, iat ahead",
            |it| it.without("exp").issued_in(600),
            -1231,
        ),
        ("exp null", |it| it.claim("exp", json!(null)), -1231),
        ("no jti", |it| it.without("jti"), -1231),
        ("neither sub nor sid", |it| it.without("sub"), -1231),
    ];
    for (case, change, code) in broken {
        let answer = site.report(&site.logout_token(change)).await;
        assert_refused(&answer, 400, code, case);
    }
    for (case, typ) in [("access token", "at+jwt"), ("other type", "secevent+jwt")] {
        let token = site.logout_token(|it| it.header("typ", typ));
        assert_refused(&site.report(&token).await, 400, -1236, case);
    }
    assert_refused(&site.report(&id_token).await, 400, -1231, "an ID token");
    for (case, token) in [("empty", ""), ("no token", "x"), ("session", &*session)] {
        let answer = site.report(token).await;
        assert_eq!(answer.status, 400, "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    }
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_eq!(site.query_as(&id_token).await.status, 200);
}

#[tokio::test]
async fn a_logout_token_may_come_without_a_type_and_is_no_credential() {
    let site = Site::patient().await;
    let typed = site.logout_token(|it| it);
    let untyped = site.logout_token(|it| it.header("typ", json!(null)));
    for token in [&typed, &untyped] {
        assert_refused(&site.query_as(token).await, 401, -1236, "as a bearer");
        assert_refused(&site.exchange(token).await, 401, -1236, "for a session");
        assert_eq!(site.report(token).await.status, 200);
    }
}

#[tokio::test]
async fn a_logout_token_without_exp_counts_for_two_minutes_and_the_skew_and_once() {
    for age in [0, -170] {
        let site = Site::start().await;
        let session = site.session_of("alice", RETAIL).await;
        let token = site.logout_token(|it| it.without("exp").issued_in(age));
        assert_eq!(site.report(&token).await.status, 200, "{age}");
        assert_refused(&site.report(&token).await, 400, -1254, "the second time");
        assert_refused(&site.query_as(&session).await, 401, -1204, "ended");
    }
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let site = Site::start().await;
    let token = site.logout_token(|it| it);
    assert_eq!(site.report(&token).await.status, 200);
    let session = site.session_of_next_second("alice").await;
    assert_refused(&site.report(&token).await, 400, -1254, "the second time");
    assert_eq!(site.query_as(&session).await.status, 200);
}

#[tokio::test]
async fn only_a_form_is_a_logout() {
    let site = Site::start().await;
    let token = site.logout_token(|it| it);
    let url = site.url("/v1/backchannel_logout");
    let json = site
        .client()
        .post(&url)
        .json(json!({"logout_token": token}));
    assert_refused(&json.send().await.unwrap(), 400, -1254, "JSON");
    let twice = [("logout_token", token.as_str()), ("logout_token", &token)];
    let twice = site.client().post(&url).form(&twice);
    assert_refused(&twice.send().await.unwrap(), 400, -1254, "twice");
    let query = format!("{url}?logout_token={token}");
    let query = site.client().post(&query).form(&[("a", "b")]);
    assert_refused(&query.send().await.unwrap(), 400, -1254, "in the query");
    let get = site.client().get(&format!("{url}?logout_token={token}"));
    assert_refused(&get.send().await.unwrap(), 405, -1254, "GET");
}

#[tokio::test]
async fn a_logout_by_session_ends_that_one_and_one_by_person_ends_all_of_hers() {
    let site = Site::start().await;
    let session = async |user: &str, sid: &str| {
        let token = site.token(|it| it.user(user).claim("sid", sid));
        let answer = site.exchange(&token).await;
        let session = answer.json()["access_token"].as_str().unwrap().to_owned();
        note(&session);
        session
    };
    let sessions = [
        session("alice", "s-1").await,
        session("alice", "s-1").await,
        session("alice", "s-2").await,
        session("bob", "s-3").await,
    ];
    let alive = async || {
        let mut alive = Vec::new();
        for session in &sessions {
            alive.push(site.query_as(session).await.status == 200);
        }
        alive
    };
    assert_eq!(alive().await, [true; 4]);
    site.sign_out_at_provider(|it| it.claim("sid", "nobody's").without("sub"))
        .await;
    assert_eq!(alive().await, [true; 4], "a session nobody has");
    site.sign_out_at_provider(|it| it.claim("sid", "s-1")).await;
    assert_eq!(alive().await, [false, false, true, true], "by sid");
    site.sign_out_at_provider(|it| it).await;
    assert_eq!(alive().await, [false, false, false, true], "by sub");
    let revoked = site.provider.fetches("revoke");
    assert_eq!(revoked, 0, "the provider knows what it has ended");
}

#[tokio::test]
async fn a_token_issued_before_the_logout_is_good_for_nothing_afterwards() {
    let site = Site::start().await;
    let sid = |sid: &'static str| move |it: TokenBuilder| it.claim("sid", sid).issued_in(-5);
    let used = site.token(sid("s-1"));
    let unused = site.token(|it| it.claim("sid", "s-1").issued_in(-4));
    let access = site.token(|it| it.access_token().audience("ocient").claim("sid", "s-1"));
    let other = site.token(sid("s-2"));
    let younger = site.token(|it| it.claim("sid", "s-1").issued_in(5));
    for token in [&used, &access, &other] {
        assert_eq!(site.query_as(token).await.status, 200);
    }
    let exchanges = site.node.token_exchanges().sso_token;
    site.sign_out_at_provider(|it| it.claim("sid", "s-1")).await;
    for (case, token) in [("used", &used), ("unused", &unused), ("access", &access)] {
        assert_refused(&site.query_as(token).await, 401, -1228, case);
        assert_refused(&site.query_as(token).await, 401, -1228, case);
    }
    assert_refused(&site.exchange(&used).await, 401, -1228, "for a session");
    assert_eq!(site.query_as(&other).await.status, 200, "another session's");
    assert_eq!(site.query_as(&younger).await.status, 200, "a younger one");
    assert_eq!(site.node.token_exchanges().sso_token, exchanges + 1);
}

#[tokio::test]
async fn logouts_are_remembered_across_a_restart() {
    let mut site = Site::with(embedded).await;
    let token = site.token(|it| it.issued_in(-5));
    let session = site.exchange(&token).await.json()["access_token"].clone();
    let session = session.as_str().unwrap().to_owned();
    let other = site.session_of("bob", RETAIL).await;
    site.stop_sidecar().await;
    site.start_sidecar().await;
    assert_eq!(site.query_as(&session).await.status, 200);
    let logout = site.logout_token(|it| it);
    assert_eq!(site.report(&logout).await.status, 200);
    assert_refused(&site.query_as(&session).await, 401, -1204, "before");
    site.stop_sidecar().await;
    site.start_sidecar().await;
    assert_refused(&site.query_as(&session).await, 401, -1204, "after");
    assert_refused(&site.query_as(&token).await, 401, -1228, "after");
    assert_refused(&site.report(&logout).await, 400, -1254, "jti");
    assert_eq!(site.query_as(&other).await.status, 200);
}

#[tokio::test]
async fn a_logout_while_a_sign_in_is_under_way_leaves_no_session() {
    let site = Site::start().await;
    site.node
        .misbehave(Endpoint::SsoToken, 1, Misbehaviour::StallBeforeHead);
    let token = site.id_token("alice");
    let signing_in = site.exchange(&token);
    let logging_out = async {
        site.node
            .wait_for(|request| request.endpoint == Endpoint::SsoToken)
            .await;
        site.sign_out_at_provider(|it| it).await;
        site.node.release_stalled();
    };
    let (answer, ()) = tokio::join!(signing_in, logging_out);
    assert_refused(&answer, 401, -1228, "signed out meanwhile");
}

#[tokio::test]
async fn a_provider_entry_that_is_used_anew_inherits_no_session() {
    let mut site = Site::with(embedded).await;
    let session = site.session_of("alice", RETAIL).await;
    site.stop_sidecar().await;
    let issuer = format!("'{}x'", site.provider.issuer());
    site.settings.provider("issuer", &issuer);
    site.start_sidecar().await;
    assert_refused(&site.query_as(&session).await, 401, -1204, "another issuer");
}

#[tokio::test]
async fn another_application_under_the_same_name_inherits_no_session_and_no_refresh_token() {
    let mut site = Site::with(embedded).await;
    let client = site.signed_in_as("alice").await;
    let session = site.session_cookie(&client);
    assert_eq!(site.query_as(&session).await.status, 200);
    site.stop_sidecar().await;
    let asked = site.provider.fetches("token");
    site.settings.provider("client_id", "'other'");
    site.start_sidecar().await;
    for path in ["/v1/execute", "/v1/token_refresh", "/v1/logout"] {
        let answer = site.post_as(&session, path).send().await.unwrap();
        assert_refused(&answer, 401, -1204, path);
    }
    let shown = ["token", "revoke"].map(|endpoint| site.provider.fetches(endpoint));
    assert_eq!(shown, [asked, 0]);
}

fn embedded(settings: &mut Settings) {
    settings.set("sessions", "store", "'embedded'");
}

impl Site {
    /// A session for an ID token that is younger than any logout so far.
    pub(crate) async fn session_of_next_second(&self, user: &str) -> String {
        let token = self.token(|it| it.user(user).issued_in(1));
        let answer = self.exchange(&token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let session = answer.json()["access_token"].as_str().unwrap().to_owned();
        note(&session);
        session
    }
}
