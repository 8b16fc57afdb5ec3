//! Takes refresh tokens back at the provider (RFC 7009).
use super::{OidcError, provider::Provider};
use crate::{secret::Secret, telemetry::chain};
use std::time::Duration;

impl Provider {
    /// Revokes a refresh token. `Ok` too where the provider has no endpoint for it.
    ///
    /// # Errors
    /// The provider refuses, cannot be reached or answers nonsense, or too many are revoked.
    pub async fn revoke(&self, refresh_token: &Secret) -> Result<(), OidcError> {
        let discovered = self.discovered().await?;
        self.remote.revoke(&discovered, refresh_token).await
    }

    /// Revokes what a sign-in brought that came to nothing here, so that it does not live on at
    /// the provider. Nobody waits for that task: it ends within its timeouts, and a token that
    /// it could not revoke is in nobody's hands.
    pub fn take_back(&self, refresh_token: Option<&Secret>) {
        let (Some(token), Some(discovered)) = (refresh_token.cloned(), self.known()) else {
            return;
        };
        let remote = self.remote.clone();
        tokio::spawn(async move {
            if let Err(error) = remote.revoke(&discovered, &token).await {
                tracing::warn!(error = chain(&error), "refresh token not revoked");
            }
        });
    }
}

/// Revocations under way at most: whoever makes sign-ins fail in numbers must not make us a
/// flood to the provider.
pub(super) const MAX_REVOCATIONS: usize = 32;

/// Longest wait for a place among them; as one exchange with the provider may take.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);
