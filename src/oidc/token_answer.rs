//! `TokenAnswer`: what a token endpoint gives.
use super::json;
use crate::secret::Secret;
use serde_json::{Map, Value};
use std::time::Duration;

/// A successful answer (RFC 6749 section 5.1). The ID token stays text: every token goes
/// through the one verifier.
#[derive(Clone, Debug)]
pub(super) struct TokenAnswer {
    access_token: Secret,
    token_type: String,
    id_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<Duration>,
}

impl TokenAnswer {
    /// Reads an answer of status 200.
    ///
    /// # Errors
    /// What is wrong with it; never quotes it, because it may hold tokens.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let members = json::object(body).ok_or("no JSON object with unique members")?;
        let required = |name| text(&members, name)?.ok_or_else(|| wrong(name));
        Ok(Self {
            access_token: Secret::new(required("access_token")?),
            token_type: required("token_type")?.to_owned(),
            id_token: text(&members, "id_token")?.map(Secret::new),
            refresh_token: text(&members, "refresh_token")?.map(Secret::new),
            expires_in: members.get("expires_in").and_then(lifetime),
        })
    }

    /// Opaque to us, unless a client brings it back.
    pub(super) fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// Not verified yet.
    pub(super) fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    /// A new one, if the provider gave one.
    pub(super) fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// RFC 6749 section 5.1: the type is compared without case.
    pub(super) fn is_bearer(&self) -> bool {
        self.token_type.eq_ignore_ascii_case("bearer")
    }

    /// Life of the access token, if the provider says it and it can be meant.
    pub(super) fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }
}

/// A string of at least one character; `null` and `""` are how some providers write nothing.
fn text<'a>(
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong(name)),
    }
}

fn wrong(name: &str) -> String {
    format!("wrong at {name}")
}

/// Seconds as a number, with a fraction too, or as a decimal string: providers differ. What is
/// not between a second and [`LONGEST`] says nothing: some write 0 for a life without end.
fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| (1.0..=LONGEST).contains(seconds))?;
    Some(Duration::from_secs_f64(seconds))
}

/// Ten years in seconds: no token lives longer, and no sum with a date overflows.
const LONGEST: f64 = 315_360_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(answer: &Value) -> Result<TokenAnswer, String> {
        TokenAnswer::parse(answer.to_string().as_bytes())
    }

    #[test]
    fn the_life_of_a_token_is_understood_however_it_is_written() {
        for (written, expected) in [
            (json!(300), Some(300.0)),
            (json!(299.5), Some(299.5)),
            (json!("300"), Some(300.0)),
            (json!(3e8), Some(3e8)),
            (json!(null), None),
            (json!(0), None),
            (json!(-300), None),
            (json!("-300"), None),
            (json!("inf"), None),
            (json!(""), None),
            (json!("5m"), None),
            (json!("9".repeat(400)), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!([300]), None),
        ] {
            let answer = json!({"access_token": "a", "token_type": "b", "expires_in": written});
            let found = parse(&answer).unwrap().expires_in();
            assert_eq!(found, expected.map(Duration::from_secs_f64), "{written}");
        }
        let silent = parse(&json!({"access_token": "a", "token_type": "b"})).unwrap();
        assert_eq!(silent.expires_in(), None);
    }

    #[test]
    fn a_broken_answer_is_named_by_its_member_and_never_quoted() {
        for (answer, reason) in [
            (json!(["tok"]), "no JSON object"),
            (json!({"token_type": "b"}), "wrong at access_token"),
            (
                json!({"access_token": "", "token_type": "b"}),
                "wrong at access_token",
            ),
            (json!({"access_token": "tok"}), "wrong at token_type"),
            (
                json!({"access_token": "tok", "token_type": "b", "refresh_token": 1}),
                "wrong at refresh_token",
            ),
        ] {
            let error = parse(&answer).unwrap_err();
            assert!(error.contains(reason), "{answer}: {error}");
            assert!(!error.contains("\"tok"), "{error}");
        }
        let twice = br#"{"access_token":"a","access_token":"b","token_type":"c"}"#;
        assert!(TokenAnswer::parse(twice).is_err());
    }
}
