//! How a path may be read: strictly (RFC 3986), and by every laxer reader we know of.
use std::borrow::Cow;

/// Whether every reader agrees about `path`: lower-case letters, digits and `-_.~/`, no empty
/// and no dot segments. Nearly every request is, and needs no second look.
pub(super) fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes
        .iter()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/'))
        && !bytes.ends_with(b".")
        && !bytes.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

/// Percent-decoding of unreserved characters, `//`, `.` and `..`, one trailing `/`
/// (RFC 3986 section 6.2.2); case and everything else stay.
pub(super) fn normalise(path: &str) -> Cow<'_, str> {
    if is_plain(path) {
        let trimmed = if path.len() > 1 {
            path.strip_suffix('/').unwrap_or(path)
        } else {
            path
        };
        return Cow::Borrowed(trimmed);
    }
    let decoded = decode(path.as_bytes(), |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
    });
    Cow::Owned(resolve(&String::from_utf8_lossy(&decoded)))
}

/// One round of percent-decoding of the bytes that `wanted` names.
fn decode(text: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let escape = match text.get(at..at + 3) {
            Some([b'%', high, low]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match escape {
            Some(byte) if wanted(byte) => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Removes empty and dot segments and a trailing `/`.
fn resolve(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// What laxer readers make of `path`, in lower case and normalised: escapes decoded again
/// and again, `\` taken for `/`, overlong UTF-8 accepted, parameters (`;…`), fragments, NUL
/// and control characters dropped or taken for the end.
pub(super) fn lax_readings(path: &str) -> [String; 3] {
    let text = decoded_fully(path);
    let ended = text.split(is_end).next().unwrap_or_default();
    let without_parameters: Vec<&str> = text
        .split('/')
        .map(|segment| segment.split([';', '?', '#']).next().unwrap_or_default())
        .collect();
    let dropped: String = without_parameters
        .join("/")
        .chars()
        .filter(|char| !is_invisible(*char))
        .collect();
    [&text, ended, &dropped].map(|reading| resolve(reading).trim_end_matches(['.', ' ']).to_owned())
}

fn decoded_fully(path: &str) -> String {
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        let again = decode(&decoded, |_| true);
        if again == decoded {
            break;
        }
        decoded = again;
    }
    String::from_utf8_lossy(&fold_overlong(&decoded))
        .chars()
        .map(|char| {
            if char == '\\' {
                '/'
            } else {
                char.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Nobody decodes a path more often; a path that still changes is decoded as far as this.
const MAX_DECODINGS: usize = 8;

/// Where some reader stops reading a path.
fn is_end(char: char) -> bool {
    matches!(char, ';' | '?' | '#') || is_invisible(char)
}

fn is_invisible(char: char) -> bool {
    char.is_control() || char.is_whitespace() || char == char::REPLACEMENT_CHARACTER
}

/// Overlong two-byte forms of ASCII (`C0 AF` for `/`), which old decoders accept.
fn fold_overlong(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first()) {
            (0xC0 | 0xC1, Some(&second)) if second & 0xC0 == 0x80 => {
                out.push((first & 1) << 6 | second & 0x3F);
                rest = &tail[1..];
            }
            _ => out.push(first),
        }
    }
    out
}

/// The database that a path segment names, if every reader agrees about it: one segment, one
/// round of decoding, no separators, escapes or invisible characters left in it.
pub(super) fn plain_segment(segment: &str) -> Option<String> {
    let odd =
        |char: char| matches!(char, '/' | '\\' | '%' | ';' | '?' | '#' | '+') || is_invisible(char);
    let name = String::from_utf8(decode(segment.as_bytes(), |_| true)).ok()?;
    (!name.is_empty() && name != "." && name != ".." && !name.contains(odd)).then_some(name)
}
