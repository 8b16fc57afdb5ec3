//! Tokens that prove nothing, brought by a client, in every way a client can bring one.
use crate::site::{Site, assert_refused};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{SignedWith, TokenBuilder},
    sql_node::RETAIL,
};

pub(crate) type Trick = fn(TokenBuilder) -> TokenBuilder;

/// What is wrong, and the code it has as an ID token.
pub(crate) const TRICKS: [(&str, Trick, i64); 46] = [
    (
        "alg none",
        |token| token.signed_with(SignedWith::Nobody),
        -1235,
    ),
    (
        "alg none, signed",
        |token| token.header("alg", "none"),
        -1235,
    ),
    ("alg NONE", |token| token.header("alg", "NONE"), -1235),
    ("no alg", |token| token.header("alg", Value::Null), -1235),
    ("alg a number", |token| token.header("alg", 256), -1235),
    ("alg unknown", |token| token.header("alg", "XS256"), -1235),
    ("alg RS1", |token| token.header("alg", "RS1"), -1235),
    (
        "HS256 with the public key",
        |token| token.signed_with(SignedWith::PublicKeyAsSecret),
        -1235,
    ),
    (
        "HS256 with the client's secret",
        |token| token.signed_with(SignedWith::Secret(b"ocient-secret".to_vec())),
        -1235,
    ),
    (
        "another alg than the key's",
        |token| token.header("alg", "ES256"),
        -1235,
    ),
    (
        "PS256 for an RS256 key",
        |token| token.header("alg", "PS256"),
        -1235,
    ),
    (
        "another key",
        |token| token.signed_with(SignedWith::AnotherKey),
        -1234,
    ),
    (
        "garbled",
        |token| token.signed_with(SignedWith::Garbled),
        -1234,
    ),
    (
        "garbled ES256",
        |token| token.algorithm("ES256").signed_with(SignedWith::Garbled),
        -1234,
    ),
    (
        "garbled EdDSA",
        |token| token.algorithm("EdDSA").signed_with(SignedWith::Garbled),
        -1234,
    ),
    (
        "unknown kid",
        |token| token.header("kid", "nobody's"),
        -1229,
    ),
    (
        "kid a path",
        |token| token.header("kid", "../../etc/passwd"),
        -1229,
    ),
    ("kid SQL", |token| token.header("kid", "' or 1=1 --"), -1229),
    ("kid a number", |token| token.header("kid", 1), -1235),
    ("crit", |token| token.header("crit", json!(["x"])), -1235),
    ("crit empty", |token| token.header("crit", json!([])), -1235),
    (
        "crit b64",
        |token| token.header("crit", json!(["b64"])).header("b64", false),
        -1235,
    ),
    (
        "typ of a logout token",
        |token| token.header("typ", "logout+jwt"),
        -1236,
    ),
    (
        "typ unknown",
        |token| token.header("typ", "dpop+jwt"),
        -1236,
    ),
    ("typ a number", |token| token.header("typ", 1), -1235),
    ("a logout token", TokenBuilder::logout_token, -1236),
    (
        "a logout token without typ",
        |token| token.logout_token().header("typ", Value::Null),
        -1236,
    ),
    ("iss missing", |token| token.raw_payload("{}"), -1235),
    ("iss with a slash", |token| token, -1232),
    ("aud missing", |token| token.without("aud"), -1233),
    (
        "aud another",
        |token| token.audience("another-client"),
        -1233,
    ),
    ("aud a prefix", |token| token.audience("ocien"), -1233),
    ("aud longer", |token| token.audience("ocient2"), -1233),
    (
        "aud several, no azp",
        |token| token.audience(json!(["ocient", "x"])),
        -1233,
    ),
    (
        "aud with a number",
        |token| token.audience(json!(["ocient", 1])),
        -1231,
    ),
    (
        "azp another",
        |token| token.claim("azp", "another-client"),
        -1233,
    ),
    ("sub missing", |token| token.without("sub"), -1231),
    ("sub empty", |token| token.claim("sub", ""), -1231),
    ("sub a number", |token| token.claim("sub", 7), -1231),
    ("exp missing", |token| token.without("exp"), -1231),
    ("exp text", |token| token.claim("exp", "2999999999"), -1231),
    ("expired", |token| token.expires_in(-3600), -1228),
    (
        "expired at -1e300",
        |token| token.claim("exp", -1e300),
        -1228,
    ),
    ("nbf ahead", |token| token.claim("nbf", 1e300), -1231),
    ("iat ahead", |token| token.issued_in(3600), -1231),
    ("iat missing", |token| token.without("iat"), -1231),
];

