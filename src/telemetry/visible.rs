//! Makes visible in a line of log what a terminal would obey or hide.
use std::{borrow::Cow, fmt::Write};

/// `line`, in which strangers' text stands as JSON leaves it: with C1 control characters, which some
/// terminals obey like escape sequences, and characters that turn a line around, break it in two or
/// cannot be seen. They become `\\u` and a number, which in JSON means the same.
pub(super) fn visible(line: &[u8]) -> Cow<'_, [u8]> {
    if line.is_ascii() && !line.contains(&0x7f) {
        return Cow::Borrowed(line); // nearly every line
    }
    let line = String::from_utf8_lossy(line);
    let mut text = String::with_capacity(line.len() + 16);
    for char in line.chars() {
        if !is_deceptive(char) {
            text.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").expect("a string can always be written to");
        }
    }
    Cow::Owned(text.into_bytes())
}

/// The line break at the end is meant; JSON has escaped all others.
fn is_deceptive(char: char) -> bool {
    match char {
        '\n' => false,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}' => true,
        char => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_written_as_its_number() {
        for char in [
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{200b}',
            '\u{e0041}',
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{17b5}',
            '\u{180b}',
            '\u{180f}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{e0100}',
            '\u{e01ef}',
        ] {
            let line = format!("{{\"path\":\"/a{char}b\"}}\n");
            let shown = String::from_utf8(visible(line.as_bytes()).into_owned()).unwrap();
            assert!(!shown.contains(char), "{shown}");
            assert!(shown.contains("/a\\u"), "{shown}");
            let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(
                read["path"],
                format!("/a{char}b"),
                "it still means the same"
            );
        }
    }

    #[test]
    fn ordinary_text_of_any_language_stays_as_it_is() {
        for line in [
            "{\"identity\":\"alice\"}\n",
            "Zoë, Łukasz, 山田, Άννα, 🙂\n",
        ] {
            assert_eq!(visible(line.as_bytes()), line.as_bytes());
        }
    }
}
