//! Tokens that are not for us: got for an authorization code, and renewed.
use super::{
    Expect, Identity, OidcError, RedemptionError, Registration, TokenFault, provider::Provider,
    sign_in::expected, token_answer::TokenAnswer,
};
use crate::secret::Secret;
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// What a provider gives a client that uses its services in a person's name.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For the provider's services.
    pub access_token: Secret,
    /// If the provider gave one; after a renewal the one to use from now on.
    pub refresh_token: Option<Secret>,
    /// Life of the access token, if the provider said it.
    pub expires_in: Option<Duration>,
    /// Whose tokens they are, if an ID token proved it; its subject counts, so userinfo is not
    /// asked for more. Nobody is signed in by it, so a
    /// provider of plain OAuth may leave it out: `state` and PKCE bind the code all the same.
    pub account: Option<Identity>,
    /// Whose they are on our side: nobody else is to be shown them.
    pub issued_to: Registration,
}

impl Provider {
    /// Exchanges an authorization code for tokens; an ID token among them is verified.
    /// `proof`: the attempt's nonce, and when it began.
    ///
    /// # Errors
    /// The provider refuses, cannot be reached or answers nonsense, or its ID token breaks a
    /// rule; and whether the code may have been seen.
    pub async fn connect(
        &self,
        code: &Secret,
        verifier: &Secret,
        redirect_uri: &Url,
        proof: (&Secret, SystemTime),
        now: SystemTime,
    ) -> Result<Tokens, RedemptionError> {
        let exchanging = self.exchanged(code, verifier, redirect_uri, now);
        let (answer, now) = exchanging.await?;
        let refresh_token = answer.refresh_token().cloned();
        let answer = self.for_bearers(answer);
        let answer = answer.inspect_err(|_| self.take_back(refresh_token.as_ref()))?;
        let account = match answer.id_token() {
            None => None,
            Some(id_token) => {
                let expect = expected(&answer, code, proof);
                let proven = self.verify_by_keys(id_token, expect, now, None).await;
                let proven = proven.inspect_err(|_| self.take_back(answer.refresh_token()))?;
                Some(proven.0.by_subject())
            }
        };
        Ok(self.tokens(&answer, account, None))
    }

    /// Renews tokens (RFC 6749 section 6). An ID token among the new ones must speak of the
    /// same account; without one the account stays what it was. One that cannot be judged now is
    /// as good as none: to lose the answer would mean to show a rotated refresh token twice, which
    /// ends the grant.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn renew(
        &self,
        refresh_token: &Secret,
        account: Option<&Identity>,
        now: SystemTime,
    ) -> Result<Tokens, OidcError> {
        let discovered = self.discovered().await?;
        let started = Instant::now();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        let answer = self.remote.token(&discovered, &form).await?;
        let answer = self.for_bearers(answer)?;
        let access_token = answer.access_token();
        let expect = match account {
            Some(before) => Expect::Refreshed {
                before,
                access_token,
            },
            None => Expect::IdToken,
        };
        if let Some(id_token) = answer.id_token() {
            let now = now + started.elapsed();
            match self.verify_by_keys(id_token, expect, now, None).await {
                Ok(_)
                | Err(OidcError::Unreachable { .. } | OidcError::Nonsense { .. })
                | Err(OidcError::Token(TokenFault::UnknownKey)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.tokens(&answer, account.cloned(), Some(refresh_token)))
    }

    fn for_bearers(&self, answer: TokenAnswer) -> Result<TokenAnswer, OidcError> {
        match answer.is_bearer() {
            true => Ok(answer),
            false => Err(self
                .remote
                .nonsense("the token answer's token_type is not Bearer")),
        }
    }

    /// `kept`: the refresh token that stays in use where the provider gives no new one.
    fn tokens(
        &self,
        answer: &TokenAnswer,
        account: Option<Identity>,
        kept: Option<&Secret>,
    ) -> Tokens {
        Tokens {
            access_token: answer.access_token().clone(),
            refresh_token: answer.refresh_token().or(kept).cloned(),
            expires_in: answer.expires_in(),
            account,
            issued_to: self.registration(),
        }
    }
}
