//! Provider refresh tokens: one refresh for all, rotation followed, and what ends a session.
use crate::site::{Settings, Site, assert_refused, authority, note};
use sidecar_testkit::{
    client::Answer,
    provider::{Lie, Provider, ProviderOptions, User},
    sql_node::SqlNodeOptions,
};
use std::time::Duration;

/// A site whose provider's ID tokens are to be renewed as soon as they are there. (They count for
/// a clock skew of a minute still.)
pub(crate) async fn short_lived(change: impl FnOnce(&mut Settings)) -> Site {
    let provider = Provider::start(ProviderOptions {
        id_token_life: Duration::ZERO,
        ..ProviderOptions::new(&authority())
    });
    Site::with_parts(provider, SqlNodeOptions::default(), change).await
}

impl Site {
    /// A session of alice from a browser's sign-in, which brings a refresh token.
    pub(crate) async fn refreshable(&self) -> String {
        let client = self.signed_in_as("alice").await;
        self.session_cookie(&client)
    }

    pub(crate) async fn refresh(&self, session: &str) -> Answer {
        let post = self.post_as(session, "/v1/token_refresh");
        post.send().await.unwrap()
    }

    /// Waits until the session counts for nothing.
    async fn ended(&self, session: &str) {
        while self.query_as(session).await.status == 200 {
            tokio::task::yield_now().await;
        }
    }

    /// The refresh token of the last request to the provider that had one.
    pub(crate) fn used_refresh_token(&self) -> String {
        let request = self.provider.last_request("token").unwrap();
        let token = request.parameter("refresh_token").unwrap().to_owned();
        note(&token);
        token
    }

