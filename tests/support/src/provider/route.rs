//! Which endpoint answers.

use http::{Method, StatusCode};

use super::endpoint::Endpoint;
use super::exchange::{Reply, reply};
use super::shared::{Recorded, Shared};
use super::{about, authorize, device, discovery, end_session, jwks, par, token};

pub(crate) fn route(shared: &Shared, call: &Recorded) -> Reply {
    let mut state = shared.lock();
    let is_post = call.method == Method::POST;
    match call.endpoint {
        Endpoint::Discovery => discovery::answer(shared, &state),
        Endpoint::Jwks => jwks::answer(&state),
        Endpoint::Authorize => authorize::answer(shared, &mut state, call),
        Endpoint::Userinfo => about::userinfo(&state, call),
        Endpoint::EndSession => end_session::answer(&state, call),
        Endpoint::Device => device::page(&mut state, call),
        Endpoint::Par if is_post => par::answer(shared, &mut state, call),
        Endpoint::Token if is_post => token::answer(shared, &mut state, call),
        Endpoint::Introspect if is_post => about::introspect(shared, &mut state, call),
        Endpoint::Revoke if is_post => about::revoke(shared, &mut state, call),
        Endpoint::DeviceAuthorization if is_post => device::authorize(shared, &mut state, call),
        Endpoint::Other => reply(StatusCode::NOT_FOUND, "text/plain", "no such page"),
        _ => reply(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "POST only"),
    }
}
