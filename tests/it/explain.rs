//! `explain` judges as the sidecar does, and says why; it betrays nothing of the token.
use crate::{
    lies_tokens::{TRICKS, made},
    site::{Log, Site, assert_refused, flush_diagnostics},
};
use ocient_sidecar::cli::{
    ConfigFile,
    explain::{Explain, explain},
};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{Lie, SignedWith, TokenBuilder, User},
    sql_node::RETAIL,
};
use std::{path::PathBuf, time::SystemTime};

/// The exit code, and what was said.
async fn explained(site: &Site, token: &str, database: &str, json: bool) -> (u8, String) {
    let order = Explain {
        token: PathBuf::from("-"),
        database: database.to_owned(),
        json,
        config: ConfigFile {
            path: site.configuration(),
        },
    };
    let input = format!("\n{token} \n");
    let explaining = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        let code = explain(&order, &mut input.as_bytes(), &mut out, SystemTime::now());
        (code, String::from_utf8(out).unwrap())
    });
    let (code, said) = explaining.await.unwrap();
    for part in token.split('.').filter(|part| part.len() > 12) {
        assert!(!said.contains(part), "{said}");
    }
    let is_tame = |char: char| char == '\n' || (char.is_ascii() && !char.is_ascii_control());
    assert!(said.chars().all(is_tame), "{said}");
    (code, said)
}

async fn as_json(site: &Site, token: &str, database: &str) -> Value {
    let (code, said) = explained(site, token, database, true).await;
    let report: Value = serde_json::from_str(&said).unwrap();
    let is_through = report["accepted"] == true && report["granted"] == true;
    assert_eq!(code == 0, is_through, "{said}");
    report
}

