//! Pushed authorization requests (RFC 9126).

use http::StatusCode;
use serde_json::json;

use super::client_auth;
use super::exchange::{Reply, json_reply};
use super::shared::{Recorded, Shared, State, random_text};

pub(crate) fn answer(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    let client = match client_auth::check(shared, state, call) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let hidden = ["client_secret", "client_assertion", "client_assertion_type"];
    let mut parameters = call.form.clone();
    parameters.retain(|(name, _)| !hidden.contains(&name.as_str()) && name != "client_id");
    parameters.push(("client_id".to_owned(), client.id));
    let reference = format!("urn:ietf:params:oauth:request_uri:{}", random_text());
    state.grants.push_request(reference.clone(), parameters);
    let value = json!({"request_uri": reference, "expires_in": 60});
    json_reply(StatusCode::CREATED, &value)
}
