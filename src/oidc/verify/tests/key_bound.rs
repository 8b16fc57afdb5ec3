//! Tokens bound to a key.
use super::*;

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_whatever_binds_it() {
    for cnf in [
        json!({"jkt": "x"}),
        json!({"x5t#S256": "x"}),
        json!({}),
        json!("x"),
        json!(0),
        Value::Null,
    ] {
        for (mut claims, typ) in [(id_claims(), "JWT"), (access_claims(), "at+jwt")] {
            claims["cnf"] = cnf.clone();
            let judged = judge(&rules(), &claims, typ, Expect::Bearer, at(NOW));
            assert_eq!(judged, Err(TokenFault::KeyBound), "{typ} {cnf}");
        }
    }
}

#[test]
fn another_reader_of_claims_keeps_the_rule_too() {
    let mut claims = access_claims();
    claims["cnf"] = Value::Null;
    let members = claims.as_object().unwrap();
    let judged = introspected(&rules(), members, at(NOW), at(NOW));
    assert_eq!(judged.unwrap_err(), TokenFault::KeyBound);
}