    /// Signs the session out; the refresh token that the provider is told to revoke.
    pub(crate) async fn revoked_refresh_token(&self, session: &str) -> String {
        let answer = self.post_as(session, "/v1/logout").send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.provider.reached("revoke", 1).await;
        let request = self.provider.last_request("revoke").unwrap();
        request.parameter("token").unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_slow_provider_delays_nobody_whose_ocient_token_is_good() {
    let site = short_lived(|_| {}).await;
    let session = site.refreshable().await;
    let asked = site.provider.fetches("token");
    site.provider.hold("token");
    for _ in 0..3 {
        assert_eq!(site.query_as(&session).await.status, 200);
    }
    site.provider.reached("token", asked + 1).await;
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_eq!(site.provider.fetches("token"), asked + 1);
    site.provider.release("token");
    assert_eq!(site.refresh(&session).await.status, 200);
    assert_eq!(site.provider.fetches("token"), asked + 1);
}

#[tokio::test]
async fn invalid_grant_ends_the_session() {
    let site = Site::start().await;
    let session = site.refreshable().await;
    let other = site.refreshable().await;
    assert_eq!(site.refresh(&other).await.status, 200);
    site.provider.revoke_all();
    assert_refused(&site.refresh(&session).await, 401, -733, "removed");
    assert_refused(&site.query_as(&session).await, 401, -1204, "after it");
    assert_eq!(site.query_as(&other).await.status, 200);
    let ended = |line: &serde_json::Value| line["event"] == "logout";
    let lines = site.log.wait_for("audit", 1, ended).await;
    assert_eq!(lines[0]["identity"], "alice");
    assert_eq!(
        lines[0]["reason"],
        "the provider does not accept the code or token"
    );
}

#[tokio::test]
async fn who_is_removed_at_the_provider_is_out_soon_also_where_an_account_signs_in() {
    let site = short_lived(|settings| {
        settings.login_mode();
        settings.grant("account = 'analyst'");
    });
    let site = site.await;
    let session = site.refreshable().await;
    site.provider.revoke_all();
    site.ended(&session).await;
    assert_refused(&site.query_as(&session).await, 401, -1204, "removed");
}

#[tokio::test]
async fn a_renewal_where_an_account_signs_in_delays_nobody_and_brings_the_present_groups() {
    let site = short_lived(|settings| {
        settings.login_mode();
        settings.grant("groups = ['analysts']\naccount = 'analyst'");
    });
    let site = site.await;
    let session = site.refreshable().await;
    let asked = site.provider.fetches("token");
    site.provider.add_user(User::new("alice", &["leavers"]));
    site.provider.hold("token");
    assert_eq!(site.query_as(&session).await.status, 200);
    site.provider.reached("token", asked + 1).await;
    assert_eq!(site.query_as(&session).await.status, 200);
    site.provider.release("token");
    site.ended(&session).await;
    assert_refused(&site.query_as(&session).await, 403, -719, "left");
    assert_eq!(site.provider.fetches("token"), asked + 1, "once for all");
}

#[tokio::test]
async fn a_provider_in_trouble_ends_no_session() {
    for (case, lie, status, code) in [
        ("500", Lie::ServerError("token".into()), 502, -1222),
        (
            "overloaded",
            Lie::TokenError(503, "temporarily_unavailable"),
            503,
            -1256,
        ),
        (
            "not our client",
            Lie::TokenError(401, "invalid_client"),
            502,
            -1250,
        ),
        ("not JSON", Lie::NotJson("token".into()), 502, -1222),
        ("another type", Lie::MacTokenType, 502, -1222),
        ("an unknown key", Lie::UnknownKeyId, 502, -1222),
    ] {
        let site = Site::start().await;
        let session = site.refreshable().await;
        site.provider.lie(lie);
        assert_refused(&site.refresh(&session).await, status, code, case);
        let asked = site.provider.fetches("token");
        assert_refused(&site.refresh(&session).await, status, code, case);
        assert_eq!(site.provider.fetches("token"), asked, "{case}: a pause");
        assert_eq!(site.query_as(&session).await.status, 200, "{case}");
    }
    let site = Site::start().await;
    let session = site.refreshable().await;
    site.provider.die();
    assert_refused(&site.refresh(&session).await, 503, -1220, "down");
    assert_eq!(site.query_as(&session).await.status, 200, "down");
}

#[tokio::test]
async fn a_refreshed_token_that_is_not_the_sign_ins_ends_the_session() {
    for lie in [
        Lie::RefreshedAnotherSubject,
        Lie::RefreshedAnotherIssuer,
        Lie::WrongNonce,
        Lie::WrongAudience,
        Lie::ForeignAuthorizedParty,
        Lie::BadSignature,
        Lie::AlgorithmNone,
        Lie::BadAtHash,
        Lie::Expired,
    ] {
        let site = Site::start().await;
        let session = site.refreshable().await;
        site.provider.lie(lie.clone());
        let case = format!("{lie:?}");
        assert_refused(&site.refresh(&session).await, 401, -733, &case);
        assert_refused(&site.query_as(&session).await, 401, -1204, &case);
    }
}

#[tokio::test]
async fn a_refresh_may_bring_neither_id_token_nor_nonce_nor_refresh_token() {
    for lie in [
        Lie::RefreshWithoutIdToken,
        Lie::RefreshWithoutRotation,
        Lie::NoRefreshToken,
        Lie::MissingNonce,
        Lie::LowerCaseBearer,
        Lie::FloatDates,
    ] {
        let site = Site::start().await;
        let session = site.refreshable().await;
        site.provider.lie(lie.clone());
        let answer = site.refresh(&session).await;
        assert_eq!(answer.status, 200, "{lie:?}: {}", answer.text());
        assert_eq!(site.query_as(&session).await.status, 200, "{lie:?}");
    }
}

#[tokio::test]
async fn without_a_new_refresh_token_the_old_one_stays() {
    let site = Site::start().await;
    let session = site.refreshable().await;
    site.provider.lie(Lie::RefreshWithoutRotation);
    assert_eq!(site.refresh(&session).await.status, 200);
    let used = site.used_refresh_token();
    assert_eq!(site.revoked_refresh_token(&session).await, used);
}

#[tokio::test]
async fn new_groups_and_names_count_from_the_refresh_on() {
    let site = Site::with(|settings| settings.grant("groups = ['analysts']")).await;
    let session = site.refreshable().await;
    assert_eq!(site.query_as(&session).await.status, 200);
    site.provider.add_user(User::new("alice", &["leavers"]));
    assert_refused(&site.refresh(&session).await, 403, -719, "removed");
    assert_refused(&site.query_as(&session).await, 403, -719, "removed");
}

#[tokio::test]
async fn a_new_refresh_token_survives_a_restart() {
    let embedded = |settings: &mut Settings| settings.set("sessions", "store", "'embedded'");
    let mut site = Site::with(embedded).await;
    let session = site.refreshable().await;
    assert_eq!(site.refresh(&session).await.status, 200);
    let used = site.used_refresh_token();
    site.stop_sidecar().await;
    site.start_sidecar().await;
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_ne!(site.revoked_refresh_token(&session).await, used);
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_refreshed_stays_ended() {
    let site = Site::start().await;
    let session = site.refreshable().await;
    let asked = site.provider.fetches("token");
    site.provider.hold("token");
    let signing_out = async {
        site.provider.reached("token", asked + 1).await;
        let answer = site.post_as(&session, "/v1/logout").send().await.unwrap();
        assert_eq!(answer.status, 200);
        site.provider.reached("revoke", 1).await;
        site.provider.release("token");
    };
    let (refreshed, ()) = tokio::join!(site.refresh(&session), signing_out);
    assert_eq!(refreshed.status, 401, "{}", refreshed.text());
    assert_refused(&site.query_as(&session).await, 401, -1204, "after it");
}
