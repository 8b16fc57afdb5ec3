//! `Failure`: the one table of everything that can go wrong with a request, and its answer.
mod causes;

use crate::{
    oidc::{OAuthError, TokenFault},
    status::Status,
};
use http::{Method, StatusCode};
use std::{borrow::Cow, time::Duration};

/// Why a request is not answered as it asked. Whoever refuses makes one; [`Failure::row`] alone
/// knows what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A request to one of our endpoints that cannot be understood; the text says why.
    Malformed(Cow<'static, str>),
    /// `state` is unknown, expired, used, or not this browser's.
    State,
    /// The same of a sign-out at the provider.
    LogoutState,
    /// No credential where one is needed.
    NoCredential,
    /// A session token that is none.
    SessionUnknown,
    /// A session that is over.
    SessionExpired,
    /// A user name by which the SQL node would sign somebody in by itself.
    SignInAtNode,
    /// A session from before a `[[grant]]` looked at what its record did not keep.
    SessionOutdated,
    /// No API key where one is needed.
    NoApiKey,
    /// An API key that is none.
    ApiKey,
    /// An API key where it opens nothing, and must not be shown to anybody else.
    MisplacedApiKey,
    /// The owner of the API key has no such OAuth connection.
    NoConnection,
    /// The owner of the API key has as many OAuth connections as one may have.
    TooManyConnections,
    /// A provider token that proves nothing.
    Token(TokenFault),
    /// A provider's logout token that proves nothing; Back-Channel Logout 1.0 section 2.8 wants 400.
    LogoutToken(TokenFault),
    /// The provider said no to the sign-in.
    Provider(OAuthError),
    /// No grant fits the identity and the database.
    NotGranted,
    /// The SQL node does not accept the identity; its own code.
    RefusedByNode(i32),
    /// Which database the SQL node would use cannot be told for sure.
    UnclearDatabase,
    /// A cookie that another site's page may have sent; the text says what to do.
    CrossSite(&'static str),
    /// An endpoint of ours does not know the method; those it knows.
    Method(&'static [Method]),
    /// The body of a request broke off, or is none.
    BodyBroken,
    /// The body of a request did not come in time.
    BodyLate,
    /// The body of a request to one of our endpoints is too long.
    BodyTooLarge,
    /// The body of a request to one of our endpoints is not JSON.
    MediaType,
    /// The client failed too often; when it may try again.
    TooManyFailures(Duration),
    /// The client's network finished too many sign-ins; when it may try again.
    TooManySignIns(Duration),
    /// The client began too many sign-ins with a device code; when it may try again.
    TooManyDeviceGrants(Duration),
    /// The identity has too many sessions; when it may try again.
    TooManySessions(Duration),
    /// Too many clients wait for one device code; when one may try again.
    TooManyWaiters(Duration),
    /// The session of a device code was picked up before.
    DeviceCodeUsed,
    /// No provider signs in to the database.
    NoProvider,
    /// This version cannot do it.
    NotAvailable(&'static str),
    /// The provider's answer cannot be used.
    ProviderNonsense,
    /// The provider cannot be reached.
    ProviderUnreachable,
    /// No connection to the SQL node.
    NodeUnreachable,
    /// The SQL node broke off.
    NodeBroke,
    /// The SQL node was too late.
    NodeLate,
    /// Sessions cannot be had.
    StoreUnavailable,
    /// One connection too many.
    ConnectionLimit,
    /// All connections to the SQL node are being used.
    NodeConnections,
    /// The client's network uses its share of them.
    NodeConnectionsOfClient,
    /// As many bytes of bodies are held as may be, to see which database they name.
    BodiesFull,
    /// As many sign-ins with a device code wait as there is room for.
    DeviceGrantsFull,
    /// This sidecar stops, and another one should be asked.
    Draining,
    /// A fault of ours.
    Internal,
}

/// In which of the documented forms a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ocient's `status`, or a page for a person.
    Status,
    /// `error`, the form of OAuth connections, to programs alone. Of refusals it knows 400 and 401
    /// only, besides those of HTTP itself.
    Error,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// HTTP's.
    pub status: StatusCode,
    /// SQL's.
    pub sql_state: &'static str,
    /// Ocient's.
    pub vendor_code: i32,
    /// What to do, for a person; never a secret.
    pub reason: Cow<'static, str>,
}

/// Not entitled to do this.
const REFUSED: &str = "42502";
/// No connection.
const NO_CONNECTION: &str = "08001";
/// Stopped by an operator's limit.
const LIMITED: &str = "57011";
/// Internal error.
const INTERNAL: &str = "58005";

impl Failure {
    /// A malformed request, in these words.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(reason.into())
    }

    /// What the client is told.
    pub fn row(&self) -> Row {
        let (status, sql_state, vendor_code, reason): (_, _, _, Cow<'static, str>) = match self {
            Self::Malformed(reason) => (400, REFUSED, -1254, reason.clone()),
            Self::State => (400, REFUSED, -1203, "this sign-in is unknown, expired, already used, or was begun in another browser; begin again".into()),
            Self::LogoutState => (400, REFUSED, -1203, "this sign-out is unknown, or was begun in another browser".into()),
            Self::NoCredential => (401, REFUSED, -1204, "no credential; sign in first".into()),
            Self::SessionUnknown => (401, REFUSED, -1204, "no such session; sign in again".into()),
            Self::SessionExpired => (401, REFUSED, -733, "the session has expired; sign in again".into()),
            Self::SignInAtNode => (401, REFUSED, -1204, "this user name has the SQL node sign in at the provider; sign in here, with /v1/sso_authentication, /v1/sso_device_grant or /v1/sso_token".into()),
            Self::SessionOutdated => (401, REFUSED, -733, "the session is older than the rules for it; sign in again".into()),
            Self::NoApiKey => (401, REFUSED, -1204, "no API key; the program that connects opens this address with its key and its cookies".into()),
            Self::ApiKey => (401, REFUSED, -1204, "no such API key".into()),
            Self::MisplacedApiKey => (401, REFUSED, -1204, "an API key is for OAuth connections, and opens nothing here".into()),
            Self::NoConnection => (404, REFUSED, -1201, "no such connection".into()),
            Self::TooManyConnections => (400, LIMITED, -1100, "too many connections of this owner; delete one".into()),
            Self::Token(fault) => (401, REFUSED, token_code(fault), fault.to_string().into()),
            Self::LogoutToken(fault) => (400, REFUSED, token_code(fault), fault.to_string().into()),
            Self::Provider(error) => return provider_row(*error),
            Self::NotGranted => (403, REFUSED, -719, "no grant lets this identity use this database; ask the administrator".into()),
            Self::RefusedByNode(code) => (403, REFUSED, -719, format!("the SQL node does not accept this identity (its code {code}); ask the administrator").into()),
            Self::UnclearDatabase => (403, REFUSED, -719, "it is not clear which database this request would use; name the database in the path".into()),
            Self::CrossSite(reason) => (403, REFUSED, -719, (*reason).into()),
            Self::Method(_) => (405, REFUSED, -1254, "this endpoint does not know the method; see Allow".into()),
            Self::BodyBroken => (400, REFUSED, -1254, "the body of the request broke off or is malformed".into()),
            Self::BodyLate => (408, REFUSED, -1254, "the body of the request did not come in time".into()),
            Self::BodyTooLarge => (413, REFUSED, -1254, "the body is too large for this endpoint".into()),
            Self::MediaType => (415, REFUSED, -1254, "the body must be application/json".into()),
            Self::TooManyFailures(_) => (429, LIMITED, -1100, "too many failed sign-ins from this address; wait".into()),
            Self::TooManySignIns(_) => (429, LIMITED, -1100, "too many sign-ins from this address within ten minutes; wait".into()),
            Self::TooManyDeviceGrants(_) => (429, LIMITED, -1100, "too many sign-ins of this address wait for their approval; finish them, or wait".into()),
            Self::TooManySessions(_) => (429, LIMITED, -1100, "too many sessions of this identity; use one again, sign out of some, or wait".into()),
            Self::TooManyWaiters(_) => (429, LIMITED, -1100, "too many clients wait for this code; wait".into()),
            Self::DeviceCodeUsed => (400, REFUSED, -1203, "the session of this code was picked up already; begin again".into()),
            Self::NoProvider => (404, REFUSED, -1201, "no OpenID provider signs in to this database".into()),
            Self::NotAvailable(what) => (404, REFUSED, -1201, format!("{what} is not available in this version").into()),
            Self::ProviderNonsense => (502, NO_CONNECTION, -1222, "the OpenID provider's answer cannot be used; the administrator finds why in the log".into()),
            Self::ProviderUnreachable => (503, NO_CONNECTION, -1220, "the OpenID provider cannot be reached; try again later".into()),
            Self::NodeUnreachable => (502, NO_CONNECTION, -201, "the SQL node cannot be reached; try again later".into()),
            Self::NodeBroke => (502, NO_CONNECTION, -203, "the SQL node closed the connection; the statement may have run".into()),
            Self::NodeLate => (504, NO_CONNECTION, -204, "the SQL node did not answer in time".into()),
            Self::StoreUnavailable => (503, NO_CONNECTION, -206, "sessions are not available now; try again later".into()),
            Self::ConnectionLimit => (503, NO_CONNECTION, -206, "too many connections; try again later".into()),
            Self::NodeConnections => (503, NO_CONNECTION, -206, "the SQL node has as many requests as this sidecar may send it at once; try again later".into()),
            Self::NodeConnectionsOfClient => (503, NO_CONNECTION, -206, "too many requests of this address are under way; try again when some have ended".into()),
            Self::BodiesFull => (503, NO_CONNECTION, -206, "too many long requests at once that name no database in the path; try again, or name it there".into()),
            Self::DeviceGrantsFull => (503, NO_CONNECTION, -206, "too many sign-ins with a device code wait; try again later".into()),
            Self::Draining => (503, NO_CONNECTION, -206, "this sidecar stops; try again, at another one".into()),
            Self::Internal => (500, INTERNAL, -103, "a fault of the sidecar; the administrator finds more in the log".into()),
        };
        Row::new(status, sql_state, vendor_code, reason)
    }

    /// When the client may try again, for `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFailures(wait)
            | Self::TooManySignIns(wait)
            | Self::TooManyDeviceGrants(wait)
            | Self::TooManySessions(wait)
            | Self::TooManyWaiters(wait) => Some(*wait),
            Self::Provider(OAuthError::TemporarilyUnavailable)
            | Self::ProviderUnreachable
            | Self::StoreUnavailable
            | Self::ConnectionLimit
            | Self::NodeConnections
            | Self::NodeConnectionsOfClient
            | Self::DeviceGrantsFull
            | Self::Draining => Some(RETRY_AFTER),
            Self::BodiesFull => Some(BODIES_RETRY_AFTER),
            _ => None,
        }
    }

    /// Whether a guess at a credential failed, which is what is counted per client address.
    pub fn is_failed_sign_in(&self) -> bool {
        // An inactive token was counted when the provider was asked.
        *self != Self::Token(TokenFault::Inactive)
            && matches!(
                self,
                Self::State
                    | Self::SessionUnknown
                    | Self::ApiKey
                    | Self::Token(_)
                    | Self::LogoutToken(_)
                    | Self::Provider(OAuthError::InvalidGrant)
            )
    }

    /// Whether the client did not send its whole request.
    pub fn is_incomplete_request(&self) -> bool {
        matches!(self, Self::BodyBroken | Self::BodyLate)
    }

    /// Whether somebody was kept out, which the audit log records.
    pub fn is_refusal(&self) -> bool {
        matches!(self.row().status.as_u16(), 401 | 403 | 429)
            || matches!(self, Self::State | Self::LogoutToken(_))
    }
}

