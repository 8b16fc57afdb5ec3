//! User names and groups.
use super::*;

fn with_username_claim(claim: &str, claims: &Value) -> Result<String, TokenFault> {
    let mut rules = rules();
    rules.username_claims = vec![claim.parse().unwrap()];
    let identity = judge(&rules, claims, "JWT", Expect::IdToken, at(NOW))?;
    Ok(identity.username().to_owned())
}

#[test]
fn sub_stands_in_for_the_default_username_claim_alone() {
    let claims = with(id_claims(), "preferred_username", json!(null));
    let missing = TokenFault::UserName("upn".into());
    assert_eq!(
        with_username_claim("preferred_username", &claims),
        Ok("u-1".to_owned())
    );
    assert_eq!(with_username_claim("upn", &claims), Err(missing));
    assert_eq!(with_username_claim("sub", &claims), Ok("u-1".to_owned()));
}

#[test]
fn a_username_that_could_forge_a_line_or_is_none_is_refused() {
    let long = "x".repeat(257);
    for name in [
        json!(""),
        json!("a\nb"),
        json!("a\u{7f}"),
        json!("\u{85}"),
        json!(1),
        json!(long),
    ] {
        let claims = with(id_claims(), "preferred_username", name.clone());
        assert_eq!(
            id_token(&claims),
            Err(TokenFault::UserName("preferred_username".into())),
            "{name}"
        );
    }
    let longest = with(id_claims(), "preferred_username", json!("x".repeat(256)));
    assert!(id_token(&longest).is_ok());
}

#[test]
fn an_address_counts_only_if_it_is_one_and_verified() {
    let unverified = Err(TokenFault::Claim("email_verified"));
    let wrong = Err(TokenFault::Claim("email"));
    let good = Ok("a@corp.com".to_owned());
    let cases = [
        ("a@corp.com", json!(true), good.clone()),
        ("a@corp.com", json!("true"), good),
        ("a@corp.com", json!(false), unverified.clone()),
        ("a@corp.com", json!("TRUE"), unverified.clone()),
        ("a@corp.com", json!(1), unverified.clone()),
        ("a@corp.com", json!(null), unverified),
        ("a@evil@corp.com", json!(true), wrong.clone()),
        ("a@@corp.com", json!(true), wrong.clone()),
        ("@corp.com", json!(true), wrong.clone()),
        ("a@", json!(true), wrong.clone()),
        ("corp.com", json!(true), wrong),
    ];
    for (email, verified, expected) in cases {
        let claims = with(id_claims(), "email", json!(email));
        let claims = with(claims, "email_verified", verified.clone());
        assert_eq!(
            with_username_claim("email", &claims),
            expected,
            "{email} {verified}"
        );
    }
}

fn with_groups(
    change: impl FnOnce(&mut config::Provider),
    value: &Value,
) -> Result<Vec<String>, TokenFault> {
    let mut rules = rules();
    change(&mut rules);
    let claims = with(id_claims(), "groups", value.clone());
    let identity = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW))?;
    Ok(identity.groups().to_vec())
}

#[test]
fn groups_come_as_a_list_as_an_object_or_as_one_text() {
    let cases = [
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(["a b", "c,d", ""]), vec!["a b", "c,d"]),
        (
            json!({"a b": {"x": "y"}, "c": null, "": 1}),
            vec!["a b", "c"],
        ),
        (json!({}), vec![]),
        (json!("a"), vec!["a"]),
        (json!(""), vec![]),
    ];
    for (value, expected) in cases {
        let groups = with_groups(|_| {}, &value);
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(groups, Ok(expected), "{value}");
    }
}

#[test]
fn one_text_is_one_group_unless_a_separator_is_configured() {
    for (separator, text, expected) in [
        (None, "Helpdesk Admins", vec!["Helpdesk Admins"]),
        (None, "x,Admins", vec!["x,Admins"]),
        (None, " Admins", vec![" Admins"]),
        (None, "x\tAdmins\n", vec!["x\tAdmins\n"]),
        (Some(","), "a b, c,,d ", vec!["a b", "c", "d"]),
        (Some(" "), "a b,c  d", vec!["a", "b,c", "d"]),
        (Some("; "), "a;b; c", vec!["a;b", "c"]),
        (Some(","), "", vec![]),
    ] {
        let groups = with_groups(
            |rules| rules.groups_separator = separator.map(str::to_owned),
            &json!(text),
        );
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(groups, Ok(expected), "{text:?} {separator:?}");
    }
    let list = with_groups(
        |rules| rules.groups_separator = Some(",".to_owned()),
        &json!(["x,Admins"]),
    );
    assert_eq!(
        list,
        Ok(vec!["x,Admins".to_owned()]),
        "a list is cut already"
    );
}

/// What holds no names, or more of them than are read.
fn unreadable_groups() -> [Value; 8] {
    let members: serde_json::Map<_, _> = (0..1001).map(|n| (n.to_string(), json!(1))).collect();
    [
        json!(1),
        json!(true),
        json!(["a", 1]),
        json!(["a", null]),
        json!([["a"]]),
        json!([{"name": "a"}]),
        json!(vec!["g"; 1001]),
        Value::Object(members),
    ]
}

