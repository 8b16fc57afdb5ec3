//! Which way is chosen, and what a signed statement says.
use super::*;
use crate::{
    config::Algorithm,
    oidc::{
        jws::Jws,
        mint::{self, ES256, ISSUER, Mint, NOW, RS256, at},
    },
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Rules for whoever looks at the endpoints for certificates, too.
fn with_certificate() -> config::Provider {
    let mut rules = mint::rules();
    rules.client_auth.certificate = Some("client.crt".into());
    rules
}

fn metadata(more: &Value) -> Metadata {
    let mut metadata = json!({
        "issuer": ISSUER, "authorization_endpoint": "https://idp/a", "token_endpoint": "https://idp/t",
        "jwks_uri": "https://idp/k", "revocation_endpoint": "https://idp/r",
    });
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    Metadata::parse(metadata.to_string().as_bytes(), &with_certificate()).unwrap()
}

fn key_of(mint: &Mint) -> ClientKey {
    ClientKey::from_pem(&mint.pem()).unwrap()
}

/// What goes out with an empty form.
fn sent(auth: &ClientAuth) -> (HashMap<String, String>, Option<HeaderValue>) {
    let mut form = Serializer::new(String::new());
    let header = auth.add_to(&mut form, "ocient", at(NOW)).unwrap();
    let form = form.finish();
    let pairs = url::form_urlencoded::parse(form.as_bytes()).into_owned();
    (pairs.collect(), header)
}

/// Header and claims of the statement in a form, whose signature `mint`'s public key proves.
fn statement(mint: &Mint, auth: &ClientAuth) -> (Value, Value) {
    let (form, header) = sent(auth);
    assert_eq!(header, None);
    assert_eq!(form["client_id"], "ocient");
    assert_eq!(form["client_assertion_type"], JWT_BEARER);
    let text = &form["client_assertion"];
    let mut jwk = mint.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let keys = mint::key_set(&[jwk]);
    let jws = Jws::parse(text).unwrap();
    jws.claims_signed_by(&keys, &mint::rules().algorithms)
        .unwrap();
    let mut parts = text.split('.').map(mint::from_base64);
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

#[test]
fn the_way_is_the_best_that_both_sides_can() {
    let secret = || Some(Secret::new("s"));
    let key = || Some(key_of(&ES256));
    let none: fn() -> Value = || json!(null);
    for (secret, key, certificate, listed, expected) in [
        (None, None, false, none(), "Public"),
        (None, None, false, json!(["client_secret_basic"]), "Public"),
        (secret(), None, false, none(), "Basic"),
        (secret(), None, false, json!(["client_secret_post"]), "Post"),
        (secret(), None, false, json!(["client_secret_jwt"]), "Basic"),
        (
            secret(),
            None,
            false,
            json!(["client_secret_post", "client_secret_basic"]),
            "Basic",
        ),
        (
            secret(),
            key(),
            false,
            json!(["client_secret_basic", "private_key_jwt"]),
            "Assertion",
        ),
        (
            secret(),
            key(),
            false,
            json!(["client_secret_post"]),
            "Post",
        ),
        (secret(), key(), false, none(), "Basic"),
        (None, key(), false, none(), "Assertion"),
        (None, key(), true, json!(["private_key_jwt"]), "Assertion"),
        (
            None,
            key(),
            true,
            json!(["private_key_jwt", "tls_client_auth"]),
            "Certificate",
        ),
        (
            None,
            key(),
            true,
            json!(["self_signed_tls_client_auth"]),
            "Certificate",
        ),
        (None, key(), true, none(), "Certificate"),
    ] {
        let mut config = mint::rules();
        config.client_auth.certificate = certificate.then(|| "client.crt".into());
        let credentials = ClientCredentials { secret, key };
        let metadata = metadata(&json!({"token_endpoint_auth_methods_supported": listed}));
        let auth = ClientAuth::choose(&config, &credentials, &metadata);
        let found = format!("{auth:?}");
        assert!(
            found.starts_with(expected),
            "{credentials:?} {listed}: {found}"
        );
    }
}

#[test]
fn the_configured_way_is_taken_whatever_the_metadata_says() {
    let credentials = ClientCredentials {
        secret: Some(Secret::new("s")),
        key: Some(key_of(&ES256)),
    };
    for (method, expected) in [
        (AuthMethod::SecretBasic, "Basic"),
        (AuthMethod::SecretPost, "Post"),
        (AuthMethod::PrivateKeyJwt, "Assertion"),
        (AuthMethod::TlsClientAuth, "Certificate"),
        (AuthMethod::SelfSignedTlsClientAuth, "Certificate"),
        (AuthMethod::None, "Public"),
    ] {
        let mut config = mint::rules();
        config.client_auth.method = Some(method);
        let metadata = metadata(&json!({"token_endpoint_auth_methods_supported": ["new"]}));
        let auth = ClientAuth::choose(&config, &credentials, &metadata);
        assert!(
            format!("{auth:?}").starts_with(expected),
            "{method:?}: {auth:?}"
        );
    }
}

#[test]
fn each_way_sends_its_proof_and_nothing_of_another() {
    let secret = || Secret::new("s%t");
    let (form, header) = sent(&ClientAuth::Basic(secret()));
    assert!(form.is_empty());
    let header = header.unwrap();
    // RFC 6749 section 2.3.1: form-encoded, then base64 of `ocient:s%25t`.
    assert_eq!(header, "Basic b2NpZW50OnMlMjV0");
    assert!(header.is_sensitive());
    let named = ("client_id".to_owned(), "ocient".to_owned());
    let (form, header) = sent(&ClientAuth::Post(secret()));
    let given = ("client_secret".to_owned(), "s%t".to_owned());
    assert_eq!(
        (form, header),
        (HashMap::from([named.clone(), given]), None)
    );
    for auth in [ClientAuth::Public, ClientAuth::Certificate] {
        assert_eq!(
            sent(&auth),
            (HashMap::from([named.clone()]), None),
            "{auth:?}"
        );
    }
}

#[test]
fn a_statement_is_signed_with_each_kind_of_key_for_the_issuer_alone() {
    for mint in mint::all() {
        let mut config = mint::rules();
        let wanted = mint.header()["alg"].as_str().unwrap().to_owned();
        if wanted == "PS256" {
            config.client_auth.signing_algorithm = Some(Algorithm::PS256);
        }
        let metadata = metadata(&json!({}));
        let auth = ClientAuth::Assertion(Box::new(assertion(&config, &key_of(mint), &metadata)));
        let (header, claims) = statement(mint, &auth);
        assert_eq!(header, json!({"alg": wanted, "typ": "JWT"}));
        let id = claims["jti"].as_str().unwrap();
        assert_eq!(id.len(), 43);
        let expected = json!({"iss": "ocient", "sub": "ocient", "aud": ISSUER, "jti": id,
            "iat": NOW, "exp": NOW + 120});
        assert_eq!(claims, expected);
        let (_, next) = statement(mint, &auth);
        assert_ne!(
            next["jti"], claims["jti"],
            "{wanted}: a statement is used once"
        );
    }
}

#[test]
fn a_statement_is_as_the_configuration_and_the_metadata_want_it() {
    let mut config = mint::rules();
    config.client_auth.key_id = Some("key 1".to_owned());
    config.client_auth.audience = AssertionAudience::TokenEndpoint;
    let listed = json!({"token_endpoint_auth_signing_alg_values_supported": ["HS256", "PS256"]});
    let made = assertion(&config, &key_of(&RS256), &metadata(&listed));
    let mut form = Serializer::new(String::new());
    let auth = ClientAuth::Assertion(Box::new(made));
    auth.add_to(&mut form, "ocient", at(NOW)).unwrap();
    let form = form.finish();
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    let (_, text) = pairs.find(|(name, _)| name == "client_assertion").unwrap();
    let mut parts = text.split('.').map(mint::from_base64);
    let header: Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    assert_eq!(
        header,
        json!({"alg": "PS256", "typ": "JWT", "kid": "key 1"})
    );
    let claims: Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    assert_eq!(claims["aud"], "https://idp/t");
}

#[test]
fn ed25519_goes_by_the_name_that_the_provider_lists() {
    for (listed, expected) in [
        (json!(["Ed25519"]), "Ed25519"),
        (json!(["EdDSA"]), "EdDSA"),
        (json!(["Ed25519", "EdDSA"]), "EdDSA"),
    ] {
        let listed = json!({"token_endpoint_auth_signing_alg_values_supported": listed});
        let made = assertion(&mint::rules(), &key_of(&mint::EDDSA), &metadata(&listed));
        let auth = ClientAuth::Assertion(Box::new(made));
        assert_eq!(statement(&mint::EDDSA, &auth).0["alg"], expected);
    }
}

#[test]
fn a_key_without_an_algorithm_is_refused() {
    let p521 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    assert!(ClientKey::from_pem(&Secret::new(p521.serialize_pem())).is_err());
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let key = ClientKey::from_pem(&Secret::new(p384.serialize_pem())).unwrap();
    assert!(key.can(Algorithm::ES384) && !key.can(Algorithm::ES256));
}

#[test]
fn with_a_certificate_the_endpoints_for_certificates_are_used() {
    let aliases =
        json!({"token_endpoint": "https://mtls/t", "userinfo_endpoint": "https://mtls/u"});
    let mut metadata = metadata(&json!({"mtls_endpoint_aliases": aliases}));
    assert_eq!(metadata.token_endpoint.as_str(), "https://idp/t");
    metadata.use_mtls_endpoints();
    assert_eq!(metadata.token_endpoint.as_str(), "https://mtls/t");
    let revocation = metadata.revocation_endpoint.unwrap();
    assert_eq!(revocation.as_str(), "https://idp/r");
    let userinfo = metadata.userinfo_endpoint.unwrap();
    assert_eq!(userinfo.as_str(), "https://mtls/u");
}

#[test]
fn an_endpoint_for_certificates_without_tls_is_refused() {
    let text = json!({
        "issuer": ISSUER, "authorization_endpoint": "https://idp/a", "token_endpoint": "https://idp/t",
        "jwks_uri": "https://idp/k", "mtls_endpoint_aliases": {"token_endpoint": "http://idp/t"},
    });
    assert!(Metadata::parse(text.to_string().as_bytes(), &with_certificate()).is_err());
}
