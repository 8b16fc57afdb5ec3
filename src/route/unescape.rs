//! Takes every escape off a text that any reader takes off, however deep they are nested.
use super::spelling::hex;

/// In what readers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// Whether a backslash begins an escape, as in `\u0073`; else it is another `/`.
    pub(super) backslash_escapes: bool,
    /// Whether any byte is the second one of an overlong form (`C1 33` for `s`); else those alone
    /// that continue a character.
    pub(super) takes_any_tail: bool,
}

impl Mode {
    /// That of most readers.
    pub(super) const PLAIN: Self = Self {
        backslash_escapes: false,
        takes_any_tail: false,
    };

    /// Those of the others.
    pub(super) const OTHERS: [Self; 3] = [
        Self {
            backslash_escapes: true,
            takes_any_tail: false,
        },
        Self {
            backslash_escapes: false,
            takes_any_tail: true,
        },
        Self {
            backslash_escapes: true,
            takes_any_tail: true,
        },
    ];
}

/// Appends `text` to `out` without its escapes: percent-encoding, also with a sign or a blank for
/// the first digit as number parsers take it, `%u0073`, with backslashes `\u0073`, `\U00000073`,
/// `\U0073` and `\x73`, and overlong UTF-8 of any length.
///
/// What an escape stands for may end another one (`%2573`, `%%37%33`): each is replaced as soon as
/// its last byte is there, and what then is at the end is looked at again. So many rounds of
/// decoding as anybody may do come to the same, and the time grows with the length of `text` alone,
/// since each replacement makes `out` shorter.
pub(super) fn unescape(text: &[u8], mode: Mode, out: &mut Vec<u8>) {
    let start = out.len();
    for &byte in text {
        out.push(byte);
        while let Some(escape) = Escape::at_end_of(&out[start..], mode) {
            out.truncate(out.len() - escape.length);
            out.extend_from_slice(&escape.means[..escape.means_length]);
        }
    }
}

/// An escape that ends a text.
struct Escape {
    /// Bytes of it.
    length: usize,
    /// What it stands for: one byte, or a character in UTF-8.
    means: [u8; 4],
    means_length: usize,
}

impl Escape {
    fn at_end_of(text: &[u8], mode: Mode) -> Option<Self> {
        let last = *text.last()?;
        // A `%` is the begin of that byte, and not it.
        if let (true, [.., high @ (0xC0 | 0xC1), low]) = (mode.takes_any_tail, text)
            && *low != b'%'
        {
            return Some(Self::ascii(2, (high & 1) << 6 | low & 0x3F));
        }
        if !last.is_ascii() {
            return Self::of_overlong(text);
        }
        hex(last)?;
        Self::of_percent(text).or_else(|| match mode.backslash_escapes {
            true => Self::of_backslash(text),
            false => None,
        })
    }

    fn of_percent(text: &[u8]) -> Option<Self> {
        if let [.., b'%', first, digit] = text {
            match first {
                b'+' | b'-' | b' ' | b'\t' => return Self::byte(3, &[*digit]),
                first => {
                    if let Some(found) = Self::byte(3, &[*first, *digit]) {
                        return Some(found);
                    }
                }
            }
        }
        match text.last_chunk::<6>()? {
            [b'%', b'u' | b'U', digits @ ..] => Self::char::<4>(6, digits),
            _ => None,
        }
    }

    fn of_backslash(text: &[u8]) -> Option<Self> {
        if let [.., b'\\', b'x' | b'X', high, low] = text {
            return Self::byte(4, &[*high, *low]);
        }
        if let Some([b'\\', letter @ (b'u' | b'U'), digits @ ..]) = text.last_chunk::<6>()
            && (*letter == b'u' || digits != b"0000")
        {
            return Self::char::<4>(6, digits);
        }
        match text.last_chunk::<10>()? {
            [b'\\', b'U', digits @ ..] => Self::char::<8>(10, digits),
            _ => None,
        }
    }

    /// ASCII in two to six bytes (`C0 AF`, `E0 80 AF`, `F0 80 80 AF` for `/`), which old decoders
    /// accept: RFC 3629 section 10 warns of them.
    fn of_overlong(text: &[u8]) -> Option<Self> {
        let &[.., high, low @ 0x80..=0xBF] = text else {
            return None;
        };
        let byte = (high & 1) << 6 | low & 0x3F;
        let length = match high {
            0xC0 | 0xC1 => 2,
            0x80 | 0x81 => 2 + overlong_head(&text[..text.len() - 2])?,
            _ => return None,
        };
        Some(Self::ascii(length, byte))
    }

    fn ascii(length: usize, byte: u8) -> Self {
        Self {
            length,
            means: [byte, 0, 0, 0],
            means_length: 1,
        }
    }

