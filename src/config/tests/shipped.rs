//! The shipped config.toml: complete, and true.
use super::{
    super::{known::Shape, load::Draft},
    load,
};
use std::path::Path;
use toml::{Table, Value};

const SHIPPED: &str = include_str!("../../../config.toml");

/// Every repeated section once, so that its keys are asked for.
const SECTIONS: &str = "[[account]]\n[[api_key]]\n[[callback]]\n[[provider]]\n[[grant]]\n";

/// The shipped file with its commented examples switched on.
fn with_examples() -> String {
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if example.parse::<Table>().is_ok() => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The value at `section.key`, where a repeated section stands for its first table.
fn value<'a>(document: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    let mut table = document;
    for name in section.split('.').filter(|name| !name.is_empty()) {
        table = match table.get(name)? {
            Value::Array(tables) => tables.first()?.as_table()?,
            value => value.as_table()?,
        };
    }
    table.get(key)
}

#[test]
fn shipped_file_is_accepted_as_it_is() {
    if let Err(mistakes) = load(SHIPPED) {
        panic!("{mistakes}");
    }
}

#[test]
fn shipped_file_shows_every_key_with_its_default() {
    let document: Table = with_examples().parse().unwrap();
    let known = Draft::read(SECTIONS, Path::new("")).reading.keys.0;
    let mut compared = 0;
    for (known, shape) in known {
        let shown = value(&document, &known.section, known.key);
        if shape == Shape::Unavailable {
            assert!(shown.is_none(), "{known:?} is not available");
            continue;
        }
        assert!(shown.is_some(), "{known:?} is not shown");
        if let Shape::Defaulted(default) = shape {
            let default: Value = default.parse().unwrap();
            assert_eq!(shown, Some(&default), "{known:?}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} defaults were compared");
}
