//! The relying-party tests of the OpenID Foundation, under the suite's names: what they share.
use crate::site::{SESSION_COOKIE, Settings, Site, assert_refused, authority};
use sidecar_testkit::{
    client::Client,
    provider::{Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};

/// Signs in while the provider tells these lies from the redirect on; nothing may come of it.
pub(crate) async fn assert_no_sign_in(site: &Site, lies: &[Lie], status: u16, code: i64) {
    let client = site.client();
    for lie in lies {
        site.provider.lie(lie.clone());
    }
    let before = site.node.token_exchanges();
    let back = site.nearly_signed_in(&client).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_refused(&answer, status, code, &format!("{lies:?}"));
    assert!(client.cookies().find(SESSION_COOKIE).is_none(), "{lies:?}");
    assert_eq!(site.node.token_exchanges(), before, "{lies:?}");
    site.provider.be_honest();
}

/// A site that has asked for metadata and keys, so that lies about them come too late.
pub(crate) async fn settled() -> Site {
    let site = Site::patient().await;
    let answer = site.query_as(&site.id_token("alice")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    site
}

/// Asserts that a sign-in with these lies is refused, and that an honest one works before.
pub(crate) async fn refuses(lies: &[Lie], status: u16, code: i64) {
    let site = settled().await;
    assert_no_sign_in(&site, lies, status, code).await;
}

/// The same; the lie is in the redirect back, and the code must not go out to anybody.
pub(crate) async fn refuses_before_the_code_goes_out(lies: &[Lie], status: u16, code: i64) {
    let site = settled().await;
    assert_no_sign_in(&site, lies, status, code).await;
    assert_eq!(site.provider.fetches("token"), 0, "{lies:?}");
}

/// A site that judges identities alone: the SQL node's own reader of tokens may be stricter.
pub(crate) async fn judging(options: ProviderOptions, change: impl FnOnce(&mut Settings)) -> Site {
    judged_alone(Provider::start(options), change).await
}

async fn judged_alone(provider: Provider, change: impl FnOnce(&mut Settings)) -> Site {
    Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.login_mode();
        settings.grant("groups = ['analysts']\naccount = 'analyst'");
        change(settings);
    })
    .await
}

/// Asserts that alice signs in, groups and all, and can query.
pub(crate) async fn assert_signs_in(site: &Site) -> Client {
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let answer = client.get(back.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = site.query_as(&site.session_cookie(&client)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    client
}

/// Asserts that alice signs in although the provider is so from its start.
pub(crate) async fn accepts(lies: &[Lie]) -> Site {
    let site = with_lies(lies).await;
    assert_signs_in(&site).await;
    site
}

/// A site, judging alone, whose provider has told these lies since before it was asked anything.
pub(crate) async fn with_lies(lies: &[Lie]) -> Site {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    lies.iter().for_each(|lie| provider.lie(lie.clone()));
    judged_alone(provider, |_| {}).await
}
