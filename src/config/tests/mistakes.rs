//! Each kind of mistake is shown with its place and what to write instead.
use super::{LEAST, load};

/// Number of the line that follows [`LEAST`].
const NEXT: usize = 6;

/// Asserts that `added` after the least configuration is one mistake: `what`, at `column` of
/// the line `line` lines further down, with `cure`.
pub(super) fn assert_mistake(added: &str, line: usize, column: usize, what: &str, cure: &str) {
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
            "sessions.lifetime = '13h'",
            21,
            "`sessions.lifetime`: longer than `max_lifetime`, which is 12h unless it is set",
            "lower it, or raise `max_lifetime`",
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
            "write a value, or leave the key out",
        ),
        (
            "sso.device_pickup = 'office'",
            21,
            "`sso.device_pickup`: not one of the possible values",
            "one of \"network\", \"anywhere\"",
        ),
    ] {
        assert_mistake(added, 0, column, what, cure);
    }
}

#[test]
fn numbers_out_of_bounds_are_answered_with_the_bounds() {
    for (key, value, bounds) in [
        ("listen.workers", "1025", "between 0 and 1024"),
        ("listen.workers", "-1", "between 0 and 1024"),
        ("listen.max_connections", "0", "between 1 and 1000000"),
        ("listen.drain_max", "'25h'", "between \"0s\" and \"1day\""),
        (
            "sql_node.connect_timeout",
            "'0s'",
            "between \"1ms\" and \"1m\"",
        ),
        ("sessions.lifetime", "'0s'", "between \"1s\" and \"30days\""),
        ("sessions.local_ttl", "'2m'", "between \"1ms\" and \"1m\""),
        ("cache.capacity", "0", "between 1 and 10000000"),
        (
            "limits.header_timeout",
            "'0s'",
            "between \"1ms\" and \"5m\"",
        ),
        (
            "limits.header_bytes",
            "'4KiB'",
            "between \"8KiB\" and \"1MiB\"",
        ),
        (
            "limits.inspected_body",
            "'1GiB'",
            "between \"1KiB\" and \"64MiB\"",
        ),
        (
            "limits.failed_signins_per_client",
            "0",
            "between 1 and 1000000",
        ),
    ] {
        let what = format!("`{key}`: out of range");
        assert_mistake(&format!("{key} = {value}"), 0, key.len() + 4, &what, bounds);
    }
}

#[test]
fn options_of_later_versions_are_refused() {
    let leave = "leave it out, or at its default";
    for (added, line, column, key, cure) in [
        (
            "[sessions]\nstore = 'redis'",
            1,
            9,
            "sessions.store",
            "use another value",
        ),
        (
            "[sessions]\nredis = { url = 'x' }",
            1,
            1,
            "sessions.redis",
            leave,
        ),
        (
            "[sessions.redis]\nurl = 'x'",
            0,
            11,
            "sessions.redis",
            leave,
        ),
        (
            "limits.requests_per_identity = 1",
            0,
            32,
            "limits.requests_per_identity",
            leave,
        ),
        (
            "limits.queries_per_identity = 1",
            0,
            31,
            "limits.queries_per_identity",
            leave,
        ),
        (
            "limits.queue_timeout = '31s'",
            0,
            24,
            "limits.queue_timeout",
            leave,
        ),
    ] {
        let what = format!("`{key}`: not available in this version");
        assert_mistake(added, line, column, &what, cure);
    }
}

#[test]
fn what_has_to_be_there_is_named() {
    let shown = load("[tls]\ncertificate = 'a'\n").unwrap_err().to_string();
    for (key, place, cure) in [
        ("tls.private_key", "1:1", "add `private_key = …` to it"),
        (
            "listen.public_url",
            "2:18",
            "add `[listen]` with `public_url = …`",
        ),
        ("sql_node.url", "2:18", "add `[sql_node]` with `url = …`"),
    ] {
        let head = format!("error: `{key}` is missing\n --> config.toml:{place}\n");
        assert!(shown.contains(&head), "{head}\n---\n{shown}");
        assert!(
            shown.contains(&format!("= help: {cure}\n")),
            "{cure}\n---\n{shown}"
        );
    }
    assert!(shown.ends_with("3 mistakes in config.toml"), "{shown}");
}

#[test]
fn ten_mistakes_are_ten_messages() {
    let text = "listen = { public_url = 'http://a', workers = -1, drain_min = 5 }
tls = { certificate = '', min_version = '1.1' }
sql_node = { url = 'http://10.0.0.1:9090', head_timeout = 'never' }
log.level = 'inof'
[[callback]]
path = 'callback'
";
    let mistakes = load(text).unwrap_err();
    assert_eq!(mistakes.count(), 10, "{mistakes}");
    let shown = mistakes.to_string();
    for place in [
        "1:25", "1:47", "1:63", "2:7", "2:23", "2:41", "3:20", "3:59", "4:13", "6:8",
    ] {
        assert!(
            shown.contains(&format!("config.toml:{place}\n")),
            "{place}\n---\n{shown}"
        );
    }
}

#[test]
fn syntax_errors_are_shown_together_with_other_mistakes() {
    let text = "[limits]
header_timeout = 10s
idle_timeout = \"5m
header_bytes = 64
header_bytes = \"64KiB\"
";
    let shown = load(text).unwrap_err().to_string();
    for (place, cure) in [
        ("2:18", "put it in quotes, as in \"30s\""),
        ("3:19", "close the quotes on the same line"),
        ("4:16", "write \"64\""),
        ("5:1", "keep one of the two"),
    ] {
        assert!(
            shown.contains(&format!("config.toml:{place}\n")),
            "{place}\n---\n{shown}"
        );
        assert!(
            shown.contains(&format!("= help: {cure}\n")),
            "{cure}\n---\n{shown}"
        );
    }
    assert!(shown.ends_with("4 mistakes in config.toml"), "{shown}");
}

#[test]
fn a_broken_header_is_not_blamed_for_what_follows() {
    let shown = load("[listen\nworkers = 1\n").unwrap_err().to_string();
    assert!(shown.starts_with("error: unclosed table, expected `]`\n --> config.toml:1:8\n"));
    assert!(shown.ends_with("1 mistake in config.toml"), "{shown}");
}

#[test]
fn columns_count_characters() {
    let what = "`grant.groups`: a string is wanted, not a whole number";
    assert_mistake(
        "[[grant]]\ngroups = ['é', 3]",
        1,
        16,
        what,
        "put it in quotes",
    );
}

#[test]
fn a_value_of_several_lines_is_marked_on_its_first() {
    let added = "[sso]\ndefault_database = ['a',\n'b']";
    let shown = load(&format!("{LEAST}{added}\n")).unwrap_err().to_string();
    assert!(
        shown.contains("\n  |                    ^^^^^\n"),
        "{shown}"
    );
    assert!(!shown.contains("'b'"), "{shown}");
}

#[test]
fn a_wrong_file_prints_no_megabytes() {
    let text: String = (0..5_000).map(|at| format!("key{at} = 1\n")).collect();
    let shown = load(&text).unwrap_err().to_string();
    assert!(shown.ends_with("mistakes in config.toml; the first 100 are shown"));
    assert_eq!(shown.matches("error: ").count(), 100);
}
