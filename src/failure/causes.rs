//! From the errors of the layers below to the failures a client sees: total, so that a new
//! kind of error cannot be forgotten.
use super::Failure;
use crate::{
    cookie::CookieError, ocient::OcientError, oidc::OidcError, session::SessionError,
    upstream::UpstreamError,
};

impl From<&OidcError> for Failure {
    fn from(error: &OidcError) -> Self {
        match error {
            OidcError::Unreachable { .. } => Self::ProviderUnreachable,
            OidcError::Nonsense { .. } => Self::ProviderNonsense,
            OidcError::Token(fault) => Self::Token(*fault),
            OidcError::Refused(error) => Self::Provider(*error),
        }
    }
}

impl From<&OcientError> for Failure {
    fn from(error: &OcientError) -> Self {
        match error {
            OcientError::Refused { vendor_code } => Self::RefusedByNode(*vendor_code),
            OcientError::Unreachable(_) => Self::NodeUnreachable,
            OcientError::Late(_) => Self::NodeLate,
            OcientError::Nonsense(_) => Self::NodeBroke,
            OcientError::Interrupted => Self::Internal,
        }
    }
}

impl From<&UpstreamError> for Failure {
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Connect(_) | UpstreamError::ConnectTimeout(_) => Self::NodeUnreachable,
            UpstreamError::Broken(_) | UpstreamError::Switched => Self::NodeBroke,
            UpstreamError::HeadTimeout(_) => Self::NodeLate,
        }
    }
}

impl From<&SessionError> for Failure {
    fn from(error: &SessionError) -> Self {
        match error {
            SessionError::TooLarge => Self::malformed("the token is too large for a session"),
            SessionError::Encode(_) => Self::Internal,
            SessionError::File(_)
            | SessionError::Full
            | SessionError::ClaimsFull
            | SessionError::Contended
            | SessionError::Store(_) => Self::StoreUnavailable,
        }
    }
}

impl From<CookieError> for Failure {
    fn from(error: CookieError) -> Self {
        Self::malformed(error.to_string())
    }
}
