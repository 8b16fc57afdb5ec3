//! `LocalPath`: a path on this site, safe to redirect to.
use std::{fmt, str::FromStr};

/// A path on this site to go back to after the sign-in. Never another origin, so that a
/// crafted link cannot turn the sign-in into an open redirect (RFC 9700 section 4.11.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

/// The text is not an absolute path on this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path on this site")]
pub struct NotLocal;

/// Longest accepted path, in bytes: it travels inside `state`, inside a URL, and servers on
/// the way refuse URLs from about 8 KiB on.
const MAX_LENGTH: usize = 2048;

impl LocalPath {
    /// The path, with its query if it has one; begins with exactly one `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocalPath {
    type Err = NotLocal;

    fn from_str(text: &str) -> Result<Self, NotLocal> {
        // Browsers read `\` as `/` and drop tabs and newlines, so `/\evil` is `//evil`.
        // Only visible ASCII: the value goes into a `Location` field as it is.
        let local = text.starts_with('/') && !text.starts_with("//");
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        (local && plain && text.len() <= MAX_LENGTH)
            .then(|| Self(text.to_owned()))
            .ok_or(NotLocal)
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_paths_of_this_site() {
        for text in ["/", "/v1/info", "/app?x=1&y=/z#top", "/a//b"] {
            assert_eq!(text.parse::<LocalPath>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_every_way_to_another_origin() {
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in [
            "",
            "v1",
            "//evil",
            "///evil",
            "/\\evil",
            "\\/evil",
            "https:evil",
            "https://evil",
            "/\t/evil",
            "\t//evil",
            "/a\r\nSet-Cookie: x",
            "/\u{e9}",
            "/a b",
            &long,
        ] {
            assert_eq!(text.parse::<LocalPath>(), Err(NotLocal), "{text:?}");
        }
    }
}
