//! Each kind of mistake is shown with its place and what to write instead.
use super::{LEAST, load};

/// Number of the line that follows [`LEAST`].
const NEXT: usize = 6;

/// Asserts that `added` after the least configuration is one mistake: `what`, at `column` of
/// the line `line` lines further down, with `cure`.
fn assert_mistake(added: &str, line: usize, column: usize, what: &str, cure: &str) {
    let text = format!("{LEAST}{added}\n");
    let mistakes = load(&text).expect_err(added);
    let shown = mistakes.to_string();
    let line = NEXT + line;
    let head = format!("error: {what}\n --> config.toml:{line}:{column}\n");
    assert!(shown.starts_with(&head), "{head}\n---\n{shown}");
    let caret = format!("\n  | {}^", " ".repeat(column - 1));
    assert!(shown.contains(&caret), "{added}\n---\n{shown}");
    assert!(
        shown.contains(&format!("= help: {cure}")),
        "{cure}\n---\n{shown}"
    );
    assert_eq!(mistakes.count(), 1, "{shown}");
}

#[test]
fn the_whole_message_shows_file_line_caret_and_help() {
    let text = format!("{LEAST}[limits]\nheder_timeout = \"10s\"\n");
    assert_eq!(
        load(&text).unwrap_err().to_string(),
        "error: unknown key `limits.heder_timeout`
 --> config.toml:7:1
  |
7 | heder_timeout = \"10s\"
  | ^^^^^^^^^^^^^
  |
  = help: did you mean `header_timeout`?

1 mistake in config.toml"
    );
}

#[test]
fn unknown_keys_and_sections_are_refused_with_the_nearest_name() {
    let unknown = |key: &str| format!("unknown key `{key}`");
    for (added, line, column, key, cure) in [
        ("[limts]", 0, 2, "limts", "did you mean `limits`?"),
        (
            "listen.wrokers = 2",
            0,
            8,
            "listen.wrokers",
            "did you mean `workers`?",
        ),
        (
            "[log]\nidle = '1h'",
            1,
            1,
            "log.idle",
            "`idle` belongs in `sessions`",
        ),
        ("[log]\ncolour = true", 1, 1, "log.colour", "remove it"),
        (
            "[[grant]]\nuser = ['a']",
            1,
            1,
            "grant.user",
            "did you mean `users`?",
        ),
    ] {
        assert_mistake(added, line, column, &unknown(key), cure);
    }
}

#[test]
fn values_of_the_wrong_type_are_answered_with_the_right_one() {
    for (added, column, what, cure) in [
        (
            "listen.drain_min = 30",
            20,
            "`listen.drain_min`: a duration is wanted, not a whole number",
            "write \"30s\"",
        ),
        (
            "limits.header_bytes = 65536",
            23,
            "`limits.header_bytes`: a size is wanted, not a whole number",
            "write \"65536\"",
        ),
        (
            "listen.workers = '2'",
            18,
            "`listen.workers`: a whole number is wanted, not a string",
            "write a whole number, without quotes",
        ),
        (
            "tls.min_version = 1.2",
            19,
            "`tls.min_version`: a string is wanted, not a number",
            "put it in quotes",
        ),
        (
            "pass_through.basic = 'yes'",
            22,
            "`pass_through.basic`: true or false is wanted, not a string",
            "write true or false",
        ),
        (
            "listen.trusted_proxies = '10.0.0.0/8'",
            26,
            "`listen.trusted_proxies`: a list is wanted, not a string",
            "write it in brackets",
        ),
        (
            "[provider]",
            1,
            "`provider`: `[[provider]]` is wanted, not a table",
            "write `[[provider]]` on a line of its own",
        ),
        (
            "[[log]]",
            1,
            "`log`: `[log]` is wanted, not a list",
            "write `[log]` on a line of its own",
        ),
    ] {
        assert_mistake(added, 0, column, what, cure);
    }
}

#[test]
fn values_out_of_form_are_answered_with_an_example() {
    for (added, column, what, cure) in [
        (
            "listen.drain_min = '5'",
            20,
            "`listen.drain_min`: not a duration",
            "a number and its unit, as in",
        ),
        (
            "limits.header_bytes = '64K'",
            23,
            "`limits.header_bytes`: not a size",
            "a number and its unit, as in",
        ),
        (
            "listen.addresses = ['[::]:1', ':8443']",
            31,
            "`listen.addresses`: not an address to listen on",
            "for every interface write \"0.0.0.0:8443\"",
        ),
        (
            "listen.trusted_proxies = ['x']",
            27,
            "`listen.trusted_proxies`: not a network",
            "as in \"10.0.0.0/8\"",
        ),
        (
            "listen.trusted_proxies = ['10.1.2.3/8']",
            27,
            "`listen.trusted_proxies`: has bits behind its prefix",
            "did you mean \"10.0.0.0/8\"?",
        ),
        (
            "sql_node.credentials.mode = 'exchnge'",
            29,
            "`sql_node.credentials.mode`: not one of the possible values",
            "did you mean \"exchange\"?",
        ),
        (
            "log.format = 'xml'",
            14,
            "`log.format`: not one of the possible values",
            "one of \"json\", \"text\"",
        ),
        (
            "sso.default_database = ''",
            24,
            "`sso.default_database`: empty",
            "",
        ),
    ] {
        if cure.is_empty() {
            assert!(
                load(&format!("{LEAST}{added}"))
                    .unwrap_err()
                    .to_string()
                    .contains(what)
            );
        } else {
            assert_mistake(added, 0, column, what, cure);
        }
    }
}
