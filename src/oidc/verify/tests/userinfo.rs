//! What userinfo adds to a token, and what it never does.
use super::*;
use serde_json::Map;

fn asking() -> config::Provider {
    config::Provider {
        userinfo: true,
        ..rules()
    }
}

fn proof(rules: &config::Provider, claims: &Value, typ: &str, expect: Expect<'_>) -> Proof {
    let header = json!({"alg": "ES256", "kid": "key-ES256", "typ": typ});
    let token = ES256.token_with(&header, claims);
    let (jws, keys) = (Jws::parse(&token).unwrap(), key_set(&[ES256.jwk()]));
    let mut trace = Trace::default();
    verify(rules, &keys, &jws, expect, at(NOW), &mut trace).unwrap()
}

fn access_proof(rules: &config::Provider, claims: &Value) -> Proof {
    proof(rules, claims, "at+jwt", Expect::Bearer)
}

/// An access token's identity with what userinfo says.
fn completed(
    rules: &config::Provider,
    claims: &Value,
    said: &Value,
) -> Result<Identity, TokenFault> {
    let said: &Map<String, Value> = said.as_object().unwrap();
    match access_proof(rules, claims) {
        Proof::Identity(_) => panic!("nothing is lacking in {claims}"),
        Proof::Lacking(lacking) => lacking.completed(rules, said, &mut Trace::default()),
    }
}

fn is_asked(rules: &config::Provider, claims: &Value) -> bool {
    matches!(access_proof(rules, claims), Proof::Lacking(_))
}

#[test]
fn userinfo_is_for_claims_that_count_and_are_lacking_alone() {
    let full = with(access_claims(), "groups", json!([]));
    assert!(!is_asked(&asking(), &full), "an empty list is an answer");
    for (name, value) in [
        ("groups", json!(null)),
        ("preferred_username", json!(null)),
        ("email", json!("a@example.com")),
    ] {
        let claims = with(full.clone(), name, value);
        let is_lacking = name != "email";
        assert_eq!(is_asked(&asking(), &claims), is_lacking, "{name}");
        assert!(!is_asked(&rules(), &claims), "{name}: it is off");
    }
    let mut null = full.clone();
    null["groups"] = json!(null);
    assert!(is_asked(&asking(), &null), "null says nothing");
    let mut careless = asking();
    careless.needs_groups = false;
    let groupless = with(full.clone(), "groups", json!(null));
    assert!(!is_asked(&careless, &groupless), "no grant has groups");
    let mut mailed = asking();
    mailed.username_claims = vec!["email".parse().unwrap()];
    assert!(is_asked(&mailed, &full));
    let verified = with(full, "email", json!("a@example.com"));
    assert!(is_asked(&mailed, &verified), "verified or not?");
    let verified = with(verified, "email_verified", json!(true));
    assert!(!is_asked(&mailed, &verified));
}

#[test]
fn a_token_that_is_refused_anyway_asks_nobody() {
    for (lacking, name, fault) in [
        (
            "groups",
            "preferred_username",
            TokenFault::UserName as fn(_) -> _,
        ),
        ("preferred_username", "groups", TokenFault::Groups),
    ] {
        let claims = with(with(access_claims(), lacking, json!(null)), name, json!(7));
        let token = ES256.token_with(
            &json!({"alg": "ES256", "kid": "key-ES256", "typ": "at+jwt"}),
            &claims,
        );
        let (jws, keys) = (Jws::parse(&token).unwrap(), key_set(&[ES256.jwk()]));
        let (rules, mut trace) = (asking(), Trace::default());
        let judged = verify(&rules, &keys, &jws, Expect::Bearer, at(NOW), &mut trace);
        assert_eq!(judged.unwrap_err(), fault(name.into()), "{name}");
    }
}

#[test]
fn an_id_token_without_its_access_token_has_nothing_to_ask_with() {
    let claims = with(id_claims(), "groups", json!(null));
    let access_token = Secret::new("at-1");
    for (expect, is_lacking) in [
        (Expect::IdToken, false),
        (Expect::Bearer, false),
        (
            Expect::Device {
                access_token: &access_token,
                begun_at: at(NOW),
            },
            true,
        ),
    ] {
        let proof = proof(&asking(), &claims, "JWT", expect);
        assert_eq!(matches!(proof, Proof::Lacking(_)), is_lacking, "{expect:?}");
    }
}

#[test]
fn userinfo_of_nobody_or_of_somebody_else_is_not_believed() {
    let said = json!({"groups": ["admins"], "preferred_username": "root"});
    for sub in [
        json!(null),
        json!("u-2"),
        json!("U-1"),
        json!("u-1 "),
        json!(1),
        json!(["u-1"]),
    ] {
        let said = with(said.clone(), "sub", sub.clone());
        let judged = completed(&asking(), &access_claims(), &said);
        assert_eq!(judged, Err(TokenFault::ForeignUserinfo), "{sub}");
    }
}

#[test]
fn userinfo_adds_what_is_lacking_and_overrides_nothing() {
    let said = json!({
        "sub": "u-1", "preferred_username": "root", "groups": ["analysts"], "sid": "s-9",
        "iss": "https://evil.example", "aud": "other", "exp": 1, "iat": 1, "nbf": 9e9,
        "client_id": "other", "azp": "other", "events": {}, "cnf": {}, "scope": "all",
    });
    let identity = completed(&asking(), &access_claims(), &said).unwrap();
    assert_eq!(identity.username(), "alice", "the token has a name");
    assert_eq!(identity.groups(), ["analysts"]);
    assert_eq!(identity.subject(), "u-1");
    assert_eq!(identity.issuer(), &*rules().issuer);
    assert_eq!(identity.expires_at(), at(NOW + 360));
    assert_eq!(identity.issued_at(), Some(at(NOW - 10)));
    assert_eq!(identity.sid(), None);
    let grouped = with(access_claims(), "groups", json!(["staff"]));
    let nameless = with(grouped, "preferred_username", json!(null));
    let identity = completed(&asking(), &nameless, &said).unwrap();
    assert_eq!(identity.username(), "root");
    assert_eq!(identity.groups(), ["staff"], "the token has groups");
}

