//! From the errors of the layers below to the failures a client sees: total, so that a new
//! kind of error cannot be forgotten.
use super::Failure;
use crate::{
    body::BodyError, connection::ConnectionError, cookie::CookieError, ocient::OcientError,
    oidc::OidcError, session::SessionError, upstream::UpstreamError,
};
use std::error::Error;

impl Failure {
    /// Of a body that could not be collected within a bound; `too_large` if that was why.
    pub fn of_collecting(error: &(dyn Error + 'static), too_large: Self) -> Self {
        error
            .downcast_ref::<BodyError>()
            .map_or(too_large, Self::from)
    }
}

impl From<&OidcError> for Failure {
    fn from(error: &OidcError) -> Self {
        match error {
            OidcError::Unreachable { .. } => Self::ProviderUnreachable,
            OidcError::Nonsense { .. } => Self::ProviderNonsense,
            OidcError::Token(fault) => Self::Token(fault.clone()),
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
            UpstreamError::Full => Self::NodeConnections,
            UpstreamError::ClientFull => Self::NodeConnectionsOfClient,
            UpstreamError::Broken(_) | UpstreamError::Switched => Self::NodeBroke,
            UpstreamError::ClientBroke(_) => Self::BodyBroken,
            UpstreamError::ClientSilent(_) => Self::BodyLate,
            UpstreamError::HeadTimeout(_) => Self::NodeLate,
        }
    }
}

impl From<&BodyError> for Failure {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::Broken(_) | BodyError::Ended => Self::BodyBroken,
            BodyError::Silent(_) => Self::BodyLate,
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
            | SessionError::NotesFull
            | SessionError::Contended
            | SessionError::Store(_) => Self::StoreUnavailable,
        }
    }
}

impl From<&ConnectionError> for Failure {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::OwnerFull => Self::TooManyConnections,
            // The provider made them so.
            ConnectionError::TooLarge => Self::ProviderNonsense,
            ConnectionError::Encode(_) => Self::Internal,
            ConnectionError::Full | ConnectionError::File(_) => Self::StoreUnavailable,
        }
    }
}

impl From<CookieError> for Failure {
    fn from(error: CookieError) -> Self {
        Self::malformed(error.to_string())
    }
}
