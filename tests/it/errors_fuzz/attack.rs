//! Requests put together at random from what our endpoints understand and from any bytes.
use http::Method;
use proptest::{collection::vec, prelude::*};

/// One request in the parts that an attacker chooses.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) authorization: Option<Vec<u8>>,
    pub(super) another_authorization: Option<Vec<u8>>,
    pub(super) cookie: Option<Vec<u8>>,
    pub(super) api_key: Option<Vec<u8>>,
    pub(super) query: String,
    pub(super) media_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// Bytes that a header's value can hold.
fn header_byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'\t'), 0x20..=0x7eu8, 0x80..=0xffu8]
}

/// Random text, and pieces of what would be good, put together at random.
fn pieces(words: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(words).prop_map(String::into_bytes);
    let piece = prop_oneof![3 => word, 1 => vec(header_byte(), 0..20)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A JSON object of the members that our endpoints know. None names the database of the grant that
/// waits, for which a right code would be waited with.
fn object(words: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let names = vec![
        "database",
        "user_code",
        "timeout",
        "id_token",
        "access_token",
        "provider",
        "sso_callback_path",
        "return_to",
        "do_redirect",
    ];
    let is_json = |word: &String| serde_json::from_str::<serde_json::Value>(word).is_ok();
    let is_free = |word: &String| !word.contains("retail");
    let mut values: Vec<String> = words.into_iter().filter(is_json).filter(is_free).collect();
    values.extend(["\"system\"", "\"corp\"", "true", "{}"].map(str::to_owned));
    let (name, value) = (
        proptest::sample::select(names),
        proptest::sample::select(values),
    );
    let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")).into_bytes())
}

/// `part` of a good token opens the parsers' inner doors; a whole good one is not among them.
pub(super) fn words(parts: &[String]) -> Vec<String> {
    let fixed = [
        "Bearer ",
        "bearer\t",
        "Basic ",
        "Basic aWRfdG9rZW46",
        "Basic c2Vzc2lvbjo=",
        "ocs_",
        ".",
        "..",
        "__Host-ocient_session=",
        "__Host-ocient_login_",
        "; ",
        "=",
        "\"",
        "e30",
        "eyJhbGciOiJub25lIn0",
        "\u{e9}",
        "{\"database\":",
        "\"retail_analytics\"",
        ",\"id_token\":",
        "\"access_token\\t\":",
        "}",
        "{",
        "[",
        "null",
        "\\u0000",
        "1e999",
        "-",
        "\"x\"",
        "logout_token=",
        "logout%5ftoken=",
        "database=retail_analytics",
        "&",
        "%00",
        "+",
        "{\"user_code\":",
        "\"BDWD-HQPK\"",
        ",\"timeout\":",
        "1",
        "601",
        "\"30\"",
        "key-of-etl-",
        "/hub/integrations/oauth-callback",
    ];
    let fixed = fixed.iter().map(|word| (*word).to_owned());
    fixed.chain(parts.iter().cloned()).collect()
}

/// Any byte in a query: as it is, where a request line can hold it so, or percent-encoded. A `%`
/// that is as it is may begin no encoding, or a wrong one.
fn query_byte() -> impl Strategy<Value = String> {
    let is_plain = |byte: u8| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'~');
    (any::<u8>(), 0..3_u8).prop_map(move |(byte, form)| match form {
        0 if is_plain(byte) => char::from(byte).to_string(),
        1 => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    })
}

/// Parameters that our endpoints know and some that nobody does, with any values; or any text.
fn query() -> impl Strategy<Value = String> {
    let names = vec![
        "state",
        "code",
        "iss",
        "error",
        "database",
        "return_to",
        "do_redirect",
        "provider",
        "sso_callback_path",
        "x%00",
        "%ff",
    ];
    let text = || vec(query_byte(), 0..40).prop_map(|bytes| bytes.concat());
    let pair = (proptest::sample::select(names), text());
    let pair = pair.prop_map(|(name, value)| format!("{name}={value}"));
    let pair = prop_oneof![4 => pair, 1 => text()];
    vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

pub(super) fn attack(words: Vec<String>, paths: Vec<String>) -> impl Strategy<Value = Attack> {
    let some = || proptest::option::of(pieces(words.clone()));
    let body = prop_oneof![
        20 => pieces(words.clone()),
        20 => object(words.clone()),
        20 => vec(any::<u8>(), 0..200),
        1 => (any::<u8>(), 60_000..70_000_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    let methods = vec![
        Method::GET,
        Method::POST,
        Method::POST,
        Method::PUT,
        Method::HEAD,
        Method::DELETE,
    ];
    let media = vec![
        "application/json",
        "text/plain",
        "application/json; charset=x",
        "application/x-www-form-urlencoded",
        "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8",
        "\"",
    ];
    (
        proptest::sample::select(methods),
        proptest::sample::select(paths),
        some(),
        // Two of them are refused before anything is read, so that most have one.
        proptest::option::weighted(0.05, pieces(words.clone())),
        some(),
        some(),
        query(),
        proptest::sample::select(media),
        body,
    )
        .prop_map(
            |(method, path, authorization, another, cookie, api_key, query, media_type, body)| {
                Attack {
                    method,
                    path,
                    authorization,
                    another_authorization: another,
                    cookie,
                    api_key,
                    query,
                    media_type,
                    body,
                }
            },
        )
}
