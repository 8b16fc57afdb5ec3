//! Whom exactly a provider's logout ends: one person of a shared session, and opaque tokens.
use crate::site::{Settings, Site, assert_refused, authority, note};
use serde_json::Value;
use sidecar_testkit::{
    provider::{Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};

#[tokio::test]
async fn a_logout_by_session_and_person_ends_no_session_of_somebody_else() {
    let site = Site::start().await;
    let token = |user: &str| site.token(|it| it.user(user).claim("sid", "s-1").issued_in(-5));
    let tokens = [token("alice"), token("bob")];
    let mut sessions = Vec::new();
    for token in &tokens {
        let answer = site.exchange(token).await;
        let session = answer.json()["access_token"].as_str().unwrap().to_owned();
        note(&session);
        sessions.push(session);
    }
    site.sign_out_at_provider(|it| it.claim("sid", "s-1")).await;
    let after = "alice's logout";
    assert_refused(&site.query_as(&sessions[0]).await, 401, -1204, after);
    assert_refused(&site.query_as(&tokens[0]).await, 401, -1228, after);
    assert_eq!(site.query_as(&sessions[1]).await.status, 200);
    assert_eq!(site.query_as(&tokens[1]).await.status, 200);
    site.sign_out_at_provider(|it| it.claim("sid", "s-1").without("sub"))
        .await;
    let after = "everybody's logout";
    assert_refused(&site.query_as(&sessions[1]).await, 401, -1204, after);
    assert_refused(&site.query_as(&tokens[1]).await, 401, -1228, after);
}

/// A provider of opaque tokens, whose word an account's sign-in follows.
async fn opaque() -> (Site, String) {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    let change = |settings: &mut Settings| {
        settings.provider("introspection", "true");
        settings.login_mode();
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.grant("account = 'analyst'");
    };
    let site = Site::with_parts(provider, SqlNodeOptions::default(), change).await;
    let token = site.provider.access_token("ocient", "alice");
    note(&token);
    (site, token)
}

#[tokio::test]
async fn an_opaque_token_of_before_the_logout_is_over_at_once() {
    let (site, token) = opaque().await;
    assert_eq!(site.query_as(&token).await.status, 200);
    site.sign_out_at_provider(|it| it.issued_in(1)).await;
    for _ in 0..2 {
        assert_refused(&site.query_as(&token).await, 401, -1228, "signed out");
    }
    assert_eq!(
        site.provider.fetches("introspect"),
        2,
        "once more, then known"
    );
}

#[tokio::test]
async fn an_opaque_token_without_a_date_is_asked_about_anew_after_the_logout() {
    let (site, token) = opaque().await;
    site.provider
        .lie(Lie::IntrospectedMember("iat", Value::Null));
    let session = async || {
        let body = serde_json::json!({"database": "retail_analytics", "access_token": token});
        let answer = site.sso_token(body).await;
        let session = answer.json()["access_token"].as_str().unwrap().to_owned();
        note(&session);
        session
    };
    let before = session().await;
    assert_eq!(site.query_as(&token).await.status, 200);
    assert_eq!(site.provider.fetches("introspect"), 1);
    site.sign_out_at_provider(|it| it).await;
    assert_refused(&site.query_as(&before).await, 401, -1204, "signed out");
    // The provider goes on to say that it is active.
    assert_eq!(site.query_as(&token).await.status, 200);
    assert_eq!(site.provider.fetches("introspect"), 2);
    assert_eq!(site.query_as(&session().await).await.status, 200);
    site.provider.revoke_all();
    site.sign_out_at_provider(|it| it).await;
    assert_ne!(site.query_as(&token).await.status, 200, "asked anew again");
    assert_eq!(site.provider.fetches("introspect"), 3);
}
