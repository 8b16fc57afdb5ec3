//! OAuth connections: what they stand on, and the keys that use them.
use super::{
    super::{CallbackResponse, SecretSource},
    LEAST, load,
};

const CALLBACK: &str = "[[callback]]
path = '/hub/integrations/oauth-callback'
response = 'connection'
";

const KEY: &str = "[[api_key]]
name = 'etl-2026'
secret = { env = 'ETL_KEY' }
owner = 'etl'
";

/// Asserts that `text` is one mistake, in the line that holds `line`.
fn assert_refused(text: &str, line: &str, what: &str, cure: &str) {
    let mistakes = load(text).expect_err(line);
    let shown = mistakes.to_string();
    assert_eq!(mistakes.count(), 1, "{shown}");
    for part in [what, cure, &format!(" | {line}")] {
        assert!(shown.contains(part), "{part}\n---\n{shown}");
    }
}

#[test]
fn a_connection_callback_and_its_key_are_read() {
    let config = load(&format!("{LEAST}{CALLBACK}{KEY}")).unwrap();
    assert_eq!(config.callbacks[0].response, CallbackResponse::Connection);
    assert!(config.has_connections());
    let key = &config.api_keys[0];
    assert_eq!((&*key.name, &*key.owner), ("etl-2026", "etl"));
    assert_eq!(key.secret, SecretSource::Env("ETL_KEY".to_owned()));
    assert!(!load(&format!("{LEAST}{KEY}")).unwrap().has_connections());
}

#[test]
fn connections_need_a_durable_store_and_a_key() {
    let memory = format!("{LEAST}sessions.store = 'memory'\n{CALLBACK}{KEY}");
    let line = "response = 'connection'";
    assert_refused(
        &memory,
        line,
        "outlive a restart",
        "sessions.store = \"embedded\"",
    );
    let keyless = format!("{LEAST}{CALLBACK}");
    assert_refused(&keyless, line, "without an API key", "add an [[api_key]]");
}

#[test]
fn an_api_key_says_whose_it_is_and_never_itself() {
    let twice = format!("{LEAST}{KEY}{KEY}");
    assert_refused(&twice, "name = 'etl-2026'", "this name is taken", "another");
    let shared = KEY.replace("2026", "2027");
    assert!(load(&format!("{LEAST}{KEY}{shared}")).is_ok(), "one owner");
    let nobody = KEY.replace("owner = 'etl'\n", "");
    assert_refused(
        &format!("{LEAST}{nobody}"),
        "[[api_key]]",
        "`api_key.owner` is missing",
        "add `owner = …`",
    );
    let written = KEY.replace("{ env = 'ETL_KEY' }", "'s3cret-of-etl'");
    let shown = load(&format!("{LEAST}{written}")).unwrap_err().to_string();
    assert!(shown.contains("never written into this file"), "{shown}");
    assert!(!shown.contains("s3cret-of-etl"), "{shown}");
}
