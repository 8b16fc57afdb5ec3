//! What goes together with what: URLs, providers, accounts, grants and callbacks.
use super::{LEAST, load};

pub(super) const PROVIDER: &str = "[[provider]]
name = 'corp'
issuer = 'https://idp.example.com'
client_id = 'ocient'
";

const ACCOUNT: &str = "[[account]]
name = 'analyst'
username = 'analyst@system'
password = { env = 'ANALYST_PASSWORD' }
";

/// Asserts that `text` is one mistake, in the line that holds `line`.
pub(super) fn assert_refused(text: &str, line: &str, what: &str, cure: &str) {
    let mistakes = load(text).expect_err(line);
    let shown = mistakes.to_string();
    assert_eq!(mistakes.count(), 1, "{shown}");
    assert!(
        shown.contains(what) && shown.contains(cure),
        "{what}, {cure}\n---\n{shown}"
    );
    assert!(
        shown.contains(&format!(" | {line}")),
        "{line}\n---\n{shown}"
    );
}

/// The least configuration with another value of one key.
fn with(key: &str, value: &str) -> String {
    let others = LEAST.lines().filter(|line| !line.starts_with(key));
    let others: Vec<&str> = others.collect();
    format!("{}\n{key} = {value}\n", others.join("\n"))
}

#[test]
fn urls_lead_where_credentials_are_safe() {
    for (key, value, what) in [
        (
            "listen.public_url",
            "'http://a.example.com'",
            "only https is served",
        ),
        (
            "listen.public_url",
            "'https://a.example.com/x'",
            "only scheme, host and port",
        ),
        (
            "listen.public_url",
            "'https://a.example.com?x'",
            "only scheme, host and port",
        ),
        ("listen.public_url", "'a.example.com:8443'", "not a URL"),
        ("listen.public_url", "'https:\\\\a'", "not a URL"),
        ("sql_node.url", "'http://10.0.0.1:9090'", "in clear text"),
        (
            "sql_node.url",
            "'http://127.0.0.1.example.com'",
            "in clear text",
        ),
        ("sql_node.url", "'ftp://127.0.0.1'", "not a URL"),
        (
            "sql_node.url",
            "'https://sql0/v1'",
            "only scheme, host and port",
        ),
    ] {
        assert_refused(&with(key, value), &format!("{key} = {value}"), what, "help");
    }
    for value in [
        "'http://localhost:1'",
        "'http://[::1]:1'",
        "'https://sql0:9090'",
    ] {
        let text = with("sql_node.url", value);
        assert!(load(&text).is_ok(), "{value}");
    }
}

#[test]
fn a_pinned_certificate_is_for_https_and_stands_alone() {
    let pin = format!("sql_node.certificate_sha256 = '{}'", "ab".repeat(32));
    let secure = with("sql_node.url", "'https://sql0:9090'");
    assert!(load(&format!("{secure}{pin}\n")).is_ok());
    assert_refused(
        &format!("{LEAST}{pin}\n"),
        &pin,
        "means nothing for an http:// node",
        "https",
    );
    let both = format!("{secure}{pin}\nsql_node.ca = 'ca.crt'\n");
    assert_refused(&both, &pin, "does not go together with `ca`", "remove one");
    let bad = "sql_node.certificate_sha256 = 'abcd'";
    assert_refused(
        &format!("{secure}{bad}\n"),
        bad,
        "not a SHA-256",
        "openssl x509",
    );
}

#[test]
fn a_provider_says_only_what_is_sound() {
    for (line, what, cure) in [
        ("scopes = ['email']", "sends no ID token", "add \"openid\""),
        (
            "scopes = ['openid email']",
            "not a scope",
            "one word for each",
        ),
        ("algorithms = ['none']", "without a signature", "remove it"),
        ("algorithms = ['HS256']", "can also forge it", "RS256"),
        (
            "algorithms = ['ES265']",
            "not one of",
            "did you mean \"ES256\"?",
        ),
        ("algorithms = []", "empty", "name at least one"),
        (
            "clock_skew = '6m'",
            "out of range",
            "between \"0s\" and \"5m\"",
        ),
        ("flows = []", "empty", "name at least one"),
        (
            "introspection = 1",
            "true or false is wanted",
            "without quotes",
        ),
        (
            "userinfo = 'always'",
            "true or false is wanted",
            "without quotes",
        ),
        ("databases = []", "empty", "name at least one"),
    ] {
        assert_refused(&format!("{LEAST}{PROVIDER}{line}\n"), line, what, cure);
    }
}

