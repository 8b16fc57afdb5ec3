//! Cookies: reads `Cookie`, writes `Set-Cookie`.
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// The session cookie. A browser takes a `__Host-` cookie only over TLS, from this very host
/// and for all its paths, so that no sister domain can plant one (RFC 6265bis section 4.1.3.2).
pub const SESSION: &str = "__Host-ocient_session";

/// The cookie that binds a sign-out at the provider to the browser that began it.
pub const LOGOUT: &str = "__Host-ocient_logout";

/// Cookies that bind a sign-in to the browser that began it, one for each attempt.
pub const LOGIN_PREFIX: &str = "__Host-ocient_login_";

/// Why a request's cookies tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// Two of one name: which is the planted one cannot be told.
    #[error("the cookie was sent more than once")]
    Duplicate,
    /// Four times the longest cookie that a browser keeps.
    #[error("more than {MAX_LENGTH} bytes of cookies")]
    TooLong,
    /// Not a value of ours, which are ASCII.
    #[error("the cookie's value is not text")]
    NotText,
}

/// The value of the cookie `name`, in any of the `Cookie` lines. Names are compared exactly, and
/// quotation marks belong to the value (RFC 6265 section 5.4).
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, CookieError> {
    if !headers.contains_key(header::COOKIE) {
        return Ok(None); // most programs send none
    }
    let mut values = pairs(headers)?
        .filter(|(key, _)| *key == name.as_bytes())
        .map(|(_, value)| value);
    let first = values.next();
    if values.next().is_some() {
        return Err(CookieError::Duplicate);
    }
    first
        .map(|value| std::str::from_utf8(value).map_err(|_| CookieError::NotText))
        .transpose()
}

/// The names that begin with `prefix`, as often as they were sent. None if there are more
/// cookies than [`find`] reads.
pub fn names_with_prefix<'a>(headers: &'a HeaderMap, prefix: &str) -> Vec<&'a str> {
    pairs(headers)
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(prefix))
        .collect()
}

/// A `Set-Cookie` value that scripts cannot read and that only this host gets back, also on the
/// cross-site redirect that ends a sign-in, hence `Lax`. `name` and `value` are ours: letters,
/// digits, `-` and `_`.
pub fn set(name: &str, value: &str, max_age: Duration) -> HeaderValue {
    debug_assert!(is_plain(name) && is_plain(value), "would need quoting");
    let seconds = max_age.as_secs();
    let text = format!("{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let mut line = HeaderValue::try_from(text).expect("letters, digits, `-` and `_` are allowed");
    // Keeps it out of `Debug` and of HTTP/2's compression tables.
    line.set_sensitive(true);
    line
}

/// A `Set-Cookie` value that makes the browser forget the cookie `name`.
pub fn clear(name: &str) -> HeaderValue {
    set(name, "", Duration::ZERO)
}

/// Takes our cookies out of a request that is passed on: they are nobody else's business. Lines
/// without them stay as they are, byte for byte.
pub fn remove_ours(headers: &mut HeaderMap) {
    let is_ours = |pair: &[u8]| pair.trim_ascii().starts_with(OURS);
    let holds_ours = |line: &HeaderValue| line.as_bytes().split(|byte| *byte == b';').any(is_ours);
    if !headers.get_all(header::COOKIE).iter().any(holds_ours) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for line in lines {
        if !holds_ours(&line) {
            headers.append(header::COOKIE, line);
            continue;
        }
        let pairs = line.as_bytes().split(|byte| *byte == b';');
        let others = pairs.map(<[u8]>::trim_ascii).filter(|pair| !is_ours(pair));
        let rest = others.collect::<Vec<_>>().join(b"; ".as_slice());
        let rest = HeaderValue::from_bytes(&rest).expect("parts of a field value are one");
        if !rest.is_empty() {
            headers.append(header::COOKIE, rest);
        }
    }
}

/// How the names of all our cookies begin.
const OURS: &[u8] = b"__Host-ocient_";

/// Name and value of every cookie, in order. What has no `=` is not a cookie.
fn pairs(headers: &HeaderMap) -> Result<impl Iterator<Item = (&[u8], &[u8])>, CookieError> {
    let lines = headers.get_all(header::COOKIE);
    let length: usize = lines.iter().map(HeaderValue::len).sum();
    if length > MAX_LENGTH {
        return Err(CookieError::TooLong);
    }
    Ok(lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            Some((&pair[..equals], &pair[equals + 1..]))
        }))
}

fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Bytes of all `Cookie` lines that are read: four times the longest cookie of a browser.
const MAX_LENGTH: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines<T: AsRef<[u8]>>(lines: &[T]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_ref()).unwrap();
            headers.append(header::COOKIE, value);
        }
        headers
    }

    #[test]
    fn removes_our_cookies_and_no_others() {
        let mut headers = lines(&[
            "a=1;b=2",
            "__Host-ocient_session=x",
            "c=3; __Host-ocient_login_1=y ;d=4",
        ]);
        remove_ours(&mut headers);
        assert_eq!(headers, lines(&["a=1;b=2", "c=3; d=4"]));
    }

    #[test]
    fn finds_the_exact_name_wherever_it_stands() {
        for (line, value) in [
            ("a=1", Some("1")),
            ("b=2; a=1", Some("1")),
            ("b=2;a=1;c=3", Some("1")),
            (" \ta=1 ; b=2", Some("1")),
            ("a=", Some("")),
            ("a=\"1\"", Some("\"1\"")),
            ("a=1=2", Some("1=2")),
            ("A=1", None),
            ("aa=1; xa=1; a.b=1", None),
            ("a =1", None),
            ("a", None),
            ("b=a=1", None),
            ("", None),
            (";;=;", None),
        ] {
            assert_eq!(find(&lines(&[line]), "a"), Ok(value), "{line:?}");
        }
        assert_eq!(find(&HeaderMap::new(), "a"), Ok(None));
    }

    #[test]
    fn a_cookie_sent_twice_is_refused_even_on_two_lines() {
        for pair in [&["a=1; a=1"][..], &["a=1; b=2; a="], &["a=1", "b=2; a=2"]] {
            assert_eq!(
                find(&lines(pair), "a"),
                Err(CookieError::Duplicate),
                "{pair:?}"
            );
        }
    }

    #[test]
    fn all_lines_together_are_bounded() {
        let half = format!("a={}", "x".repeat(MAX_LENGTH / 2 - 2));
        let other = format!("b={}", "x".repeat(MAX_LENGTH / 2 - 2));
        assert!(find(&lines(&[&half, &other]), "a").unwrap().is_some());
        let over = lines(&[half, other, "c".to_owned()]);
        assert_eq!(find(&over, "a"), Err(CookieError::TooLong));
        assert!(names_with_prefix(&over, "a").is_empty());
    }

    #[test]
    fn bytes_that_are_not_text_spoil_only_their_own_cookie() {
        let headers = lines(&[&b"a=\xff; b=2"[..]]);
        assert_eq!(find(&headers, "a"), Err(CookieError::NotText));
        assert_eq!(find(&headers, "b"), Ok(Some("2")));
    }

    #[test]
    fn names_are_found_by_prefix() {
        let headers = lines(&["x_1=a; y=b", "x_2=c; X_3=d; x_=e"]);
        assert_eq!(names_with_prefix(&headers, "x_"), ["x_1", "x_2", "x_"]);
    }

    #[test]
    fn what_we_set_is_bound_to_this_host_and_hidden_from_scripts_and_logs() {
        let line = set(SESSION, "ocs_-Az9", Duration::from_secs(60));
        assert_eq!(
            line,
            "__Host-ocient_session=ocs_-Az9; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(line.is_sensitive());
    }

    #[test]
    fn clearing_ends_the_cookie_with_the_same_attributes() {
        assert_eq!(
            clear("a"),
            "a=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "[ -~]{0,200}") {
            let headers = lines(&[line]);
            let _ = find(&headers, SESSION);
            names_with_prefix(&headers, LOGIN_PREFIX);
        }
    }
}
