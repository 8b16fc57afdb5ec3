//! Userinfo: asked once for what a good token lacks, believed in nothing else, and never by
//! anybody's wish alone.
use crate::{
    rp::{assert_no_sign_in, assert_signs_in},
    site::{Settings, Site, assert_refused, authority, device_site, note},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::Answer,
    provider::{Endpoint, Lie, Provider, ProviderOptions, TokenBuilder, User},
    sql_node::{RETAIL, SqlNodeOptions},
};
use std::time::Duration;

/// A site with an account for analysts, whose provider's userinfo is asked for their groups.
fn for_analysts(settings: &mut Settings) {
    settings.provider("userinfo", "true");
    settings.login_mode();
    settings.set("sso", "default_database", "'retail_analytics'");
    settings.grant("groups = ['analysts']\naccount = 'analyst'");
}

pub(crate) async fn asking(change: impl FnOnce(&mut Settings)) -> Site {
    Site::with(|settings| {
        for_analysts(settings);
        change(settings);
    })
    .await
}

/// The same; tokens lack groups, and userinfo has them.
pub(crate) async fn groupless(change: impl FnOnce(&mut Settings)) -> Site {
    let site = asking(change).await;
    site.provider.lie(Lie::TokensLack("groups"));
    site
}

/// An access token that userinfo takes.
fn access_token(site: &Site, user: &str) -> String {
    let token = site.provider.access_token("ocient", user);
    note(&token);
    token
}

/// Whose opaque tokens lack the groups, as far as introspection says.
async fn groupless_opaque(change: impl FnOnce(&mut Settings)) -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        for_analysts(settings);
        settings.provider("introspection", "true");
        change(settings);
    })
    .await;
    let lie = Lie::IntrospectedMember("groups", Value::Null);
    site.provider.lie(lie);
    site
}

async fn sso_token(site: &Site, token: &str) -> Answer {
    note(token);
    let body = json!({"database": RETAIL, "access_token": token});
    let answer = site.sso_token(body).await;
    if answer.status == 200 {
        note(answer.json()["access_token"].as_str().unwrap());
    }
    answer
}

fn asked(site: &Site) -> usize {
    site.provider.fetches("userinfo")
}

#[tokio::test]
async fn an_access_token_that_lacks_groups_is_asked_about_once_for_all_its_uses() {
    let site = groupless(|_| {}).await;
    let token = access_token(&site, "alice");
    for _ in 0..3 {
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = sso_token(&site, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["username"], "alice");
    }
    assert_eq!(asked(&site), 1);
    let bob = access_token(&site, "bob"); // no analyst, as userinfo says
    for _ in 0..2 {
        assert_refused(&site.query_as(&bob).await, 403, -719, "bob");
    }
    assert_eq!(asked(&site), 2);
}