fn outcome(report: &Value, rule: &str) -> String {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["rule"] == rule).unwrap();
    check["outcome"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_good_token_passes_every_check_and_the_sql_node_is_not_asked() {
    let site = Site::start().await;
    for token in [site.id_token("alice"), site.access_token("alice")] {
        let (code, said) = explained(&site, &token, RETAIL, false).await;
        assert_eq!(code, 0, "{said}");
        assert!(
            said.contains("  chosen  corp (https://127.0.0.1:"),
            "{said}"
        );
        assert!(said.contains("claims, signed by the provider\n"), "{said}");
        assert!(said.contains("  pass signature         RFC 7515"), "{said}");
        assert!(said.contains("\"analysts\", \"ocient-users\""), "{said}");
        assert!(
            said.ends_with("result: granted \"retail_analytics\"\n"),
            "{said}"
        );
        assert!(!said.contains("FAIL"), "{said}");
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn every_broken_rule_is_shown_once_the_signature_is_good() {
    let site = Site::start().await;
    let expired = site.token(|token| token.expires_in(-3600).without("sub"));
    let report = as_json(&site, &expired, RETAIL).await;
    assert_eq!(outcome(&report, "audience"), "pass");
    assert_eq!(outcome(&report, "lifetime"), "fail");
    assert_eq!(outcome(&report, "subject"), "fail");
    assert_eq!(outcome(&report, "provider session"), "pass");
    assert_eq!(outcome(&report, "nonce"), "not reached");
    assert_eq!(report["reason"], "the token has expired");
    assert!(report["wanted"].is_null(), "it was for us");
    assert_eq!(report["claims_are_signed"], true);
    assert!(report["identity"].is_null());
    let garbled = |token: TokenBuilder| token.signed_with(SignedWith::Garbled);
    let report = as_json(&site, &site.token(|it| garbled(it).without("sub")), RETAIL).await;
    assert_eq!(outcome(&report, "subject"), "not reached", "nobody's words");
    let forged = site.token(garbled);
    let (code, said) = explained(&site, &forged, RETAIL, false).await;
    assert_eq!(code, 1);
    assert!(said.contains("claims, which nobody has proven\n"), "{said}");
    assert!(said.contains("  FAIL signature         the token's signature is wrong"));
    assert!(
        said.contains("result: refused: the token's signature is wrong\n"),
        "{said}"
    );
}

#[tokio::test]
async fn what_a_token_is_taken_for_and_whom_it_should_be_for_is_told_the_operator() {
    let site = Site::with(|settings| {
        settings.provider("audiences", "['urn:our-api']");
        settings.provider("authorized_parties", "['our-batch']");
        settings.set("pass_through", "bearer", "false");
    })
    .await;
    let token = site.token(|token| token.audience("urn:other").claim("scope", "read"));
    let report = as_json(&site, &token, RETAIL).await;
    let taken = report["taken"].as_str().unwrap();
    assert!(taken.starts_with("its typ is JWT or missing"), "{taken}");
    assert!(report["reason"].as_str().unwrap().ends_with(taken));
    let wanted = json!({
        "client_id": "ocient", "audiences": ["urn:our-api"], "authorized_parties": ["our-batch"],
    });
    assert_eq!(report["wanted"], wanted);
    let (_, said) = explained(&site, &token, RETAIL, false).await;
    assert!(said.contains("\n  audiences \"urn:our-api\"\n"), "{said}");
    // The client is told what it was taken for, and not whom it could pretend to be for.
    let answer = site.query_as(&token).await;
    assert_refused(&answer, 401, -1233, "another audience");
    assert!(
        answer.text().contains("judged as an ID token"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("our-api") && !answer.text().contains("our-batch"));
    flush_diagnostics();
    let lines = Log::everything();
    let is_about = |line: &&str| line.contains("breaks rules") && line.contains("urn:our-api");
    let line = lines.lines().find(is_about).unwrap();
    assert!(
        line.contains("our-batch") && line.contains("\"broken\":\"audience\""),
        "{line}"
    );
}

#[tokio::test]
async fn an_overage_of_groups_is_named() {
    let site = Site::with(|settings| settings.grant("groups = ['analysts']")).await;
    let token = site.token(|token| {
        let names = json!({"groups": "src1"});
        token.without("groups").claim("_claim_names", names)
    });
    let answer = site.query_as(&token).await;
    assert_refused(&answer, 401, -1231, "overage");
    assert!(
        answer.text().contains("more groups than fit"),
        "{}",
        answer.text()
    );
    let report = as_json(&site, &token, RETAIL).await;
    assert_eq!(outcome(&report, "groups"), "fail");
}

#[tokio::test]
async fn it_refuses_every_token_that_the_sidecar_refuses() {
    let site = Site::start().await;
    for (name, trick, _) in TRICKS {
        let (code, said) = explained(&site, &made(&site, name, trick), RETAIL, false).await;
        assert_eq!(code, 1, "{name}: {said}");
        assert!(said.contains("result: refused: "), "{name}: {said}");
    }
    for nonsense in ["ocs_abc", "a.b.c", "x", "e30.e30.", "%%%"] {
        let (code, said) = explained(&site, nonsense, RETAIL, false).await;
        assert_eq!(code, 1, "{nonsense}: {said}");
    }
}

#[tokio::test]
async fn each_grant_says_why_it_does_not_fit() {
    let site = Site::with(|settings| {
        settings.login_mode();
        settings.grant("groups = ['admins']\naccount = 'analyst'");
        settings.grant("users = ['bob']\naccount = 'analyst'");
        settings.grant("databases = ['retail_*']\naccount = 'analyst'");
        settings.grant("account = 'analyst'\ndatabases = ['retail_analytics']");
    })
    .await;
    let token = site.id_token("alice");
    let (code, said) = explained(&site, &token, RETAIL, false).await;
    assert_eq!(code, 0, "{said}");
    let grants = "\
  no      number 1: the user is in none of its groups
  no      number 2: it does not name the user
  chosen  number 3: the first that fits
  no      number 4: it fits, but an earlier one counts
result: granted \"retail_analytics\", as account analyst\n";
    assert!(said.ends_with(grants), "{said}");
    let report = as_json(&site, &token, "system").await;
    assert_eq!(
        (&report["accepted"], &report["granted"]),
        (&true.into(), &false.into())
    );
    assert_eq!(report["grants"][2]["why"], "it is for other databases");
    assert_eq!(report["reason"], "no grant fits");
}

#[tokio::test]
async fn groups_are_shown_as_they_are_read() {
    let with_separator = |separator: Option<&'static str>| {
        Site::with(move |settings| {
            if let Some(separator) = separator {
                settings.provider("groups_separator", separator);
            }
            settings.grant("groups = ['Admins']");
        })
    };
    let whole = with_separator(None).await;
    let token = whole.token(|token| token.claim("groups", "x,Admins"));
    let report = as_json(&whole, &token, RETAIL).await;
    assert_eq!(report["identity"]["groups"], json!(["x,Admins"]));
    assert_eq!(
        report["grants"][0]["why"],
        "the user is in none of its groups"
    );
    let cut = with_separator(Some("','")).await;
    let token = cut.token(|token| token.claim("groups", "x,Admins"));
    let report = as_json(&cut, &token, RETAIL).await;
    assert_eq!(report["identity"]["groups"], json!(["x", "Admins"]));
    let bound = whole.token(|token| token.claim("cnf", json!({"jkt": "x"})));
    let report = as_json(&whole, &bound, RETAIL).await;
    assert_eq!(outcome(&report, "no key binding"), "fail");
}

#[tokio::test]
async fn a_provider_that_is_not_for_the_database_or_takes_no_tokens_is_named() {
    let site = Site::with(|settings| settings.provider("databases", "['retail_*']")).await;
    let report = as_json(&site, &site.id_token("alice"), "system").await;
    assert_eq!(report["reason"], "the provider is not for this database");
    let site = Site::with(|settings| settings.provider("flows", "['code']")).await;
    let report = as_json(&site, &site.id_token("alice"), RETAIL).await;
    assert_eq!(report["providers"][0]["why"], "flows has no \"token\"");
    assert_eq!(report["reason"], "no provider takes this token");
    let foreign = site.token(|token| token.claim("iss", "https://another.example"));
    let report = as_json(&site, &foreign, RETAIL).await;
    assert_eq!(
        report["providers"][0]["why"],
        "the token has another issuer"
    );
}

#[tokio::test]
async fn an_unreachable_provider_is_said_to_be_so() {
    let site = Site::start().await;
    let token = site.id_token("alice");
    site.provider.die();
    let (code, said) = explained(&site, &token, RETAIL, false).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("  pass form "), "{said}");
    assert!(
        said.contains("result: refused: provider corp cannot be reached"),
        "{said}"
    );
}

#[tokio::test]
async fn a_tokens_claims_cannot_command_the_terminal() {
    let site = Site::start().await;
    let evil = "x\u{1b}[2J\u{9b}31m\u{202e}\r\nresult: granted";
    let mut user = User::new("alice", &[evil, "\u{7f}\u{200b}"]);
    user.claims.insert("azp".to_owned(), evil.into());
    site.provider.add_user(user);
    for token in [
        site.id_token("alice"),
        site.token(|token| token.header("kid", evil).claim("exp", evil)),
        site.token(|token| token.without("azp").claim("sub", "y".repeat(9_000))),
    ] {
        let (code, said) = explained(&site, &token, RETAIL, false).await;
        assert_eq!(code, 1, "{said}");
        assert!(!said.contains("\nresult: granted"), "{said}");
        assert!(said.len() < 8_000, "{said}");
        as_json(&site, &token, RETAIL).await;
    }
}

#[tokio::test]
async fn it_says_what_a_token_lacks_and_whether_userinfo_was_asked_for_it() {
    let with = |userinfo: &'static str| {
        Site::with(move |settings| {
            settings.provider("userinfo", userinfo);
            settings.grant("groups = ['analysts']");
        })
    };
    let site = with("true").await;
    site.provider.lie(Lie::TokensLack("groups"));
    let token = site.provider.access_token("ocient", "alice");
    let (code, said) = explained(&site, &token, RETAIL, false).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("lacking: groups\n  userinfo  asked\n"),
        "{said}"
    );
    assert!(said.contains("  pass userinfo          OpenID"), "{said}");
    assert!(said.contains("\"analysts\", \"ocient-users\""), "{said}");
    let of_id = as_json(&site, &site.token(|token| token.without("groups")), RETAIL).await;
    assert_eq!(of_id["lacking"][0], "groups");
    let why = of_id["userinfo"].as_str().unwrap();
    assert!(
        why.starts_with("not asked: that takes a good access token"),
        "{why}"
    );
    assert_eq!(outcome(&of_id, "userinfo"), "not for this token");
    site.provider.lie(Lie::ForeignUserinfo);
    let foreign = as_json(&site, &token, RETAIL).await;
    assert_eq!(foreign["userinfo"], "asked, and not believed");
    assert_eq!(outcome(&foreign, "userinfo"), "fail");
    site.provider.lie(Lie::SignedUserinfo);
    let signed = as_json(&site, &token, RETAIL).await;
    assert_eq!(
        signed["userinfo"],
        "asked, without an answer that can be used"
    );
    let reason = signed["reason"].as_str().unwrap();
    assert!(reason.contains("signed or encrypted"), "{reason}");
    let site = with("false").await;
    let token = site.token(|token| token.without("groups"));
    let off = as_json(&site, &token, RETAIL).await;
    assert_eq!(off["userinfo"], "not asked: `userinfo` is off");
    assert_eq!(off["granted"], false);
    let complete = as_json(&site, &site.id_token("alice"), RETAIL).await;
    assert!(complete["userinfo"].is_null());
}

#[tokio::test]
async fn a_grant_that_denies_is_named() {
    let site = Site::with(|settings| {
        settings.login_mode();
        settings.grant("name = 'other-tenants'\ndeny = true\nclaims = { tid = ['x', 'y'] }");
        settings.grant("claims = { hd = 'example.com' }\naccount = 'analyst'");
        settings.grant("name = 'rest'\naccount = 'analyst'");
    })
    .await;
    let token = site.token(|token| token.claim("tid", "x"));
    let (code, said) = explained(&site, &token, RETAIL, false).await;
    assert_eq!(code, 1, "{said}");
    let grants = "\
  denies  number 1 (other-tenants): the first that fits, or may, and it denies
  no      number 2: the token's claims are not those that it wants
  no      number 3 (rest): it fits, but an earlier one counts
result: not granted: other-tenants denies it\n";
    assert!(said.ends_with(grants), "{said}");
    assert!(said.contains("  tid       \"x\"\n"), "{said}");
    let report = as_json(&site, &site.token(|token| token.claim("tid", "z")), RETAIL).await;
    assert_eq!(report["grants"][0]["deny"], true);
    assert_eq!(report["grants"][2]["name"], "rest");
    assert_eq!(report["grants"][2]["chosen"], true);
}
