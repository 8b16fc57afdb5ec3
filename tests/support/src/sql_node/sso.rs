//! `/v1/sso_token`: a provider's token for one of the node's own.

mod fetch;
mod verify;

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use self::{fetch::Keys, verify::TokenKind};
use super::{
    accounts::Reach,
    answer::{Answer, Fault, json_answer},
    database::Database,
    node::Node,
    options::Integration,
    request_body::Observed,
    tokens::{Holder, Kind},
};

/// The integrations with what was fetched from their providers.
pub(super) struct Sso {
    integrations: Vec<Connected>,
}

struct Connected {
    integration: Integration,
    keys: Keys,
}

impl Sso {
    pub(super) fn new(integrations: Vec<Integration>) -> Self {
        let connect = |integration: Integration| Connected {
            keys: Keys::new(&integration),
            integration,
        };
        Self {
            integrations: integrations.into_iter().map(connect).collect(),
        }
    }
}

struct SsoTokenRequest {
    database: String,
    kind: TokenKind,
    token: String,
}

impl SsoTokenRequest {
    fn read(body: &[u8]) -> Result<Self, Fault> {
        let body: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Fault::bad_request(format!("the request is malformed: {error}")))?;
        // An empty string counts as absent; keys may carry the published tabulator.
        let text = |name: &str| {
            let (_, value) = body.iter().find(|(key, _)| key.trim_ascii() == name)?;
            Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty())
        };
        let refused = |reason: &str| Fault::new(StatusCode::BAD_REQUEST, -1254, "42502", reason);
        let database = text("database").ok_or_else(|| refused("a database is required"))?;
        let (kind, token) = match (text("id_token"), text("access_token")) {
            (Some(token), None) => (TokenKind::Id, token),
            (None, Some(token)) => (TokenKind::Access, token),
            _ => {
                return Err(refused(
                    "exactly one of id_token and access_token is required",
                ));
            }
        };
        Ok(Self {
            database,
            kind,
            token,
        })
    }
}

/// Verifies the provider's token, whatever a sidecar may have done before, and answers a new token.
pub(super) async fn token(node: &Arc<Node>, body: Observed) -> Result<Answer, Fault> {
    let request = SsoTokenRequest::read(&body.read().await?)?;
    if Database::named(&request.database).is_none() {
        return Err(Fault::no_such_database(&request.database));
    }
    let integrations = &node.sso.integrations;
    if integrations.is_empty() {
        let reason = "no security integration exists";
        return Err(Fault::unauthenticated(-1201, reason));
    }
    let claims = verify::unverified(&request.token, request.kind)?;
    let connected = verify::choose(integrations, &claims)?;
    let now = node.control.now();
    let claims = verify::verify(connected, &request.token, request.kind, now).await?;
    let holder = holder(&connected.integration, &claims, request.database)?;
    let token = node.tokens.issue(Kind::Bearer, holder.clone(), now);
    let answer = json!({ "id_token": token, "database": holder.database });
    Ok(json_answer(StatusCode::OK, &answer))
}

fn holder(
    integration: &Integration,
    claims: &Map<String, Value>,
    database: String,
) -> Result<Holder, Fault> {
    let name = &integration.username_claim;
    let user = claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Fault::unauthenticated(-1231, format!("the claim {name:?} is missing")))?;
    let reach = match integration.databases.as_slice() {
        [] => Reach::Every,
        some => Reach::Only(some.to_vec()),
    };
    if !reach.covers(&database) {
        let reason = format!("{user} does not belong to the database {database:?}");
        return Err(Fault::forbidden(-719, reason));
    }
    Ok(Holder {
        user: user.to_owned(),
        database,
        reach,
        is_admin: false,
    })
}
