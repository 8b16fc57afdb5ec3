//! A secret that was written into the file all the same is never shown.
use super::{LEAST, load};
use proptest::prelude::*;

/// Every place where people have put one.
const LEAKS: [&str; 31] = [
    "acount = [{ password = 'hunter2' }]",
    "  account.password = 'hunter2",
    "[[account]]\n  password 'hunter2",
    "[[account]]\npassword = 'hunter2'",
    "[[account]]\npassword = 'hunter2",
    "[[account]]\npassword = \"\"\"\nhunter2\n",
    "[[account]]\npassword = \"\"\"\nhunter2\n\"\"\"",
    "[[account]]\npassword = hunter2",
    "[[account]]\npassword = hunter2 hunter2",
    "[[account]]\npassword hunter2",
    "[[account]]\npassword: hunter2",
    "[[account]]\npassword 'hunter2'",
    "[[account]]\npassword = ['hunter2']",
    "[[account]]\npassword = { 'hunter2' }",
    "[[account]]\npassword = { value = 'hunter2' }",
    "[[account]]\npassword = { fil = 'hunter2' }",
    "[[account]]\npassword = { file = 'hunter2'",
    "[[account]]\npassword = { env = 'PASSWORD=hunter2' }",
    "[[account]]\npassword = { credential = '/hunter2' }",
    "[[account]]\npassword = 'a'\npassword = 'hunter2'",
    "[[account]]\npasword = 'hunter2'",
    "[[account]]\npasswd = 'hunter2'\nsecret = 'hunter2'",
    "account = { password = 'hunter2' }",
    "account = [{ nam = 'x', password = 'hunter2' }]",
    "account = [{ name = 'x' password = 'hunter2' }]",
    "[[provider]]\nclient_secret = 'hunter2'\nissuer = 'https://x:hunter2@idp'",
    "[sso]\nclient_secret = 'hunter2'",
    "[sessions]\nredis = { url = 'redis://:hunter2@redis' }",
    "api_key = ['hunter2']",
    "sql_node.password = 'hunter2'",
    "log.level = 'info' password = 'hunter2'",
];

#[test]
fn no_message_shows_a_secret() {
    for leak in LEAKS {
        let mistakes = load(&format!("{LEAST}{leak}\n")).expect_err(leak);
        let shown = format!("{mistakes}\n{mistakes:?}");
        assert!(!shown.contains("hunter2"), "{leak}\n---\n{shown}");
    }
}

#[test]
fn a_secret_in_the_file_is_answered_with_the_three_forms() {
    let shown = load("[[account]]\npassword = 'hunter2'\n").unwrap_err();
    let expected = "error: `account.password`: a secret is never written into this file
 --> config.toml:2:12
  |
2 | password = *********
  |            ^^^^^^^^^
  |
  = help: name its place: { file = \"…\" }, { credential = \"name\" } or { env = \"NAME\" }
";
    assert!(shown.to_string().contains(expected), "{shown}");
}

#[test]
fn a_secret_has_exactly_one_place() {
    for places in ["{}", "{ file = 'a', env = 'B' }"] {
        let text = format!("{LEAST}[[account]]\nname = 'a'\nusername = 'b'\npassword = {places}\n");
        let shown = load(&text).expect_err(places).to_string();
        assert!(shown.contains("9:12\n"), "{shown}");
        assert!(shown.contains("exactly one place is wanted"), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        let _ = load(&text).map_err(|mistakes| mistakes.to_string());
    }

    /// Texts made of what configurations are made of reach further than random ones.
    #[test]
    fn no_shuffled_configuration_makes_the_loader_panic(
        parts in prop::collection::vec(prop::sample::select(PARTS.as_slice()), 0..40),
    ) {
        let loaded = load(&parts.concat());
        if let Err(mistakes) = loaded {
            prop_assert!(mistakes.count() > 0);
            prop_assert!(!mistakes.to_string().is_empty());
        }
    }
}

const PARTS: [&str; 36] = [
    "\n",
    "\r\n",
    " ",
    "=",
    ",",
    ".",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "é",
    "\u{0}",
    "listen",
    "provider",
    "account",
    "grant",
    "limits",
    "password",
    "public_url",
    "client_secret",
    "addresses",
    "name",
    "idle_timeout",
    "30",
    "'30s'",
    "true",
    "1.5",
    "'https://a'",
    "1979-05-27",
    "\\",
];
