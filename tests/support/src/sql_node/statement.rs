//! What `/v1/execute` is asked: JSON body, plain SQL body or query string.

use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Fault;

/// One statement and how its result is wanted.
#[derive(Debug)]
pub(super) struct Order {
    /// The SQL, placeholders filled in.
    pub(super) sql: String,
    /// The database of body or query.
    pub(super) database: Option<String>,
    pub(super) format: Format,
    /// Rows for each object of a streamed answer; 0: the node decides.
    pub(super) fetch_size: usize,
    pub(super) max_rows: usize,
}

/// The form of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Array,
    Collection,
}

/// The JSON body, as loosely typed as clients send it. Unknown keys are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOrder {
    statement: Option<String>,
    database: Option<String>,
    format: Option<String>,
    params: Option<Map<String, Value>>,
    fetch_size: Value,
    max_rows: Value,
}

impl Order {
    pub(super) fn read(head: &Parts, body: &Bytes) -> Result<Self, Fault> {
        let query = head.uri.query().unwrap_or_default();
        if head.method != http::Method::POST {
            return Self::from_query(query, None);
        }
        if is_plain_text(&head.headers) {
            let sql = std::str::from_utf8(body)
                .map_err(|_| Fault::bad_request("the statement is not UTF-8"))?;
            return Self::from_query(query, Some(sql));
        }
        let raw: RawOrder = serde_json::from_slice(body).map_err(|error| {
            Fault::bad_request(format!(
                "the request body is not the JSON expected: {error}"
            ))
        })?;
        Self::from_raw(raw)
    }

    /// The parameters of the query string, with the statement from there or from the body.
    fn from_query(query: &str, body: Option<&str>) -> Result<Self, Fault> {
        let mut raw = RawOrder::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "statement" => raw.statement = Some(value),
                "database" => raw.database = Some(value),
                "format" => raw.format = Some(value),
                "fetch_size" => raw.fetch_size = Value::String(value),
                _ => {}
            }
        }
        if let Some(sql) = body {
            raw.statement = Some(sql.to_owned());
        }
        Self::from_raw(raw)
    }

    fn from_raw(raw: RawOrder) -> Result<Self, Fault> {
        let statement = raw
            .statement
            .filter(|statement| !statement.trim().is_empty())
            .ok_or_else(|| Fault::bad_request("a statement is required"))?;
        let format = match raw.format.as_deref() {
            None | Some("array") => Format::Array,
            Some("collection") => Format::Collection,
            Some(other) => return Err(Fault::bad_request(format!("unknown format {other:?}"))),
        };
        Ok(Self {
            sql: filled_in(&statement, &raw.params.unwrap_or_default()),
            database: raw.database.filter(|name| !name.is_empty()),
            format,
            fetch_size: count(&raw.fetch_size, "fetch_size")?.unwrap_or(0),
            max_rows: count(&raw.max_rows, "max_rows")?.unwrap_or(usize::MAX),
        })
    }
}

fn is_plain_text(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(b"text/plain"))
}

/// A number of rows, sent as number or text. The published default of `max_rows` is above
/// `i64::MAX`, so numbers too large count as the largest.
fn count(value: &Value, name: &str) -> Result<Option<usize>, Fault> {
    let refused = || Fault::bad_request(format!("{name} is not a number of rows"));
    match value {
        Value::Null => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| refused()),
        Value::Number(number) => {
            let number = number.as_f64().ok_or_else(refused)?;
            if number < 0.0 || number.fract() != 0.0 {
                return Err(refused());
            }
            // `as` saturates, which is what is wanted here.
            Ok(Some(number as usize))
        }
        _ => Err(refused()),
    }
}

/// Replaces each `{name}` by its value as it stands: strings bring their own quotes.
fn filled_in(statement: &str, params: &Map<String, Value>) -> String {
    let mut out = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some(start) = rest.find('{') {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let found = after.find('}').and_then(|end| {
            let value = params.get(&after[1..end])?;
            Some((end, value))
        });
        match found {
            Some((end, value)) => {
                match value {
                    Value::String(text) => out.push_str(text),
                    Value::Null => out.push_str("NULL"),
                    other => out.push_str(&other.to_string()),
                }
                rest = &after[end + 1..];
            }
            None => {
                out.push('{');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<Order, Fault> {
        let head = http::Request::post("/v1/execute").body(()).unwrap();
        Order::read(&head.into_parts().0, &Bytes::from(json.to_owned()))
    }

    #[test]
    fn placeholders_are_replaced_as_text_once() {
        let order =
            order(r#"{"statement":"SELECT {a}, {b}, {c}, {","params":{"a":"'{b}'","b":2},"x":1}"#);
        assert_eq!(order.unwrap().sql, "SELECT '{b}', 2, {c}, {");
    }

    #[test]
    fn the_published_default_of_max_rows_is_understood() {
        let order = order(r#"{"statement":"x","max_rows":9223372036854776000,"fetch_size":"10"}"#);
        let order = order.unwrap();
        assert!(order.max_rows > 1 << 62);
        assert_eq!(order.fetch_size, 10);
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"statement":" "}"#,
            r#"{"statement":"x","max_rows":-1}"#,
            r#"{"statement":"x","format":"xml"}"#,
        ] {
            assert!(order(json).is_err(), "{json}");
        }
    }
}
