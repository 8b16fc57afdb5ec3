//! The token endpoint: codes, refresh tokens and device codes become tokens (RFC 6749 4.1.3, 6, RFC 8628 3.4).

use http::StatusCode;

use super::exchange::{Reply, oauth_error};
use super::grants::Grant;
use super::keys::base64;
use super::lie::Lie;
use super::options::ClientEntry;
use super::shared::{Recorded, Shared, State};
use super::token_answer::{Kind, tokens};
use super::{client_auth, device};

pub(crate) fn answer(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    let ordered = state.lies.iter().find_map(|lie| match lie {
        Lie::TokenError(status, error) => Some((*status, *error)),
        _ => None,
    });
    if let Some((status, error)) = ordered {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        return oauth_error(status, error, "the test ordered this");
    }
    let client = match client_auth::check(shared, state, call) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let granted = match call.field("grant_type") {
        Some("authorization_code") => by_code(state, &client, call),
        Some("refresh_token") => by_refresh(state, &client, call),
        Some(device::GRANT_TYPE) => device::redeem(state, &client, call),
        _ => Err(("unsupported_grant_type", "unknown grant_type")),
    };
    match granted {
        Ok((grant, kind)) => tokens(shared, state, &client, &grant, kind),
        Err((error, why)) => oauth_error(StatusCode::BAD_REQUEST, error, why),
    }
}

/// An OAuth error code, and why.
pub(crate) type Refusal = (&'static str, &'static str);

fn by_code(
    state: &mut State,
    client: &ClientEntry,
    call: &Recorded,
) -> Result<(Grant, Kind), Refusal> {
    let missing = (
        "invalid_request",
        "code, redirect_uri or code_verifier is missing",
    );
    let code = call.field("code").ok_or(missing)?;
    let uri = call.field("redirect_uri").ok_or(missing)?;
    let verifier = call.field("code_verifier").ok_or(missing)?;
    let unknown = ("invalid_grant", "unknown, used or expired code");
    let code = state.grants.use_code(code).ok_or(unknown)?;
    if code.grant.client_id != client.id {
        return Err(("invalid_grant", "the code is another client's"));
    }
    if code.redirect_uri != uri {
        return Err((
            "invalid_grant",
            "the redirect_uri is not the one of the request",
        ));
    }
    // RFC 7636 4.1: 43 to 128 characters.
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    if !(43..=128).contains(&verifier.len()) || base64(hash.as_ref()) != code.challenge {
        return Err((
            "invalid_grant",
            "the code_verifier does not fit the challenge",
        ));
    }
    Ok((code.grant.clone(), Kind::First))
}

fn by_refresh(
    state: &mut State,
    client: &ClientEntry,
    call: &Recorded,
) -> Result<(Grant, Kind), Refusal> {
    let missing = ("invalid_request", "refresh_token is missing");
    let token = call.field("refresh_token").ok_or(missing)?;
    let unknown = ("invalid_grant", "unknown, used or revoked refresh token");
    let grant = state.grants.refresh_grant(token).ok_or(unknown)?.clone();
    if grant.client_id != client.id {
        return Err(("invalid_grant", "the refresh token is another client's"));
    }
    if !state.tells(&Lie::RefreshWithoutRotation) && !state.grants.use_refresh(token) {
        return Err(unknown);
    }
    Ok((grant, Kind::Refreshed))
}
