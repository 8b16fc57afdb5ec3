//! The configuration of one test: a default for every part, changed key by key.
use std::{collections::BTreeMap, fmt::Write};

/// Becomes a config.toml.
pub(crate) struct Settings {
    tables: BTreeMap<String, BTreeMap<String, String>>,
    provider: BTreeMap<String, String>,
    grants: Vec<String>,
    more: String,
}

impl Settings {
    pub(super) fn new(issuer: &str, node: &str) -> Self {
        let mut settings = Self {
            tables: BTreeMap::new(),
            provider: BTreeMap::new(),
            grants: Vec::new(),
            more: String::new(),
        };
        for (table, key, value) in [
            ("listen", "workers", "2"),
            ("listen", "drain_min", "'0s'"),
            // Short: a test's own clients stand still while it waits for the sidecar's end.
            ("listen", "drain_max", "'100ms'"),
            ("tls", "certificate", "'server.crt'"),
            ("tls", "private_key", "'server.key'"),
            ("sql_node", "url", &format!("'{node}'")),
            ("sql_node.credentials", "mode", "'exchange'"),
            ("sessions", "store", "'memory'"),
            ("sessions", "keys", "'state/keys'"),
            ("admin", "listen", "'127.0.0.1:0'"),
            ("log", "level", "'debug'"),
        ] {
            settings.set(table, key, value);
        }
        for (key, value) in [
            ("name", "'corp'"),
            ("issuer", &format!("'{issuer}'")),
            ("ca", "'ca.crt'"),
            ("client_id", "'ocient'"),
            ("client_secret", "{ file = 'client-secret' }"),
        ] {
            settings.provider(key, value);
        }
        settings
    }

    /// Sets `key` of `[table]`; `value` is TOML, in which `{port}` stands for the listener's port.
    pub(crate) fn set(&mut self, table: &str, key: &str, value: &str) {
        let table = self.tables.entry(table.to_owned()).or_default();
        table.insert(key.to_owned(), value.to_owned());
    }

    /// Sets `key` of the `[[provider]]`; `value` is TOML.
    pub(crate) fn provider(&mut self, key: &str, value: &str) {
        self.provider.insert(key.to_owned(), value.to_owned());
    }

    /// Takes `key` of the `[[provider]]` away.
    pub(crate) fn no_provider(&mut self, key: &str) {
        self.provider.remove(key);
    }

    /// Takes the `[[provider]]` away.
    pub(crate) fn no_providers(&mut self) {
        self.provider.clear();
    }

    /// Adds a `[[grant]]` with these lines of TOML.
    pub(crate) fn grant(&mut self, lines: &str) {
        self.grants.push(lines.to_owned());
    }

    /// Takes every `[[grant]]` away.
    pub(crate) fn no_grants(&mut self) {
        self.grants.clear();
    }

    /// Adds whole sections.
    pub(crate) fn more(&mut self, toml: &str) {
        self.more.push_str(toml);
        self.more.push('\n');
    }

    /// Mode `login`, with the account `analyst` of the SQL node.
    pub(crate) fn login_mode(&mut self) {
        self.set("sql_node.credentials", "mode", "'login'");
        self.more(
            "[[account]]\nname = 'analyst'\nusername = 'analyst@retail_analytics'\n\
             password = { file = 'analyst-password' }",
        );
    }

    pub(crate) fn text(&self, port: u16) -> String {
        let mut text = String::new();
        let mut tables = self.tables.clone();
        let listen = tables.entry("listen".to_owned()).or_default();
        listen
            .entry("addresses".to_owned())
            .or_insert_with(|| "['127.0.0.1:{port}']".to_owned());
        listen
            .entry("public_url".to_owned())
            .or_insert_with(|| format!("'https://localhost:{port}'"));
        for (name, keys) in &tables {
            write!(text, "[{name}]\n{}", lines(keys)).unwrap();
        }
        if !self.provider.is_empty() {
            write!(text, "[[provider]]\n{}", lines(&self.provider)).unwrap();
        }
        for grant in &self.grants {
            write!(text, "[[grant]]\n{grant}\n").unwrap();
        }
        (text + &self.more).replace("{port}", &port.to_string())
    }
}

fn lines(keys: &BTreeMap<String, String>) -> String {
    keys.iter()
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect()
}
