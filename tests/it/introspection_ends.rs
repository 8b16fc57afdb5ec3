//! When what a provider said of an opaque token counts no more, with the clock as an argument.
use crate::{
    introspection::{asked, opaque, site},
    site::{Log, Site},
};
use ocient_sidecar::{
    auth::{Authenticator, Secrets},
    config::Config,
    http_client::HttpClient,
    ocient::{OcientTokens, TokenEndpoints},
    oidc::{ClientCredentials, Provider},
    seal::KeyRing,
    secret::Secret,
    session::Sessions,
    telemetry::Telemetry,
    tls::client_config,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Another sidecar's judgement, in front of the same provider.
async fn authenticator(site: &Site) -> Authenticator {
    let text = site.settings.text(1);
    let config = Config::from_toml(&text, "config.toml", site.folder.path()).unwrap();
    let entry = &config.providers[0];
    let http = |answer| {
        let tls = client_config(&entry.trust).unwrap();
        HttpClient::new(tls, Duration::from_secs(10), answer)
    };
    let credentials = ClientCredentials {
        secret: Some(Secret::new("ocient-secret")),
        ..ClientCredentials::default()
    };
    let provider = Provider::new(entry, credentials, http(1024 * 1024));
    let ring = Arc::new(KeyRing::open(&config.sessions.keys).unwrap());
    let sessions = Sessions::open(&config.sessions, ring, None).await.unwrap();
    let (control, telemetry) = (
        Handle::current(),
        Telemetry::new(config.log, Log::default()),
    );
    let life = config.sql_node.credentials.assumed_lifetime;
    let node = TokenEndpoints::new(http(1024), config.sql_node.url.clone(), life);
    let tokens = OcientTokens::new(node, 10, control.clone(), telemetry.clone());
    let providers = vec![provider];
    Authenticator::new(
        &config,
        Secrets::default(),
        providers,
        sessions,
        tokens,
        control,
        telemetry,
    )
}

#[tokio::test]
async fn a_token_revoked_at_the_provider_ends_within_a_minute() {
    let site = site(|_| {}).await;
    let (judge, token) = (
        authenticator(&site).await,
        Secret::new(opaque(&site, "alice")),
    );
    let now = SystemTime::now();
    let is_active = async |later: Duration| {
        let judged = judge.is_of_provider(&token, CLIENT, now + later).await;
        judged.unwrap()
    };
    assert!(is_active(Duration::ZERO).await);
    site.provider.revoke_all();
    assert!(is_active(Duration::from_millis(59_999)).await);
    assert_eq!(asked(&site), 1, "known for a minute");
    assert!(!is_active(Duration::from_secs(60)).await);
    assert_eq!(asked(&site), 2);
    assert!(!is_active(Duration::from_secs(61)).await);
    assert_eq!(asked(&site), 2, "and known to be over");
}
