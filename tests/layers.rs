//! A file names only modules of lower layers, or its own: checked against the table in lib.rs.
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_file_names_lower_layers_alone() {
    let layers = layers();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in sources(Path::new("src")) {
        let Some(own) = module_of(&file) else {
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for name in crate_paths(&text) {
            let layer = |name: &str| {
                *layers
                    .get(name)
                    .unwrap_or_else(|| panic!("{name}: no layer"))
            };
            checked += 1;
            if name != own && layer(&name) >= layer(&own) {
                wrong.push(format!("{} names {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        checked > 150,
        "only {checked} paths found: the reader misses them"
    );
}

#[test]
fn every_module_has_a_layer() {
    let layers = layers();
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let modules: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(modules.len() > 20);
    for module in &modules {
        assert!(layers.contains_key(*module), "{module}");
    }
    assert_eq!(
        layers.len(),
        modules.len(),
        "the table names modules that are not there"
    );
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let files: Vec<PathBuf> = ["src", "tests", "examples", "benches"]
        .iter()
        .flat_map(|folder| sources(Path::new(folder)))
        .collect();
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
    }
}

/// Module to layer, from the table in lib.rs.
fn layers() -> HashMap<String, u8> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut layers = HashMap::new();
    for row in rows {
        let (layer, modules) = row.split_once(" | ").unwrap();
        let Ok(layer) = layer.trim().parse() else {
            continue;
        };
        for name in modules.split("[`").skip(1) {
            layers.insert(name.split('`').next().unwrap().to_owned(), layer);
        }
    }
    layers
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// `src/auth/policy.rs` belongs to `auth`; lib.rs and main.rs to nobody.
fn module_of(file: &Path) -> Option<String> {
    let first = file.components().nth(1)?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// Every `x` of `crate::x` and of `use crate::{x, y::…}`.
fn crate_paths(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            None => found.extend(identifier(part)),
            Some(list) => {
                let mut depth = 0;
                let mut expects_name = true;
                for (at, char) in list.char_indices() {
                    match char {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => expects_name = true,
                        char if expects_name && char.is_alphabetic() => {
                            found.extend(identifier(&list[at..]));
                            expects_name = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_')?;
    let name = &text[..end];
    name.starts_with(char::is_lowercase)
        .then(|| name.to_owned())
}
