//! A provider that issues tokens, and the sidecar's side of it.
use ocient_sidecar::{
    config::Config,
    http_client::HttpClient,
    oidc::{ClientCredentials, Expect, Provider},
    secret::Secret,
    tls,
};
use sidecar_testkit::{
    authority::Authority,
    provider::{Provider as StandIn, ProviderOptions},
};
use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) authority: Authority,
    pub(crate) stand_in: StandIn,
    pub(crate) provider: Arc<Provider>,
    pub(crate) config: Config,
    _folder: TempDir,
}

impl World {
    /// Its keys are known when this returns.
    pub(crate) fn start() -> Self {
        let authority = Authority::new();
        let stand_in = StandIn::start(ProviderOptions::new(&authority));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.crt"), authority.ca_pem()).unwrap();
        let text = format!(
            "[listen]\npublic_url = 'https://sql0.example.com:8443'\n\
             [tls]\ncertificate = 'server.crt'\nprivate_key = 'server.key'\n\
             [sql_node]\nurl = 'http://127.0.0.1:9090'\n\
             [[provider]]\nname = 'corp'\nclient_id = 'ocient'\nca = 'ca.crt'\nissuer = '{}'\n",
            stand_in.issuer()
        );
        let config = Config::from_toml(&text, "config.toml", folder.path()).unwrap();
        let entry = &config.providers[0];
        let http = http(&config);
        let provider = Provider::new(entry, ClientCredentials::default(), http);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let token = Secret::new(stand_in.mint().id_token().build());
        let first = provider.verify(&token, Expect::Bearer, SystemTime::now());
        runtime.block_on(first).unwrap();
        Self {
            runtime,
            authority,
            stand_in,
            provider,
            config,
            _folder: folder,
        }
    }

    /// A client that trusts this provider.
    pub(crate) fn http(&self) -> HttpClient {
        http(&self.config)
    }
}

fn http(config: &Config) -> HttpClient {
    let tls = tls::client_config(&config.providers[0].trust).unwrap();
    HttpClient::new(tls, Duration::from_secs(10), 1024 * 1024)
}
