//! Access tokens that are not those of RFC 9068, and who may have them.
use super::*;
use crate::config::AccessTokens;

/// Rules that let claims decide, for one audience.
fn by_claims() -> config::Provider {
    let mut rules = rules();
    rules.audiences = vec!["api".to_owned()];
    rules.tokens.access_tokens = AccessTokens::Jwt;
    rules
}

/// What no token of RFC 9068 would be: an access token whose `typ` is JWT.
fn vendor_claims() -> Value {
    let claims = with(
        with(access_claims(), "client_id", json!(null)),
        "aud",
        json!("api"),
    );
    with(claims, "scp", json!("read"))
}

fn brought(rules: &config::Provider, claims: &Value) -> Result<TokenKind, TokenFault> {
    let judged = judge(rules, claims, "JWT", Expect::Bearer, at(NOW));
    judged.map(|identity| identity.token_kind())
}

#[test]
fn claims_tell_the_kinds_apart_where_the_configuration_lets_them() {
    let rules = by_claims();
    let plain = with(vendor_claims(), "scp", json!(null));
    for (name, value) in [
        ("scp", json!("read")),
        ("scp", json!(["read"])),
        ("scope", json!("read")),
        ("client_id", json!("x")),
        ("cid", json!("x")),
        ("appid", json!("x")),
        ("azpacr", json!("1")),
        ("idtyp", json!("app")),
        ("gty", json!("client-credentials")),
        ("token_use", json!("access")),
    ] {
        let claims = with(plain.clone(), name, value);
        assert_eq!(brought(&rules, &claims), Ok(TokenKind::Access), "{name}");
        let as_access = judge(&rules, &claims, "JWT", Expect::AccessToken, at(NOW));
        assert!(as_access.is_ok(), "{name}");
        let as_id = judge(&rules, &claims, "JWT", Expect::IdToken, at(NOW));
        assert_eq!(as_id, Err(TokenFault::Type), "{name}");
        let mut strict = rules.clone();
        strict.tokens.access_tokens = AccessTokens::Rfc9068;
        assert_eq!(
            brought(&strict, &claims),
            Err(TokenFault::Audience),
            "{name}"
        );
        let as_access = judge(&strict, &claims, "JWT", Expect::AccessToken, at(NOW));
        assert_eq!(as_access, Err(TokenFault::Type), "{name}");
    }
    assert_eq!(
        brought(&rules, &plain),
        Err(TokenFault::Audience),
        "no mark"
    );
    let typed = judge(&rules, &access_claims(), "at+jwt", Expect::Bearer, at(NOW));
    assert!(typed.is_ok(), "RFC 9068's own are judged as ever");
}

#[test]
fn an_id_token_is_never_an_access_token_whatever_else_it_has() {
    let rules = by_claims();
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("x")),
        ("c_hash", json!("x")),
        ("token_use", json!("id")),
        ("token_use", json!(1)),
        ("typ", json!("ID")),
        ("typ", json!(["Bearer"])),
    ] {
        let claims = with(vendor_claims(), name, value.clone());
        assert_eq!(
            brought(&rules, &claims),
            Err(TokenFault::Audience),
            "{name}"
        );
        let as_access = judge(&rules, &claims, "JWT", Expect::AccessToken, at(NOW));
        assert_eq!(as_access, Err(TokenFault::Type), "{name} {value}");
        let ours = with(claims, "aud", json!("ocient"));
        assert_eq!(brought(&rules, &ours), Ok(TokenKind::Id), "{name}");
    }
    // Its audience is an access token's only where the operator says so.
    let ours = with(vendor_claims(), "aud", json!("ocient"));
    assert_eq!(brought(&rules, &ours), Err(TokenFault::Audience));
    let mut listed = by_claims();
    listed.audiences = vec!["ocient".to_owned()];
    assert_eq!(brought(&listed, &ours), Ok(TokenKind::Access));
}

#[test]
fn no_refresh_or_logout_token_is_a_bearer() {
    for rules in [rules(), by_claims()] {
        for (name, word) in [
            ("typ", "Refresh"),
            ("typ", "Offline"),
            ("typ", "Logout"),
            ("token_use", "refresh"),
        ] {
            for aud in ["ocient", "api"] {
                let claims = with(with(vendor_claims(), name, json!(word)), "aud", json!(aud));
                for (typ, claims) in [
                    ("JWT", claims.clone()),
                    ("at+jwt", with(claims, "client_id", json!("ocient"))),
                ] {
                    let judged = judge(&rules, &claims, typ, Expect::Bearer, at(NOW));
                    assert_eq!(judged, Err(TokenFault::Type), "{name} {word} {typ}");
                }
            }
        }
    }
}

