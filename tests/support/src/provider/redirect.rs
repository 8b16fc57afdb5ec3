//! The redirect back to the client, with a code or an error (RFC 6749 4.1.2, RFC 9207).

use url::Url;

use super::exchange::{Reply, see_other};
use super::lie::Lie;
use super::shared::{Shared, State};

/// How an authorization request ended.
pub(crate) enum Outcome {
    Code(String),
    Error(&'static str, &'static str),
}

pub(crate) fn back(
    shared: &Shared,
    state: &State,
    redirect_uri: &str,
    sent_state: Option<&str>,
    outcome: &Outcome,
) -> Reply {
    let mut parameters = Vec::new();
    match outcome {
        Outcome::Code(code) => parameters.push(("code", code.clone())),
        Outcome::Error(error, why) => {
            parameters.push(("error", (*error).to_owned()));
            parameters.push(("error_description", (*why).to_owned()));
        }
    }
    if let Some(sent) = sent_state {
        parameters.push(("state", sent.to_owned()));
    }
    parameters.push(("iss", shared.issuer.clone()));
    for lie in &state.lies {
        apply(lie, &mut parameters);
    }
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return see_other("/"); // a client registered nonsense
    };
    url.query_pairs_mut().extend_pairs(parameters);
    see_other(url.as_str())
}

fn apply(lie: &Lie, parameters: &mut Vec<(&'static str, String)>) {
    let twice = |parameters: &mut Vec<(&'static str, String)>, name| {
        let first = parameters.iter().find(|(key, _)| *key == name).cloned();
        parameters.extend(first);
    };
    match lie {
        Lie::WrongCallbackIssuer => {
            parameters.retain(|(name, _)| *name != "iss");
            parameters.push(("iss", "https://evil.example/realms/test".to_owned()));
        }
        Lie::MissingCallbackIssuer | Lie::NoCallbackIssuer => {
            parameters.retain(|(name, _)| *name != "iss");
        }
        Lie::SessionState => parameters.push(("session_state", "8b1f.salt".to_owned())),
        Lie::DuplicateState => twice(parameters, "state"),
        Lie::DuplicateCode => twice(parameters, "code"),
        Lie::MissingState => parameters.retain(|(name, _)| *name != "state"),
        Lie::WrongState => {
            parameters.retain(|(name, _)| *name != "state");
            parameters.push(("state", "a-state-that-nobody-ever-sent".to_owned()));
        }
        Lie::AuthorizationError(error) => {
            parameters.retain(|(name, _)| !["code", "error", "error_description"].contains(name));
            parameters.push(("error", (*error).to_owned()));
        }
        _ => {}
    }
}
