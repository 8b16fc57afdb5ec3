use super::*;
use crate::config::Config;
use serde_json::json;
use std::path::Path;

/// A policy with the providers `corp` (every database) and `retail` (`retail_*`).
fn policy(grants: &str) -> Policy {
    let text = format!(
        "[listen]\npublic_url = 'https://sql0.example.com'\n\
         [tls]\ncertificate = 'c'\nprivate_key = 'k'\n\
         [sql_node]\nurl = 'http://127.0.0.1:9090'\n\
         [[provider]]\nname = 'corp'\nissuer = 'https://corp.example.com'\nclient_id = 'a'\n\
         [[provider]]\nname = 'retail'\nissuer = 'https://retail.example.com'\nclient_id = 'b'\n\
         databases = ['retail_*']\n{grants}"
    );
    let config = Config::from_toml(&text, "config.toml", Path::new("/"));
    Policy::new(&config.unwrap_or_else(|mistakes| panic!("{mistakes}")))
}

/// As a sealed session record gives it back: tests cannot make one any other way either.
fn identity(provider: &str, username: &str, groups: &[&str]) -> Identity {
    serde_json::from_value(identity_json(provider, username, groups)).unwrap()
}

fn identity_json(provider: &str, username: &str, groups: &[&str]) -> serde_json::Value {
    let expires_at = serde_json::to_value(std::time::SystemTime::now()).unwrap();
    let issuer = format!("https://{provider}.example.com");
    json!({
        "provider": provider, "issuer": issuer, "subject": "s", "username": username,
        "groups": groups, "expires_at": expires_at, "sid": null, "token_kind": "Id",
    })
}

fn may(policy: &Policy, identity: &Identity, database: &str) -> bool {
    policy.decide(identity, &database.into()).is_ok()
}

#[test]
fn without_grants_every_verified_identity_may_use_its_providers_databases() {
    let policy = policy("");
    assert!(may(&policy, &identity("corp", "alice", &[]), "system"));
    assert!(may(&policy, &identity("retail", "alice", &[]), "retail_eu"));
    assert!(!may(&policy, &identity("retail", "alice", &[]), "system"));
    assert!(!may(&policy, &identity("removed", "alice", &[]), "system"));
    let mut elsewhere = identity_json("corp", "alice", &[]);
    elsewhere["issuer"] = json!("https://new.example.com");
    let elsewhere = serde_json::from_value(elsewhere).unwrap();
    assert!(!may(&policy, &elsewhere, "system"), "a name used anew");
}

#[test]
fn a_grant_fits_by_provider_group_user_and_database_together() {
    let policy = policy(
        "[[grant]]\nprovider = 'corp'\ngroups = ['analysts', 'admins']\nusers = ['alice', 'bob']\n\
         databases = ['retail_*', 'system']",
    );
    for (provider, user, groups, database, expected) in [
        ("corp", "alice", vec!["analysts"], "retail_eu", true),
        ("corp", "bob", vec!["x", "admins"], "system", true),
        ("corp", "carol", vec!["analysts"], "retail_eu", false),
        ("corp", "alice", vec!["Analysts"], "retail_eu", false),
        ("corp", "alice", vec![], "retail_eu", false),
        ("corp", "alice", vec!["analysts"], "sales", false),
        ("corp", "alice", vec!["analysts"], "RETAIL_EU", false),
        ("retail", "alice", vec!["analysts"], "retail_eu", false),
    ] {
        let who = identity(provider, user, &groups);
        assert_eq!(
            may(&policy, &who, database),
            expected,
            "{provider} {user} {groups:?} {database}"
        );
    }
}

#[test]
fn the_first_grant_that_fits_names_the_account() {
    let policy = policy(
        "[sql_node.credentials]\nmode = 'login'\n\
         [[account]]\nname = 'one'\nusername = 'u1'\npassword = { env = 'P' }\n\
         [[account]]\nname = 'two'\nusername = 'u2'\npassword = { env = 'P' }\n\
         [[grant]]\ngroups = ['analysts']\ndatabases = ['retail_*']\naccount = 'one'\n\
         [[grant]]\ngroups = ['analysts']\ndatabases = ['*']\naccount = 'two'",
    );
    let alice = identity("corp", "alice", &["analysts"]);
    let account = |database: &str| {
        policy
            .decide(&alice, &database.into())
            .unwrap()
            .account()
            .map(str::to_owned)
    };
    assert_eq!(account("retail_eu").as_deref(), Some("one"));
    assert_eq!(account("system").as_deref(), Some("two"));
}

#[test]
fn the_database_matters_only_where_some_grant_or_the_provider_names_one() {
    let policy = policy(
        "[[grant]]\ngroups = ['analysts']\ndatabases = ['retail_*']\n\
         [[grant]]\ngroups = ['admins']\ndatabases = ['*']",
    );
    assert!(policy.depends_on_database(&identity("corp", "alice", &["analysts"])));
    assert!(!policy.depends_on_database(&identity("corp", "bob", &["admins"])));
    assert!(policy.depends_on_database(&identity("retail", "bob", &["admins"])));
    assert!(policy.depends_on_database(&identity("removed", "bob", &["admins"])));
}

#[test]
fn a_grant_that_names_no_databases_is_for_any() {
    let policy = policy("[[grant]]\nprovider = 'corp'\ngroups = ['admins']");
    let bob = identity("corp", "bob", &["admins"]);
    assert!(may(&policy, &bob, "system"));
    assert!(!policy.depends_on_database(&bob));
    assert!(!may(&policy, &identity("corp", "alice", &[]), "system"));
}

