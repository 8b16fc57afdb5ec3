//! What README.md and tests/CHECKS.md promise to be checked is checked.
use ocient_sidecar::oidc::Rule;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const CHECKS: &str = include_str!("../CHECKS.md");
const README: &str = include_str!("../../README.md");

/// The tests of this very program that are run: it lists them itself.
fn tests_of_this_program() -> BTreeSet<String> {
    let list = |more: &[&str]| {
        let mut command = Command::new(env::current_exe().unwrap());
        let list = command.args(["--list", "--format", "terse"]).args(more);
        let text = String::from_utf8(list.output().unwrap().stdout).unwrap();
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        let names = names.filter_map(|path| path.rsplit("::").next());
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    &list(&[]) - &list(&["--ignored"])
}

/// A file, and those that its `mod` lines lead to, which are in `folder`.
fn files(file: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    let text = fs::read_to_string(file).unwrap();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("pub ");
        let name = line
            .strip_prefix("mod ")
            .and_then(|it| it.strip_suffix(';'));
        if let Some(name) = name {
            let below = folder.join(name);
            files(&below.with_extension("rs"), &below, found);
        }
    }
    found.push(file.to_owned());
}

/// The functions of a file that are marked as tests, but for those that are not run.
fn marked_tests(text: &str) -> BTreeSet<String> {
    let (mut tests, mut marks) = (BTreeSet::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            marks.push(line);
            continue;
        }
        let rest = line.strip_prefix("async ").unwrap_or(line);
        let is_test = |mark: &&str| *mark == "#[test]" || mark.starts_with("#[tokio::test");
        let is_ignored = |mark: &&str| mark.starts_with("#[ignore");
        if let Some(rest) = rest.strip_prefix("fn ")
            && marks.iter().any(is_test)
            && !marks.iter().any(is_ignored)
        {
            tests.extend(rest.split('(').next().map(str::to_owned));
        }
        marks.clear();
    }
    tests
}

/// All tests that are run, by name.
fn all_tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    // Those of other programs cannot be listed here: not all of them are built with this one.
    for root in ["src/lib.rs", "tests/e2e/main.rs", "tests/layers.rs"] {
        let root = folder.join(root);
        files(&root, root.parent().unwrap(), &mut sources);
    }
    assert!(sources.len() > 200, "only {} files", sources.len());
    let mut tests = tests_of_this_program();
    assert!(tests.len() > 300, "only {} are listed", tests.len());
    for source in sources {
        tests.extend(marked_tests(&fs::read_to_string(source).unwrap()));
    }
    tests
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
fn a_function_is_a_test_only_if_it_is_marked_and_run() {
    let text = "#[test]\nfn one() {}\n\
         #[tokio::test(start_paused = true)]\n#[should_panic]\nasync fn two() {}\n\
         #[test]\n#[ignore = \"slow\"]\nfn three() {}\n\
         #[test]\n\nfn four() {}\nfn five() {}\n#[cfg(test)]\nfn six() {}\n";
    let expected = ["one", "two"].map(str::to_owned);
    assert_eq!(marked_tests(text), BTreeSet::from(expected));
}

#[test]
fn every_test_that_is_named_exists() {
    let (named, exist) = (named_tests(CHECKS), all_tests());
    assert!(named.len() > 100, "only {} are named", named.len());
    for name in named {
        assert!(exist.contains(name), "there is no test {name}");
    }
}

#[test]
fn every_relying_party_test_is_in_the_table() {
    let named = named_tests(CHECKS);
    let exist = all_tests();
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

/// What is checked on the ways to a token and its end.
const PARTS: [&str; 14] = [
    "metadata",
    "keys",
    "PKCE",
    "state",
    "nonce",
    "issuer of the answer",
    "redirect",
    "client",
    "refresh",
    "device",
    "introspection",
    "userinfo",
    "logout token",
    "back from logout",
];

#[test]
fn every_part_of_the_flows_has_its_row_with_tests_and_with_its_source() {
    let (tested, shown) = (rows(CHECKS, "part"), rows(README, "part"));
    let names = |rows: &[Vec<&'static str>]| rows.iter().map(|row| row[0]).collect::<Vec<_>>();
    assert_eq!(names(&tested), PARTS, "tests/CHECKS.md");
    assert_eq!(names(&shown), PARTS, "README.md");
    for (tested, shown) in tested.iter().zip(&shown) {
        assert!(!named_tests(tested[1]).is_empty(), "{tested:?} has no test");
        let source = shown[2];
        let is_document = source.starts_with("RFC ") || source.starts_with("OpenID Connect ");
        let names_section = source.contains(" section ") || source.contains(" sections ");
        assert!(is_document && names_section, "{shown:?} has no source");
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
