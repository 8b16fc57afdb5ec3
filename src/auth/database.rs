//! Which database the SQL node will obey, as far as a request says so.
use http::{HeaderMap, header};
use serde::{
    Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use std::{fmt, sync::Arc};

/// What a query string or body says about the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Nothing.
    Nothing,
    /// This one, in the one spelling that leaves no doubt.
    Database(Arc<str>),
    /// Something that two readers could understand differently.
    Unclear,
}

/// The `database` of a query string. Some readers take `;` for `&`; where that makes a
/// difference, nothing is sure.
pub(super) fn in_query(query: Option<&str>) -> Named {
    let query = query.unwrap_or_default();
    let named = in_pairs(query);
    match in_pairs(&query.replace(';', "&")) == named {
        true => named,
        false => Named::Unclear,
    }
}

fn in_pairs(query: &str) -> Named {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let mut named = Named::Nothing;
    for (key, value) in pairs.filter(|(key, _)| is_like_database(key)) {
        named = match named {
            Named::Nothing if key == "database" && is_plain(&value) => {
                Named::Database(value.into())
            }
            _ => Named::Unclear,
        };
    }
    named
}

/// The `database` of a whole request body. Raw SQL (`text/plain`) names none. Clients like curl
/// call their JSON a form, so the SQL node may take it for either; both readings count then.
pub(super) fn in_body(headers: &HeaderMap, body: &[u8]) -> Named {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Named::Unclear; // what is inside cannot be seen
    }
    let json = read(serde_json::Deserializer::from_slice(body));
    match (json, media_type(headers)) {
        // A more forgiving parser would find the object that ours could not read.
        (None, MediaType::Text) if begins_like_an_object(body) => Named::Unclear,
        (Some(Named::Nothing) | None, MediaType::Text) => Named::Nothing,
        (Some(_), MediaType::Text) | (None, _) => Named::Unclear,
        (Some(named), MediaType::Json) => named,
        (Some(named), MediaType::Other) => match names_in_form(body) {
            true => Named::Unclear,
            false => named,
        },
    }
}

/// Whether `{` comes first, behind white space, a byte order mark, or the zeros of UTF-16.
fn begins_like_an_object(body: &[u8]) -> bool {
    let is_skipped =
        |byte: &&u8| byte.is_ascii_whitespace() || b"\0\xef\xbb\xbf\xfe\xff".contains(*byte);
    body.iter().find(|byte| !is_skipped(byte)) == Some(&b'{')
}

/// What `Content-Type` says about a body.
#[derive(Clone, Copy)]
enum MediaType {
    /// `application/json`.
    Json,
    /// `text/plain`: the statement itself.
    Text,
    /// Anything else, nothing, or more than one.
    Other,
}

fn media_type(headers: &HeaderMap) -> MediaType {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.to_str().ok());
    let essence = first.unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    match (essence.as_str(), types.next()) {
        ("application/json", None) => MediaType::Json,
        ("text/plain", None) => MediaType::Text,
        _ => MediaType::Other,
    }
}

/// Whether the body, read as a form, names a database.
fn names_in_form(body: &[u8]) -> bool {
    url::form_urlencoded::parse(body).any(|(key, _)| is_like_database(&key))
}

fn read(mut json: serde_json::Deserializer<serde_json::de::SliceRead<'_>>) -> Option<Named> {
    let named = json.deserialize_map(TopLevel).ok()?;
    json.end().ok().map(|()| named)
}

/// Keys that a lenient reader takes for `database`.
fn is_like_database(key: &str) -> bool {
    let key = key.trim_matches(|char: char| char.is_whitespace() || char.is_control());
    // To upper case, as the long `s` has no other lower case than itself.
    key.to_uppercase() == "DATABASE"
}

/// A name that every reader takes as it stands.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control)
}

/// Reads the top level of a JSON object; a member that is there twice makes it unclear.
struct TopLevel;

impl<'de> Visitor<'de> for TopLevel {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Named, A::Error> {
        let mut named = Named::Nothing;
        while let Some(key) = members.next_key::<String>()? {
            if !is_like_database(&key) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = members
                .next_value::<serde_json::Value>()
                .map_err(A::Error::custom)?;
            named = match (named, value.as_str()) {
                (Named::Nothing, Some(name)) if key == "database" && is_plain(name) => {
                    Named::Database(name.into())
                }
                _ => Named::Unclear,
            };
        }
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Named {
        Named::Database(name.into())
    }

