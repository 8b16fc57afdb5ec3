//! Who sends a request: `Authorization` first, else the session cookie.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::{
    accounts::{self, Account},
    answer::Fault,
    tokens::{Holder, Kind, Tokens},
};

/// Whose credential a request carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// No credential.
    Anonymous,
    /// User name and password of this user.
    Basic(String),
    /// A token of the node that this user holds.
    Token(String),
    /// A cookie session of this user.
    Cookie(String),
    /// A credential that proves nobody: a wrong password, an unknown or expired token.
    Refused,
}

/// The name of the session cookie.
pub const COOKIE: &str = "session";

/// What the request's credential says.
pub(super) struct Identification {
    pub(super) who: Who,
    caller: Result<Holder, Fault>,
}

impl Identification {
    /// The caller, or the 401.
    pub(super) fn caller(self) -> Result<Holder, Fault> {
        self.caller
    }
}

pub(super) fn identify(
    headers: &HeaderMap,
    accounts: &[Account],
    tokens: &Tokens,
    now: SystemTime,
) -> Identification {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes());
        return authorization(&value, accounts, tokens, now);
    }
    let Some(session) = session_cookie(headers) else {
        return Identification {
            who: Who::Anonymous,
            caller: Err(Fault::unauthenticated(-304, "authentication is required")),
        };
    };
    conclude(tokens.holder(Kind::Cookie, &session, now), Who::Cookie)
}

fn authorization(
    value: &str,
    accounts: &[Account],
    tokens: &Tokens,
    now: SystemTime,
) -> Identification {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return conclude(basic(rest.trim(), accounts), Who::Basic);
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return conclude(tokens.holder(Kind::Bearer, rest.trim(), now), Who::Token);
    }
    let reason = "the authentication scheme is not supported";
    conclude(Err(Fault::unauthenticated(-304, reason)), Who::Basic)
}

fn conclude(caller: Result<Holder, Fault>, who: fn(String) -> Who) -> Identification {
    let who = match &caller {
        Ok(holder) => who(holder.user.clone()),
        Err(_) => Who::Refused,
    };
    Identification { who, caller }
}

fn basic(encoded: &str, accounts: &[Account]) -> Result<Holder, Fault> {
    let wrong = || Fault::unauthenticated(-304, "the user and password combination was incorrect");
    let decoded = STANDARD.decode(encoded).map_err(|_| wrong())?;
    let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (name, password) = decoded.split_once(':').ok_or_else(wrong)?;
    password_holder(accounts, name, password).ok_or_else(wrong)
}

/// Whom this name and password prove.
pub(super) fn password_holder(accounts: &[Account], name: &str, password: &str) -> Option<Holder> {
    let (account, database) = accounts::check(accounts, name, password)?;
    Some(Holder {
        user: account.user.clone(),
        database,
        reach: account.reach(),
        is_admin: account.is_admin,
    })
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// The value of the session cookie.
pub(super) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}
