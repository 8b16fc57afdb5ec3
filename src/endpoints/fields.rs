//! What a client sends to our endpoints: a small JSON object, or query parameters.
use crate::{body::Body, failure::Failure, secret::Secret};
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use std::{collections::HashMap, fmt, ops::RangeInclusive, time::Duration};
use tokio::time::timeout;

/// Named values. Names are trimmed of white space, because Ocient's published description
/// spells two of them with a trailing tab; unknown ones are ignored.
#[derive(Debug)]
pub(super) struct Fields(HashMap<String, Value>);

/// Longest body, in bytes: a token of 16 KiB four times over.
const MAX_BODY: usize = 64 * 1024;

/// Longest wait for a body: 64 KiB over a slow link take a few seconds.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Longest name of a database, in bytes; Ocient's identifiers are shorter.
const MAX_DATABASE: usize = 256;

impl Fields {
    /// Reads the JSON body of `request`; no body is an empty object.
    pub(super) async fn of_body(request: Request<Body>) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let body = whole(body).await?;
        if body.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        if !is_media_type(&head.headers, "application/json") {
            return Err(Failure::MediaType);
        }
        serde_json::from_slice(&body).map_err(|error| {
            // The place alone: the parser's words may quote what was sent.
            let (line, column) = (error.line(), error.column());
            Failure::malformed(format!(
                "not a usable JSON object, see line {line} column {column}"
            ))
        })
    }

    /// Reads the form in the body of `request`; a parameter that is there twice is refused.
    pub(super) async fn of_form(request: Request<Body>) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        if !is_media_type(&head.headers, "application/x-www-form-urlencoded") {
            return Err(Failure::malformed("the body must be a form"));
        }
        Self::of_pairs(&whole(body).await?)
    }

    /// Reads query parameters; one that is there twice is refused.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, Failure> {
        Self::of_pairs(query.unwrap_or_default().as_bytes())
    }

    fn of_pairs(pairs: &[u8]) -> Result<Self, Failure> {
        let mut fields = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(pairs) {
            let name = name.trim().to_owned();
            if fields
                .insert(name, Value::String(value.into_owned()))
                .is_some()
            {
                return Err(Failure::malformed("a parameter is there twice"));
            }
        }
        Ok(Self(fields))
    }

    /// A text; an empty one counts as absent, and so does `null`.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text)),
            Some(_) => Err(Failure::malformed(format!("{name} must be a string"))),
        }
    }

    /// A text as it was sent, an empty one too.
    pub(super) fn exact(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Refuses a text among those of `names` that is longer than `most` bytes.
    pub(super) fn check_lengths(&self, names: &[&str], most: usize) -> Result<(), Failure> {
        let is_long = |name: &&&str| self.exact(name).is_some_and(|text| text.len() > most);
        match names.iter().find(is_long) {
            Some(name) => Err(Failure::malformed(format!("{name} is too long"))),
            None => Ok(()),
        }
    }

    /// A text that must not be logged.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, Failure> {
        Ok(self.text(name)?.map(Secret::new))
    }

    /// A boolean, also as the word that a query string has for it.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(word)) if word == "true" => Ok(true),
            Some(Value::String(word)) if word == "false" => Ok(false),
            Some(_) => Err(Failure::malformed(format!("{name} must be true or false"))),
        }
    }

    /// Whole seconds within `range`, as a number or, as Ocient documents it, its decimal text.
    pub(super) fn seconds(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, Failure> {
        let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) if is_decimal(text) => text.parse().ok(),
            Some(_) => None,
        };
        let (least, most) = (range.start(), range.end());
        seconds
            .filter(|seconds| range.contains(seconds))
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .ok_or_else(|| {
                Failure::malformed(format!("{name} must be whole seconds, {least} to {most}"))
            })
    }

    /// `database`, if it is there.
    pub(super) fn database(&self) -> Result<Option<&str>, Failure> {
        match self.text("database")? {
            Some(name) if name.len() > MAX_DATABASE || name.chars().any(char::is_control) => {
                Err(Failure::malformed("database is no possible name"))
            }
            database => Ok(database),
        }
    }
}

async fn whole(body: Body) -> Result<Bytes, Failure> {
    let collecting = timeout(BODY_WAIT, Limited::new(body, MAX_BODY).collect());
    match collecting.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err(Failure::of_collecting(&*error, Failure::BodyTooLarge)),
        Err(_) => Err(Failure::BodyLate),
    }
}

fn is_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(wanted)
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

/// Reads the members of an object; the same name with two values is an error.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
        let mut fields = HashMap::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            let name = name.trim().to_owned();
            match fields.get(&name) {
                Some(first) if *first != value => {
                    return Err(serde::de::Error::custom("a name with two values"));
                }
                _ => drop(fields.insert(name, value)),
            }
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<Fields> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_name_with_a_trailing_tab_is_that_name() {
        let fields = parse(r#"{"access_token\t":"t"," database ":"d"}"#).unwrap();
        assert_eq!(fields.text("access_token").unwrap(), Some("t"));
        assert_eq!(fields.database().unwrap(), Some("d"));
    }

    #[test]
    fn a_name_with_two_values_is_refused_and_with_one_value_twice_is_not() {
        assert!(parse(r#"{"database":"a","database\t":"b"}"#).is_none());
        assert!(parse(r#"{"database":"a","database\t":"a"}"#).is_some());
        assert!(Fields::of_query(Some("state=a&state=a")).is_err());
    }

    #[test]
    fn empty_text_and_null_count_as_absent() {
        let fields = parse(r#"{"id_token":"","access_token":null}"#).unwrap();
        assert_eq!(fields.text("id_token").unwrap(), None);
        assert_eq!(fields.text("access_token").unwrap(), None);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_but_not_shown() {
        let fields = parse(r#"{"id_token":["s3cret"],"do_redirect":1}"#).unwrap();
        let error = fields.text("id_token").unwrap_err().row();
        assert_eq!(error.reason, "id_token must be a string");
        assert!(fields.flag("do_redirect", true).is_err());
    }

    #[test]
    fn seconds_are_a_whole_number_or_its_decimal_text() {
        let read = |value: &str| {
            let fields = parse(&format!(r#"{{"timeout":{value}}}"#)).unwrap();
            fields.seconds("timeout", 1..=600)
        };
        for (value, seconds) in [("1", 1), ("600", 600), ("\"60\"", 60), ("\"007\"", 7)] {
            let expected = Some(Duration::from_secs(seconds));
            assert_eq!(read(value).unwrap(), expected, "{value}");
        }
        for absent in ["null", "\"\""] {
            assert_eq!(read(absent).unwrap(), None, "{absent}");
        }
        for wrong in [
            "0",
            "601",
            "-1",
            "1.5",
            "30.0",
            "1e2",
            "true",
            "[30]",
            "{}",
            "\"0\"",
            "\"601\"",
            "\"+30\"",
            "\" 30\"",
            "\"30s\"",
            "\"1e2\"",
            "\"99999999999999999999\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_database_with_control_characters_is_refused() {
        assert!(parse(r#"{"database":"a\nb"}"#).unwrap().database().is_err());
    }
}
