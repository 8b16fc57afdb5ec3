//! Where Ocient tokens are kept, in the cache and without it, in front of a SQL node.
use crate::site::{Log, Site};
use futures_util::future::join_all;
use ocient_sidecar::{
    config::Config,
    http_client::HttpClient,
    ocient::{Application, OcientTokens, Proof, Slot, TokenEndpoints, TokenKey},
    secret::Secret,
    telemetry::Telemetry,
    tls::client_config,
    token_kind::TokenKind,
};
use sidecar_testkit::sql_node::SYSTEM;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

fn tokens(site: &Site) -> OcientTokens {
    let text = site.settings.text(1);
    let config = Config::from_toml(&text, "config.toml", site.folder.path()).unwrap();
    let tls = client_config(&config.providers[0].trust).unwrap();
    let client = HttpClient::new(tls, Duration::from_secs(10), 64 * 1024);
    let life = config.sql_node.credentials.assumed_lifetime;
    let node = TokenEndpoints::new(client, config.sql_node.url.clone(), life);
    let telemetry = Telemetry::new(config.log, Log::default());
    OcientTokens::new(node, 10, Handle::current(), telemetry)
}

fn application(site: &Site) -> Application {
    let token = Secret::new(site.id_token("alice"));
    Application {
        proof: Proof::ProviderToken(TokenKind::Id, token),
        database: SYSTEM.to_owned(),
        provider: "corp".to_owned(),
        identity: "alice".to_owned(),
    }
}

/// Of two owners, and of nobody.
fn keys() -> [TokenKey; 3] {
    let parts: &[&[u8]] = &[b"token", b"system"];
    [
        TokenKey::owned_by([1; 32], parts),
        TokenKey::owned_by([2; 32], parts),
        TokenKey::of(parts),
    ]
}

#[tokio::test]
async fn dropped_owners_lose_their_slots_and_nobody_else_does() {
    let (site, now) = (Site::start().await, SystemTime::now());
    let tokens = tokens(&site);
    let slots = keys().map(|key| tokens.slot(key));
    for slot in &slots {
        let obtained = tokens.token(slot, || application(&site), now).await;
        assert!(obtained.is_ok());
    }
    assert_eq!(keys().map(|key| tokens.has(key, now)), [true; 3]);
    tokens.drop_owners(&HashSet::from([[1; 32], [3; 32]]));
    let left = keys().map(|key| tokens.has(key, now));
    assert_eq!(left, [false, true, true]);
    let [first, second, _] = keys().map(|key| tokens.slot(key));
    assert!(!Arc::ptr_eq(&first, &slots[0]) && Arc::ptr_eq(&second, &slots[1]));
}

#[tokio::test]
async fn a_token_is_kept_in_its_slot_though_the_cache_has_dropped_that() {
    let (site, now) = (Site::start().await, SystemTime::now());
    let (tokens, [key, ..]) = (tokens(&site), keys());
    let slot = tokens.slot(key);
    let obtaining = tokens.token(&slot, || application(&site), now);
    tokens.drop_key(key);
    let obtained = obtaining.await.unwrap();
    let ready = slot.ready(now).unwrap();
    assert!(Arc::ptr_eq(&ready.token, &obtained) && !ready.is_due);
    assert!(!tokens.has(key, now), "what is dropped does not come back");
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn all_who_have_a_slot_share_one_exchange_and_no_other_slot_does() {
    let (site, now) = (Site::start().await, SystemTime::now());
    let tokens = tokens(&site);
    let (one, other) = (Arc::<Slot>::default(), Arc::<Slot>::default());
    let all = [&one, &other, &one, &one, &other];
    let obtaining = all.map(|slot| tokens.token(slot, || application(&site), now));
    let obtained = join_all(obtaining).await;
    let obtained: Vec<_> = obtained.into_iter().map(Result::unwrap).collect();
    assert_eq!(site.node.token_exchanges().sso_token, 2);
    for (number, expected) in [(1, false), (2, true), (3, true), (4, false)] {
        let is_same = Arc::ptr_eq(&obtained[0], &obtained[number]);
        assert_eq!(is_same, expected, "{number}");
    }
    assert!(Arc::ptr_eq(&obtained[1], &obtained[4]));
}
