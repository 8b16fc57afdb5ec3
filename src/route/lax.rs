//! Whether any reader, however lax, could take an odd path for one that means something here.
//!
//! Readers differ in what they take for an escape and how often they decode, for a separator, for
//! the end of a path or of a segment, and in what they drop. Their readings are not written out,
//! of which there are as many as their combinations: what they have in common is looked for, in a
//! time that grows with the length of the path alone. Each of them sees some of the segments that
//! the path has without all its escapes, in their order, and each as it stands or up to some mark
//! in it. So a path that has them for nobody is nobody's; where a segment is there for some readers
//! only, those of a pattern may stand anywhere in it.
use super::{
    spelling::{decode_unreserved, is_invisible},
    unescape::{Mode, unescape},
};
use std::ops::Range;

/// A path that means something here, in small letters and with `_` for `-`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// `None`: any segment.
    segments: Vec<Option<Box<str>>>,
    /// Whether it means the same with more segments behind it.
    may_go_on: bool,
}

impl Pattern {
    /// `path` alone, in which `*` is any segment.
    pub(super) fn of(path: &str) -> Self {
        let segments = path.split('/').skip(1).map(|segment| match segment {
            "*" => None,
            name => Some(name.to_ascii_lowercase().replace('-', "_").into()),
        });
        Self {
            segments: segments.collect(),
            may_go_on: false,
        }
    }

    /// `path`, and everything below it.
    pub(super) fn from(path: &str) -> Self {
        Self {
            may_go_on: true,
            ..Self::of(path)
        }
    }
}

/// An odd path as lax readers see it.
#[derive(Debug)]
pub(super) struct Readings {
    /// By those who differ in what is an escape; most paths are the same to all.
    readings: Vec<Reading>,
    /// Whether it is too long to be read by all of them.
    is_too_long: bool,
}

/// Segments of a path that are compared, at most, those that escapes make included; a path with more
/// is taken for anything. The SQL node's have four.
const MAX_SEGMENTS: usize = 32;

/// Longest path that is read by those who differ in what is an escape, in bytes. No database of real
/// life has a backslash or bytes that are no text in its name.
const MAX_DISPUTED_LENGTH: usize = 256;

impl Readings {
    /// Those of `path`, the path of a request.
    pub(super) fn of(path: &str) -> Self {
        let decoded = decode_unreserved(path);
        let first = Reading::of(&decoded, Mode::PLAIN);
        let others = Mode::OTHERS.into_iter().filter(|mode| {
            (!mode.backslash_escapes || first.has_backslash)
                && (!mode.takes_any_tail || first.has_gap)
        });
        let others: Vec<Mode> = others.collect();
        let is_disputed = !others.is_empty() && first.has_backslash;
        let is_too_long = first.segments.len() > MAX_SEGMENTS
            || (is_disputed && path.len() > MAX_DISPUTED_LENGTH);
        let mut readings = vec![first];
        if !is_too_long {
            readings.extend(others.into_iter().map(|mode| Reading::of(&decoded, mode)));
        }
        Self {
            readings,
            is_too_long,
        }
    }

    /// Whether some reader takes the path for one of `patterns`, or may.
    pub(super) fn fit(&self, patterns: &[Pattern]) -> bool {
        let fits = |reading: &Reading| patterns.iter().any(|pattern| reading.fits(pattern));
        let has_too_many = |reading: &Reading| reading.segments.len() > MAX_SEGMENTS;
        self.is_too_long || self.readings.iter().any(has_too_many) || self.readings.iter().any(fits)
    }
}

/// What the readers have in common that take the same for an escape.
#[derive(Debug, Default)]
struct Reading {
    /// The texts of all segments, one after the other: in small letters, `_` for `-`,
    /// [`GAP`] for what some reader drops or ends at, and [`OTHER`] for what is no ASCII for anybody.
    text: Vec<u8>,
    segments: Vec<Segment>,
    /// Whether a segment is there for some readers only, or takes another one away for some, so
    /// that nobody can say what is left.
    is_loose: bool,
    has_backslash: bool,
    /// Whether some bytes are no text.
    has_gap: bool,
}

#[derive(Debug)]
struct Segment {
    text: Range<usize>,
    /// Whether some reader's path ends in it.
    has_end: bool,
}

/// What some reader drops, and another one takes for the end: white space, controls, format
/// characters, bytes that are no text, a `%` for nothing, and the `+` that stands for a blank.
const GAP: u8 = 0;

/// A character that is no ASCII for anybody.
const OTHER: u8 = 0xFF;

impl Reading {
    fn of(decoded: &str, mode: Mode) -> Self {
        let mut reading = Self::default();
        let mut plain = Vec::new();
        for segment in decoded.split('/') {
            if reading.segments.len() > MAX_SEGMENTS {
                break;
            }
            match segment {
                "" | "." => {}
                // Some resolve it before they merge `//`, some after it, and some never.
                ".." => reading.is_loose = true,
                segment => {
                    plain.clear();
                    unescape(segment.as_bytes(), mode, &mut plain);
                    reading.add(&plain);
                }
            }
        }
        reading
    }

