//! The provider against a client that does by hand what a relying party does.

use http::StatusCode;
use jsonwebtoken::jwk::{JwkSet, KeyAlgorithm};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::*;
use crate::authority::Authority;
use crate::client::{Answer, Client};

mod extensions;
mod flows;
mod lies;
mod mint;
mod walk;

/// A provider, and a relying party that is registered at it.
struct Site {
    provider: Provider,
    client: Client,
}

impl Site {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut ProviderOptions)) -> Self {
        let authority = Authority::new();
        let mut options = ProviderOptions::new(&authority);
        change(&mut options);
        let provider = Provider::start(options);
        for client in ["ocient", "ocient-public"] {
            provider.allow_redirect(client, CALLBACK);
        }
        let client = Client::new(&authority.ca_pem());
        Self { provider, client }
    }

    fn authorization_url(&self, client_id: &str) -> String {
        let mut url = url::Url::parse(&self.provider.url("authorize")).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("state", STATE),
            ("nonce", NONCE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        url.into()
    }

    /// The parameters of the redirect back.
    async fn authorize(&self, client_id: &str) -> Vec<(String, String)> {
        let url = self.authorization_url(client_id);
        let answer = self.client.get(&url).send().await.unwrap();
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        callback_parameters(&answer)
    }

    async fn redeem(&self, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token_request(&fields).await
    }

    async fn token_request(&self, fields: &[(&str, &str)]) -> Answer {
        let request = self.client.post(&self.provider.url("token"));
        let request = request.basic("ocient", "ocient-secret").form(fields);
        request.send().await.unwrap()
    }

    /// The answer of the token endpoint after a sign-in.
    async fn tokens(&self) -> Value {
        let parameters = self.authorize("ocient").await;
        let answer = self.redeem(value(&parameters, "code")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    async fn get(&self, endpoint: &str) -> Answer {
        let url = self.provider.url(endpoint);
        self.client.get(&url).send().await.unwrap()
    }

    /// Checks a token against the published keys, as an independent library sees it.
    async fn verify(&self, token: &str, audience: &str) -> Result<Value, String> {
        let keys: JwkSet = serde_json::from_value(self.get("jwks").await.json()).unwrap();
        let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
        let kid = header.kid.ok_or("no kid")?;
        let key = keys.find(&kid).ok_or("unknown kid")?;
        let algorithm = match key.common.key_algorithm {
            Some(KeyAlgorithm::RS256) => jsonwebtoken::Algorithm::RS256,
            Some(KeyAlgorithm::PS256) => jsonwebtoken::Algorithm::PS256,
            Some(KeyAlgorithm::ES256) => jsonwebtoken::Algorithm::ES256,
            Some(KeyAlgorithm::ES384) => jsonwebtoken::Algorithm::ES384,
            Some(KeyAlgorithm::EdDSA) => jsonwebtoken::Algorithm::EdDSA,
            other => panic!("a key for {other:?}"),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[self.provider.issuer()]);
        validation.set_audience(&[audience]);
        let key = DecodingKey::from_jwk(key).unwrap();
        let token = jsonwebtoken::decode::<Value>(token, &key, &validation);
        token
            .map(|token| token.claims)
            .map_err(|error| error.to_string())
    }
}

fn callback_parameters(answer: &Answer) -> Vec<(String, String)> {
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().into_owned().collect()
}

fn value<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    super::exchange::only(parameters, name).unwrap_or_else(|| panic!("no {name} in {parameters:?}"))
}

const CALLBACK: &str = "https://localhost:8443/v1/callback";
const STATE: &str = "a-state-of-more-than-22-characters";
const NONCE: &str = "a-nonce-of-more-than-22-characters";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
