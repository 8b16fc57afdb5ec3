//! What a provider's tokens look like.
use super::{
    LEAST, load,
    sign_in::{PROVIDER, assert_refused},
};

#[test]
fn a_separator_of_groups_is_a_character_or_more() {
    let text = format!("{LEAST}{PROVIDER}");
    let provider = load(&text).unwrap().providers.remove(0);
    assert_eq!(provider.groups_separator, None);
    for separator in [",", " ", "; "] {
        let text = format!("{text}groups_separator = '{separator}'\n");
        let provider = load(&text).unwrap().providers.remove(0);
        assert_eq!(provider.groups_separator.as_deref(), Some(separator));
    }
    for (line, what) in [
        ("groups_separator = ''", "not a separator"),
        ("groups_separator = \"\\n\"", "not a separator"),
        ("groups_separator = true", "a string is wanted"),
        ("groups_separator = [',']", "a string is wanted"),
    ] {
        assert_refused(&format!("{text}{line}\n"), line, what, "help");
    }
}
