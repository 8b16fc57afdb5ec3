//! Tokens to order.

use super::*;

#[tokio::test]
async fn minted_tokens_verify_with_every_algorithm_until_told_otherwise() {
    let site = Site::start();
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        let mint = || site.provider.mint().algorithm(name).user("bob");
        let claims = site.verify(&mint().build(), "ocient").await.unwrap();
        assert_eq!(claims["sub"], "subject-of-bob", "{name}");
        assert_eq!(
            claims["groups"],
            json!(["admins", "ocient-users"]),
            "{name}"
        );
        let spoiled = [
            mint().signed_with(SignedWith::Garbled),
            mint().signed_with(SignedWith::AnotherKey),
            mint().signed_with(SignedWith::Nobody),
            mint().signed_with(SignedWith::PublicKeyAsSecret),
            mint().expires_in(-3600),
            mint().without("exp"),
            mint().claim("iss", "https://evil.example"),
            mint().audience("another"),
            mint().header("kid", "unknown"),
            mint().raw_payload("{\"sub\":"),
        ];
        for (index, token) in spoiled.into_iter().enumerate() {
            let verified = site.verify(&token.build(), "ocient").await;
            assert!(verified.is_err(), "{name} {index}");
        }
    }
}

#[tokio::test]
async fn an_access_token_has_the_claims_of_rfc_9068() {
    let site = Site::start();
    let token = site.provider.mint().access_token().user("carol").build();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let claims = site.verify(&token, "ocient").await.unwrap();
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(claims.get(name).is_some(), "{name}");
    }
    assert_eq!(claims.get("groups"), None);
}

#[tokio::test]
async fn a_logout_token_names_the_event_and_no_person_s_details() {
    let site = Site::start();
    let token = site.provider.mint().logout_token().build();
    let claims = site.verify(&token, "ocient").await.unwrap();
    assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert_eq!(claims.get("preferred_username"), None);
}

#[tokio::test]
async fn rotation_keeps_or_drops_the_old_keys() {
    let site = Site::start();
    let first = site.provider.mint().build();
    site.provider.rotate_keys();
    let second = site.provider.mint().build();
    for token in [&first, &second] {
        assert!(site.verify(token, "ocient").await.is_ok());
    }
    site.provider.rotate_keys_and_drop();
    for token in [&first, &second] {
        assert_eq!(
            site.verify(token, "ocient").await,
            Err("unknown kid".to_owned())
        );
    }
}