#[test]
fn an_issuer_is_https_without_query() {
    for (issuer, what) in [
        ("http://idp.example.com", "in clear text"),
        ("https://idp.example.com?x", "no query and no fragment"),
        ("https://idp.example.com#x", "no query and no fragment"),
        ("idp.example.com", "not a URL"),
        (" https://idp.example.com", "not a URL"),
    ] {
        let provider = PROVIDER.replace("https://idp.example.com", issuer);
        let line = format!("issuer = '{issuer}'");
        assert_refused(&format!("{LEAST}{provider}"), &line, what, "help");
    }
}

#[test]
fn names_are_unique_and_references_lead_somewhere() {
    let browsers = "flows = ['code']\n";
    let twice = PROVIDER.replace("ocient", "other");
    let twice = format!("{LEAST}{PROVIDER}{twice}{browsers}");
    assert_refused(
        &twice,
        "name = 'corp'",
        "this name is taken",
        "choose another one",
    );
    let same = PROVIDER.replace("corp", "other");
    let same = format!("{LEAST}{PROVIDER}{same}{browsers}");
    assert_refused(
        &same,
        "client_id",
        "has this issuer and client id",
        "join the two",
    );
    let both = PROVIDER.replace("corp", "other").replace("ocient", "other");
    assert!(load(&format!("{LEAST}{PROVIDER}{both}")).is_ok());
    assert!(load(&format!("{LEAST}{PROVIDER}{both}{browsers}")).is_ok());
    let grant = format!("{LEAST}{PROVIDER}[[grant]]\nprovider = 'copr'\n");
    assert_refused(
        &grant,
        "provider = 'copr'",
        "no [[provider]] has this name",
        "\"corp\"?",
    );
    let bad = format!("{LEAST}{}", PROVIDER.replace("corp", "the corp"));
    assert_refused(&bad, "name = 'the corp'", "not a name", "letters, digits");
}

#[test]
fn accounts_go_with_login_and_only_with_it() {
    let login = format!("{LEAST}sql_node.credentials.mode = 'login'\n{PROVIDER}{ACCOUNT}");
    assert!(load(&format!("{login}[[grant]]\naccount = 'analyst'\n")).is_ok());
    let grant = format!("{login}[[grant]]\nusers = ['alice']\n");
    assert_refused(
        &grant,
        "[[grant]]",
        "missing: with mode = \"login\"",
        "[[account]]",
    );
    assert_refused(
        &login,
        "password",
        "nobody could sign in",
        "add a [[grant]]",
    );
    let exchange = format!("{LEAST}{PROVIDER}{ACCOUNT}[[grant]]\naccount = 'analyst'\n");
    assert_refused(
        &exchange,
        "account = 'analyst'",
        "with mode = \"exchange\"",
        "remove it",
    );
}

#[test]
fn a_grant_is_checked_even_if_the_node_has_another_mistake() {
    let text = with("sql_node.url", "'x'");
    let login = format!("{text}sql_node.credentials.mode = 'login'\n{PROVIDER}{ACCOUNT}");
    let mistakes = load(&format!("{login}[[grant]]\nprovider = 'corp'\n")).unwrap_err();
    assert_eq!(mistakes.count(), 2, "{mistakes}");
    assert!(mistakes.to_string().contains("each grant signs in as one"));
}

#[test]
fn callbacks_have_paths_of_their_own() {
    for (added, line, what) in [
        (
            "[[callback]]\npath = '/v1/sso-token'",
            "path = '/v1/sso-token'",
            "another endpoint",
        ),
        (
            "[[callback]]\npath = '/a/../b'",
            "path = '/a/../b'",
            "not a plain absolute path",
        ),
        (
            "[[callback]]\npath = '/a_b'\n[[callback]]\npath = '/a-b'",
            "path = '/a-b'",
            "another callback has this path",
        ),
    ] {
        assert_refused(&format!("{LEAST}{added}\n"), line, what, "");
    }
}

#[test]
fn no_port_is_taken_twice() {
    let twice = "listen.addresses = ['0.0.0.0:1', '127.0.0.1:1']";
    assert_refused(
        &format!("{LEAST}{twice}\n"),
        twice,
        "take the same port",
        "",
    );
    let admin = "admin.listen = '127.0.0.1:8443'";
    assert_refused(
        &format!("{LEAST}{admin}\n"),
        admin,
        "clients connect to this port",
        "another",
    );
    let socket = format!("admin.listen = 'unix:/{}'", "a".repeat(107));
    assert_refused(
        &format!("{LEAST}{socket}\n"),
        &socket,
        "at most 107 bytes",
        "",
    );
}
