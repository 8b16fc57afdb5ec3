//! What README.md and tests/CHECKS.md promise to be checked is checked.
use ocient_sidecar::oidc::Rule;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const CHECKS: &str = include_str!("../CHECKS.md");
const README: &str = include_str!("../../README.md");

/// Every function below `folder` that is a test or a method of one, by name.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1);
            let names = names.filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
            // Some are made by a macro, from their names and lies.
            let made = text.lines().filter_map(|line| line.split_once(": Lie::"));
            found.extend(made.map(|(name, _)| name.trim().to_owned()));
        }
    }
}

fn all_functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    functions(&root.join("src"), &mut found);
    functions(&root.join("tests"), &mut found);
    found
}

/// The words between backquotes that are names of tests: long, and of several words.
fn named_tests(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        word.bytes().all(is_name) && (word.starts_with("rp_") || word.matches('_').count() >= 3)
    };
    quoted.filter(is_test).collect()
}

/// The cells of all rows of the table whose heading begins so.
fn rows(text: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let table = text.split_once(&format!("\n| {heading} |")).unwrap().1;
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    lines.map(cells).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let (named, exist) = (named_tests(CHECKS), all_functions());
    assert!(named.len() > 100, "only {} are named", named.len());
    for name in named {
        assert!(exist.contains(name), "there is no test {name}");
    }
}

#[test]
fn every_relying_party_test_is_in_the_table() {
    let named = named_tests(CHECKS);
    let exist = all_functions();
    let tests = exist.iter().filter(|name| name.starts_with("rp_"));
    let missing: Vec<&String> = tests
        .filter(|name| !named.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "add rows to tests/CHECKS.md: {missing:?}"
    );
}

#[test]
fn every_rule_for_tokens_has_its_row_with_tests_and_with_its_source() {
    let tested = rows(CHECKS, "rule | faults");
    let shown = rows(README, "rule | what must hold");
    let names = |rows: &[Vec<&'static str>]| rows.iter().map(|row| row[0]).collect::<Vec<_>>();
    let rules = Rule::ALL.map(Rule::name).to_vec();
    assert_eq!(names(&tested), rules, "tests/CHECKS.md");
    assert_eq!(names(&shown), rules, "README.md");
    for (rule, (tested, shown)) in Rule::ALL.into_iter().zip(tested.iter().zip(&shown)) {
        assert!(!named_tests(tested[2]).is_empty(), "{rule:?} has no test");
        assert_eq!(shown[2], rule.source(), "{rule:?} in README.md");
    }
}

#[test]
fn every_fault_of_a_token_has_its_place() {
    let source = include_str!("../../src/oidc/error.rs");
    let (_, variants) = source.split_once("pub enum TokenFault {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let names = variants.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?.split([',', '(']).next()?;
        name.starts_with(char::is_uppercase).then_some(name)
    });
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 13, "{names:?}");
    let (tokens, _) = CHECKS.split_once("\n## 2. ").unwrap();
    for name in names {
        let is_there = tokens.contains(&format!("`{name}`"));
        assert!(
            is_there,
            "nothing about the fault {name} in tests/CHECKS.md"
        );
    }
}

#[test]
fn every_point_has_a_test_or_a_reason() {
    let points = rows(CHECKS, "point");
    let numbers: Vec<&str> = points.iter().map(|row| row[0]).collect();
    let expected: Vec<String> = (1..=40).map(|number: u8| number.to_string()).collect();
    assert_eq!(numbers, expected);
    for row in &points {
        assert!(!row[2].is_empty(), "{row:?} names no section");
        let has_reason = row[3].contains("not in this version");
        assert!(has_reason || !named_tests(row[3]).is_empty(), "{row:?}");
    }
    for row in rows(CHECKS, "test of the suite") {
        let has_reason = row[1].contains(' ');
        assert!(has_reason || !named_tests(row[1]).is_empty(), "{row:?}");
    }
}
