//! Who reads an answer: a person at a browser, or a program.
use http::{HeaderMap, HeaderName, HeaderValue, header};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Who will read an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person, whose browser fills a window with it and asks for HTML by name.
    Person,
    /// Whoever leaves any doubt: a person can read JSON too, a program cannot read a page.
    Program,
}

impl Reader {
    /// The reader of the answer to a request with these fields.
    pub fn of(headers: &HeaderMap) -> Self {
        let is_person = asks_for_html(headers)
            // Scripts of a page, images and frames are no windows; older browsers do not say.
            && is_absent_or(headers, &SEC_FETCH_MODE, "navigate")
            && is_absent_or(headers, &SEC_FETCH_DEST, "document")
            && !has_bearer(headers);
        match is_person {
            true => Self::Person,
            false => Self::Program,
        }
    }
}

/// Browsers name `text/html` when they open a page, and never `application/json`. Java's
/// `HttpURLConnection` names it in every request unless told otherwise, beside `image/gif`, which
/// no browser names that names `text/html`.
fn asks_for_html(headers: &HeaderMap) -> bool {
    let mut has_html = false;
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for range in ranges {
        let (range, quality) = parts(range);
        if is(range, b"application/json") || is(range, b"image/gif") {
            return false;
        }
        has_html |= is(range, b"text/html") && !is_zero(quality);
    }
    has_html
}

/// A media range without its parameters, and those.
fn parts(range: &[u8]) -> (&[u8], &[u8]) {
    let end = range.iter().position(|byte| *byte == b';');
    let (range, parameters) = range.split_at(end.unwrap_or(range.len()));
    (range.trim_ascii(), parameters)
}

fn is(range: &[u8], name: &[u8]) -> bool {
    range.eq_ignore_ascii_case(name)
}

/// `;q=0`, with up to three zeros after a point: not acceptable (RFC 9110 section 12.4.2).
fn is_zero(parameters: &[u8]) -> bool {
    parameters
        .split(|byte| *byte == b';')
        .filter_map(|parameter| parameter.trim_ascii().split_at_checked(2))
        .any(|(name, value)| {
            name.eq_ignore_ascii_case(b"q=")
                && value.starts_with(b"0")
                && value.iter().all(|byte| matches!(byte, b'0' | b'.'))
        })
}

/// No person can make a browser send one when it opens a page.
fn has_bearer(headers: &HeaderMap) -> bool {
    let is_bearer = |value: &HeaderValue| {
        let scheme = value.as_bytes().trim_ascii_start().get(..6);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
    };
    headers.get_all(header::AUTHORIZATION).iter().any(is_bearer)
}

fn is_absent_or(headers: &HeaderMap, name: &HeaderName, expected: &str) -> bool {
    headers.get_all(name).iter().all(|value| value == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What today's browsers send when they open a page.
    const NAVIGATIONS: [&str; 4] = [
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html, application/xhtml+xml, image/jxr, */*",
        "text/html, text/plain, text/sgml, text/css, */*;q=0.01",
    ];

    fn verdict(fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Reader::of(&headers) == Reader::Person
    }

    #[test]
    fn a_browser_that_opens_a_page_is_a_person() {
        for accept in NAVIGATIONS {
            let accept = ("accept", accept);
            assert!(verdict(&[accept]), "{accept:?}");
            let modern = [
                accept,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert!(verdict(&modern), "{accept:?}");
            // A password that a person typed when the SQL node asked for one.
            assert!(verdict(&[accept, ("authorization", "Basic eDp5")]));
        }
    }

    #[test]
    fn whoever_does_not_ask_for_html_by_name_is_a_program() {
        assert!(!verdict(&[]));
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/plain, */*",
            "application/json, text/html",
            "text/html;q=0",
            "text/html; q=0.000, */*",
            "text/htmlx",
            "application/stream+json",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        ] {
            assert!(!verdict(&[("accept", accept)]), "{accept:?}");
        }
        assert!(!verdict(&[
            ("accept", "text/html"),
            ("accept", "application/json")
        ]));
    }

    #[test]
    fn names_and_weights_are_read_as_http_says() {
        for accept in [
            "TEXT/HTML",
            " text/html ; q=0.1",
            "*/*, text/html;level=1",
            "text/html;q=1",
        ] {
            assert!(verdict(&[("accept", accept)]), "{accept:?}");
        }
    }

    #[test]
    fn whatever_does_not_fill_a_window_is_a_program() {
        for (mode, dest) in [
            ("cors", "empty"),
            ("same-origin", "empty"),
            ("no-cors", "image"),
            ("navigate", "iframe"),
            ("navigate", ""),
            ("websocket", "document"),
        ] {
            let fields = [
                ("accept", "text/html"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            assert!(!verdict(&fields), "{mode} {dest}");
        }
        let bearer = ("authorization", "bearer ocs_x");
        assert!(!verdict(&[("accept", "text/html"), bearer]));
    }
}
