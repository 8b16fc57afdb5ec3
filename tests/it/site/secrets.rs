//! Every secret that a test uses, so that all output can be searched for them.
use super::Site;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderMap;
use sidecar_testkit::{secrets, sql_node::COOKIE};
use std::collections::BTreeSet;

/// Members of bodies, queries and forms that hold secrets.
const NAMES: [&str; 15] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token",
    "id_token_hint",
    "login_state",
    "nonce",
    "password",
    "refresh_token",
    "request_uri",
    "state",
    "token",
];

/// Shorter ones, the password `admin` for instance, also stand for something else.
const SHORTEST: usize = 8;

/// Notes `secret`, unless it is too short or no line.
pub(crate) fn note(secret: &str) {
    if secret.chars().count() >= SHORTEST && !secret.contains(['\n', '\r']) {
        secrets::note(secret);
    }
}

impl Site {
    /// What went to the provider and the SQL node of this site, and must be in no output.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        let mut secrets = BTreeSet::new();
        for request in self.provider.requests() {
            let pairs = request.query.iter().chain(&request.form);
            let secret = pairs.filter(|(name, _)| NAMES.contains(&name.as_str()));
            secrets.extend(secret.map(|(_, value)| value.clone()));
            of_headers(&request.headers, &mut secrets);
        }
        for request in self.node.requests() {
            of_headers(&request.headers, &mut secrets);
            let body = request.json();
            let members = NAMES.iter().filter_map(|name| body[name].as_str());
            secrets.extend(members.map(str::to_owned));
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        secrets
    }
}

/// Credentials and cookies; of Basic ones the password and the encoded form.
fn of_headers(headers: &HeaderMap, secrets: &mut BTreeSet<String>) {
    let text = |name| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value: &http::HeaderValue| value.to_str().ok())
    };
    for value in text("authorization") {
        let (_, credential) = value.split_once(' ').unwrap_or(("", value));
        // Shorter ones are words that a test made up.
        if credential.len() >= 2 * SHORTEST {
            secrets.insert(credential.to_owned());
        }
        let decoded = BASE64_STANDARD.decode(credential).unwrap_or_default();
        let decoded = String::from_utf8(decoded).unwrap_or_default();
        secrets.extend(
            decoded
                .split_once(':')
                .map(|(_, password)| password.to_owned()),
        );
    }
    let pairs = text("cookie").flat_map(|line| line.split("; "));
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    let ours = pairs.filter(|(name, _)| name.starts_with("__Host-") || *name == COOKIE);
    secrets.extend(ours.map(|(_, value)| value.to_owned()));
}
