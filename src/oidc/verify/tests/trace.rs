//! The trace says which rule a token broke, and never more than was checked.
use super::*;

fn traced(claims: &Value, typ: &str, expect: Expect<'_>) -> (Result<Identity, TokenFault>, Trace) {
    let header = json!({"alg": "ES256", "kid": "key-ES256", "typ": typ});
    let token = ES256.token_with(&header, claims);
    let (mut trace, keys) = (Trace::default(), key_set(&[ES256.jwk()]));
    let jws = trace.check(Rule::Form, Jws::parse(&token)).unwrap();
    let judged = verify(&rules(), &keys, &jws, expect, at(NOW), &mut trace);
    (judged.map(whole), trace)
}

fn checked(trace: &Trace) -> Vec<Rule> {
    let was_checked = |rule: &Rule| trace.outcome(*rule).is_some();
    Rule::ALL.into_iter().filter(was_checked).collect()
}

#[test]
fn the_rules_are_in_the_order_of_their_numbers() {
    for (number, rule) in Rule::ALL.into_iter().enumerate() {
        assert_eq!(rule as usize, number, "{rule:?}");
    }
}

#[test]
fn a_good_token_is_held_against_every_rule_for_its_kind() {
    let (nonce, nothing) = (Secret::new("n"), Secret::new(""));
    let sign_in = Expect::SignIn {
        nonce: &nonce,
        begun_at: at(NOW),
        access_token: &nothing,
        code: &nothing,
    };
    let of_sign_in = [
        Rule::Nonce,
        Rule::AccessTokenHash,
        Rule::CodeHash,
        Rule::Lineage,
        Rule::Userinfo,
    ];
    let with_nonce = with(id_claims(), "nonce", json!("n"));
    for (claims, typ, expect, without) in [
        (with_nonce, "JWT", sign_in, vec![Rule::Userinfo]),
        (id_claims(), "JWT", Expect::Bearer, of_sign_in.to_vec()),
        (
            access_claims(),
            "at+jwt",
            Expect::Bearer,
            [&of_sign_in[..], &[Rule::IssuedAt]].concat(),
        ),
    ] {
        let (judged, trace) = traced(&claims, typ, expect);
        assert!(judged.is_ok(), "{judged:?}");
        let mut expected = Rule::ALL.to_vec();
        expected.retain(|rule| !without.contains(rule));
        assert_eq!(checked(&trace), expected, "{typ}");
        assert!(trace.is_signed());
    }
}

#[test]
fn the_first_broken_rule_is_the_fault_and_those_behind_it_are_noted() {
    for (name, value, rule) in [
        ("iss", json!("https://evil.example"), Rule::Issuer),
        ("events", json!({}), Rule::NoEvent),
        ("cnf", json!({"jkt": "x"}), Rule::NoKeyBinding),
        ("aud", json!("other"), Rule::Audience),
        ("azp", json!("other"), Rule::Audience),
        ("iat", json!(null), Rule::IssuedAt),
        ("exp", json!(1), Rule::Lifetime),
        ("nbf", json!(NOW + 61), Rule::Lifetime),
        ("sub", json!(""), Rule::Subject),
        ("sid", json!(1), Rule::ProviderSession),
        ("preferred_username", json!(1), Rule::UserName),
        ("groups", json!(1), Rule::Groups),
    ] {
        // The last one is broken, too.
        let claims = with(with(id_claims(), "groups", json!(1)), name, value);
        let (judged, trace) = traced(&claims, "JWT", Expect::IdToken);
        let fault = judged.unwrap_err();
        assert_eq!(trace.outcome(rule), Some(Err(fault)), "{name}");
        let broken: Vec<Rule> = trace.broken().collect();
        assert_eq!(
            (broken[0], broken.last()),
            (rule, Some(&Rule::Groups)),
            "{name}"
        );
        assert!(broken.len() <= 2, "{broken:?}");
    }
}

#[test]
fn claims_are_not_looked_at_before_the_signature_is_good() {
    let claims = with(id_claims(), "iss", json!("https://evil.example"));
    let token = ES256.token(&claims);
    let (signed, _) = token.rsplit_once('.').unwrap();
    for (token, last) in [
        (format!("{signed}.AAAA"), Rule::Signature),
        (
            ES256.token_with(&json!({"alg": "HS256"}), &claims),
            Rule::Algorithm,
        ),
        (
            ES256.token_with(&json!({"alg": "ES256", "typ": "x"}), &claims),
            Rule::Type,
        ),
    ] {
        let (mut trace, keys) = (Trace::default(), key_set(&[ES256.jwk()]));
        let jws = trace.check(Rule::Form, Jws::parse(&token)).unwrap();
        let judged = verify(&rules(), &keys, &jws, Expect::IdToken, at(NOW), &mut trace);
        assert!(judged.is_err() && !trace.is_signed(), "{last:?}");
        assert_eq!(checked(&trace).last(), Some(&last));
    }
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_source() {
    let mut names = Rule::ALL.map(Rule::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| !rule.source().is_empty()));
}