#[test]
fn each_grant_says_which_of_its_conditions_fails_first() {
    let policy = policy(
        "[[grant]]\nprovider = 'retail'\ngroups = ['x']\nusers = ['x']\ndatabases = ['x']\n\
         [[grant]]\nprovider = 'corp'\ngroups = ['x']\nusers = ['x']\ndatabases = ['x']\n\
         [[grant]]\ngroups = ['analysts']\nusers = ['x']\ndatabases = ['x']\n\
         [[grant]]\ngroups = ['analysts']\nusers = ['alice']\ndatabases = ['x']\n\
         [[grant]]\ngroups = ['analysts']\nusers = ['alice']\ndatabases = ['x', 'sys*']\n\
         [[grant]]",
    );
    let alice = identity("corp", "alice", &["analysts"]);
    let judged: Vec<_> = policy
        .judged(&alice, "system")
        .map(|(_, why)| why)
        .collect();
    let expected = [
        Some(Mismatch::Provider),
        Some(Mismatch::Groups),
        Some(Mismatch::Users),
        Some(Mismatch::Databases),
        None,
        None,
    ];
    assert_eq!(judged, expected);
    assert!(policy.is_served(&alice, "system"));
    assert!(!policy.is_served(&identity("retail", "alice", &[]), "system"));
}

/// An identity whose record kept these claims; `null` for one that nobody can read.
fn with_claims(claims: serde_json::Value) -> Identity {
    let mut written = identity_json("corp", "alice", &[]);
    written["claims"] = claims;
    written["has_counted_groups"] = json!(true);
    serde_json::from_value(written).unwrap()
}

fn hd(values: serde_json::Value) -> Identity {
    with_claims(json!([{"name": "hd", "values": values}]))
}

#[test]
fn every_claim_of_a_grant_must_be_or_contain_one_of_its_values() {
    let policy = policy("[[grant]]\nclaims = { hd = ['example.com', 'x/*'], tid = 'y' }");
    let both = |hd: serde_json::Value, tid: serde_json::Value| {
        with_claims(json!([{"name": "hd", "values": hd}, {"name": "tid", "values": tid}]))
    };
    for (who, expected) in [
        (both(json!(["example.com"]), json!(["y"])), true),
        (both(json!(["a", "x/b"]), json!(["y", "z"])), true),
        (both(json!(["example.com"]), json!([])), false),
        (both(json!(["example.com"]), json!(null)), false),
        (both(json!(["evil.example"]), json!(["y"])), false),
        (both(json!(["Example.com"]), json!(["y"])), false),
        (both(json!(["x/b/c"]), json!(["y"])), false),
        (hd(json!(["example.com"])), false),
        (identity("corp", "alice", &[]), false),
    ] {
        assert_eq!(
            may(&policy, &who, "system"),
            expected,
            "{:?}",
            who.claim(&"hd".parse().unwrap())
        );
    }
}

#[test]
fn a_grant_that_denies_shuts_out_before_those_that_follow_and_also_whom_nobody_knows() {
    let policy = policy("[[grant]]\ndeny = true\nclaims = { hd = 'evil.example' }\n[[grant]]");
    let denial = |who: &Identity| policy.decide(who, &"system".into()).err();
    for (who, expected) in [
        (hd(json!(["example.com"])), None),
        (hd(json!([])), None),
        (hd(json!(["evil.example"])), Some(Denial::NotGranted)),
        (hd(json!(["a", "evil.example"])), Some(Denial::NotGranted)),
        (hd(json!(null)), Some(Denial::NotGranted)),
        (identity("corp", "alice", &[]), Some(Denial::Outdated)),
        (
            with_claims(json!([{"name": "tid", "values": ["x"]}])),
            Some(Denial::Outdated),
        ),
    ] {
        assert_eq!(
            denial(&who),
            expected,
            "{:?}",
            who.claim(&"hd".parse().unwrap())
        );
    }
}

#[test]
fn who_is_shut_out_by_group_cannot_have_hidden_it_before_anybody_looked() {
    let policy = policy("[[grant]]\ndeny = true\ngroups = ['contractors']\n[[grant]]");
    let who = |groups: &[&str], has_counted: bool| {
        let mut written = identity_json("corp", "alice", groups);
        written["has_counted_groups"] = json!(has_counted);
        let identity = serde_json::from_value(written).unwrap();
        policy.decide(&identity, &"system".into()).err()
    };
    assert_eq!(who(&[], true), None);
    assert_eq!(who(&["contractors"], true), Some(Denial::NotGranted));
    assert_eq!(who(&["contractors"], false), Some(Denial::NotGranted));
    assert_eq!(who(&[], false), Some(Denial::Outdated));
}

#[test]
fn a_denial_of_some_databases_needs_to_know_which_one_it_is() {
    let policy =
        policy("[[grant]]\ndeny = true\nusers = ['alice']\ndatabases = ['payroll']\n[[grant]]");
    let (alice, bob) = (identity("corp", "alice", &[]), identity("corp", "bob", &[]));
    assert!(policy.depends_on_database(&alice) && !policy.depends_on_database(&bob));
    assert!(may(&policy, &alice, "system") && !may(&policy, &alice, "payroll"));
    assert!(may(&policy, &bob, "payroll"));
}
