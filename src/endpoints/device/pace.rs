//! `Pace`: how often a provider is asked about one grant (RFC 8628 section 3.5).
use crate::{
    failure::Failure,
    oidc::{OAuthError, OidcError},
};
use std::time::Duration;

/// The pauses between the questions about one grant.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// Questions in a row without an answer that counts.
    troubles: u32,
    /// Of them, those that were answered with nonsense.
    nonsense: u32,
}

/// RFC 8628 section 3.5: from then on five seconds more.
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// Longest pause that trouble leads to: whoever waits wants to know within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// A proxy in between may answer something strange for a moment, a provider that goes on has
/// another idea of the protocol.
const MAX_NONSENSE: u32 = 3;

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            troubles: 0,
            nonsense: 0,
        }
    }

    /// How long to wait before the next question: twice as long after each trouble.
    pub(super) fn pause(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.troubles);
        let longer = self.interval.saturating_mul(factor).min(LONGEST);
        longer.max(self.interval)
    }

    /// Takes note of a question without a sign-in.
    ///
    /// # Errors
    /// That was the last one, and this is why.
    pub(super) fn note(&mut self, error: &OidcError) -> Result<(), Failure> {
        match error {
            OidcError::Refused(OAuthError::AuthorizationPending) => self.troubles = 0,
            OidcError::Refused(OAuthError::SlowDown) => {
                self.troubles = 0;
                self.interval += SLOW_DOWN;
            }
            OidcError::Unreachable { .. }
            | OidcError::Refused(OAuthError::ServerError | OAuthError::TemporarilyUnavailable) => {
                self.troubles += 1;
            }
            OidcError::Nonsense { .. } if self.nonsense < MAX_NONSENSE => {
                self.troubles += 1;
                self.nonsense += 1;
                return Ok(());
            }
            OidcError::Nonsense { .. } | OidcError::Token(_) | OidcError::Refused(_) => {
                return Err(Failure::from(error));
            }
        }
        self.nonsense = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::TokenFault;
    use std::{io, sync::Arc};

    const PENDING: OidcError = OidcError::Refused(OAuthError::AuthorizationPending);
    const SLOWER: OidcError = OidcError::Refused(OAuthError::SlowDown);

    fn unreachable() -> OidcError {
        OidcError::Unreachable {
            provider: "corp".to_owned(),
            source: Arc::new(io::Error::other("x")),
        }
    }

    fn nonsense() -> OidcError {
        OidcError::Nonsense {
            provider: "corp".to_owned(),
            what: "x".to_owned(),
        }
    }

    /// The pauses, in seconds, after each of these.
    fn pauses(errors: &[OidcError]) -> Vec<u64> {
        let mut pace = Pace::new(Duration::from_secs(5));
        let note = |error| {
            pace.note(error).unwrap();
            pace.pause().as_secs()
        };
        errors.iter().map(note).collect()
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        let errors = [PENDING, SLOWER, PENDING, SLOWER, SLOWER, PENDING];
        assert_eq!(pauses(&errors), [5, 10, 10, 15, 20, 20]);
    }

    #[test]
    fn trouble_doubles_the_pause_up_to_a_minute_until_an_answer_comes() {
        let mut errors = vec![unreachable(); 6];
        errors.extend([PENDING, unreachable()]);
        assert_eq!(pauses(&errors), [10, 20, 40, 60, 60, 60, 5, 10]);
        let down = OidcError::Refused(OAuthError::TemporarilyUnavailable);
        assert_eq!(pauses(&[down]), [10]);
        assert_eq!(pauses(&vec![unreachable(); 100])[99], 60);
    }

    #[test]
    fn nonsense_is_borne_three_times_in_a_row() {
        let mut pace = Pace::new(Duration::from_secs(5));
        for error in [
            nonsense(),
            nonsense(),
            PENDING,
            nonsense(),
            nonsense(),
            nonsense(),
        ] {
            pace.note(&error).unwrap();
        }
        assert_eq!(pace.note(&nonsense()), Err(Failure::ProviderNonsense));
    }

    #[test]
    fn a_decision_ends_the_questions() {
        for error in [
            OAuthError::AccessDenied,
            OAuthError::ExpiredToken,
            OAuthError::InvalidGrant,
            OAuthError::UnauthorizedClient,
            OAuthError::Other,
        ] {
            let ended = Pace::new(SLOW_DOWN).note(&OidcError::Refused(error));
            assert_eq!(ended, Err(Failure::Provider(error)));
        }
        let forged = Pace::new(SLOW_DOWN).note(&OidcError::Token(TokenFault::Signature));
        assert_eq!(forged, Err(Failure::Token(TokenFault::Signature)));
    }
}
