use super::*;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

const ISSUER: &str = "https://idp.example.com";

fn jwt(issuer: &str) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(&format!(r#"{{"iss":"{issuer}"}}"#)),
        part("s")
    )
}

fn of(fields: &[(&'static str, String)]) -> Result<Credential, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let claims = |token: &str| token.split('.').nth(1).map(str::to_owned);
    let owner_of = |token: &str| match claims(token) == claims(&jwt(ISSUER)) {
        true => Owner::Entry(0),
        false => Owner::Stranger,
    };
    Credential::of(&headers, Some(owner_of))
}

fn kind(authorization: String) -> Result<CredentialKind, Failure> {
    of(&[("authorization", authorization)]).map(|credential| credential.kind())
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

#[test]
fn bearers_are_told_apart() {
    let session = SessionToken::generate();
    for (token, expected) in [
        (session.expose().to_owned(), CredentialKind::SessionToken),
        (jwt(ISSUER), CredentialKind::ProviderToken),
        (jwt("https://other.example.com"), CredentialKind::Bearer),
        ("opaque".to_owned(), CredentialKind::Bearer),
        (String::new(), CredentialKind::Bearer),
    ] {
        for scheme in ["Bearer", "bearer", "BEARER "] {
            assert_eq!(
                kind(format!("{scheme} {token}")),
                Ok(expected),
                "{scheme} {token}"
            );
        }
    }
}

#[test]
fn a_basic_password_counts_as_a_token_under_the_names_that_say_so() {
    let session = SessionToken::generate();
    for user in ["id_token", "access_token", "session"] {
        assert_eq!(
            kind(basic(user, &jwt(ISSUER))),
            Ok(CredentialKind::ProviderToken),
            "{user}"
        );
        assert_eq!(
            kind(basic(user, session.expose())),
            Ok(CredentialKind::SessionToken),
            "{user}"
        );
        assert_eq!(
            kind(basic(user, "opaque")),
            Ok(CredentialKind::Bearer),
            "{user}"
        );
    }
    for user in ["id_token@system", "access_token@system"] {
        assert_eq!(
            kind(basic(user, &jwt(ISSUER))),
            Ok(CredentialKind::ProviderToken),
            "{user}"
        );
    }
    for user in ["alice", "session@system", ""] {
        assert_eq!(
            kind(basic(user, &jwt(ISSUER))),
            Ok(CredentialKind::Basic),
            "{user}"
        );
    }
}

#[test]
fn a_token_without_its_padding_is_seen_all_the_same() {
    let mut seen = 0;
    for padding in ["", "x", "xx"] {
        let credential = basic("id_token", &format!("{}{padding}", jwt(ISSUER)));
        let bare = credential.trim_end_matches('=');
        seen += usize::from(bare != credential);
        let found = kind(bare.to_owned());
        assert_eq!(found, Ok(CredentialKind::ProviderToken), "{bare}");
    }
    assert_eq!(seen, 2);
}

#[test]
fn what_looks_like_a_session_token_is_never_anything_else() {
    for token in ["ocs_", "ocs_x", "ocs_AAAA=", "ocs_ocs_"] {
        assert_eq!(
            kind(format!("Bearer {token}")),
            Err(Failure::SessionUnknown),
            "{token}"
        );
        assert_eq!(
            kind(basic("session", token)),
            Err(Failure::SessionUnknown),
            "{token}"
        );
    }
    let cookie = [("cookie", format!("{}=forged", cookie::SESSION))];
    assert_eq!(of(&cookie).unwrap_err(), Failure::SessionUnknown);
}

#[test]
fn other_schemes_and_broken_ones_are_the_sql_nodes_to_judge() {
    for (value, expected) in [
        ("Negotiate abc", CredentialKind::Bearer),
        ("Basic !!!", CredentialKind::Basic),
        ("Basic", CredentialKind::Basic),
        ("", CredentialKind::Bearer),
    ] {
        assert_eq!(kind(value.to_owned()), Ok(expected), "{value}");
    }
}

#[test]
fn without_a_provider_no_user_name_stands_for_a_token() {
    let of = |value: &str| {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.insert("authorization", value);
        Credential::of(&headers, None::<fn(&str) -> Owner>).map(|credential| credential.kind())
    };
    for user in [
        "id_token",
        "ID_TOKEN",
        "oauth_tokens",
        "id_token@system",
        "session",
    ] {
        assert_eq!(of(&basic(user, "x")), Ok(CredentialKind::Basic), "{user}");
    }
    assert_eq!(of("Basic \u{e9}"), Ok(CredentialKind::Bearer));
    assert_eq!(of("Bearer x"), Ok(CredentialKind::Bearer));
    let session = SessionToken::generate();
    let bearer = format!("Bearer {}", session.expose());
    assert_eq!(of(&bearer), Ok(CredentialKind::SessionToken));
}

#[test]
fn an_authorization_beyond_ascii_is_refused() {
    for value in [
        "Bearer x\u{a0}",
        "Basic\u{a0}YTpi",
        "\u{e9}",
        "Bearer \u{20ac}",
    ] {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.insert("authorization", value.clone());
        let of = Credential::of(&headers, Some(|_: &str| Owner::Stranger));
        assert_eq!(of.unwrap_err().row().status, 400, "{value:?}");
    }
}

#[test]
fn a_scheme_that_only_a_lenient_reader_knows_is_refused() {
    for value in [
        "Basic: YTpi",
        "basic,YTpi",
        "Basic=YTpi",
        "BEARER: x",
        ", Basic YTpi",
        "Negotiate x,bearer y",
        "Bearer,x",
        " Basic;",
    ] {
        let refused = kind(value.to_owned()).unwrap_err();
        assert_eq!(refused.row().status, 400, "{value}");
    }
    for value in ["Basics YTpi", "Bearer2 x", "Negotiate: x", "DPoP x"] {
        assert_eq!(
            kind(value.to_owned()),
            Ok(CredentialKind::Bearer),
            "{value}"
        );
    }
}

#[test]
fn authorization_comes_before_the_cookie_and_there_is_one_of_each() {
    let token = SessionToken::generate();
    let cookie = ("cookie", format!("{}={}", cookie::SESSION, token.expose()));
    assert_eq!(
        of(std::slice::from_ref(&cookie)).unwrap().kind(),
        CredentialKind::SessionCookie
    );
    let both = [cookie.clone(), ("authorization", basic("alice", "x"))];
    assert_eq!(of(&both).unwrap().kind(), CredentialKind::Basic);
    assert!(of(&[cookie.clone(), cookie]).is_err());
    let twice = ("authorization", basic("alice", "x"));
    assert!(of(&[twice.clone(), twice]).is_err());
}
