//! How a path is spelled, and how it is read strictly (RFC 3986).
use std::borrow::Cow;

/// How much room a path leaves to its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Every reader agrees about it: small letters, digits and `-_.~/`, no empty segment, and none
    /// that begins or ends with a dot. Nearly every request's is.
    Plain,
    /// The same but for capitals.
    Capitals,
    /// Anything else: escapes, dot segments, other characters.
    Odd,
}

impl Spelling {
    /// The spelling of `path`, in one pass: a long plain path costs as little as can be.
    pub(super) fn of(path: &str) -> Self {
        let mut before = 0;
        let mut seen = 0;
        for &byte in path.as_bytes() {
            let is_pair = matches!((before, byte), (b'/', b'/' | b'.') | (b'.', b'/'));
            seen |= KINDS[usize::from(byte)] | if is_pair { ODD } else { PLAIN };
            before = byte;
        }
        match seen {
            _ if before == b'.' => Self::Odd,
            PLAIN => Self::Plain,
            CAPITAL => Self::Capitals,
            _ => Self::Odd,
        }
    }
}

const PLAIN: u8 = 0;
const CAPITAL: u8 = 1;
const ODD: u8 = 2;

/// What each byte of a path says about its spelling.
const KINDS: [u8; 256] = {
    let mut kinds = [ODD; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => PLAIN,
            b'A'..=b'Z' => CAPITAL,
            _ => ODD,
        };
        byte += 1;
    }
    kinds
};

/// Percent-decoding of unreserved characters, `//`, `.` and `..`, one trailing `/`
/// (RFC 3986 section 6.2.2); case and everything else stay.
pub(super) fn normalise(path: &str) -> Cow<'_, str> {
    match Spelling::of(path) {
        Spelling::Odd => Cow::Owned(resolve(&decode_unreserved(path))),
        _ => Cow::Borrowed(trim(path)),
    }
}

/// Without its trailing `/`; `/` itself stays.
pub(super) fn trim(path: &str) -> &str {
    match path.len() {
        1 => path,
        _ => path.strip_suffix('/').unwrap_or(path),
    }
}

/// One round of percent-decoding of the characters that mean the same escaped
/// (RFC 3986 section 2.3).
pub(super) fn decode_unreserved(path: &str) -> String {
    let decoded = decode(path.as_bytes(), |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
    });
    String::from_utf8_lossy(&decoded).into_owned()
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

pub(super) fn hex(digit: u8) -> Option<u8> {
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

/// White space, controls, and what some readers drop: format characters, fillers and selectors
/// (Unicode, `Default_Ignorable_Code_Point`).
pub(super) fn is_invisible(char: char) -> bool {
    char.is_control()
        || char.is_whitespace()
        || matches!(
            char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
        || char == char::REPLACEMENT_CHARACTER
}

/// The database that a path segment names, if every reader agrees about it: one segment, one
/// round of decoding, no separators, escapes or invisible characters left in it.
pub(super) fn plain_segment(segment: &str) -> Option<String> {
    let odd =
        |char: char| matches!(char, '/' | '\\' | '%' | ';' | '?' | '#' | '+') || is_invisible(char);
    let name = String::from_utf8(decode(segment.as_bytes(), |_| true)).ok()?;
    (!name.is_empty() && name != "." && name != ".." && !name.contains(odd)).then_some(name)
}
