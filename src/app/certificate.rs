//! The server's certificate, looked at again and again.
use crate::{telemetry::chain, tls::Certificate};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::{info, warn};

/// Takes over what has replaced the files, for ever. One look at a time, on a thread that may wait
/// for the files: they may lie on a network.
pub(super) async fn watch(certificate: Arc<Certificate>) {
    loop {
        sleep(LOOK).await;
        let certificate = certificate.clone();
        let mut looking = spawn_blocking(move || certificate.refresh());
        let looked = match timeout(SLOW, &mut looking).await {
            Ok(looked) => looked,
            Err(_) => {
                warn!("the certificate files do not answer, so that no replaced one is seen");
                looking.await
            }
        };
        match looked {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => info!("certificate replaced"),
            Ok(Err(error)) => warn!(error = chain(&error), "replaced certificate not usable"),
            Err(error) => warn!(%error, "certificate files not looked at"),
        }
    }
}

/// How often the files are looked at. By polling, because replaced symbolic links escape file
/// notifications.
const LOOK: Duration = Duration::from_secs(10);

/// A look takes a fraction of a millisecond; one of this length is worth a line.
const SLOW: Duration = Duration::from_secs(10);