/// A restart, or a provider's hiccup, takes a few seconds.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A body is held while it arrives and is sent on: for a moment.
const BODIES_RETRY_AFTER: Duration = Duration::from_secs(1);

impl Row {
    /// The same in `form`, whose statuses may be fewer.
    #[must_use]
    pub fn in_form(mut self, form: Form) -> Self {
        if form == Form::Error && self.status == StatusCode::FORBIDDEN {
            self.status = StatusCode::BAD_REQUEST;
        }
        self
    }

    fn new(
        status: u16,
        sql_state: &'static str,
        vendor_code: i32,
        reason: Cow<'static, str>,
    ) -> Self {
        let status = StatusCode::from_u16(status).expect("the table holds valid codes alone");
        Self {
            status,
            sql_state,
            vendor_code,
            reason,
        }
    }

    /// Ocient's envelope, whose reason ends in the request's identifier.
    pub fn envelope(&self, request_id: &str) -> Status {
        Status {
            reason: format!("{} (request {request_id})", self.reason),
            sql_state: self.sql_state.to_owned(),
            vendor_code: self.vendor_code,
        }
    }
}

fn token_code(fault: &TokenFault) -> i32 {
    match fault {
        TokenFault::Expired | TokenFault::SignedOut | TokenFault::Inactive => -1228,
        TokenFault::Signature => -1234,
        TokenFault::UnknownKey => -1229,
        TokenFault::Issuer => -1232,
        TokenFault::Audience | TokenFault::AuthorizedParty => -1233,
        TokenFault::Claim(_)
        | TokenFault::UserName(_)
        | TokenFault::Groups(_)
        | TokenFault::Overage(_)
        | TokenFault::Lineage(_)
        | TokenFault::ForeignUserinfo
        | TokenFault::Nonce
        | TokenFault::NotYetValid => -1231,
        TokenFault::Malformed | TokenFault::Algorithm | TokenFault::Critical => -1235,
        TokenFault::Type | TokenFault::KeyBound => -1236,
        TokenFault::AsTaken(fault, _) => token_code(fault),
    }
}

/// The provider's own refusals. Only the user's is the client's affair; the rest is between
/// the configuration and the provider.
fn provider_row(error: OAuthError) -> Row {
    let (status, vendor_code) = match error {
        OAuthError::AccessDenied => (403, -1251),
        OAuthError::InvalidGrant => (400, -1203),
        OAuthError::InvalidRequest => (502, -1254),
        OAuthError::UnauthorizedClient => (502, -1250),
        OAuthError::UnsupportedResponseType => (502, -1252),
        OAuthError::InvalidScope => (502, -1253),
        OAuthError::ServerError => (502, -1255),
        OAuthError::TemporarilyUnavailable => (503, -1256),
        OAuthError::AuthorizationPending | OAuthError::SlowDown => (408, -1238),
        OAuthError::ExpiredToken => (400, -1228),
        OAuthError::UnsupportedTokenType | OAuthError::Other => (502, -1221),
    };
    Row::new(status, REFUSED, vendor_code, error.to_string().into())
}

#[cfg(test)]
mod tests;