    /// Adds what `plain` holds: one segment, or several where separators were escaped.
    fn add(&mut self, plain: &[u8]) {
        let mut start = self.text.len();
        for chunk in plain.utf8_chunks() {
            for char in chunk.valid().chars() {
                let mut push = |byte: u8| {
                    self.has_backslash |= byte == b'\\';
                    match byte {
                        b'/' | b'\\' => {
                            self.end_segment(start);
                            start = self.text.len();
                        }
                        byte => self.push(byte, start),
                    }
                };
                match folded(char) {
                    Folded::Ascii(text) => text.bytes().for_each(&mut push),
                    Folded::Byte(byte) => push(byte),
                }
            }
            if !chunk.invalid().is_empty() {
                self.has_gap = true;
                self.push(GAP, start);
            }
        }
        self.end_segment(start);
    }

    /// One gap stands for any number of them.
    fn push(&mut self, byte: u8, start: usize) {
        if byte != GAP || self.text[start..].last() != Some(&GAP) {
            self.text.push(byte);
        }
    }

    fn end_segment(&mut self, start: usize) {
        let text = &self.text[start..];
        let is_end = |byte: &u8| matches!(*byte, b';' | b'?' | b'#' | GAP);
        let first = text.iter().find(|byte| **byte != b'.');
        // Empty, `.`, `..`, or so to whom it ends early.
        self.is_loose |= first.is_none_or(is_end);
        let has_end = text.iter().any(is_end);
        self.segments.push(Segment {
            text: start..self.text.len(),
            has_end,
        });
    }

    fn fits(&self, pattern: &Pattern) -> bool {
        let is = |segment: &Segment, wanted: &Option<Box<str>>| match wanted {
            Some(name) => is_like(&self.text[segment.text.clone()], name.as_bytes()),
            None => true,
        };
        let wanted = &pattern.segments;
        if self.is_loose {
            let mut segments = self.segments.iter();
            return wanted
                .iter()
                .all(|wanted| segments.any(|segment| is(segment, wanted)));
        }
        let Some(first) = self.segments.get(..wanted.len()) else {
            return false;
        };
        let mut pairs = first.iter().zip(wanted);
        let ends_there =
            || self.segments.len() == first.len() || first.last().is_some_and(|last| last.has_end);
        pairs.all(|(segment, wanted)| is(segment, wanted)) && (pattern.may_go_on || ends_there())
    }
}

/// Whether some reader takes the segment `text` for `name`: with gaps or without, up to its end or
/// to anything that no name goes on with.
fn is_like(text: &[u8], name: &[u8]) -> bool {
    let mut left = name;
    for &byte in text {
        match left.split_first() {
            None => return !goes_on(byte),
            // What is no ASCII is some letter's twin to some reader: circled, bold, or of another script.
            Some((wanted, rest)) if *wanted == byte || byte == OTHER => left = rest,
            Some(_) if byte == GAP => {}
            Some(_) => return false,
        }
    }
    left.is_empty()
}

/// Whether a name with `byte` behind it is another name to everybody.
pub(super) fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte == OTHER
}

/// Gives `push` the ASCII that some reader's case folding or narrowing makes of `char`, if any.
pub fn ascii_of(char: char, mut push: impl FnMut(u8)) {
    match folded(char) {
        Folded::Ascii(text) => text.bytes().for_each(push),
        Folded::Byte(byte) if byte != OTHER && byte != GAP => push(byte),
        Folded::Byte(_) => {}
    }
}

enum Folded {
    Byte(u8),
    /// Of a ligature.
    Ascii(&'static str),
}

/// In small letters, where every character counts that some reader's case folding or narrowing
/// makes ASCII: the Kelvin sign is a `k`, the long `s` an `s`, a full-width `v` a `v`.
fn folded(char: char) -> Folded {
    let ascii = match char {
        '\u{ff01}'..='\u{ff5e}' => u32::from(char) - 0xFEE0, // the range mirrors ASCII
        char => u32::from(char),
    };
    match u8::try_from(ascii) {
        Ok(b'-') => Folded::Byte(b'_'),
        // A `%` that begins no escape is dropped by some.
        Ok(b'+' | b'%') => Folded::Byte(GAP),
        Ok(byte) if byte.is_ascii_graphic() => Folded::Byte(byte.to_ascii_lowercase()),
        _ if is_invisible(char) => Folded::Byte(GAP),
        _ => match FOLDED.iter().find(|(from, _)| *from == char) {
            Some((_, text)) => Folded::Ascii(text),
            None => Folded::Byte(OTHER),
        },
    }
}

/// Beyond ASCII and its full-width twin, all characters that upper and lower case make ASCII.
const FOLDED: [(char, &str); 12] = [
    ('\u{df}', "ss"),
    ('\u{131}', "i"),
    ('\u{17f}', "s"),
    ('\u{1e9e}', "ss"),
    ('\u{212a}', "k"),
    ('\u{fb00}', "ff"),
    ('\u{fb01}', "fi"),
    ('\u{fb02}', "fl"),
    ('\u{fb03}', "ffi"),
    ('\u{fb04}', "ffl"),
    ('\u{fb05}', "st"),
    ('\u{fb06}', "st"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_a_change_of_case_makes_ascii_is_known() {
        let mut known = Vec::new();
        for char in ('\u{80}'..=char::MAX).filter(|char| !('\u{ff01}'..='\u{ff5e}').contains(char))
        {
            let upper = char.to_lowercase().flat_map(char::to_uppercase);
            let text: String = upper.flat_map(char::to_lowercase).collect();
            if text.is_ascii() {
                known.push((char, text));
            }
        }
        let listed = FOLDED.map(|(char, text)| (char, text.to_owned()));
        assert_eq!(known, listed);
    }
}
