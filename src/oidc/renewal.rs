//! The refresh of a sign-in's tokens (RFC 6749 section 6, OpenID Connect Core section 12).
use super::{OidcError, provider::Provider};
use crate::secret::Secret;
use std::time::Duration;

/// What a refresh brings. Nothing in it is verified yet.
#[derive(Debug)]
pub struct Renewed {
    /// For [`Expect::Refreshed`](super::Expect::Refreshed); many providers give none.
    pub id_token: Option<Secret>,
    /// For the provider's own interfaces.
    pub access_token: Secret,
    /// Takes the place of the one that was used; without it, that one stays good.
    pub refresh_token: Option<Secret>,
    /// Life of the access token, if the provider said it.
    pub expires_in: Option<Duration>,
}

impl Provider {
    /// Uses a refresh token. Where the provider rotates them, it is used up then, also if the
    /// answer is lost: whoever calls this must keep what comes of it, and never use one twice.
    ///
    /// # Errors
    /// The provider refuses, cannot be reached or answers nonsense.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Renewed, OidcError> {
        let discovered = self.discovered().await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        let answer = self.remote.token(&discovered, &form).await?;
        if !answer.is_bearer() {
            let what = "the token answer's token_type is not Bearer";
            return Err(self.remote.nonsense(what));
        }
        Ok(Renewed {
            id_token: answer.id_token().cloned(),
            access_token: answer.access_token().clone(),
            refresh_token: answer.refresh_token().cloned(),
            expires_in: answer.expires_in(),
        })
    }
}
