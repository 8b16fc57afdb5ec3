//! `RedemptionError`: why a code brought nothing, and whether the provider may have seen it.
use super::OidcError;

/// Why an authorization code brought nothing. A code is good once (RFC 6749 section 4.1.2): who
/// brings it again must know whether it was shown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RedemptionError {
    /// The code never left: its provider's metadata or keys could not be had, or no connection
    /// to its token endpoint.
    #[error(transparent)]
    NeverSent(OidcError),
    /// It was sent, or may have been: refused, answered with what cannot be used, or no answer
    /// came in time.
    #[error(transparent)]
    Sent(OidcError),
}

impl RedemptionError {
    /// What went wrong.
    pub fn cause(&self) -> &OidcError {
        match self {
            Self::NeverSent(error) | Self::Sent(error) => error,
        }
    }

    /// The same, where it does not matter whether anything was sent.
    pub(super) fn into_cause(self) -> OidcError {
        match self {
            Self::NeverSent(error) | Self::Sent(error) => error,
        }
    }
}

impl From<OidcError> for RedemptionError {
    /// What is not known to have stayed here may have been sent.
    fn from(error: OidcError) -> Self {
        Self::Sent(error)
    }
}