    fn byte(length: usize, digits: &[u8]) -> Option<Self> {
        Some(Self::ascii(length, u8::try_from(number(digits)?).ok()?))
    }

    fn char<const DIGITS: usize>(length: usize, digits: &[u8; DIGITS]) -> Option<Self> {
        let char = char::from_u32(number(digits)?)?;
        let mut means = [0; 4];
        let means_length = char.encode_utf8(&mut means).len();
        Some(Self {
            length,
            means,
            means_length,
        })
    }
}

/// Bytes of the head of an overlong form, of which the two bytes with the value are taken off.
fn overlong_head(text: &[u8]) -> Option<usize> {
    match text {
        [.., 0xE0] => Some(1),
        [.., 0xF0, 0x80] => Some(2),
        [.., 0xF8, 0x80, 0x80] => Some(3),
        [.., 0xFC, 0x80, 0x80, 0x80] => Some(4),
        _ => None,
    }
}

/// The value of hexadecimal digits, eight at most.
fn number(digits: &[u8]) -> Option<u32> {
    let values = digits.iter().map(|digit| hex(*digit).map(u32::from));
    values.reduce(|sum, digit| Some(sum? << 4 | digit?))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESCAPING: Mode = Mode::OTHERS[0];

    fn read(text: &[u8], mode: Mode) -> Vec<u8> {
        let mut out = b"kept %".to_vec();
        unescape(text, mode, &mut out);
        out.strip_prefix(b"kept %").unwrap().to_vec()
    }

    #[test]
    fn every_escape_is_taken_off_however_deep() {
        for (text, plain) in [
            (&b"sso"[..], &b"sso"[..]),
            (b"%73so", b"sso"),
            (b"%2573so", b"sso"),
            (b"%252573so", b"sso"),
            (b"%25%37%33so", b"sso"),
            (b"%%37%33so", b"sso"),
            (b"%2%35%37%33so", b"sso"),
            (b"%u0073so", b"sso"),
            (b"%U0073so", b"sso"),
            (b"%u002573so", b"sso"),
            (b"%%750073so", b"sso"),
            (b"a%+9b", b"a\tb"),
            (b"a%-0b% 9c", b"a\0b\tc"),
            (b"%u212a", "\u{212a}".as_bytes()),
            (b"%ud800", b"%ud800"),
            (b"%", b"%"),
            (b"%7", b"%7"),
            (b"%zz%g1", b"%zz%g1"),
        ] {
            for mode in [Mode::PLAIN].into_iter().chain(Mode::OTHERS) {
                let shown = String::from_utf8_lossy(text);
                assert_eq!(read(text, mode), plain, "{shown} {mode:?}");
            }
        }
    }

    #[test]
    fn a_backslash_begins_an_escape_for_those_who_read_it_so() {
        for (text, plain) in [
            (&br"\u0073so"[..], "sso"),
            (br"\U0073so", "sso"),
            (br"\U00000073so", "sso"),
            (br"\x73so", "sso"),
            (br"%5cu0073so", "sso"),
            (br"%255Cu00%37%33so", "sso"),
            (br"\u00zz", r"\u00zz"),
        ] {
            assert_eq!(read(text, ESCAPING), plain.as_bytes(), "{plain}");
        }
        assert_eq!(read(br"\u0073so", Mode::PLAIN), br"\u0073so");
    }

    #[test]
    fn overlong_forms_of_every_length_are_ascii() {
        for (text, plain) in [
            (&b"\xC0\xAF"[..], &b"/"[..]),
            (b"\xC1\xB3so", b"sso"),
            (b"\xE0\x80\xAF", b"/"),
            (b"\xE0\x81\xB3so", b"sso"),
            (b"\xF0\x80\x81\xB3so", b"sso"),
            (b"\xF8\x80\x80\x81\xB3so", b"sso"),
            (b"\xFC\x80\x80\x80\x81\xB3so", b"sso"),
            (b"%F0%80%81%B3so", b"sso"),
            (b"%C0%A573so", b"sso"), // an overlong `%`
            (b"\xC1\xB3so", b"sso"),
            ("\u{e9}\u{20ac}".as_bytes(), "\u{e9}\u{20ac}".as_bytes()),
        ] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(read(text, Mode::PLAIN), plain, "{shown}");
        }
    }

    #[test]
    fn an_overlong_form_has_any_second_byte_for_those_who_do_not_look() {
        let mode = Mode::OTHERS[1];
        for (text, plain) in [
            (&b"%c1%33so"[..], &b"sso"[..]),
            (b"%c1%1c", b"\\"),
            (b"\xC1\x33so", b"sso"),
            (b"%c1%b3so", b"sso"),
        ] {
            assert_eq!(read(text, mode), plain);
        }
        assert_eq!(read(b"\xC1\x33so", Mode::PLAIN), b"\xC1\x33so");
    }
}
