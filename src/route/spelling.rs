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
/// and again, `\` taken for `/`, overlong UTF-8 accepted, parameters (`;…`), queries, fragments,
/// NUL and control characters dropped, or taken for the end of the path or of their segment.
pub(super) fn lax_readings(path: &str) -> Vec<String> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if path.bytes().all(is_unreserved) {
        // Only case and dots can be read differently: a database in capitals, mostly.
        let reading = resolve(&path.to_ascii_lowercase());
        return vec![reading.trim_end_matches('.').to_owned()];
    }
    let mut readings = Vec::new();
    for text in decoded(path) {
        readings.push(text.split(is_end).next().unwrap_or_default().to_owned());
        for is_outside in [char::is_whitespace, is_invisible] {
            for is_end in ENDS {
                readings.push(cut(&text, is_outside, is_end));
            }
        }
        readings.push(text);
    }
    let visible = |reading: &String| {
        reading
            .chars()
            .filter(|char| !is_invisible(*char))
            .collect()
    };
    let dropped: Vec<String> = readings.iter().map(visible).collect();
    readings.extend(dropped);
    readings.sort_unstable();
    readings.dedup();
    readings
        .iter()
        .map(|reading| resolve(reading).trim_end_matches(['.', ' ']).to_owned())
        .collect()
}

/// Longest path that is read laxly, in bytes; a longer one that needs it is refused. A database
/// of 256 bytes fits, every one escaped, and the worst path takes about a millisecond.
pub(super) const MAX_ODD_LENGTH: usize = 1024;

/// Where a segment may end.
const ENDS: [fn(char) -> bool; 4] = [
    |char| char == ';',
    |char| matches!(char, ';' | '?' | '#'),
    |char| matches!(char, ';' | '?' | '#' | '\0'),
    is_end,
];

/// `text` with each of its segments trimmed and cut.
fn cut(text: &str, is_outside: fn(char) -> bool, is_end: fn(char) -> bool) -> String {
    let segments = text.split('/').map(|segment| {
        let segment = segment.trim_matches(is_outside);
        segment.split(is_end).next().unwrap_or_default()
    });
    segments.collect::<Vec<_>>().join("/")
}

/// One round of decoding.
type Decoder = fn(&[u8]) -> Vec<u8>;

/// `path` in lower case, by readers that differ in what they take for an escape and in how
/// often they decode.
fn decoded(path: &str) -> Vec<String> {
    let strictly: Decoder = |text| decode(text, |_| true);
    let mut texts = Vec::new();
    let readers: [Decoder; 4] = [
        strictly,
        decode_signed,
        |text| decode(&decode_unicode(text), |_| true),
        |text| decode_signed(&decode_unicode(text)),
    ];
    for decode in readers {
        let mut decoded = path.as_bytes().to_vec();
        for _ in 0..MAX_DECODINGS {
            let again = decode(&decoded);
            let is_last = again == decoded;
            decoded = again;
            for bytes in [&fold_overlong(&decoded), &decoded] {
                let text = String::from_utf8_lossy(bytes);
                texts.push(text.chars().flat_map(fold).collect());
            }
            if is_last {
                break;
            }
        }
    }
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// One round of percent-decoding by number parsers, which take a sign or a space for a digit:
/// `%+9` is a tab.
fn decode_signed(text: &[u8]) -> Vec<u8> {
    let mut unsigned = text.to_vec();
    for (at, three) in text.windows(3).enumerate() {
        if let [b'%', b'+' | b'-' | b' ' | b'\t', digit] = three
            && hex(*digit).is_some()
        {
            unsigned[at + 1] = b'0';
        }
    }
    decode(&unsigned, |_| true)
}

/// The characters of `%u002f` and its like.
fn decode_unicode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let char = match tail {
            [b'u' | b'U', a, b, c, d, ..] if first == b'%' => unicode_escape([*a, *b, *c, *d]),
            _ => None,
        };
        match char {
            Some(char) => {
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &tail[5..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

fn unicode_escape(digits: [u8; 4]) -> Option<char> {
    let values = digits.iter().map(|digit| hex(*digit).map(u32::from));
    let code = values.reduce(|sum, digit| Some(sum? << 4 | digit?))??;
    char::from_u32(code)
}

/// In lower case, where every character counts that some reader's case folding or narrowing
/// makes an ASCII letter: the Kelvin sign is a `k`, the long `s` an `s`, a full-width `v` a `v`.
fn fold(char: char) -> impl Iterator<Item = char> {
    let narrow = match char {
        '\\' => '/',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(char) - 0xFEE0).expect("the range mirrors ASCII")
        }
        char => char,
    };
    let lower = narrow.to_lowercase();
    lower
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .map(|char| if char == '\\' { '/' } else { char })
}

/// Nobody decodes a path more often; a path that still changes is decoded as far as this.
const MAX_DECODINGS: usize = 8;

/// Where some reader stops reading a path.
fn is_end(char: char) -> bool {
    matches!(char, ';' | '?' | '#') || is_invisible(char)
}

/// White space, controls, and the format characters that some readers drop.
fn is_invisible(char: char) -> bool {
    char.is_control()
        || char.is_whitespace()
        || matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || char == char::REPLACEMENT_CHARACTER
}

/// Overlong forms of ASCII in two and three bytes (`C0 AF` and `E0 80 AF` for `/`), which old
/// decoders accept.
fn fold_overlong(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return out,
            [first @ (0xC0 | 0xC1), second @ 0x80..=0xBF, tail @ ..] => {
                out.push((first & 1) << 6 | second & 0x3F);
                tail
            }
            [0xE0, second @ (0x80 | 0x81), third @ 0x80..=0xBF, tail @ ..] => {
                out.push((second & 1) << 6 | third & 0x3F);
                tail
            }
            [first, tail @ ..] => {
                out.push(*first);
                tail
            }
        };
    }
}

/// The database that a path segment names, if every reader agrees about it: one segment, one
/// round of decoding, no separators, escapes or invisible characters left in it.
pub(super) fn plain_segment(segment: &str) -> Option<String> {
    let odd =
        |char: char| matches!(char, '/' | '\\' | '%' | ';' | '?' | '#' | '+') || is_invisible(char);
    let name = String::from_utf8(decode(segment.as_bytes(), |_| true)).ok()?;
    (!name.is_empty() && name != "." && name != ".." && !name.contains(odd)).then_some(name)
}