#[test]
fn parties_are_asked_for_where_no_audience_is_ours_alone() {
    let mut rules = by_claims();
    rules.tokens.authorized_parties = vec!["etl".to_owned(), "batch".to_owned()];
    let for_others = with(vendor_claims(), "aud", json!("account"));
    let party = Err(TokenFault::AuthorizedParty);
    let access = Ok(TokenKind::Access);
    for (claims, expected) in [
        (json!({"azp": "etl"}), access.clone()),
        (json!({"cid": "batch"}), access.clone()),
        (json!({"appid": "etl", "azp": "etl"}), access.clone()),
        (json!({"azp": "etl", "client_id": "batch"}), access.clone()),
        (json!({"azp": "etl", "client_id": "other"}), party.clone()),
        (json!({"azp": "etl", "appid": "other"}), party.clone()),
        (json!({"azp": "ETL"}), party.clone()),
        (json!({"azp": "etl "}), party.clone()),
        (json!({"azp": ""}), party.clone()),
        (json!({}), party),
        (
            json!({"azp": "etl", "cid": null}),
            Err(TokenFault::Claim("cid")),
        ),
        (json!({"azp": ["etl"]}), Err(TokenFault::Claim("azp"))),
    ] {
        for aud in [json!("account"), json!(["account", "x"]), json!(null)] {
            let mut all = with(for_others.clone(), "aud", aud);
            all.as_object_mut()
                .unwrap()
                .extend(claims.as_object().unwrap().clone());
            assert_eq!(brought(&rules, &all), expected, "{all}");
        }
    }
    // An audience of ours says by itself whom the token is for.
    let ours = with(
        with(for_others.clone(), "azp", json!("other")),
        "aud",
        json!("api"),
    );
    assert_eq!(brought(&rules, &ours), access);
    let id_token = with(with(ours, "azp", json!("etl")), "aud", json!("ocient"));
    assert_eq!(brought(&rules, &id_token), Err(TokenFault::Audience));
    let id_token = with(with(for_others, "azp", json!("etl")), "nonce", json!("n"));
    assert_eq!(
        brought(&rules, &id_token),
        Err(TokenFault::Audience),
        "no ID token"
    );
    rules.tokens.access_tokens = AccessTokens::Rfc9068;
    let typed = with(
        with(access_claims(), "aud", json!("account")),
        "client_id",
        json!("etl"),
    );
    assert!(access_token(&rules, &typed).is_ok());
    let nameless = with(with(typed, "client_id", json!(null)), "azp", json!("etl"));
    let fault = Err(TokenFault::Claim("client_id"));
    assert_eq!(
        access_token(&rules, &nameless),
        fault,
        "RFC 9068 demands it"
    );
}

#[test]
fn a_further_issuer_counts_in_brought_tokens_alone() {
    let mut rules = rules();
    let further = "http://sts.example.com/adfs/services/trust";
    rules.tokens.token_issuers = vec![further.to_owned()];
    let claims = with(id_claims(), "iss", json!(further));
    let identity = judge(&rules, &claims, "JWT", Expect::Bearer, at(NOW)).unwrap();
    assert_eq!(identity.issuer(), &*rules.issuer, "whose logouts end it");
    for iss in [
        "http://sts.example.com/adfs/services/trust/",
        "http://sts.example.com",
        "",
    ] {
        let claims = with(id_claims(), "iss", json!(iss));
        let judged = judge(&rules, &claims, "JWT", Expect::Bearer, at(NOW));
        assert_eq!(judged, Err(TokenFault::Issuer), "{iss}");
    }
    let (nonce, nothing) = (Secret::new("n"), Secret::new(""));
    let claims = with(claims, "nonce", json!("n"));
    for expect in [
        Expect::SignIn {
            nonce: &nonce,
            begun_at: at(NOW),
            access_token: &nothing,
            code: &nothing,
        },
        Expect::Device {
            begun_at: at(NOW),
            access_token: &nothing,
        },
        Expect::Refreshed {
            before: &identity,
            access_token: &nothing,
        },
    ] {
        let judged = judge(&rules, &claims, "JWT", expect, at(NOW));
        assert_eq!(judged, Err(TokenFault::Issuer), "{expect:?}");
    }
    let logout = with(claims, "nonce", json!(null));
    let logout = with(
        logout,
        "events",
        json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
    );
    let token = ES256.token(&with(logout, "jti", json!("1")));
    let judged = verify_logout(
        &rules,
        &key_set(&[ES256.jwk()]),
        &Jws::parse(&token).unwrap(),
        at(NOW),
    );
    assert_eq!(judged.map(drop), Err(TokenFault::Issuer));
}

#[test]
fn a_refusal_says_what_the_token_was_taken_for() {
    let said = |rules: &config::Provider, claims: &Value, expect: Expect<'_>| {
        let (jws, mut trace) = (ES256.token(claims), Trace::default());
        let jws = Jws::parse(&jws).unwrap();
        let judged = verify(
            rules,
            &key_set(&[ES256.jwk()]),
            &jws,
            expect,
            at(NOW),
            &mut trace,
        );
        trace.explained(judged.map(drop).unwrap_err()).to_string()
    };
    let strict = said(&rules(), &vendor_claims(), Expect::Bearer);
    let wanted = "the token is meant for somebody else: its typ is JWT or missing, so it is judged \
                  as an ID token; with access_tokens = \"jwt\" its claims would decide";
    assert_eq!(strict, wanted);
    let as_access = said(&rules(), &vendor_claims(), Expect::AccessToken);
    assert!(
        as_access.starts_with("this kind of token is not accepted here: its typ"),
        "{as_access}"
    );
    let other = with(vendor_claims(), "aud", json!("secret-api"));
    let by_scp = said(&by_claims(), &other, Expect::Bearer);
    assert!(
        by_scp.ends_with("it has scp, so it is judged as an access token"),
        "{by_scp}"
    );
    let id_token = said(
        &by_claims(),
        &with(other, "nonce", json!("n")),
        Expect::Bearer,
    );
    assert!(
        id_token.contains("it has nonce as no access token has"),
        "{id_token}"
    );
    for text in [strict, as_access, by_scp, id_token] {
        assert!(
            !text.contains("secret-api") && !text.contains("api,"),
            "{text}"
        );
    }
    let expired = with(id_claims(), "exp", json!(1));
    assert_eq!(
        said(&rules(), &expired, Expect::Bearer),
        "the token has expired"
    );
}
