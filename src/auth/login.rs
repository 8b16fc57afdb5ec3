//! The SQL node's own `/v1/login` signs nobody in under a user name that stands for a token.
use super::{Authenticator, password::names_token};
use crate::{body::Body, failure::Failure};
use http::Request;
use hyper::body::Body as _;
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

impl Authenticator {
    /// Looks at the user name of a request to `/v1/login`, whose body is read for it and put back:
    /// what Basic credentials may not say must not be said there either.
    ///
    /// # Errors
    /// [`Failure::SignInAtNode`], or that the body cannot be looked at.
    pub(super) async fn check_login(&self, request: &mut Request<Body>) -> Result<(), Failure> {
        if self.0.providers.is_empty() || request.body().is_end_stream() {
            return Ok(());
        }
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let body = self.whole_body(body, &Failure::BodyTooLarge).await?;
        let is_for_token = names_token_user(&body);
        *request.body_mut() = Body::from(body);
        match is_for_token {
            true => Err(Failure::SignInAtNode),
            false => Ok(()),
        }
    }
}

/// Whether a login request has such a user name. In a body that is no JSON, a more forgiving reader
/// may find anything that stands there.
fn names_token_user(body: &[u8]) -> bool {
    let mut json = serde_json::Deserializer::from_slice(body);
    let named = json.deserialize_map(UserNames);
    match named.and_then(|named| json.end().map(|()| named)) {
        Ok(named) => named,
        Err(_) => {
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            body.split(|byte| !is_word(byte)).any(names_token)
        }
    }
}

/// Reads whether one of the members that some reader takes for `username` is such a name.
struct UserNames;

impl<'de> Visitor<'de> for UserNames {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = members.next_key::<String>()? {
            let letters = key.chars().filter(char::is_ascii_alphanumeric);
            let key: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
            if !matches!(key.as_str(), "username" | "user") {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = members.next_value::<serde_json::Value>()?;
            found |= value
                .as_str()
                .is_some_and(|name| names_token(name.as_bytes()));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_that_stands_for_a_token_is_found_wherever_a_reader_would() {
        for (body, is_found) in [
            (r#"{"username":"id_token","password":"x"}"#, true),
            (r#"{"password":"x","username":"access_token@system"}"#, true),
            (r#"{"username":"alice","username":"oauth_tokens"}"#, true),
            (r#"{"username":"oauth_code@a","username":"alice"}"#, true),
            (r#"{"user\u006eame":"id\u005ftoken"}"#, true),
            (r#"{"Username":"ID_TOKEN"}"#, true),
            (r#"{"username\t":" id_token "}"#, true),
            (r#"{"username":"id_token",}"#, true),
            ("{username:'id_token'}", true),
            ("username=id_token&password=x", true),
            (r#"{"username":"alice","password":"id_token"}"#, false),
            (r#"{"username":"id_token_2"}"#, false),
            (r#"{"username":["id_token"]}"#, false),
            (r#"{"username":null}"#, false),
            ("", false),
            ("select 1", false),
        ] {
            assert_eq!(names_token_user(body.as_bytes()), is_found, "{body}");
        }
    }
}
