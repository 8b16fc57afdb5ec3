//! What a client shows to say who it is.
use super::{cross_site, password::Password};
use crate::{
    cookie, failure::Failure, oidc::Owner, secret::Secret, session::SessionToken,
    telemetry::CredentialKind,
};
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;

/// The first credential of a request that counts.
#[derive(Debug)]
pub enum Credential {
    /// A session token of ours.
    Session(SessionToken, Carrier, Database),
    /// A token of a configured issuer, not verified yet, and the number of the provider that it
    /// belongs to; `None`: it names several.
    ProviderToken(Secret, Option<usize>, Database),
    /// User name and password, for the SQL node.
    Basic,
    /// A bearer token that is no JWT: opaque to us. A provider may know it, or the SQL node.
    Opaque(Secret, Database),
    /// Another bearer token, in whatever form, or another scheme, for the SQL node.
    Bearer,
    /// None.
    None,
}

/// The database of a request that names none, where the credential names one, as Ocient's own
/// clients do: `id_token@retail`.
pub(super) type Database = Option<Arc<str>>;

/// How a session token travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In `Authorization`.
    Authorization,
    /// In a cookie, which a browser adds whoever made the request.
    Cookie,
}

impl Credential {
    /// Finds it. `owner_of`: which provider a token belongs to; `None`: there is no provider, so
    /// that `Authorization` is the SQL node's alone, but for session tokens.
    ///
    /// # Errors
    /// Two `Authorization` fields or two of our cookies, of which one might be somebody
    /// else's; a token of ours that cannot be one; what two readers could take for two things;
    /// a password that another site's page had the browser send.
    pub fn of(
        headers: &HeaderMap,
        owner_of: Option<impl Fn(&str) -> Owner>,
    ) -> Result<Self, Failure> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::of_cookie(headers);
        };
        if values.next().is_some() {
            return Err(Failure::malformed("more than one Authorization field"));
        }
        // Some readers take such bytes for blanks, and what follows for a scheme.
        if owner_of.is_some() && !value.as_bytes().iter().all(|byte| *byte <= b'~') {
            return Err(Failure::malformed("Authorization is not ASCII"));
        }
        match scheme(value) {
            _ if owner_of.is_some() && is_almost_known(value) => Err(Failure::malformed(
                "the scheme of Authorization is misspelt",
            )),
            ("bearer", token) => Self::of_bearer(token, None, owner_of),
            ("basic", encoded) => {
                cross_site::check_password(headers)?;
                Self::of_basic(encoded, owner_of)
            }
            // Browsers send some others by themselves, too (Negotiate, Digest).
            _ => cross_site::check_password(headers).map(|()| Self::Bearer),
        }
    }

    fn of_cookie(headers: &HeaderMap) -> Result<Self, Failure> {
        match cookie::find(headers, cookie::SESSION)? {
            None => Ok(Self::None),
            Some(text) => SessionToken::parse(text)
                .map(|token| Self::Session(token, Carrier::Cookie, None))
                .ok_or(Failure::SessionUnknown),
        }
    }

    fn of_basic(encoded: &str, owner_of: Option<impl Fn(&str) -> Owner>) -> Result<Self, Failure> {
        if owner_of.is_none() {
            return Ok(Self::Basic);
        }
        match Password::read(encoded)? {
            Password::Account => Ok(Self::Basic),
            Password::Token(token, database) => Self::of_bearer(token.expose(), database, owner_of),
        }
    }

    fn of_bearer(
        token: &str,
        database: Database,
        owner_of: Option<impl Fn(&str) -> Owner>,
    ) -> Result<Self, Failure> {
        if token.starts_with(SessionToken::PREFIX) {
            return SessionToken::parse(token)
                .map(|token| Self::Session(token, Carrier::Authorization, database))
                .ok_or(Failure::SessionUnknown);
        }
        let owner = match owner_of.map_or(Owner::Stranger, |owner_of| owner_of(token)) {
            // Another issuer's JWT is no affair of our providers: it is never shown to them.
            Owner::Stranger => return Ok(Self::Bearer),
            Owner::Opaque if is_bearer_token(token) => {
                return Ok(Self::Opaque(Secret::new(token), database));
            }
            Owner::Opaque => return Ok(Self::Bearer),
            Owner::Entry(number) => Some(number),
            Owner::Several => None,
        };
        Ok(Self::ProviderToken(Secret::new(token), owner, database))
    }

    /// For the access line.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Session(_, Carrier::Authorization, _) => CredentialKind::SessionToken,
            Self::Session(_, Carrier::Cookie, _) => CredentialKind::SessionCookie,
            Self::ProviderToken(..) => CredentialKind::ProviderToken,
            Self::Basic => CredentialKind::Basic,
            Self::Opaque(..) | Self::Bearer => CredentialKind::Bearer,
            Self::None => CredentialKind::None,
        }
    }
}

/// Whether `token` can be an access token at all (RFC 6750 section 2.1), of a length that real
/// ones have.
pub(super) fn is_bearer_token(token: &str) -> bool {
    let plain = token.trim_end_matches('=');
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !plain.is_empty() && token.len() <= MAX_OPAQUE && plain.bytes().all(is_fit)
}

/// Bytes, as for tokens that are not opaque.
const MAX_OPAQUE: usize = 16 * 1024;

/// The scheme as a known lower-case name, and what follows it (RFC 9110 section 11.4).
fn scheme(value: &HeaderValue) -> (&'static str, &str) {
    let text = value.to_str().unwrap_or_default().trim_start();
    let (scheme, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let known = SCHEMES
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known));
    (known.unwrap_or_default(), rest.trim())
}

/// Whether something else than a blank stands behind a known scheme, as in `Basic:`: no scheme
/// (RFC 9110 section 11.1), but some readers' `Basic`.
fn is_almost_known(value: &HeaderValue) -> bool {
    let text = value.as_bytes().trim_ascii_start();
    let is_almost = |known: &str| match text.split_at_checked(known.len()) {
        Some((scheme, [next, ..])) => {
            scheme.eq_ignore_ascii_case(known.as_bytes())
                && !next.is_ascii_alphanumeric()
                && !matches!(next, b' ' | b'\t')
        }
        _ => false,
    };
    // Of a list of credentials (RFC 9110 section 11.6.2 has none) some take the second one.
    let listed = value.as_bytes().split(|byte| *byte == b',').skip(1);
    let is_listed = |item: &[u8]| {
        let item = item.trim_ascii_start();
        SCHEMES.into_iter().any(|known| {
            let scheme = item.get(..known.len());
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(known.as_bytes()))
                && matches!(item.get(known.len()), Some(b' ' | b'\t'))
        })
    };
    SCHEMES.into_iter().any(is_almost) || listed.into_iter().any(is_listed)
}

/// Those that are read here.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

#[cfg(test)]
mod tests;
