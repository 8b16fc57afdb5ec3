//! `GET /v1/logged_out`: the provider sends a browser back after a sign-out there.
use super::{answer::json, fields::Fields, pages::signed_out_everywhere};
use crate::{
    body::Body,
    cookie,
    failure::Failure,
    page::Reader,
    secret::Secret,
    status::{Status, StatusOnly},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use std::time::Duration;

/// A sign-out at the provider that begins: the `state` to send along, and the cookie that has it,
/// too.
pub(super) fn begin() -> (Secret, HeaderValue) {
    let state = Secret::random();
    let cookie = cookie::set(cookie::LOGOUT, state.expose(), MAX_AGE);
    (state, cookie)
}

/// A plain page: the session here was over before the browser left. It says so only to the
/// browser that began it (OpenID Connect RP-Initiated Logout 1.0 section 3), so that nobody can
/// be made to believe that he is signed out.
///
/// # Errors
/// The state is missing or another browser's.
pub(super) fn answer<B>(request: &Request<B>) -> Result<Response<Body>, Failure> {
    let headers = request.headers();
    let fields = Fields::of_query(request.uri().query())?;
    let state = fields.secret("state")?.ok_or(Failure::LogoutState)?;
    let begun = cookie::find(headers, cookie::LOGOUT)?;
    if !begun.is_some_and(|begun| state.matches(begun)) {
        return Err(Failure::LogoutState);
    }
    let mut response = match Reader::of(headers) {
        Reader::Person => signed_out_everywhere().answer(StatusCode::OK),
        Reader::Program => json(&StatusOnly {
            status: Status::success("Logged out successfully"),
        }),
    };
    let cookies = response.headers_mut();
    cookies.append(header::SET_COOKIE, cookie::clear(cookie::LOGOUT));
    Ok(response)
}

/// A person may be asked at the provider which sessions to end.
const MAX_AGE: Duration = Duration::from_secs(600);
