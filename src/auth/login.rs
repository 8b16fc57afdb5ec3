//! The SQL node's own `/v1/login` signs nobody in under a user name that stands for a token.
use super::{Authenticator, password::names_token};
use crate::{body::Body, failure::Failure};
use http::{HeaderMap, Request, header};
use hyper::body::Body as _;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{fmt, net::IpAddr};
use url::form_urlencoded;

/// Largest body of a login, in bytes: a user name, a password and a database. Anybody can have it
/// held, before any credential is looked at.
const LONGEST: usize = 64 * 1024;

/// Longest query of a login, in bytes, for the same reason; logins have none.
const LONGEST_QUERY: usize = 4096;

impl Authenticator {
    /// Looks at the user name of a request to `/v1/login`, whose body is read for it and put back:
    /// what Basic credentials may not say must not be said there either. Without a provider,
    /// nothing is.
    ///
    /// # Errors
    /// [`Failure::SignInAtNode`]; a body that is no JSON, or too long, of which nobody can tell what
    /// a more forgiving reader would find in it.
    pub(super) async fn check_login(
        &self,
        request: &mut Request<Body>,
        client: IpAddr,
    ) -> Result<(), Failure> {
        if self.0.providers.is_empty() {
            return Ok(());
        }
        let query = request.uri().query().unwrap_or_default();
        if query.len() > LONGEST_QUERY {
            return Err(Failure::malformed("the query of a login is too long"));
        }
        if is_named_in_query(query) || is_named_in_query(&query.replace(';', "&")) {
            return Err(Failure::SignInAtNode);
        }
        if request.body().is_end_stream() {
            return Ok(());
        }
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let body = self
            .whole_body(body, client, (LONGEST, Failure::BodyTooLarge))
            .await?;
        check(request.headers(), &body)?;
        *request.body_mut() = Body::from(body);
        Ok(())
    }
}

fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), Failure> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Failure::MediaType); // what is inside cannot be seen
    }
    if body.is_empty() {
        return Ok(());
    }
    let login: Found = serde_json::from_slice(body).map_err(|_| Failure::MediaType)?;
    match login.has_token_user {
        true => Err(Failure::SignInAtNode),
        false => Ok(()),
    }
}

fn is_named_in_query(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes())
        .any(|(key, value)| is_user_name(&key) && names_token(value.bytes()))
}

/// Whether some reader takes the member for that of the user name.
fn is_user_name(key: &str) -> bool {
    let letters = || {
        let letters = key.bytes().filter(u8::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase())
    };
    letters().eq("username".bytes()) || letters().eq("user".bytes())
}

/// What is found in a JSON value.
#[derive(Default)]
struct Found {
    /// It is a text that stands for a token, or holds one.
    is_token_user: bool,
    /// Somewhere in it, a user name is one; also where another member has the same name.
    has_token_user: bool,
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        Ok(Found {
            is_token_user: names_token(text.bytes()),
            has_token_user: false,
        })
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(item) = items.next_element::<Found>()? {
            found.has_token_user |= item.has_token_user;
            found.is_token_user |= item.is_token_user; // one of several, to some reader
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some((key, value)) = members.next_entry::<String, Found>()? {
            found.has_token_user |=
                value.has_token_user || (value.is_token_user && is_user_name(&key));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: impl AsRef<[u8]>) -> u16 {
        let checked = check(&HeaderMap::new(), body.as_ref());
        checked.map_or_else(|failure| failure.row().status.as_u16(), |()| 200)
    }

    #[test]
    fn a_user_name_that_stands_for_a_token_is_found_wherever_a_reader_would() {
        for (body, expected) in [
            (r#"{"username":"id_token","password":"x"}"#, 401),
            (r#"{"password":"x","username":"access_token@system"}"#, 401),
            (r#"{"username":"alice","username":"oauth_tokens"}"#, 401),
            (r#"{"username":"oauth_code@a","username":"alice"}"#, 401),
            (r#"{"user\u006eame":"id\u005ftoken"}"#, 401),
            (r#"{"Username":"ID_TOKEN"}"#, 401),
            (r#"{"username\t":" id_token "}"#, 401),
            (r#"{"credentials":[{"username":"id_token"}]}"#, 401),
            (r#"{"username":"id_token",}"#, 415),
            ("{username:'id\\u005ftoken'}", 415),
            ("username=id%5Ftoken&password=x", 415),
            ("select 1", 415),
            (r#"{"username":"alice","password":"id_token"}"#, 200),
            (r#"{"username":"id_token_2","a":[1,-1,0.5,true,null]}"#, 200),
            (r#"{"username":["id_token"]}"#, 401),
            ("{\"username\":\"id_to\u{212a}en\"}", 401),
            (r#"{"username":null}"#, 200),
            ("", 200),
        ] {
            assert_eq!(status(body), expected, "{body}");
        }
        let utf16: Vec<u8> = "\u{feff}{\"username\":\"id_token\"}"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(status(utf16), 415);
        let mut packed = HeaderMap::new();
        packed.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(check(&packed, b"{}"), Err(Failure::MediaType));
    }

    #[test]
    fn a_query_names_nobody_who_stands_for_a_token() {
        for (query, is_named) in [
            ("username=id_token&password=x", true),
            ("user%6eame=id%5Ftoken", true),
            ("USER=oauth_code@a", true),
            ("username=alice", false),
            ("password=id_token", false),
            ("", false),
        ] {
            assert_eq!(is_named_in_query(query), is_named, "{query}");
        }
    }
}
