//! `OidcError`: every way in which a provider, a sign-in or a token can fail.
use super::verify::Taken;
use std::{error::Error, sync::Arc};

/// A cause that all waiters of one shared attempt can hold.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why there is no identity, or no sign-in. The variants say whose fault it is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OidcError {
    /// The network's: the provider gave no answer.
    #[error("provider {provider} cannot be reached")]
    Unreachable {
        /// Its name in config.toml.
        provider: String,
        /// What the network said.
        source: Cause,
    },
    /// The provider's (or the configuration's): an answer that cannot be used.
    #[error("provider {provider}: {what}")]
    Nonsense {
        /// Its name in config.toml.
        provider: String,
        /// What is wrong with which answer; bounded, and never quotes a secret.
        what: String,
    },
    /// The token's: it proves nothing.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The provider said no, in the words of OAuth.
    #[error(transparent)]
    Refused(#[from] OAuthError),
}

/// The first rule that a token breaks. The sentences never quote the token; they name claims as the
/// configuration does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a compact JWS of bounded size that holds two JSON objects.
    #[error("the token is not a well-formed JWT")]
    Malformed,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// The provider, asked about an opaque token, says that it is not active.
    #[error("the provider does not know the token, or it has ended")]
    Inactive,
    /// `nbf` or `iat` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The key it names did not sign it.
    #[error("the token's signature is wrong")]
    Signature,
    /// None of the provider's keys fits it.
    #[error("the token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// `alg` is not allowed, or not what its key is for.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// `typ` or `events` says that this is another kind of token.
    #[error("this kind of token is not accepted here")]
    Type,
    /// `cnf` binds the token to a key (RFC 7800): whoever shows it as a bearer has not shown that.
    #[error("the token is bound to a key (cnf), which a bearer token does not prove")]
    KeyBound,
    /// `crit` demands an extension (RFC 7515 section 4.1.11); none is known here.
    #[error("the token demands an unknown extension")]
    Critical,
    /// `iss` is not the configured issuer, byte for byte.
    #[error("the issuer is not the configured provider")]
    Issuer,
    /// `aud` names neither the client nor a configured audience.
    #[error("the token is meant for somebody else")]
    Audience,
    /// `azp` or `client_id` is another client.
    #[error("the token was issued to another client")]
    AuthorizedParty,
    /// `nonce` is not the one of this sign-in.
    #[error("the token belongs to another sign-in")]
    Nonce,
    /// Userinfo, asked with the access token, speaks of another `sub` than the token.
    #[error("the provider's userinfo speaks of somebody else than the token")]
    ForeignUserinfo,
    /// The provider has ended the session that the token was issued for, or all of that person.
    #[error("the provider has signed this user out since the token was issued; sign in again")]
    SignedOut,
    /// The named claim of a refreshed token is not that of the sign-in.
    #[error("the refreshed token's claim {0} is not that of the sign-in")]
    Lineage(&'static str),
    /// The named claim is missing or unusable.
    #[error("the token's claim {0} is missing or unusable")]
    Claim(&'static str),
    /// A broken rule that depends on what the token was taken for.
    #[error("{0}: {1}")]
    AsTaken(Box<TokenFault>, Taken),
    /// The claim that `username_claim` names is missing, or is no name.
    #[error("the token's claim {0} is missing or cannot be a user's name")]
    UserName(Arc<str>),
    /// The claim that `groups_claim` names holds something else than names, or more than are read.
    #[error(
        "the token's claim {0} cannot be read as groups: a list of names, one name, or an object \
         whose members are names, and at most 1000"
    )]
    Groups(Arc<str>),
    /// Entra's overage: `_claim_names` says that the groups are elsewhere, as they are too many.
    #[error(
        "the user is in more groups than fit into the token, which leaves its claim {0} out; have \
         the provider send the groups that are assigned to the application alone, or app roles"
    )]
    Overage(Arc<str>),
}

/// What a provider's `error` says (RFC 6749 sections 4.1.2.1 and 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The user or the provider declined.
    #[error("the sign-in was refused at the provider")]
    AccessDenied,
    /// The provider did not understand the request.
    #[error("the provider finds the request invalid")]
    InvalidRequest,
    /// The provider does not know this client, its secret, or its right to do this.
    #[error("the provider does not accept this client")]
    UnauthorizedClient,
    /// The provider does not do the code flow.
    #[error("the provider does not support the authorization code flow")]
    UnsupportedResponseType,
    /// A configured scope is unknown to the provider.
    #[error("the provider does not accept the scopes")]
    InvalidScope,
    /// The code, or the refresh token, is used up, expired or foreign.
    #[error("the provider does not accept the code or token")]
    InvalidGrant,
    /// The provider failed.
    #[error("the provider has an internal error")]
    ServerError,
    /// The provider is overloaded or in maintenance.
    #[error("the provider is temporarily unavailable")]
    TemporarilyUnavailable,
    /// Device grant (RFC 8628 section 3.5): the person has not decided yet.
    #[error("the sign-in was not approved yet; ask again")]
    AuthorizationPending,
    /// Device grant: the same, and we ask too often.
    #[error("the sign-in was not approved yet; ask again later")]
    SlowDown,
    /// Device grant: the person took too long.
    #[error("the sign-in was not approved in time; begin again")]
    ExpiredToken,
    /// What was shown is no kind of token that the provider tells of (RFC 7009 section 2.2.1).
    #[error("the provider does not know this kind of token")]
    UnsupportedTokenType,
    /// A code of another specification, or of nobody's.
    #[error("the provider refused for another reason")]
    Other,
}

impl From<&str> for OAuthError {
    fn from(code: &str) -> Self {
        match code {
            "access_denied" => Self::AccessDenied,
            "invalid_request" => Self::InvalidRequest,
            "unauthorized_client" | "invalid_client" => Self::UnauthorizedClient,
            "unsupported_response_type" => Self::UnsupportedResponseType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_grant" => Self::InvalidGrant,
            "server_error" => Self::ServerError,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            "authorization_pending" => Self::AuthorizationPending,
            "slow_down" => Self::SlowDown,
            "unsupported_token_type" => Self::UnsupportedTokenType,
            "expired_token" => Self::ExpiredToken,
            _ => Self::Other,
        }
    }
}