/// The token of a trick; for some it takes what only the site knows.
pub(crate) fn made(site: &Site, name: &str, trick: Trick) -> String {
    site.token(|token| match name {
        "iss with a slash" => token.claim("iss", format!("{}/", site.provider.issuer())),
        "iss missing" => token.raw_payload(r#"{"sub":"x"}"#),
        _ => trick(token),
    })
}

#[tokio::test]
async fn no_trick_makes_an_id_token_a_session() {
    let site = Site::patient().await;
    for (name, trick, code) in TRICKS {
        let token = made(&site, name, trick);
        let answer = site.exchange(&token).await;
        assert_refused(&answer, 401, code, name);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
    }
    assert_eq!(site.node.requests().len(), 0);
    assert_eq!(site.exchange(&site.id_token("alice")).await.status, 200);
}

#[tokio::test]
async fn no_trick_gets_a_bearer_or_password_an_ocient_token() {
    let site = Site::patient().await;
    for (name, trick, code) in TRICKS {
        if name.starts_with("iss ") {
            continue; // nobody's whom we know: the node's affair
        }
        let token = made(&site, name, trick);
        // The second time it comes from the cache of refused tokens.
        for _ in 0..2 {
            assert_refused(&site.query_as(&token).await, 401, code, name);
        }
        let query = site.query(&site.client()).basic("id_token", &token);
        assert_refused(&query.send().await.unwrap(), 401, code, name);
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn no_trick_makes_an_access_token_a_session() {
    let site = Site::patient().await;
    let tricks: [(&str, Trick, i64); 9] = [
        (
            "for another audience",
            |token| token.audience("urn:other:api"),
            -1233,
        ),
        ("no audience", |token| token.without("aud"), -1233),
        (
            "of another client",
            |token| token.claim("client_id", "other"),
            -1233,
        ),
        ("of no client", |token| token.without("client_id"), -1231),
        ("azp another", |token| token.claim("azp", "other"), -1233),
        ("no typ", |token| token.header("typ", Value::Null), -1236),
        (
            "alg none",
            |token| token.signed_with(SignedWith::Nobody),
            -1235,
        ),
        ("expired", |token| token.expires_in(-3600), -1228),
        ("no sub", |token| token.without("sub"), -1231),
    ];
    for (name, trick, code) in tricks {
        let token = site.token(|token| trick(token.access_token()));
        let body = json!({"database": RETAIL, "access_token": token});
        assert_refused(&site.sso_token(body).await, 401, code, name);
        if name != "no typ" {
            assert_refused(&site.query_as(&token).await, 401, code, name);
        }
    }
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn keys_that_a_token_names_or_brings_are_never_fetched_or_believed() {
    let site = Site::patient().await;
    assert_eq!(site.query_as(&site.id_token("alice")).await.status, 200);
    let (jwks, all) = (site.provider.url("jwks"), site.provider.requests().len());
    let jwk = json!({"kty": "oct", "k": "c2VjcmV0"});
    for (name, value) in [
        ("jku", json!(format!("{jwks}?evil"))),
        ("x5u", json!(format!("{jwks}?evil"))),
        ("jwk", jwk.clone()),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("x")),
    ] {
        let forged = site.token(|token| {
            let token = token.header(name, value.clone());
            token.signed_with(SignedWith::Secret(b"secret".to_vec()))
        });
        assert_refused(&site.query_as(&forged).await, 401, -1235, name);
        let foreign = site.token(|token| {
            token
                .header(name, value.clone())
                .signed_with(SignedWith::AnotherKey)
        });
        assert_refused(&site.query_as(&foreign).await, 401, -1234, name);
        // Beside an honest signature they mean nothing.
        let honest = site.token(|token| token.header(name, value.clone()));
        if !["jwk", "x5c"].contains(&name) {
            // The node's own reader looks at those two.
            assert_eq!(site.query_as(&honest).await.status, 200, "{name}");
        }
    }
    assert_eq!(site.provider.requests().len(), all, "nothing was fetched");
}

#[tokio::test]
async fn a_nonce_or_an_endless_life_does_not_disturb_a_bearer() {
    let site = Site::with(|settings| {
        // The account's: the node's own reader is stricter.
        settings.login_mode();
        settings.grant("account = 'analyst'");
        settings.set("sso", "default_database", "'retail_analytics'");
    })
    .await;
    for (name, trick) in [
        (
            "nonce",
            (|token| token.claim("nonce", "of somebody's sign-in")) as Trick,
        ),
        ("exp 1e300", |token| token.claim("exp", 1e300)),
        ("aud in an array", |token| token.audience(json!(["ocient"]))),
        ("several, issued to us", |token| {
            token
                .audience(json!(["x", "ocient"]))
                .claim("azp", "ocient")
        }),
        ("within the skew", |token| token.expires_in(-30)),
        ("fractions", |token| token.claim("iat", 1.5)),
    ] {
        let token = site.token(trick);
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}
