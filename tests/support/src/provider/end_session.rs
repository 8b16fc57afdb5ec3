//! Logout that the client began (OpenID Connect RP-Initiated Logout 1.0).

use http::StatusCode;
use url::Url;

use super::exchange::{Reply, reply, see_other};
use super::page;
use super::shared::{Recorded, State};

pub(crate) fn answer(state: &State, call: &Recorded) -> Reply {
    let done = |text| {
        reply(
            StatusCode::OK,
            "text/html",
            page::message("Signed out", text),
        )
    };
    let Some(target) = call.parameter("post_logout_redirect_uri") else {
        return done("You are signed out.");
    };
    let is_registered = state.clients.iter().any(|client| {
        let mut uris = client.post_logout_redirect_uris.iter();
        uris.any(|uri| uri == target)
    });
    let Some(mut url) = Url::parse(target).ok().filter(|_| is_registered) else {
        return reply(
            StatusCode::BAD_REQUEST,
            "text/html",
            page::refusal("the post_logout_redirect_uri is not registered"),
        );
    };
    if let Some(sent) = call.parameter("state") {
        url.query_pairs_mut().append_pair("state", sent);
    }
    see_other(url.as_str())
}