    #[test]
    fn a_query_names_the_database_once_and_plainly() {
        for (query, expected) in [
            ("statement=select+1", Named::Nothing),
            ("statement=x&database=retail", named("retail")),
            ("d%61tabase=re%74ail", named("retail")),
            ("database=a&database=a", Named::Unclear),
            ("database=a&Database=b", Named::Unclear),
            ("DATABASE=a", Named::Unclear),
            ("database%09=a", Named::Unclear),
            ("database=", Named::Unclear),
            ("database=a%00", Named::Unclear),
            ("database=+a", Named::Unclear),
            ("statement=x;database=a", Named::Unclear),
            ("statement=select+1;select+2", Named::Nothing),
        ] {
            assert_eq!(in_query(Some(query)), expected, "{query}");
        }
        assert_eq!(in_query(None), Named::Nothing);
    }

    #[test]
    fn a_json_body_names_the_database_once_and_plainly() {
        for (body, expected) in [
            (r#"{"statement":"select 1"}"#, Named::Nothing),
            (r#"{"statement":"x","database":"retail"}"#, named("retail")),
            (r#"{"d\u0061tabase":"retail"}"#, named("retail")),
            (
                r#"{"params":{"database":"x"},"database":"retail"}"#,
                named("retail"),
            ),
            (r#"{"database":"a","database":"b"}"#, Named::Unclear),
            (r#"{"database":"a","database":"a"}"#, Named::Unclear),
            (r#"{"database\t":"a"}"#, Named::Unclear),
            (r#"{"Database":"a"}"#, Named::Unclear),
            (r#"{"databa\u017fe":"a"}"#, Named::Unclear),
            (r#"{"database":null}"#, Named::Unclear),
            (r#"{"database":["a"]}"#, Named::Unclear),
            (r#"{"database":""}"#, Named::Unclear),
            (r#"{"database":"a"} {"database":"b"}"#, Named::Unclear),
            (r#"{"database":"a""#, Named::Unclear),
            ("select 1", Named::Unclear),
            ("", Named::Unclear),
            ("[]", Named::Unclear),
        ] {
            assert_eq!(
                in_body(&HeaderMap::new(), body.as_bytes()),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn raw_sql_names_none_unless_it_could_be_taken_for_json() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "Text/Plain; charset=utf-8".parse().unwrap());
        assert_eq!(in_body(&headers, b"select 1"), Named::Nothing);
        assert_eq!(in_body(&headers, br#"{"database":"a"}"#), Named::Unclear);
        for mark in ["", "\u{feff}", " \u{feff} \0"] {
            let body = format!("{mark} {{\"database\":\"a\",}}");
            let named = in_body(&headers, body.as_bytes());
            assert_eq!(named, Named::Unclear, "{body:?}");
        }
        let utf16 = "\u{feff}{\"database\":\"a\"}".encode_utf16();
        let utf16: Vec<u8> = utf16.flat_map(u16::to_be_bytes).collect();
        assert_eq!(in_body(&headers, &utf16), Named::Unclear);
        headers.append("content-type", "application/json".parse().unwrap());
        assert_eq!(in_body(&headers, b"select 1"), Named::Unclear);
    }

    #[test]
    fn json_that_is_also_a_form_counts_only_if_the_form_names_no_database() {
        let mut headers = HeaderMap::new();
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        headers.insert("content-type", form);
        let both = br#"{"statement":"select 1","x":"&database=a&"}"#;
        assert_eq!(in_body(&headers, both), Named::Unclear);
        assert_eq!(in_body(&headers, br#"{"database":"a"}"#), named("a"));
        headers.insert("content-type", "application/json".parse().unwrap());
        assert_eq!(in_body(&headers, both), Named::Nothing);
    }

    #[test]
    fn a_compressed_body_is_unclear() {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", "gzip".parse().unwrap());
        assert_eq!(in_body(&headers, br#"{"database":"a"}"#), Named::Unclear);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            in_body(&HeaderMap::new(), &body);
        }
    }
}
