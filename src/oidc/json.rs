//! JSON objects without duplicate members: two readers of one token must read the same.
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// Reads one object; `None` for anything else, for a member given twice at any depth
/// (RFC 7515 section 4: must be rejected), for bad UTF-8, and for more than 128 levels
/// (serde_json's own limit, far above any real token).
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    read(text).ok()
}

/// As [`object`], with what is wrong.
///
/// # Errors
/// The first mistake and its place.
pub(super) fn read(text: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(Error::custom("it begins with a byte order mark"));
    }
    match serde_json::from_slice(text)? {
        Strict(Value::Object(members)) => Ok(members),
        _ => Err(Error::custom("it is not an object")),
    }
}

/// That of UTF-8, which RFC 8259 section 8.1 forbids.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Any JSON value whose objects have each member once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = sequence.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_kind_of_value() {
        let text = r#"{"a":[null,true,-1,2,0.5,"x"],"b":{"c":{}}}"#;
        let members = object(text.as_bytes()).unwrap();
        let expected = json!({"a": [null, true, -1, 2, 0.5, "x"], "b": {"c": {}}});
        assert_eq!(Value::Object(members), expected);
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let cases: [&[u8]; 10] = [
            b"\xef\xbb\xbf{}",
            b"",
            b"[]",
            b"\"x\"",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":2}"#,
            br#"{"x":[{"a":1,"a":2}]}"#,
            br#"{"a":1}{"a":1}"#,
            b"{\"a\":\"\xff\"}",
            deep.as_bytes(),
        ];
        for text in cases {
            assert!(object(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
    }
}
