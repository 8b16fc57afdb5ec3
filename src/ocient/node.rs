//! The SQL node's token endpoints: `/v1/sso_token`, `/v1/login`, `/v1/token_refresh`.
use super::{Application, OcientToken, Proof};
use crate::{
    http_client::{HttpClient, HttpClientError},
    secret::Secret,
    status::Status,
    token_kind::TokenKind,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime};
use url::Url;

/// Why there is no Ocient token.
#[derive(Debug, thiserror::Error)]
pub enum OcientError {
    /// The SQL node was asked and said no.
    #[error("the SQL node refused the identity (its code {vendor_code})")]
    Refused {
        /// Ocient's code.
        vendor_code: i32,
    },
    /// No connection to it.
    #[error("the SQL node cannot be reached")]
    Unreachable(#[source] HttpClientError),
    /// It did not answer in time.
    #[error("the SQL node issued no token in time")]
    Late(#[source] HttpClientError),
    /// It answered something that is no answer.
    #[error("the SQL node's answer is not a token: {0}")]
    Nonsense(&'static str),
    /// The work was cut off, which only a fault of ours can cause.
    #[error("obtaining the token was cut off")]
    Interrupted,
}

impl OcientError {
    /// Whether asking again with the same proof is pointless for now.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Ocient's own code, if it gave one.
    pub fn vendor_code(&self) -> Option<i32> {
        match self {
            Self::Refused { vendor_code } => Some(*vendor_code),
            _ => None,
        }
    }
}

/// Where Ocient tokens come from.
#[derive(Clone, Debug)]
pub struct TokenEndpoints {
    client: HttpClient,
    base: Url,
    assumed_life: Duration,
}

/// An answer of any of the three endpoints. `/v1/sso_token` calls the Ocient token `id_token`.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    id_token: Option<String>,
    expires_in: Option<u64>,
    status: Option<Status>,
}

impl TokenEndpoints {
    /// `base`: the SQL node. `assumed_life`: of a token whose answer does not say.
    pub fn new(client: HttpClient, base: Url, assumed_life: Duration) -> Self {
        Self {
            client,
            base,
            assumed_life,
        }
    }

    /// A first token.
    pub(super) async fn obtain(
        &self,
        application: &Application,
        now: SystemTime,
    ) -> Result<OcientToken, OcientError> {
        let database = &application.database;
        let (path, body) = match &application.proof {
            Proof::ProviderToken(TokenKind::Id, token) => (
                "/v1/sso_token",
                json!({"database": database, "id_token": token.expose()}),
            ),
            Proof::ProviderToken(TokenKind::Access, token) => (
                "/v1/sso_token",
                json!({"database": database, "access_token": token.expose()}),
            ),
            Proof::Password(username, password) => (
                "/v1/login",
                json!({"database": database, "username": username, "password": password.expose()}),
            ),
        };
        self.ask(path, None, &body, now).await
    }

    /// A newer token for `old`.
    pub(super) async fn refresh(
        &self,
        old: &OcientToken,
        database: &str,
        now: SystemTime,
    ) -> Result<OcientToken, OcientError> {
        self.ask(
            "/v1/token_refresh",
            Some(old),
            &json!({"database": database}),
            now,
        )
        .await
    }

    async fn ask(
        &self,
        path: &str,
        bearer: Option<&OcientToken>,
        body: &serde_json::Value,
        now: SystemTime,
    ) -> Result<OcientToken, OcientError> {
        let mut url = self.base.clone();
        url.set_path(path);
        let mut request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.header(header::AUTHORIZATION, token.authorization().clone());
        }
        let request = request
            .body(body.to_string().into_bytes())
            .map_err(|_| OcientError::Nonsense("no request can be made"))?;
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| match error {
                HttpClientError::Timeout(_) => OcientError::Late(error),
                _ => OcientError::Unreachable(error),
            })?;
        self.read(&answer, now)
    }

    /// A failure may come as any HTTP status with an envelope, 200 included.
    fn read(&self, answer: &Response<Bytes>, now: SystemTime) -> Result<OcientToken, OcientError> {
        let parsed: Option<TokenAnswer> = serde_json::from_slice(answer.body()).ok();
        let envelope = parsed.as_ref().and_then(|answer| answer.status.as_ref());
        if is_trouble(answer.status(), envelope) {
            return Err(OcientError::Nonsense("it has trouble of its own"));
        }
        let vendor_code = envelope.map(|envelope| envelope.vendor_code);
        match (answer.status().is_success(), vendor_code, parsed) {
            (_, Some(code), _) if code < 0 => Err(OcientError::Refused { vendor_code: code }),
            (true, _, Some(answer)) => self.token(answer, now),
            (true, _, None) => Err(OcientError::Nonsense("not JSON of the documented form")),
            (false, ..) if matches!(answer.status().as_u16(), 400 | 401 | 403) => {
                Err(OcientError::Refused {
                    vendor_code: UNNAMED_REFUSAL,
                })
            }
            (false, ..) => Err(OcientError::Nonsense("an HTTP status other than success")),
        }
    }

    fn token(&self, answer: TokenAnswer, now: SystemTime) -> Result<OcientToken, OcientError> {
        let text = [answer.access_token, answer.id_token]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty())
            .ok_or(OcientError::Nonsense("it holds no token"))?;
        let life = answer
            .expires_in
            .map_or(self.assumed_life, Duration::from_secs);
        OcientToken::new(Secret::new(text), now, life).ok_or(OcientError::Nonsense(
            "the token cannot stand in a header field",
        ))
    }
}

/// Whether the SQL node failed, or has no time, which says nothing about the identity: by
/// HTTP's status or by the class of SQL's (53 resources, 57 operator, 58 system).
fn is_trouble(status: StatusCode, envelope: Option<&Status>) -> bool {
    let is_class = |class: &&str| envelope.is_some_and(|it| it.sql_state.starts_with(class));
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || ["53", "57", "58"].iter().any(is_class)
}

/// For a refusal without an envelope: Ocient's "security token invalid".
const UNNAMED_REFUSAL: i32 = -1205;
