//! A provider whose metadata or keys are unusable: bounded, never fatal, and named.
use crate::site::{Site, assert_refused, authority};
use ocient_sidecar::{
    config::Trust,
    http_client::HttpClient,
    oidc::{ClientCredentials, Expect, OidcError, Provider as Known},
    secret::Secret,
    tls::client_config,
};
use sidecar_testkit::{
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

async fn lying(lie: Lie) -> Site {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.lie(lie);
    Site::with_parts(provider, SqlNodeOptions::default(), |_| {}).await
}

/// A site whose provider tells `lie` from the start: it starts, serves whoever needs no provider,
/// refuses the rest with these codes, and works as soon as the provider is honest.
async fn assert_bounded(lie: Lie, status: u16, code: i64) {
    let case = format!("{lie:?}");
    let site = lying(lie).await;
    let begun = site.begin(&site.client(), "").await;
    assert_refused(&begun, status, code, &case);
    assert!(!begun.headers.contains_key("set-cookie"), "{case}");
    let token = site.id_token("alice");
    assert_refused(&site.query_as(&token).await, status, code, &case);
    assert_refused(&site.exchange(&token).await, status, code, &case);
    assert_eq!(site.node.requests().len(), 0, "{case}");
    let client = site.client();
    let password = site.query(&client).basic("admin@system", "admin");
    assert_eq!(password.send().await.unwrap().status, 200, "{case}");
    site.provider.be_honest();
    // A failure is the answer to everybody for a second.
    let recovers = async {
        while site.query_as(&token).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    crate::wire::patiently(&case, recovers).await;
}

/// One test for each lie, and endpoint that tells it, by name.
macro_rules! bounded {
    ($($name:ident: $lie:expr => $status:literal, $code:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            assert_bounded($lie, $status, $code).await;
        }
    )*};
}

bounded! {
    metadata_with_endpoints_without_tls_is_refused: Lie::HttpEndpoints => 502, -1222;
    metadata_without_jwks_uri_is_refused: Lie::NoJwksUri => 502, -1222;
    metadata_behind_a_server_error_is_refused: Lie::ServerError(Endpoint::Discovery) => 502, -1222;
    metadata_that_is_no_json_is_refused: Lie::NotJson(Endpoint::Discovery) => 502, -1222;
    metadata_of_the_wrong_type_is_refused: Lie::WrongContentType(Endpoint::Discovery) => 502, -1222;
    metadata_behind_a_redirect_is_refused: Lie::Redirect(Endpoint::Discovery) => 502, -1222;
    endless_metadata_is_refused: Lie::EndlessBody(Endpoint::Discovery) => 502, -1222;
    a_compressed_bomb_for_metadata_is_refused: Lie::CompressedBomb(Endpoint::Discovery) => 502, -1222;
    metadata_that_breaks_off_is_refused: Lie::BrokenOff(Endpoint::Discovery) => 503, -1220;
    metadata_with_a_member_twice_is_refused: Lie::DuplicateMember(Endpoint::Discovery) => 502, -1222;
    deeply_nested_metadata_is_refused: Lie::DeepNesting(Endpoint::Discovery) => 502, -1222;
    metadata_with_a_byte_order_mark_is_refused: Lie::ByteOrderMark(Endpoint::Discovery) => 502, -1222;
    metadata_in_another_charset_is_refused: Lie::Utf16(Endpoint::Discovery) => 502, -1222;
    five_megabytes_of_keys_are_refused: Lie::FiveMegabytesOfKeys => 502, -1222;
    keys_behind_a_server_error_are_refused: Lie::ServerError(Endpoint::Jwks) => 502, -1222;
    keys_that_are_no_json_are_refused: Lie::NotJson(Endpoint::Jwks) => 502, -1222;
    keys_behind_a_redirect_are_refused: Lie::Redirect(Endpoint::Jwks) => 502, -1222;
    endless_keys_are_refused: Lie::EndlessBody(Endpoint::Jwks) => 502, -1222;
    a_compressed_bomb_for_keys_is_refused: Lie::CompressedBomb(Endpoint::Jwks) => 502, -1222;
    keys_that_break_off_are_refused: Lie::BrokenOff(Endpoint::Jwks) => 503, -1220;
    keys_with_a_member_twice_are_refused: Lie::DuplicateMember(Endpoint::Jwks) => 502, -1222;
    deeply_nested_keys_are_refused: Lie::DeepNesting(Endpoint::Jwks) => 502, -1222;
    keys_with_a_byte_order_mark_are_refused: Lie::ByteOrderMark(Endpoint::Jwks) => 502, -1222;
    keys_in_another_charset_are_refused: Lie::Utf16(Endpoint::Jwks) => 502, -1222;
}

/// The provider as the sidecar knows it, but with this patience.
fn hasty(site: &Site, patience: Duration) -> Arc<Known> {
    let text = site.settings.text(1);
    let config =
        ocient_sidecar::config::Config::from_toml(&text, "config.toml", site.folder.path());
    let ca = Trust::Ca(site.folder.path().join("ca.crt"));
    let http = HttpClient::new(client_config(&ca).unwrap(), patience, 2 * 1024 * 1024);
    Known::new(
        &config.unwrap().providers[0],
        ClientCredentials::default(),
        http,
    )
}

async fn verify(provider: &Known, token: &str) -> Result<(), OidcError> {
    let token = Secret::new(token);
    let verified = provider.verify(&token, Expect::IdToken, SystemTime::now());
    verified.await.map(drop)
}

#[tokio::test]
async fn documents_that_drip_or_never_come_cost_the_time_limit_and_no_more() {
    let (discovery, keys) = (Endpoint::Discovery, Endpoint::Jwks);
    for lie in [
        Lie::Drip(discovery),
        Lie::Drip(keys),
        Lie::Slow(discovery),
        Lie::Slow(keys),
    ] {
        let site = Site::start().await;
        site.provider.lie(lie.clone());
        let provider = hasty(&site, Duration::from_millis(300));
        let token = site.id_token("alice");
        let refused = verify(&provider, &token).await.unwrap_err();
        let is_late = matches!(refused, OidcError::Unreachable { .. });
        assert!(is_late, "{lie:?}: {refused}");
        let trouble = &provider.troubles()[0];
        assert!(trouble.failure.contains("300ms"), "{lie:?}: {trouble:?}");
    }
}

#[tokio::test]
async fn no_lie_about_keys_takes_the_known_ones_away() {
    let keys = Endpoint::Jwks;
    let site = Site::start().await;
    let provider = hasty(&site, Duration::from_secs(5));
    let token = site.id_token("alice");
    verify(&provider, &token).await.unwrap();
    for lie in [
        Lie::ServerError(keys),
        Lie::EndlessBody(keys),
        Lie::DeepNesting(keys),
        Lie::FiveMegabytesOfKeys,
    ] {
        site.provider.lie(lie.clone());
        let unknown = site.token(|token| token.header("kid", "unknown"));
        assert!(verify(&provider, &unknown).await.is_err(), "{lie:?}");
        site.provider.be_honest();
        verify(&provider, &token).await.unwrap();
    }
    assert!(provider.is_ready());
}

#[tokio::test]
async fn a_provider_without_usable_keys_signs_nobody_in() {
    let site = lying(Lie::NoKeys).await;
    let token = site.id_token("alice");
    assert_refused(&site.query_as(&token).await, 401, -1229, "no keys");
}

#[tokio::test]
async fn a_token_known_as_good_ends_when_its_key_is_withdrawn() {
    let site = Site::start().await;
    let old = site.id_token("alice");
    let session = site.session_of("bob", "system").await;
    for _ in 0..2 {
        assert_eq!(site.query_as(&old).await.status, 200);
    }
    site.provider.rotate_keys_and_drop();
    // Nothing has told the sidecar yet.
    assert_eq!(site.query_as(&old).await.status, 200);
    let new = site.id_token("alice");
    assert_eq!(site.query_as(&new).await.status, 200);
    assert_refused(&site.query_as(&old).await, 401, -1229, "withdrawn");
    assert_refused(&site.exchange(&old).await, 401, -1229, "withdrawn");
    // A session is our own record, and ends by its own time.
    assert_eq!(site.query_as(&session).await.status, 200);
}

#[tokio::test]
async fn a_token_known_as_good_outlives_a_rotation_that_keeps_its_key() {
    let site = Site::start().await;
    let old = site.id_token("alice");
    assert_eq!(site.query_as(&old).await.status, 200);
    site.provider.rotate_keys();
    let new = site.id_token("alice");
    assert_eq!(site.query_as(&new).await.status, 200);
    let exchanges = site.node.token_exchanges();
    assert_eq!(site.query_as(&old).await.status, 200);
    assert_eq!(
        site.node.token_exchanges(),
        exchanges,
        "judged, not exchanged again"
    );
}

/// The largest key set that is read, in bytes.
const LARGEST: usize = 1024 * 1024;

#[tokio::test]
async fn keys_of_a_megabyte_are_used_and_a_byte_more_leaves_the_old_ones_in_use() {
    let provider = Provider::start(ProviderOptions::new(&authority()));
    provider.lie(Lie::BytesOfKeys(LARGEST));
    // The account's: the node's own reader may be stricter.
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.login_mode();
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.grant("account = 'analyst'");
    })
    .await;
    let session = site.session_of("alice", "retail_analytics").await;
    assert_eq!(site.provider.fetches("jwks"), 1);
    site.provider.be_honest();
    site.provider.lie(Lie::BytesOfKeys(LARGEST + 1));
    let unknown = site.token(|token| token.header("kid", "unknown"));
    let refused = site.exchange(&unknown).await;
    assert_refused(&refused, 502, -1222, "a byte too many");
    assert_eq!(site.provider.fetches("jwks"), 2);
    for user in ["alice", "bob"] {
        site.signed_in_as(user).await;
        let token = site.id_token(user);
        assert_eq!(site.exchange(&token).await.status, 200, "{user}");
        assert_eq!(site.query_as(&token).await.status, 200, "{user}");
    }
    assert_eq!(site.query_as(&session).await.status, 200);
}

#[tokio::test]
async fn keys_of_a_byte_more_than_a_megabyte_are_never_used() {
    assert_bounded(Lie::BytesOfKeys(LARGEST + 1), 502, -1222).await;
}
