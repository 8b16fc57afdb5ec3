//! The authorization endpoint (RFC 6749 4.1.1, OpenID Connect Core 3.1.2), strict about what a good
//! client always sends.

use http::{Method, StatusCode};

use super::exchange::{Reply, duplicate, only, reply};
use super::grants::Grant;
use super::mint::now;
use super::page;
use super::redirect::{Outcome, back};
use super::shared::{Recorded, Shared, State, random_text};

/// An authorization request whose client and redirect URI are known to be good.
struct Request {
    client_id: String,
    redirect_uri: String,
    parameters: Vec<(String, String)>,
}

/// What the person decided.
enum Choice {
    Allow(String),
    Refuse,
    /// The form is to be shown (again), with this remark.
    Ask(&'static str),
}

pub(crate) fn answer(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    let request = match known(shared, state, call) {
        Ok(request) => request,
        // Never a redirect to an address that is not registered (RFC 6749 4.1.2.1).
        Err(why) => return reply(StatusCode::BAD_REQUEST, "text/html", page::refusal(why)),
    };
    let sent_state = only(&request.parameters, "state");
    let outcome = match check(&request) {
        Err((error, why)) => Outcome::Error(error, why),
        Ok(()) => match choice(shared, state, call) {
            Choice::Ask(remark) => {
                if let Some(reference) = call.query_field("request_uri") {
                    let parameters = request.parameters.clone();
                    state.grants.push_request(reference.to_owned(), parameters);
                }
                return page::sign_in(&request.client_id, remark);
            }
            Choice::Refuse => Outcome::Error("access_denied", "the person refused"),
            Choice::Allow(username) => Outcome::Code(grant_code(state, &request, username)),
        },
    };
    back(shared, state, &request.redirect_uri, sent_state, &outcome)
}

fn known(shared: &Shared, state: &mut State, call: &Recorded) -> Result<Request, &'static str> {
    let parameters = match call.query_field("request_uri") {
        Some(reference) => {
            let pushed = state.grants.take_pushed(reference);
            pushed.ok_or("unknown request_uri")?
        }
        None if shared.options.requires_par => return Err("the request was not pushed"),
        None => call.query.clone(),
    };
    let id = only(&parameters, "client_id").ok_or("client_id is missing")?;
    if call.query_field("client_id") != Some(id) {
        return Err("client_id differs from the pushed one");
    }
    let client = state.client(id).ok_or("unknown client")?;
    let uri = only(&parameters, "redirect_uri").ok_or("redirect_uri is missing")?;
    if !client.redirect_uris.iter().any(|known| known == uri) {
        return Err("the redirect_uri is not registered for this client");
    }
    let (client_id, redirect_uri) = (id.to_owned(), uri.to_owned());
    Ok(Request {
        client_id,
        redirect_uri,
        parameters,
    })
}

/// Errors go back to the client from here on.
fn check(request: &Request) -> Result<(), (&'static str, &'static str)> {
    let parameter = |name| only(&request.parameters, name);
    let invalid = |why| Err(("invalid_request", why));
    if duplicate(&request.parameters).is_some() {
        return invalid("a parameter is given twice");
    }
    if parameter("response_type") != Some("code") {
        return Err(("unsupported_response_type", "only code is supported"));
    }
    let scopes = parameter("scope").unwrap_or_default();
    if !scopes.split(' ').any(|scope| scope == "openid") {
        return Err(("invalid_scope", "openid is missing from the scope"));
    }
    if parameter("code_challenge_method") != Some("S256") {
        return invalid("code_challenge_method must be S256");
    }
    // 43 characters: the length of a SHA-256 in base64url.
    if parameter("code_challenge").is_none_or(|challenge| challenge.len() != 43) {
        return invalid("code_challenge is no S256 challenge");
    }
    for name in ["state", "nonce"] {
        if parameter(name).is_none_or(|value| value.len() < SHORTEST_SECRET) {
            return invalid("state and nonce must be long enough not to be guessed");
        }
    }
    Ok(())
}

fn choice(shared: &Shared, state: &State, call: &Recorded) -> Choice {
    if !shared.options.interactive {
        let header = |name| {
            let value = call.headers.get(name)?;
            value.to_str().ok()
        };
        let username = header(USER_HEADER).unwrap_or(&state.preset).to_owned();
        let refused = !state.consents || header(CONSENT_HEADER) == Some("refuse");
        return if refused {
            Choice::Refuse
        } else {
            Choice::Allow(username)
        };
    }
    if call.method != Method::POST {
        return Choice::Ask("");
    }
    if call.field("choice") == Some("refuse") {
        return Choice::Refuse;
    }
    let username = call.field("username").unwrap_or_default();
    let password = call.field("password").unwrap_or_default();
    match state.user(username) {
        Some(user) if user.password == password => Choice::Allow(username.to_owned()),
        _ => Choice::Ask("That name and password do not belong together. Try again."),
    }
}

fn grant_code(state: &mut State, request: &Request, username: String) -> String {
    let text = |name| {
        only(&request.parameters, name)
            .unwrap_or_default()
            .to_owned()
    };
    let grant = Grant {
        family: random_text(),
        client_id: request.client_id.clone(),
        username,
        scope: text("scope"),
        nonce: text("nonce"),
        session: random_text(),
        signed_in_at: now(),
    };
    let (uri, challenge) = (request.redirect_uri.clone(), text("code_challenge"));
    state.grants.add_code(grant, uri, challenge)
}

/// A test's client says with it who signs in; a browser cannot send it by accident.
pub(crate) const USER_HEADER: &str = "x-testkit-user";
/// `refuse`: the person refuses.
pub(crate) const CONSENT_HEADER: &str = "x-testkit-consent";
/// 128 bits in base64url.
const SHORTEST_SECRET: usize = 22;
