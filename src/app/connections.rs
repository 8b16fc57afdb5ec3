//! The parts of OAuth connections, where a callback answers them.
use super::{StartError, secrets::read};
use crate::{
    auth::ApiKeys,
    config::{self, CallbackResponse, Config},
    connection::Connections,
    endpoints::Connecting,
    oidc::Provider,
    route::Routes,
    seal::KeyRing,
    store_file::StoreFile,
    telemetry::Telemetry,
};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What their endpoints need, in the session store's file.
pub(super) async fn open(
    config: &Config,
    file: Option<StoreFile>,
    ring: Arc<KeyRing>,
    keys: Arc<ApiKeys>,
) -> Result<Option<Connecting>, StartError> {
    // A configuration with such a callback names a file.
    let Some(file) = file.filter(|_| config.has_connections()) else {
        return Ok(None);
    };
    Ok(Some(Connecting {
        connections: Connections::open(file, ring).await?,
        keys,
    }))
}

/// The keys that open them; also those that open nothing are shown to nobody else.
pub(super) fn keys(config: &Config) -> Result<Arc<ApiKeys>, StartError> {
    let key = |key: &config::ApiKey| {
        let secret = read(&key.secret, || format!("API key {}", key.name))?;
        Ok((key.name.clone(), key.owner.clone(), secret))
    };
    let keys: Result<Vec<_>, StartError> = config.api_keys.iter().map(key).collect();
    Ok(Arc::new(ApiKeys::new(keys?)?))
}

/// Which path is whose.
pub(super) fn routes(config: &Config) -> Routes {
    let paths_of = |response| {
        let callbacks = config.callbacks.iter();
        let with = callbacks.filter(move |callback| callback.response == response);
        with.map(|callback| callback.path.as_str())
    };
    Routes::new(paths_of(CallbackResponse::Status))
        .with_connections(paths_of(CallbackResponse::Connection))
}

/// Keeps them fresh until `stop`; what was begun is finished.
pub(super) async fn keep_fresh(
    connections: Option<Connections>,
    providers: Vec<Arc<Provider>>,
    telemetry: Telemetry,
    stop: CancellationToken,
) {
    let mut keepers = JoinSet::new();
    if let Some(connections) = connections {
        for provider in providers {
            let (telemetry, stop) = (telemetry.clone(), stop.clone());
            keepers.spawn(connections.clone().keep_fresh(provider, telemetry, stop));
        }
    }
    keepers.join_all().await;
}
