//! Strangers' text, made safe for a terminal: bounded, and with nothing that could move its
//! cursor, change its colours or turn its lines around.
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// `text` in quotes and at most `max` characters of it, everything unusual escaped.
pub(super) fn quoted(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().take(max).collect();
    let is_cut = kept.len() < text.len();
    kept = format!("{kept:?}");
    if is_cut {
        kept.push_str(" (cut)");
    }
    kept
}

/// The same without quotes, for sentences of ours that may quote strangers.
pub(super) fn sentence(text: &str, max: usize) -> String {
    let escaped = text.chars().take(max).flat_map(|char| {
        // Quotation marks are escaped, too, by `escape_debug`, and are harmless.
        let is_plain = matches!(char, '"' | '\'' | '\\');
        let plain = is_plain.then_some(char);
        let escaped = (!is_plain).then(|| char.escape_debug());
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    escaped.collect()
}

/// A claim as JSON of at most `max` characters, likewise.
pub(super) fn value(value: &Value, max: usize) -> String {
    match value {
        Value::String(text) => quoted(text, max),
        other => {
            let text = ascii(&other.to_string());
            match text.len() > max {
                true => format!("{} (cut)", &text[..max]),
                false => text,
            }
        }
    }
}

/// Pretty JSON in ASCII alone: what JSON leaves as it is may still command a terminal.
pub(super) fn json(report: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(report);
    ascii(&text.expect("a report has text keys and no other failing parts"))
}

/// JSON in which everything but ASCII, and the delete character, is written as `\u`.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if char.is_ascii() && char != '\u{7f}' {
            text.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").expect("a string can always be written to");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Clears the screen, writes backwards, looks like a line of its own, and is C1 for "CSI".
    const EVIL: &str = "a\u{1b}[2J\u{202e}b\r\nresult: granted\u{9b}31m\u{7f}\u{7}";

    fn is_tame(text: &str) -> bool {
        text.chars()
            .all(|char| char.is_ascii_graphic() || char == ' ' || char == 'é')
    }

    #[test]
    fn nothing_printed_commands_a_terminal() {
        for text in [
            quoted(EVIL, 100),
            sentence(EVIL, 100),
            value(&json!(EVIL), 100),
            value(&json!([EVIL, {EVIL: EVIL}]), 1000),
            ascii(&json!({EVIL: [EVIL]}).to_string()),
        ] {
            assert!(is_tame(&text), "{text}");
        }
        assert_eq!(sentence("it's \"é\"", 100), "it's \"é\"");
        assert!(json(&json!({"a": EVIL})).lines().count() == 3);
    }

    #[test]
    fn escaped_json_means_the_same() {
        let original = json!({"a": [EVIL, "é", "\u{1f980}"]});
        let read: Value = serde_json::from_str(&json(&original)).unwrap();
        assert_eq!(read, original);
    }

    #[test]
    fn long_text_is_cut() {
        let long = "é".repeat(1000);
        assert_eq!(quoted(&long, 10), format!("{:?} (cut)", "é".repeat(10)));
        assert_eq!(quoted("short", 10), "\"short\"");
        assert_eq!(sentence(&long, 10).chars().count(), 10);
        let many = value(&json!(vec![1; 1000]), 10);
        assert_eq!(many, "[1,1,1,1,1 (cut)");
    }
}
