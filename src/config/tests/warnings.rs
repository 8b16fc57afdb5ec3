//! What is legal and surely not meant: told, and in nobody's way.
use super::files::{check, folder};
use crate::config::{Config, Warning};

/// One provider whose users are named by `claim`, and a grant.
fn warnings(claim: &str, grant: &str) -> Vec<Warning> {
    let provider = "[[provider]]\nname = 'corp'\nclient_id = 'a'\n\
                    issuer = 'https://idp.example.com'";
    let added = format!("{provider}\n{claim}\n[[grant]]\n{grant}");
    check(&folder(), &added).unwrap().warnings
}

#[test]
fn a_grant_to_names_that_people_give_themselves_is_a_warning() {
    for claim in ["", "username_claim = 'nickname'", "username_claim = 'name'"] {
        for grant in ["users = ['alice']", "provider = 'corp'\nusers = ['alice']"] {
            let found = warnings(claim, grant);
            assert_eq!(found.len(), 1, "{claim} {grant}: {found:?}");
            assert!(
                found[0].line().contains("`grant.users`: at many"),
                "{found:?}"
            );
        }
    }
}

#[test]
fn names_that_the_provider_alone_decides_are_none() {
    for (claim, grant) in [
        ("username_claim = 'sub'", "users = ['alice']"),
        ("username_claim = 'email'", "users = ['alice@example.com']"), // verified
        ("", "groups = ['analysts']"),
        ("", "users = []"),
        ("", ""),
    ] {
        let found = warnings(claim, grant);
        assert!(found.is_empty(), "{claim} {grant}: {found:?}");
    }
    // Another provider's names.
    let second = "provider = 'corp'\nusers = ['1']\n[[provider]]\nname = 'other'\n\
                  client_id = 'b'\nissuer = 'https://other.example.com'";
    assert!(warnings("username_claim = 'sub'", second).is_empty());
}

#[test]
fn a_warning_names_file_line_and_cure_and_loading_has_the_same() {
    let folder = folder();
    let added = "[[provider]]\nname = 'corp'\nclient_id = 'a'\n\
                 issuer = 'https://idp.example.com'\n[[grant]]\nusers = ['alice']";
    let checked = check(&folder, added).unwrap();
    let path = folder.path().join("config.toml");
    let shown = checked.warnings[0].shown();
    assert!(shown.starts_with("warning: `grant.users`: "), "{shown}");
    let place = format!("{}:11:9", path.display());
    assert!(shown.contains(&format!("--> {place}\n")), "{shown}");
    assert!(shown.contains("help: grant to `groups`"), "{shown}");
    let line = checked.warnings[0].line();
    assert!(
        line.starts_with(&format!("{place}: `grant.users`: ")),
        "{line}"
    );
    assert!(
        line.contains("; grant to `groups`") && !line.contains('\n'),
        "{line}"
    );
    let loaded = Config::load(&path).unwrap();
    assert_eq!(loaded.warnings[0].line(), line);
}
