//! The device grant (RFC 8628).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::json;

use super::endpoint::Endpoint;
use super::exchange::{Reply, json_reply, reply};
use super::grants::Grant;
use super::mint::now;
use super::options::ClientEntry;
use super::shared::{Recorded, Shared, State, random_text};
use super::token::Refusal;
use super::token_answer::Kind;
use super::{client_auth, page};

/// Devices that wait for their person, by device code.
#[derive(Default)]
pub(crate) struct Devices(HashMap<String, Device>);

struct Device {
    user_code: String,
    client_id: String,
    scope: String,
    interval: Duration,
    expires_at: Instant,
    asked_at: Option<Instant>,
    decision: Option<Decision>,
}

enum Decision {
    Allowed(String),
    Refused,
    Used,
}

impl Devices {
    /// Lets `username` (or refuses, if `None`) the device that shows `user_code`; false if there is none.
    pub(crate) fn decide(&mut self, user_code: &str, username: Option<&str>) -> bool {
        let mut waiting = self.0.values_mut();
        let Some(device) = waiting.find(|device| device.user_code == user_code) else {
            return false;
        };
        device.decision = Some(match username {
            Some(username) => Decision::Allowed(username.to_owned()),
            None => Decision::Refused,
        });
        true
    }

    /// Ends the wait of all devices.
    pub(crate) fn expire_all(&mut self) {
        for device in self.0.values_mut() {
            device.expires_at = Instant::now();
        }
    }
}

/// The device authorization endpoint.
pub(crate) fn authorize(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    let client = match client_auth::check(shared, state, call) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let device_code = random_text();
    let random = random_text().to_uppercase().replace(['-', '_'], "X");
    let user_code = format!("{}-{}", &random[..4], &random[4..8]);
    let interval = shared.options.device_interval;
    let device = Device {
        user_code: user_code.clone(),
        client_id: client.id,
        scope: call.field("scope").unwrap_or_default().to_owned(),
        interval,
        expires_at: Instant::now() + DEVICE_LIFE,
        asked_at: None,
        decision: None,
    };
    state.devices.0.insert(device_code.clone(), device);
    let page = shared.url(Endpoint::Device);
    let answer = json!({
        "device_code": device_code,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "user_code": user_code,
        "verification_uri": page,
        "expires_in": DEVICE_LIFE.as_secs(),
        "interval": interval.as_secs(),
    });
    json_reply(StatusCode::OK, &answer)
}

/// The page where a person lets the device in.
pub(crate) fn page(state: &mut State, call: &Recorded) -> Reply {
    if call.method != Method::POST {
        return page::device(call.query_field("user_code").unwrap_or_default(), "");
    }
    let code = call.field("user_code").unwrap_or_default();
    let said = |title, text| reply(StatusCode::OK, "text/html", page::message(title, text));
    if call.field("choice") == Some("refuse") {
        state.devices.decide(code, None);
        return said("Refused", "The device stays outside.");
    }
    let username = call.field("username").unwrap_or_default();
    let password = call.field("password").unwrap_or_default();
    let is_known = state
        .user(username)
        .is_some_and(|user| user.password == password);
    if !is_known || !state.devices.decide(code, Some(username)) {
        return page::device(
            code,
            "The code, the name or the password is wrong. Try again.",
        );
    }
    said("Connected", "You can go back to the device.")
}

/// The token endpoint's part (RFC 8628 3.5).
pub(crate) fn redeem(
    state: &mut State,
    client: &ClientEntry,
    call: &Recorded,
) -> Result<(Grant, Kind), Refusal> {
    let missing = ("invalid_request", "device_code is missing");
    let code = call.field("device_code").ok_or(missing)?;
    let device = state.devices.0.get_mut(code);
    let device = device.filter(|device| device.client_id == client.id);
    let device = device.ok_or(("invalid_grant", "unknown device_code"))?;
    if Instant::now() >= device.expires_at {
        return Err(("expired_token", "nobody let the device in"));
    }
    let asked_before = device.asked_at.replace(Instant::now());
    if asked_before.is_some_and(|before| before.elapsed() < device.interval) {
        device.interval += SLOW_DOWN;
        return Err(("slow_down", "asked too soon"));
    }
    match device.decision.take() {
        None => Err(("authorization_pending", "nobody has decided yet")),
        Some(Decision::Refused) => {
            device.decision = Some(Decision::Refused);
            Err(("access_denied", "the person refused"))
        }
        Some(Decision::Used) => {
            device.decision = Some(Decision::Used);
            Err(("invalid_grant", "the device_code was used"))
        }
        Some(Decision::Allowed(username)) => {
            device.decision = Some(Decision::Used);
            Ok((grant(device, username), Kind::First))
        }
    }
}

fn grant(device: &Device, username: String) -> Grant {
    Grant {
        family: random_text(),
        client_id: device.client_id.clone(),
        username,
        scope: device.scope.clone(),
        nonce: String::new(),
        session: random_text(),
        signed_in_at: now(),
    }
}

/// `grant_type` of the device grant.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Ten minutes to find the phone.
const DEVICE_LIFE: Duration = Duration::from_secs(600);
/// RFC 8628 3.5: five seconds more from then on.
const SLOW_DOWN: Duration = Duration::from_secs(5);