#[test]
fn claims_of_the_protocol_are_never_taken_from_userinfo() {
    let said = json!({"sub": "u-1", "scope": "admins", "client_id": "root", "groups": ["x"]});
    for claim in ["scope", "client_id", "iss", "sid", "acr", "_claim_names"] {
        let mut rules = asking();
        rules.groups_claim = claim.parse().unwrap();
        let claims = with(access_claims(), "preferred_username", json!(null));
        let claims = with(claims, "scope", json!(null));
        let identity = completed(&rules, &claims, &said).unwrap();
        let own = claims.get(claim).and_then(Value::as_str);
        let own: Vec<&str> = own.into_iter().collect();
        assert_eq!(identity.groups(), own, "{claim}");
        let named = with(claims, "preferred_username", json!("alice"));
        assert!(!is_asked(&rules, &named), "{claim}: nothing could be added");
    }
}

#[test]
fn what_userinfo_lacks_too_is_lacking() {
    let said = json!({"sub": "u-1", "groups": null});
    let identity = completed(&asking(), &access_claims(), &said).unwrap();
    assert!(identity.groups().is_empty());
    let nameless = with(access_claims(), "preferred_username", json!(null));
    let identity = completed(&asking(), &nameless, &said).unwrap();
    assert_eq!(identity.username(), "u-1", "sub stands in for the default");
    let mut rules = asking();
    rules.username_claims = vec!["upn".parse().unwrap()];
    let fault = TokenFault::UserName("upn".into());
    assert_eq!(completed(&rules, &nameless, &said), Err(fault));
    for (name, value) in [("preferred_username", json!("a\nb")), ("groups", json!(7))] {
        let said = with(said.clone(), name, value.clone());
        let judged = completed(&asking(), &nameless, &said);
        assert!(judged.is_err(), "{name} = {value}");
    }
}

#[test]
fn an_address_is_verified_only_by_whoever_names_that_very_address() {
    let mut rules = asking();
    rules.username_claims = vec!["email".parse().unwrap()];
    rules.needs_groups = false;
    let (own, other) = ("own@example.com", "other@example.com");
    let said = |email: &str, verified: Value| {
        with(
            json!({"sub": "u-1", "email": email}),
            "email_verified",
            verified,
        )
    };
    // (what the token has, what userinfo says, the name)
    let cases = [
        (json!({}), said(own, json!(true)), Some(own)),
        (json!({}), said(own, json!(false)), None),
        (json!({}), said(own, json!(null)), None),
        (json!({"email": own}), said(own, json!(true)), Some(own)),
        (json!({"email": own}), said(own, json!("true")), Some(own)),
        (json!({"email": own}), said(other, json!(true)), None),
        (
            json!({"email": own}),
            json!({"sub": "u-1", "email_verified": true}),
            None,
        ),
        (
            json!({"email_verified": true}),
            said(other, json!(true)),
            Some(other),
        ),
        (
            json!({"email_verified": true}),
            said(other, json!(false)),
            None,
        ),
        (
            json!({"email_verified": true}),
            said(other, json!(null)),
            None,
        ),
        (
            json!({"email_verified": false}),
            said(other, json!(true)),
            None,
        ),
    ];
    for (has, said, name) in cases {
        let mut claims = access_claims();
        for (claim, value) in has.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let judged = completed(&rules, &claims, &said);
        let found = judged.as_ref().ok().map(Identity::username);
        assert_eq!(found, name, "{has} and {said}");
    }
}

#[test]
fn names_found_before_are_those_of_the_same_person_alone() {
    let said = json!({"sub": "u-1", "groups": ["analysts"]});
    let known = completed(&asking(), &access_claims(), &said).unwrap();
    let other = with(access_claims(), "sub", json!("u-2"));
    for (claims, expected) in [(access_claims(), true), (other, false)] {
        let Proof::Lacking(lacking) = access_proof(&asking(), &claims) else {
            panic!("no groups in {claims}");
        };
        assert_eq!(lacking.named_like(&known).is_some(), expected, "{claims}");
    }
}

#[test]
fn nested_and_several_claims_are_taken_from_userinfo_where_the_token_has_none() {
    let mut rules = asking();
    rules.groups_claim = "/access/roles".parse().unwrap();
    rules.username_claims = ["upn", "login"]
        .map(|claim| claim.parse().unwrap())
        .to_vec();
    let said = json!({"sub": "u-1", "login": "bob", "access": {"roles": ["dba"], "level": 9}});
    let claims = with(access_claims(), "access", json!({"level": 1}));
    let identity = completed(&rules, &claims, &said).unwrap();
    assert_eq!(
        (identity.username(), identity.groups()),
        ("bob", &["dba".to_owned()][..])
    );
    // What the token says stands in the way of what userinfo would say.
    let own = with(access_claims(), "access", json!("none"));
    assert!(completed(&rules, &own, &said).unwrap().groups().is_empty());
    let named = with(
        with(access_claims(), "login", json!("own")),
        "access",
        json!({"roles": []}),
    );
    assert!(
        !is_asked(&rules, &named),
        "it has one of its names, and groups"
    );
}
