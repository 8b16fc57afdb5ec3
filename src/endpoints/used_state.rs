//! `UsedState`: the one callback that a state is good for, up to its end.
use super::{Endpoints, Visit, attempt::Attempt, fields::Fields};
use crate::{
    failure::Failure,
    oidc::{Provider, RedemptionError},
    secret::Secret,
    session::Claim,
    telemetry::chain,
};
use std::{net::IpAddr, time::SystemTime};

/// A state that is used, with the code of its callback. Whatever comes of it is told to
/// [`settle`](Self::settle), also if the client leaves before that: the work of a callback goes on
/// without it.
#[must_use = "what comes to nothing is counted"]
pub(super) struct UsedState<'a> {
    endpoints: &'a Endpoints,
    fields: &'a Fields,
    /// Goes to the provider, or nowhere.
    pub(super) code: Secret,
    claim: Claim,
    client: IpAddr,
    ends_at: SystemTime,
}

/// Why a used state came to nothing.
pub(super) enum Unfinished {
    /// Its code was never shown to the provider, so that the state is as good as before.
    Unsent(Failure),
    /// Its code may be used up.
    Sent(Failure),
}

impl Endpoints {
    /// Uses a state, which is good for one code, whatever becomes of that. A callback without a
    /// code that can be redeemed uses none, and is counted.
    pub(super) async fn use_once<'a>(
        &'a self,
        provider: &Provider,
        attempt: &Attempt,
        fields: &'a Fields,
        visit: Visit<'_>,
    ) -> Result<UsedState<'a>, Failure> {
        let states = &self.0.states;
        let (client, ends_at) = (visit.client, attempt.ends_at());
        let code = self.code(provider, fields).await;
        let code = code.inspect_err(|failure| states.count(fields, failure, client))?;
        states.hold(client, ends_at, visit.now)?;
        let sessions = self.0.auth.sessions();
        let claimed = sessions
            .claim(attempt.id.as_bytes(), ends_at, visit.now)
            .await;
        let refusal = match claimed {
            Ok(Some(claim)) => {
                return Ok(UsedState {
                    endpoints: self,
                    fields,
                    code,
                    claim,
                    client,
                    ends_at,
                });
            }
            Ok(None) => Failure::State,
            Err(error) => {
                tracing::warn!(error = chain(&error), "sign-in state not claimed");
                Failure::from(&error)
            }
        };
        states.give_back(client, ends_at);
        Err(refusal)
    }
}

impl UsedState<'_> {
    /// The end of the callback: counts what came to nothing, and gives the state back where its
    /// code is as good as before.
    pub(super) async fn settle<T>(self, done: Result<T, Unfinished>) -> Result<T, Failure> {
        let unfinished = match done {
            Ok(done) => return Ok(done),
            Err(unfinished) => unfinished,
        };
        let states = &self.endpoints.0.states;
        let (Unfinished::Unsent(failure) | Unfinished::Sent(failure)) = &unfinished;
        states.count(self.fields, failure, self.client);
        match unfinished {
            Unfinished::Sent(failure) => Err(failure),
            Unfinished::Unsent(failure) => {
                match self.endpoints.0.auth.sessions().release(self.claim).await {
                    Ok(()) => states.give_back(self.client, self.ends_at),
                    // It stays used, and the person begins anew.
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "sign-in state not given back");
                    }
                }
                Err(failure)
            }
        }
    }
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self::Sent(failure)
    }
}

impl From<&RedemptionError> for Unfinished {
    fn from(error: &RedemptionError) -> Self {
        let failure = Failure::from(error.cause());
        match error {
            RedemptionError::NeverSent(_) => Self::Unsent(failure),
            RedemptionError::Sent(_) => Self::Sent(failure),
        }
    }
}
