//! `[[grant]]`: its claims, its name, and what `check` warns of.
use super::{
    LEAST, load,
    sign_in::{PROVIDER, assert_refused},
};

fn text(grants: &str) -> String {
    format!("{LEAST}{PROVIDER}{grants}\n")
}

fn warnings(grants: &str) -> Vec<String> {
    load(&text(grants)).unwrap().doubts()
}

#[test]
fn claims_are_lists_or_one_value_by_name_or_pointer() {
    let config = load(&text(
        "[[grant]]\n[[grant]]\nprovider = 'corp'\nname = 'ours'\ndeny = true\n\
         claims = { hd = 'example.com', '/a/b' = ['x', 'y/*'] }\n\
         [[grant]]\n[grant.claims]\nhd = ['other.example']\n'https://x/y' = ['z']",
    ))
    .unwrap();
    let [first, ours, third] = &*config.grants else {
        panic!("{:?}", config.grants);
    };
    assert_eq!((&*first.name, first.deny), ("grant-1", false));
    assert!(first.claims.is_empty());
    assert_eq!((&*ours.name, ours.deny), ("ours", true));
    let wanted = |at: usize| {
        let values = ours.claims[at].values.iter().map(|value| value.as_str());
        (ours.claims[at].claim.as_str(), values.collect::<Vec<_>>())
    };
    assert_eq!(wanted(0), ("/a/b", vec!["x", "y/*"]));
    assert_eq!(wanted(1), ("hd", vec!["example.com"]));
    assert_eq!(&*third.name, "grant-3");
    let kept = config.providers[0].grant_claims.iter();
    let kept: Vec<_> = kept.map(|claim| claim.as_str()).collect();
    assert_eq!(kept, ["/a/b", "hd", "https://x/y"], "each once");
}

#[test]
fn only_claims_that_a_grant_of_the_provider_names_are_kept() {
    let other = "[[provider]]\nname = 'other'\nissuer = 'https://other.example'\nclient_id = 'x'\n\
                 [[grant]]\nprovider = 'other'\nclaims = { tid = 'x' }\ngroups = ['x']";
    let config = load(&text(other)).unwrap();
    assert!(config.providers[0].grant_claims.is_empty() && !config.providers[0].needs_groups);
    assert_eq!(config.providers[1].grant_claims.len(), 1);
}

#[test]
fn claims_and_names_that_mean_nothing_are_refused() {
    for (line, what, cure) in [
        ("claims = ['hd']", "a table is wanted", "{ hd = "),
        (
            "claims = { hd = [] }",
            "a claim without values",
            "at least one",
        ),
        ("claims = { hd = '' }", "empty", "write a value"),
        ("claims = { hd = [true] }", "a string is wanted", "quotes"),
        (
            "claims = { hd = { a = 'x' } }",
            "a string is wanted",
            "quotes",
        ),
        ("claims = { '/a//b' = 'x' }", "not a JSON Pointer", "as in"),
        ("claims = { '' = 'x' }", "empty", "write a value"),
        ("deny = 'yes'", "true or false", "quotes"),
        ("name = 'the first'", "not a name", "letters"),
        ("name = 'grant-7'", "that has no name", "another one"),
        ("name = 'grant-1'", "that has no name", "another one"),
    ] {
        assert_refused(
            &text(&format!("[[grant]]\n[[grant]]\n{line}")),
            line,
            what,
            cure,
        );
    }
    let twice = text("[[grant]]\nname = 'a'\n[[grant]]\nname = 'a' # again");
    assert_refused(&twice, "name = 'a' # again", "taken", "another one");
    assert!(
        load(&text("[[grant]]\n[[grant]]\nname = 'grant-2'")).is_ok(),
        "its own"
    );
}

#[test]
fn who_is_shut_out_signs_in_as_nobody() {
    let login = format!(
        "{LEAST}sql_node.credentials.mode = 'login'\n{PROVIDER}[[account]]\nname = 'a'\n\
         username = 'a@system'\npassword = {{ env = 'P' }}\n[[grant]]\ndeny = true\n"
    );
    let gives = "[[grant]]\naccount = 'a'\n";
    assert!(load(&format!("{login}users = ['x']\n{gives}")).is_ok());
    let account = format!("{login}account = 'a' # nobody\n{gives}");
    assert_refused(
        &account,
        "account = 'a' # nobody",
        "with `deny` nobody",
        "remove it",
    );
}

#[test]
fn a_grant_that_can_never_fit_is_warned_of() {
    for (earlier, later, is_covered) in [
        ("", "deny = true\nusers = ['eve']", true),
        (
            "users = ['eve', 'bob']",
            "deny = true\nusers = ['eve']",
            true,
        ),
        ("users = ['bob']", "deny = true\nusers = ['eve']", false),
        ("users = ['bob']", "deny = true", false),
        ("groups = ['a']", "users = ['eve']", false),
        ("groups = ['a']", "groups = ['a']\nusers = ['eve']", true),
        ("databases = ['*']", "databases = ['x']", true),
        ("databases = ['x_*']", "databases = ['x_1']", false),
        ("databases = ['x_*', 'y']", "databases = ['x_*']", true),
        ("databases = ['x']", "", false),
        ("provider = 'corp'", "", false),
        ("", "provider = 'corp'", true),
        (
            "claims = { hd = ['a', 'b'] }",
            "claims = { hd = 'a' }",
            true,
        ),
        (
            "claims = { hd = 'a' }",
            "claims = { hd = ['a', 'b'] }",
            false,
        ),
        ("claims = { hd = 'a' }", "", false),
        // What nobody can read fits the second alone.
        (
            "claims = { hd = 'a' }",
            "deny = true\nclaims = { hd = 'a' }",
            false,
        ),
        ("groups = ['a']", "deny = true\ngroups = ['a']", false),
        ("deny = true\ngroups = ['a']", "groups = ['a']", true),
    ] {
        let grants = format!("[[grant]]\n{earlier}\n[[grant]]\n{later}");
        let warned = "grant grant-2 can never fit: grant-1 fits before it";
        let is_warned = warnings(&grants).iter().any(|one| one == warned);
        assert_eq!(is_warned, is_covered, "{grants}");
    }
}

#[test]
fn what_lets_in_more_than_was_probably_meant_is_warned_of() {
    let open = warnings("[[grant]]\nclaims = { repository = ['acme*', 'acme/*'] }");
    assert_eq!(
        open,
        ["grant grant-1: \"acme*\" of `repository` also fits names that others may choose"]
    );
    let nobody = warnings("[[grant]]\ndeny = true\nusers = ['eve']");
    assert_eq!(nobody, ["every [[grant]] denies: nobody gets in"]);
    let public = text("").replace("https://idp.example.com", "https://accounts.google.com");
    for (grants, is_open) in [
        ("", true),
        ("[[grant]]\n", true),
        ("[[grant]]\ndatabases = ['x']\n", true),
        ("[[grant]]\nclaims = { hd = 'example.com' }\n", false),
        ("[[grant]]\nusers = ['alice']\n", false),
        (
            "[[grant]]\ndeny = true\n[[grant]]\nusers = ['alice']\n",
            false,
        ),
    ] {
        let warnings = load(&format!("{public}{grants}")).unwrap().doubts();
        let is_warned = warnings
            .iter()
            .any(|one| one.contains("anybody in the world"));
        assert_eq!(is_warned, is_open, "{grants}: {warnings:?}");
    }
    assert!(warnings("").is_empty());
}
