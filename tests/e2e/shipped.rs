//! What is shipped beside the program: config.toml, and README.md's table of it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use sidecar_testkit::authority::Authority;

use crate::{
    parts::{ROOT, SIDECAR},
    site::write,
};

#[test]
fn the_shipped_configuration_is_accepted_beside_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let issued = Authority::new().issue(&["sql0.example.com"]);
    fs::create_dir(file("certs")).unwrap();
    write(&file("certs/server.crt"), &issued.cert_pem);
    write(&file("certs/server.key"), &issued.key_pem);
    fs::copy(Path::new(ROOT).join("config.toml"), file("config.toml")).unwrap();
    let checked = Command::new(SIDECAR)
        .args(["check", "--config", "config.toml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    assert!(said.starts_with("config.toml: ok\n"), "{said}");
}

#[test]
fn the_readme_names_every_key_of_config_toml_with_its_default() {
    let keys = keys_of_config();
    assert!(keys.len() > 50, "config.toml was read: {keys:?}");
    let table = keys_of_readme();
    for (key, value) in &keys {
        let shown = table.get(key);
        assert_eq!(shown, Some(value), "README.md shows another {key}");
    }
    for key in table.keys() {
        assert!(keys.contains_key(key), "config.toml has no {key}");
    }
}

/// Keys with their values as written; of a key that is commented out, the value is an example.
fn keys_of_config() -> BTreeMap<String, String> {
    let mut section = String::new();
    let mut keys = BTreeMap::new();
    for line in include_str!("../../config.toml").lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = bare.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = bare.split_once(" = ").filter(|(key, _)| is_key(key)) {
            let is_example = line.starts_with('#');
            let value = value.split("  #").next().unwrap_or_default().trim();
            let value = if is_example { "" } else { value };
            keys.insert(format!("{section}.{key}"), value.to_owned());
        }
    }
    keys
}

/// The rows `| section.key | default | meaning |`; a dash for none.
fn keys_of_readme() -> BTreeMap<String, String> {
    let rows = include_str!("../../README.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let key = cells.next()?.strip_suffix('`')?;
        let value = cells.next()?.trim_matches('`');
        let value = if value == "–" { "" } else { value };
        Some((key.to_owned(), value.to_owned()))
    });
    rows.filter(|(key, _)| key.contains('.') && is_key(&key.replace('.', "_")))
        .collect()
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
}
