//! What a client shows to say who it is.
use crate::{
    cookie, failure::Failure, oidc::Owner, secret::Secret, session::SessionToken,
    telemetry::CredentialKind,
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, header};

/// The first credential of a request that counts.
#[derive(Debug)]
pub enum Credential {
    /// A session token of ours.
    Session(SessionToken, Carrier),
    /// A token of a configured issuer, not verified yet, and the number of the provider that it
    /// belongs to; `None`: it names several.
    ProviderToken(Secret, Option<usize>),
    /// User name and password, for the SQL node.
    Basic,
    /// A bearer token that is no JWT: opaque to us. A provider may know it, or the SQL node.
    Opaque(Secret),
    /// Another bearer token, in whatever form, or another scheme, for the SQL node.
    Bearer,
    /// None.
    None,
}

/// How a session token travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In `Authorization`, which only a program that knows the token can set.
    Authorization,
    /// In a cookie, which a browser adds whoever made the request.
    Cookie,
}

/// User names whose password is a token: Ocient's own clients use them, and many tools can
/// send nothing but a user name and a password.
const TOKEN_USERS: [&str; 3] = ["id_token", "access_token", "session"];

impl Credential {
    /// Finds it. `owner_of`: which provider a token belongs to.
    ///
    /// # Errors
    /// Two `Authorization` fields or two of our cookies, of which one might be somebody
    /// else's; a token of ours that cannot be one.
    pub fn of(headers: &HeaderMap, owner_of: impl Fn(&str) -> Owner) -> Result<Self, Failure> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::of_cookie(headers);
        };
        if values.next().is_some() {
            return Err(Failure::malformed("more than one Authorization field"));
        }
        match scheme(value) {
            ("bearer", token) => Self::of_bearer(token, owner_of),
            ("basic", encoded) => match token_password(encoded) {
                Some(token) => Self::of_bearer(token.expose(), owner_of),
                None => Ok(Self::Basic),
            },
            _ => Ok(Self::Bearer),
        }
    }

    fn of_cookie(headers: &HeaderMap) -> Result<Self, Failure> {
        match cookie::find(headers, cookie::SESSION)? {
            None => Ok(Self::None),
            Some(text) => SessionToken::parse(text)
                .map(|token| Self::Session(token, Carrier::Cookie))
                .ok_or(Failure::SessionUnknown),
        }
    }

    fn of_bearer(token: &str, owner_of: impl Fn(&str) -> Owner) -> Result<Self, Failure> {
        if token.starts_with(SessionToken::PREFIX) {
            return SessionToken::parse(token)
                .map(|token| Self::Session(token, Carrier::Authorization))
                .ok_or(Failure::SessionUnknown);
        }
        let owner = match owner_of(token) {
            // Another issuer's JWT is no affair of our providers: it is never shown to them.
            Owner::Stranger => return Ok(Self::Bearer),
            Owner::Opaque if is_bearer_token(token) => {
                return Ok(Self::Opaque(Secret::new(token)));
            }
            Owner::Opaque => return Ok(Self::Bearer),
            Owner::Entry(number) => Some(number),
            Owner::Several => None,
        };
        Ok(Self::ProviderToken(Secret::new(token), owner))
    }

    /// For the access line.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Session(_, Carrier::Authorization) => CredentialKind::SessionToken,
            Self::Session(_, Carrier::Cookie) => CredentialKind::SessionCookie,
            Self::ProviderToken(..) => CredentialKind::ProviderToken,
            Self::Basic => CredentialKind::Basic,
            Self::Opaque(_) | Self::Bearer => CredentialKind::Bearer,
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
    let known = ["bearer", "basic"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known));
    (known.unwrap_or_default(), rest.trim())
}

/// The password of a Basic credential whose user name says that it is a token (RFC 7617).
fn token_password(encoded: &str) -> Option<Secret> {
    let decoded = zeroize::Zeroizing::new(LENIENT.decode(encoded).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    TOKEN_USERS.contains(&user).then(|| Secret::new(password))
}

/// Reads what a lenient SQL node might read: to it, too, a token must not go by unseen.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests;
