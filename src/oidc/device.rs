//! The device grant (RFC 8628): a sign-in that a person approves on another device.
#[cfg(test)]
mod tests;

use super::{Expect, OidcError, SignIn, json, metadata, provider::Provider};
use crate::secret::Secret;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value};
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// A sign-in that waits for a person.
#[derive(Debug)]
pub struct DeviceAuthorization {
    /// Whoever has it gets the tokens: it is for the token endpoint alone.
    device_code: Secret,
    /// What the person types. Whoever has it can pick the session up.
    pub user_code: Secret,
    /// Where.
    pub verification_uri: Url,
    /// The same place with the code filled in, if the provider has such a thing.
    pub verification_uri_complete: Option<Url>,
    /// How long the person may take.
    pub expires_in: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
    /// When it began.
    begun_at: SystemTime,
}

impl Provider {
    /// Begins a device grant. `None`: this provider has none.
    ///
    /// # Errors
    /// The provider refuses, cannot be reached or answers nonsense.
    pub async fn begin_device_grant(
        &self,
        now: SystemTime,
    ) -> Result<Option<DeviceAuthorization>, OidcError> {
        let discovered = self.discovered().await?;
        let Some(endpoint) = &discovered.metadata.device_authorization_endpoint else {
            return Ok(None);
        };
        let scope = self.config().scopes.join(" ");
        let form = [("scope", scope.as_str())];
        let answer = self.remote.post(&discovered, endpoint, &form).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.remote.refusal("device endpoint", &answer));
        }
        match self.authorization(&answer, now) {
            Ok(authorization) => Ok(Some(authorization)),
            Err(member) => Err(self.remote.nonsense(format!(
                "its device endpoint's answer: {member} is unusable"
            ))),
        }
    }

    /// Asks whether the person has decided, and verifies the ID token if so.
    ///
    /// # Errors
    /// Not yet, refused, unreachable or nonsense, or the token breaks a rule.
    pub async fn redeem_device_code(
        &self,
        authorization: &DeviceAuthorization,
        now: SystemTime,
    ) -> Result<SignIn, OidcError> {
        let discovered = self.discovered().await?;
        let started = Instant::now();
        let form = [
            ("grant_type", GRANT_TYPE),
            ("device_code", authorization.device_code.expose()),
        ];
        let answer = self.remote.token(&discovered, &form).await?;
        let expect = Expect::Device {
            begun_at: authorization.begun_at,
            access_token: answer.access_token(),
        };
        // The token may be younger than the call.
        self.signed_in(&answer, expect, now + started.elapsed())
            .await
    }

    /// The answer of the device endpoint (RFC 8628 section 3.2), or the member that is wrong.
    fn authorization(
        &self,
        answer: &Response<Bytes>,
        begun_at: SystemTime,
    ) -> Result<DeviceAuthorization, &'static str> {
        let members = json::object(answer.body()).ok_or("it")?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let code = |name: &'static str, longest| {
            let is_code = |code: &&str| {
                (1..=longest).contains(&code.len()) && !code.chars().any(char::is_control)
            };
            text(name).filter(is_code).map(Secret::new).ok_or(name)
        };
        // Older providers, and one large one, call it a URL.
        let page = text("verification_uri").or(text("verification_url"));
        let page = page.and_then(|page| self.page(page));
        Ok(DeviceAuthorization {
            device_code: code("device_code", MAX_DEVICE_CODE)?,
            user_code: code("user_code", MAX_USER_CODE)?,
            verification_uri: page.ok_or("verification_uri")?,
            verification_uri_complete: match text("verification_uri_complete") {
                None | Some("") => None,
                Some(page) => Some(self.page(page).ok_or("verification_uri_complete")?),
            },
            expires_in: span(&members, "expires_in", DEFAULT_LIFE)?.min(MAX_LIFE),
            interval: span(&members, "interval", DEFAULT_INTERVAL)?
                .clamp(MIN_INTERVAL, MAX_INTERVAL),
            begun_at,
        })
    }

    /// A page that people are sent to: nothing but a web page, and not in clear text.
    fn page(&self, text: &str) -> Option<Url> {
        let issuer = Url::parse(&self.config().issuer);
        let is_local = issuer.is_ok_and(|issuer| metadata::is_plain_loopback(&issuer));
        let page = Url::parse(text).ok()?;
        let is_fine = page.scheme() == "https" || (is_local && metadata::is_plain_loopback(&page));
        is_fine.then_some(page)
    }
}

/// Whole seconds, also as text, as some providers write them.
fn span(
    members: &Map<String, Value>,
    name: &'static str,
    default: Duration,
) -> Result<Duration, &'static str> {
    let seconds = match members.get(name) {
        None | Some(Value::Null) => return Ok(default),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_f64(),
    };
    // A float that is no number of seconds, or more than fits, is nobody's lifetime.
    let span = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    span.ok_or(name)
}

/// RFC 8628 section 3.4.
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Some are sealed documents of a few hundred bytes.
const MAX_DEVICE_CODE: usize = 4096;

/// A person has to type it.
const MAX_USER_CODE: usize = 64;

/// What RFC 8628 demands and some providers leave out.
const DEFAULT_LIFE: Duration = Duration::from_secs(600);

/// A grant takes memory and asks the provider, and nobody takes an hour to find a telephone.
const MAX_LIFE: Duration = Duration::from_secs(3600);

/// RFC 8628 section 3.2.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// A provider that says zero is not asked without a pause.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Whoever waits wants to know within a minute.
const MAX_INTERVAL: Duration = Duration::from_secs(60);
