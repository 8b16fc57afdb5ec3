//! The task of one device grant: asks the provider, begins the session, waits for its pick-up.
use super::{
    grant::{Ended, Grant, Ready},
    grants::Listed,
    pace::Pace,
};
use crate::{
    auth::Fresh,
    endpoints::Endpoints,
    failure::Failure,
    oidc::{DeviceAuthorization, OAuthError, Provider, SignIn},
    telemetry::chain,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

/// How long a session waits to be picked up: time enough for a client that lost its connection,
/// or its network.
const PICK_UP: Duration = Duration::from_secs(600);

/// Attempts to begin the session of an approved sign-in. The person will not approve twice, and
/// SQL nodes and stores restart within that time; the provider's token does not last longer.
const MAX_ATTEMPTS: u32 = 6;

/// Pause between them.
const ATTEMPT_PAUSE: Duration = Duration::from_secs(5);

impl Endpoints {
    /// Follows a grant to its end. Nobody waits for the task: it ends with the grant, and when
    /// the process ends before it, nothing is left behind but a session that nobody can find.
    pub(super) fn follow(
        &self,
        listed: Listed,
        provider: Arc<Provider>,
        authorization: DeviceAuthorization,
    ) {
        let this = self.clone();
        let work = async move {
            let grant = &*listed.grant;
            let approved = tokio::select! {
                approved = this.approved(grant, &provider, &authorization) => approved,
                // A later answer would be of no use: its client was sent elsewhere.
                () = this.0.draining.cancelled() => Err(Failure::Draining.into()),
            };
            match approved {
                Ok(ready) => this.offer(grant, ready).await,
                Err(ended) => grant.end(ended),
            }
        };
        tokio::spawn(work.in_current_span());
    }

    /// Waits for the person, then begins the session.
    async fn approved(
        &self,
        grant: &Grant,
        provider: &Provider,
        authorization: &DeviceAuthorization,
    ) -> Result<Ready, Ended> {
        let asking = ask(provider, authorization);
        let signed_in = match timeout(authorization.expires_in, asking).await {
            Ok(decided) => decided?,
            Err(_) => return Err(Failure::Provider(OAuthError::ExpiredToken).into()),
        };
        let identity = Some(signed_in.identity.shared_username());
        let fresh = Fresh {
            identity: signed_in.identity,
            proof: signed_in.id_token,
            refresh_token: signed_in.refresh_token,
        };
        let refresh_token = fresh.refresh_token.clone();
        let begun = self.begin(fresh, &grant.database).await;
        let begun = begun.inspect_err(|_| provider.take_back(refresh_token.as_ref()));
        begun.map_err(|failure| Ended { failure, identity })
    }

    async fn begin(&self, fresh: Fresh, database: &str) -> Result<Ready, Failure> {
        let mut attempts = 1;
        loop {
            let now = SystemTime::now();
            match self.0.auth.sign_in(fresh.clone(), database, now).await {
                Ok((token, session)) => return Ok(Ready { token, session }),
                Err(failure) if attempts < MAX_ATTEMPTS && is_passing(&failure) => {}
                Err(failure) => return Err(failure),
            }
            attempts += 1;
            sleep(ATTEMPT_PAUSE).await;
        }
    }

    /// Waits for the pick-up; a session that is left over is ended.
    async fn offer(&self, grant: &Grant, ready: Ready) {
        let key = *ready.session.key();
        grant.offer(ready);
        if grant.is_picked_up(PICK_UP).await {
            return;
        }
        grant.end(Failure::Provider(OAuthError::ExpiredToken).into());
        if let Err(failure) = self.0.auth.sign_out(&key).await {
            tracing::warn!(?failure, "session that nobody picked up not ended");
        }
    }
}

/// Asks the provider until it says something final.
async fn ask(provider: &Provider, authorization: &DeviceAuthorization) -> Result<SignIn, Failure> {
    let mut pace = Pace::new(authorization.interval);
    loop {
        sleep(pace.pause()).await;
        let asked = provider.redeem_device_code(authorization, SystemTime::now());
        match asked.await {
            Ok(signed_in) => return Ok(signed_in),
            Err(error) => {
                let error = &error;
                pace.note(error).inspect_err(|_| {
                    tracing::info!(error = chain(error), "device grant ended");
                })?;
            }
        }
    }
}

/// Whether a later attempt may fare better.
fn is_passing(failure: &Failure) -> bool {
    failure.row().status.is_server_error() && *failure != Failure::Internal
}
