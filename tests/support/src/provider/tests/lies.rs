//! The lies do what they say.

use super::*;

#[tokio::test]
async fn every_lie_in_an_id_token_can_be_seen_in_it() {
    type Look = fn(&Value, &Value) -> bool;
    let site = Site::start();
    let cases: [(Lie, Look); 22] = [
        (Lie::WrongNonce, |_, claims| claims["nonce"] != NONCE),
        (Lie::MissingNonce, |_, claims| claims.get("nonce").is_none()),
        (Lie::WrongIssuer, |_, claims| {
            claims["iss"] == "https://evil.example/realms/test"
        }),
        (Lie::WrongAudience, |_, claims| {
            claims["aud"] == "another-client"
        }),
        (Lie::AudienceArray, |_, claims| {
            claims["aud"] == json!(["ocient"])
        }),
        (Lie::SeveralAudiences, |_, claims| {
            claims["aud"][1] == "another-client" && claims.get("azp").is_none()
        }),
        (Lie::ForeignAuthorizedParty, |_, claims| {
            claims["azp"] == "another-client"
        }),
        (Lie::MissingAudience, |_, claims| {
            claims.get("aud").is_none()
        }),
        (Lie::MissingSubject, |_, claims| claims.get("sub").is_none()),
        (Lie::MissingIssuedAt, |_, claims| {
            claims.get("iat").is_none()
        }),
        (Lie::MissingExpiry, |_, claims| claims.get("exp").is_none()),
        (Lie::Expired, |_, claims| {
            claims["exp"].as_i64() < Some(super::super::mint::now())
        }),
        (Lie::EndlessExpiry, |_, claims| claims["exp"] == 1e300),
        (Lie::NotYetValid, |_, claims| {
            claims["nbf"].as_i64() > Some(super::super::mint::now())
        }),
        (Lie::FloatDates, |_, claims| {
            claims["exp"].as_i64().is_none()
        }),
        (Lie::GroupsAsText, |_, claims| {
            claims["groups"] == "analysts,ocient-users"
        }),
        (Lie::IdTokenClaim("x", "y".into()), |_, claims| {
            claims["x"] == "y"
        }),
        (Lie::AlgorithmNone, |header, _| header["alg"] == "none"),
        (Lie::Hs256WithPublicKey, |header, _| {
            header["alg"] == "HS256"
        }),
        (Lie::NoKeyId, |header, _| header.get("kid").is_none()),
        (Lie::WrongType, |header, _| header["typ"] == "at+jwt"),
        (Lie::Critical, |header, _| header["crit"].is_array()),
    ];
    for (lie, look) in cases {
        let honest = decode(&site.tokens().await);
        assert!(!look(&honest.0, &honest.1), "honest, yet {lie:?}");
        site.provider.lie(lie.clone());
        let told = decode(&site.tokens().await);
        assert!(look(&told.0, &told.1), "{lie:?}: {told:?}");
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn spoiled_signatures_do_not_verify() {
    let site = Site::start();
    for algorithm in Algorithm::ALL {
        site.provider.sign_with(algorithm);
        for lie in [Lie::BadSignature, Lie::ForeignKey, Lie::UnknownKeyId] {
            site.provider.lie(lie.clone());
            let tokens = site.tokens().await;
            let verified = site
                .verify(tokens["id_token"].as_str().unwrap(), "ocient")
                .await;
            assert!(verified.is_err(), "{algorithm:?} {lie:?}");
            site.provider.be_honest();
        }
    }
}

#[tokio::test]
async fn every_lie_in_the_redirect_can_be_seen_in_it() {
    type Look = fn(&[(String, String)]) -> bool;
    let site = Site::start();
    let count = |parameters: &[(String, String)], name: &str| {
        parameters.iter().filter(|(key, _)| key == name).count()
    };
    // Closures in the table cannot capture `count`; each case names a parameter and its count instead.
    let counted = [
        (Lie::MissingCallbackIssuer, "iss", 0),
        (Lie::NoCallbackIssuer, "iss", 0),
        (Lie::SessionState, "session_state", 1),
        (Lie::DuplicateState, "state", 2),
        (Lie::DuplicateCode, "code", 2),
        (Lie::MissingState, "state", 0),
        (Lie::AuthorizationError("server_error"), "code", 0),
    ];
    for (lie, name, expected) in counted {
        site.provider.lie(lie.clone());
        let parameters = site.authorize("ocient").await;
        assert_eq!(count(&parameters, name), expected, "{lie:?}");
        site.provider.be_honest();
    }
    let changed: [(Lie, Look); 2] = [
        (Lie::WrongCallbackIssuer, |all| {
            value(all, "iss").contains("evil")
        }),
        (Lie::WrongState, |all| value(all, "state") != STATE),
    ];
    for (lie, look) in changed {
        site.provider.lie(lie.clone());
        assert!(look(&site.authorize("ocient").await), "{lie:?}");
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn metadata_and_key_sets_can_be_wrong() {
    let site = Site::start();
    let honest = site.get("discovery").await.json();
    assert_eq!(honest["issuer"], site.provider.issuer());
    for lie in [
        Lie::AnotherIssuer,
        Lie::AdvertisesNone,
        Lie::AdvertisesPlain,
        Lie::HttpEndpoints,
    ] {
        site.provider.lie(lie.clone());
        assert_ne!(site.get("discovery").await.json(), honest, "{lie:?}");
        site.provider.be_honest();
    }
    let sizes = [
        (Lie::ThousandKeys, 1005),
        (Lie::DuplicateKeyIds, 10),
        (Lie::UnusableKeys, 16),
        (Lie::NoKeys, 0),
        (Lie::FiveMegabytesOfKeys, 5),
    ];
    for (lie, count) in sizes {
        site.provider.lie(lie.clone());
        let answer = site.get("jwks").await;
        assert_eq!(
            answer.json()["keys"].as_array().unwrap().len(),
            count,
            "{lie:?}"
        );
        let is_large = answer.body.len() > 5_000_000;
        assert_eq!(is_large, lie == Lie::FiveMegabytesOfKeys);
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn answers_can_break_below_their_content() {
    let site = Site::start();
    let lie = |lie| {
        site.provider.be_honest();
        site.provider.lie(lie);
    };
    lie(Lie::ServerError(Endpoint::Jwks));
    assert_eq!(
        site.get("jwks").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(site.get("discovery").await.status, StatusCode::OK);
    lie(Lie::WrongContentType(Endpoint::Jwks));
    assert_eq!(
        site.get("jwks").await.header("content-type"),
        Some("text/html")
    );
    lie(Lie::EndlessBody(Endpoint::Jwks));
    assert_eq!(site.get("jwks").await.body.len(), 64 * 1024 * 1024);
    lie(Lie::CompressedBomb(Endpoint::Jwks));
    assert!(site.get("jwks").await.body.len() < 1024 * 1024);
    lie(Lie::BytesOfKeys(1_000_000));
    assert_eq!(site.get("jwks").await.body.len(), 1_000_000);
    lie(Lie::DuplicateMember(Endpoint::Jwks));
    assert_eq!(
        site.get("jwks").await.text().matches("\"keys\":").count(),
        2
    );
    lie(Lie::DeepNesting(Endpoint::Jwks));
    assert!(site.get("jwks").await.text().contains(&"[".repeat(100_000)));
    lie(Lie::ByteOrderMark(Endpoint::Jwks));
    assert!(site.get("jwks").await.body.starts_with(b"\xef\xbb\xbf{"));
    lie(Lie::Utf16(Endpoint::Jwks));
    assert!(site.get("jwks").await.body.starts_with(b"\0{"));
    lie(Lie::BrokenOff(Endpoint::Jwks));
    let url = site.provider.url("jwks");
    assert!(site.client.get(&url).send().await.is_err());
    lie(Lie::Redirect(Endpoint::Discovery));
    let redirect = site.get("discovery").await;
    assert_eq!(redirect.status, StatusCode::FOUND);
    let followed = site.client.follow(redirect).await.unwrap().json();
    assert_eq!(followed["issuer"], site.provider.issuer());
    lie(Lie::TokenError(403, "strange_error"));
    let refused = site.redeem("any").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["error"], "strange_error");
}

#[tokio::test]
async fn held_requests_are_answered_at_release() {
    let site = Site::start();
    site.provider.hold("token");
    let redeeming = site.redeem("any");
    let releasing = async {
        site.provider.reached("token", 1).await;
        site.provider.release("token");
    };
    let (answer, ()) = tokio::join!(redeeming, releasing);
    assert_eq!(answer.json()["error"], "invalid_grant");
    let recorded = site.provider.last_request("token").unwrap();
    assert_eq!(recorded.parameter("code"), Some("any"));
    assert_eq!(
        recorded.headers["host"],
        site.provider.issuer()[8..].split('/').next().unwrap()
    );
}

#[tokio::test]
async fn a_dead_provider_refuses_connections_and_comes_back() {
    let site = Site::start();
    let url = site.provider.url("jwks");
    let connection = site.client.connect(&url).await.unwrap();
    site.provider.die();
    assert!(connection.get(&url).send().await.is_err());
    assert!(site.client.get(&url).send().await.is_err());
    site.provider.revive();
    assert_eq!(site.get("jwks").await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_can_rotate_in_the_last_moment() {
    let site = Site::start();
    let before = site.get("jwks").await.json();
    site.provider.rotate_just_before_signing();
    let (header, _) = decode(&site.tokens().await);
    let known = before["keys"].as_array().unwrap();
    assert!(known.iter().all(|key| key["kid"] != header["kid"]));
    let again = site.tokens().await;
    assert!(
        site.verify(again["id_token"].as_str().unwrap(), "ocient")
            .await
            .is_ok()
    );
}

/// Header and claims of an answer's ID token.
fn decode(tokens: &Value) -> (Value, Value) {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let parts = tokens["id_token"].as_str().unwrap().split('.');
    let mut parts = parts.map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}