#[test]
fn groups_of_another_shape_or_without_end_are_refused_by_the_name_of_the_claim() {
    for value in unreadable_groups() {
        let fault = with_groups(|_| {}, &value).unwrap_err();
        assert_eq!(fault, TokenFault::Groups("groups".into()), "{value}");
        let said = fault.to_string();
        assert!(
            said.starts_with("the token's claim groups cannot"),
            "{said}"
        );
    }
    let mut rules = rules();
    rules.groups_claim = "roles".parse().unwrap();
    let claims = with(id_claims(), "roles", json!(7));
    let judged = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW));
    assert_eq!(judged, Err(TokenFault::Groups("roles".into())));
    let longest = with_groups(|_| {}, &json!(vec!["g"; 1000]));
    assert_eq!(longest.map(|groups| groups.len()), Ok(1000));
}

#[test]
fn unreadable_groups_keep_nobody_out_where_no_grant_looks_at_groups() {
    for value in unreadable_groups() {
        let groups = with_groups(|rules| rules.needs_groups = false, &value);
        assert_eq!(groups, Ok(vec![]), "{value}");
    }
}

#[test]
fn an_overage_is_named_where_a_grant_looks_at_groups() {
    let sources = json!({"groups": "src1"});
    let claims = with(
        with(id_claims(), "groups", json!(null)),
        "_claim_names",
        sources,
    );
    let fault = id_token(&claims).unwrap_err();
    assert_eq!(fault, TokenFault::Overage("groups".into()));
    assert!(
        fault.to_string().contains("assigned to the application"),
        "{fault}"
    );
    let mut careless = rules();
    careless.needs_groups = false;
    assert!(judge(&careless, &claims, "JWT", Expect::IdToken, at(NOW)).is_ok());
    let both = with(claims.clone(), "groups", json!(["staff"]));
    assert_eq!(id_token(&both).unwrap().groups(), ["staff"]);
    let others = with(claims, "_claim_names", json!({"address": "src1"}));
    assert!(id_token(&others).unwrap().groups().is_empty());
}

#[test]
fn nested_claims_are_found_by_their_pointers() {
    let mut rules = rules();
    rules.groups_claim = "/realm_access/roles".parse().unwrap();
    rules.username_claims = vec!["/profile/login".parse().unwrap()];
    let claims = with(id_claims(), "realm_access", json!({"roles": ["dba"]}));
    let claims = with(claims, "profile", json!({"login": "bob"}));
    let identity = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW)).unwrap();
    assert_eq!(
        (identity.username(), identity.groups()),
        ("bob", &["dba".to_owned()][..])
    );
    let flat = with(claims.clone(), "/realm_access/roles", json!(["admins"]));
    let identity = judge(&rules, &flat, "JWT", Expect::IdToken, at(NOW)).unwrap();
    assert_eq!(
        identity.groups(),
        ["dba"],
        "a member that is spelt like a pointer is another one"
    );
    let odd = with(claims, "realm_access", json!({"roles": 1}));
    let judged = judge(&rules, &odd, "JWT", Expect::IdToken, at(NOW));
    assert_eq!(
        judged,
        Err(TokenFault::Groups("/realm_access/roles".into()))
    );
}

#[test]
fn an_address_is_verified_beside_itself_however_it_is_pointed_at() {
    let unverified = Err(TokenFault::Claim("email_verified"));
    let address = "a@corp.com";
    for claim in ["email", "/email"] {
        let claims = with(id_claims(), "email", json!(address));
        assert_eq!(with_username_claim(claim, &claims), unverified, "{claim}");
    }
    let nested = |verified: Value| json!({"email": address, "email_verified": verified});
    for (verified, is_fine) in [
        (json!(true), true),
        (json!(false), false),
        (json!(null), false),
    ] {
        let claims = with(id_claims(), "profile", nested(verified.clone()));
        let claims = with(claims, "email_verified", json!(true));
        let judged = with_username_claim("/profile/email", &claims);
        assert_eq!(judged.is_ok(), is_fine, "{verified}");
    }
}

#[test]
fn the_first_user_name_that_is_there_counts_and_sub_for_none_of_several() {
    let mut rules = rules();
    rules.username_claims = ["upn", "preferred_username", "client_id"]
        .map(|claim| claim.parse().unwrap())
        .to_vec();
    let named = |claims: &Value| {
        let judged = judge(&rules, claims, "JWT", Expect::IdToken, at(NOW));
        judged.map(|identity| identity.username().to_owned())
    };
    let person = with(id_claims(), "client_id", json!("app"));
    assert_eq!(named(&person), Ok("alice".to_owned()));
    assert_eq!(
        named(&with(person.clone(), "upn", json!("a@corp"))),
        Ok("a@corp".to_owned())
    );
    let service = with(person.clone(), "preferred_username", json!(null));
    assert_eq!(named(&service), Ok("app".to_owned()));
    let mut null = person.clone();
    null["preferred_username"] = Value::Null;
    assert_eq!(named(&null), Ok("app".to_owned()), "null says nothing");
    let nobody = with(service, "client_id", json!(null));
    let fault = TokenFault::UserName("upn, preferred_username, client_id".into());
    assert_eq!(named(&nobody), Err(fault));
    // The first that is there has to be a name: nobody moves on from one that was tampered with.
    let odd = with(person, "upn", json!(["x"]));
    assert_eq!(named(&odd), Err(TokenFault::UserName("upn".into())));
}