#[tokio::test]
async fn a_hundred_requests_with_one_groupless_token_ask_userinfo_once() {
    let site = groupless(|_| {}).await;
    let token = access_token(&site, "alice");
    site.provider.hold("userinfo");
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let body = || json!({"statement": "select 1"});
    let queries = (0..100).map(|_| {
        let query = client.post("/v1/execute").bearer(&token);
        query.json(body()).send()
    });
    let sign_ins = join_all((0..10).map(|_| sso_token(&site, &token)));
    let release = async {
        site.provider.reached("userinfo", 1).await;
        site.provider.release("userinfo");
    };
    let (answers, signed_in, ()) = tokio::join!(join_all(queries), sign_ins, release);
    for answer in answers {
        assert_eq!(answer.unwrap().status, 200);
    }
    for answer in signed_in {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn a_change_of_keys_asks_userinfo_nothing_again() {
    let site = groupless(|_| {}).await;
    let token = access_token(&site, "alice");
    assert_eq!(site.query_as(&token).await.status, 200);
    site.provider.rotate_keys();
    // Its key is unknown, so that the keys are fetched anew.
    let newer = access_token(&site, "alice");
    assert_eq!(site.query_as(&newer).await.status, 200);
    assert_eq!(asked(&site), 2, "one for each token");
    assert_eq!(site.query_as(&token).await.status, 200);
    assert_eq!(asked(&site), 2, "judged again, and not asked about");
}

#[tokio::test]
async fn nobody_makes_us_ask_userinfo_with_a_token_that_is_not_good_or_lacks_nothing() {
    let site = asking(|settings| {
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await;
    let good = site.access_token("alice");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let lacking = |change: fn(TokenBuilder) -> TokenBuilder| {
        let token = site.provider.mint().access_token().audience("ocient");
        let token = change(token.without("groups")).build();
        note(&token);
        token
    };
    for (case, token, status) in [
        ("complete", good.clone(), 200),
        ("forged", format!("{signed}.AAAA"), 401),
        ("ended", lacking(|token| token.expires_in(-3600)), 401),
        ("for others", lacking(|token| token.audience("other")), 401),
        (
            "bad name",
            lacking(|token| token.claim("preferred_username", 7)),
            401,
        ),
        (
            "no access token",
            site.token(|token| token.without("groups")),
            403,
        ),
    ] {
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        let client = site.client();
        let login = site.query(&client).basic("access_token", &token);
        assert_eq!(login.send().await.unwrap().status, status, "{case}");
    }
    assert_signs_in(&site).await;
    assert_eq!(asked(&site), 0);
}

#[tokio::test]
async fn without_the_key_userinfo_is_never_asked() {
    let site = Site::with(|settings| {
        for_analysts(settings);
        settings.no_provider("userinfo");
    })
    .await;
    site.provider.lie(Lie::TokensLack("groups"));
    let token = access_token(&site, "alice");
    assert_refused(&site.query_as(&token).await, 403, -719, "no groups");
    assert_eq!(asked(&site), 0);
}

#[tokio::test]
async fn groups_that_no_grant_looks_at_are_not_asked_for() {
    let site = Site::with(|settings| {
        settings.provider("userinfo", "true");
        settings.login_mode();
        settings.grant("users = ['alice']\naccount = 'analyst'");
    })
    .await;
    site.provider.lie(Lie::TokensLack("groups"));
    let token = access_token(&site, "alice");
    assert_eq!(sso_token(&site, &token).await.status, 200);
    assert_eq!(asked(&site), 0);
    site.provider.lie(Lie::TokensLack("preferred_username"));
    let answer = sso_token(&site, &access_token(&site, "alice")).await;
    assert_eq!(answer.json()["username"], "alice", "{}", answer.text());
    assert_eq!(asked(&site), 1, "a name counts always");
}

#[tokio::test]
async fn userinfo_that_lies_lets_nobody_in_and_is_not_asked_again_at_once() {
    let at = Endpoint::Userinfo;
    for (lie, status, code) in [
        (Lie::ForeignUserinfo, 401, -1231),
        (Lie::UserinfoMember("sub", json!(null)), 502, -1222),
        (Lie::SignedUserinfo, 502, -1222),
        (Lie::UserinfoArray, 502, -1222),
        (Lie::UserinfoStatus(401), 502, -1222),
        (Lie::UserinfoStatus(403), 502, -1222),
        (Lie::UserinfoStatus(429), 503, -1220),
        (Lie::ServerError(at), 503, -1220),
        (Lie::Redirect(at), 502, -1222),
        (Lie::CompressedBomb(at), 502, -1222),
        (Lie::EndlessBody(at), 502, -1222),
        (Lie::WrongContentType(at), 502, -1222),
        (Lie::NotJson(at), 502, -1222),
        (Lie::DuplicateMember(at), 502, -1222),
        (Lie::DeepNesting(at), 502, -1222),
        (Lie::Utf16(at), 502, -1222),
        (Lie::BrokenOff(at), 503, -1220),
    ] {
        let site = groupless(|settings| settings.set("cache", "negative_ttl", "'5m'")).await;
        site.provider.lie(lie.clone());
        let case = format!("{lie:?}");
        let token = access_token(&site, "alice");
        for _ in 0..3 {
            assert_refused(&site.query_as(&token).await, status, code, &case);
            assert_refused(&sso_token(&site, &token).await, status, code, &case);
        }
        assert_eq!(asked(&site), 1, "{case}");
        let lies = [Lie::TokensLack("groups"), lie];
        assert_no_sign_in(&site, &lies, status, code).await;
        assert!(site.node.requests().is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_userinfo_that_stands_still_holds_up_nobody_else() {
    let site = groupless(|_| {}).await;
    site.provider.hold("userinfo");
    let (client, token) = (site.client(), access_token(&site, "alice"));
    let stuck = site.query(&client).bearer(&token).send();
    let others = async {
        site.provider.reached("userinfo", 1).await;
        let complete = site.access_token("alice");
        assert_eq!(site.query_as(&complete).await.status, 200);
        site.provider.release("userinfo");
    };
    let (answer, ()) = tokio::join!(stuck, others);
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn protocol_claims_of_userinfo_change_nothing() {
    let site = groupless(|_| {}).await;
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("somebody-else")),
        ("exp", json!(1)),
        ("preferred_username", json!("root")),
        ("events", json!({})),
        ("groups", json!(["analysts"])),
    ] {
        site.provider.lie(Lie::UserinfoMember(name, value));
    }
    let token = access_token(&site, "bob");
    for _ in 0..2 {
        assert_eq!(site.query_as(&token).await.status, 200);
    }
    let answer = sso_token(&site, &token).await;
    assert_eq!(answer.json()["username"], "bob", "{}", answer.text());
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn an_opaque_token_is_completed_by_userinfo_too() {
    let site = groupless_opaque(|settings| settings.set("cache", "negative_ttl", "'5m'")).await;
    let token = access_token(&site, "alice");
    for _ in 0..2 {
        assert_eq!(site.query_as(&token).await.status, 200);
        assert_eq!(sso_token(&site, &token).await.status, 200);
    }
    let count = || (site.provider.fetches("introspect"), asked(&site));
    assert_eq!(count(), (1, 1));
    assert_eq!(site.query_as("made-up").await.status, 401);
    assert_eq!(count(), (2, 1), "an inactive one is no reason to ask");
    site.provider.lie(Lie::ServerError(Endpoint::Userinfo));
    let token = access_token(&site, "bob");
    for _ in 0..2 {
        assert_refused(&site.query_as(&token).await, 503, -1220, "outage");
    }
    assert_eq!(count(), (3, 2), "not asked again at once");
}

#[tokio::test]
async fn opaque_tokens_whose_userinfo_stands_still_keep_no_other_from_being_asked_about() {
    let site = groupless_opaque(|_| {}).await;
    site.provider.hold("userinfo");
    // As many as may be asked about at once.
    let stuck = [(); 32].map(|()| {
        let token = access_token(&site, "alice");
        let (site, client) = (&site, site.client());
        async move { site.query(&client).bearer(&token).send().await }
    });
    let other = async {
        site.provider.reached("userinfo", 32).await;
        let answer = site.query_as("an-ocient-bearer").await;
        site.provider.release("userinfo");
        answer
    };
    let (_, other) = tokio::join!(join_all(stuck), other);
    assert_eq!(other.status, 401, "the node's word: {}", other.text());
    assert_eq!(site.provider.fetches("introspect"), 33);
}

#[tokio::test]
async fn a_devices_sign_in_is_completed_by_userinfo() {
    let site = device_site(for_analysts).await;
    site.provider.lie(Lie::TokensLack("groups"));
    let device = site.device().await;
    site.decide(&device, Some("alice"));
    let answer = site.verified(&device.code, 30).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(site.query_as(&session).await.status, 200);
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn a_renewed_session_has_the_groups_that_userinfo_says_now() {
    let provider = Provider::start(ProviderOptions {
        id_token_life: Duration::ZERO,
        ..ProviderOptions::new(&authority())
    });
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.provider("userinfo", "true");
        settings.grant("groups = ['analysts']");
    })
    .await;
    site.provider.lie(Lie::TokensLack("groups"));
    let session = site.session_cookie(&site.signed_in_as("alice").await);
    assert_eq!(asked(&site), 1);
    site.provider.add_user(User::new("alice", &["admins"]));
    let refresh = || async {
        let post = site.post_as(&session, "/v1/token_refresh");
        post.send().await.unwrap()
    };
    assert_refused(&refresh().await, 403, -719, "no analyst any more");
    assert_eq!(asked(&site), 2, "with the new access token");
    assert_refused(&site.query_as(&session).await, 403, -719, "query");
}

#[tokio::test]
async fn groups_that_userinfo_refuses_to_confirm_extend_no_session_and_end_none() {
    let site = groupless(|settings| settings.set("cache", "negative_ttl", "'5m'")).await;
    let session = site.session_cookie(&site.signed_in_as("alice").await);
    let refresh = || async {
        let post = site.post_as(&session, "/v1/token_refresh");
        post.send().await.unwrap()
    };
    site.provider.lie(Lie::NotJson(Endpoint::Userinfo));
    for _ in 0..2 {
        assert_refused(&refresh().await, 502, -1222, "not extended");
        assert_eq!(site.query_as(&session).await.status, 200, "not ended");
    }
    assert_eq!(asked(&site), 2, "not again at once");
}
