//! The token endpoint's good answer (OpenID Connect Core 3.1.3.3, 12.2).

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::exchange::{Reply, json_reply};
use super::grants::{Access, Grant};
use super::keys::Algorithm;
use super::lie::Lie;
use super::lie_token;
use super::mint::{Draft, at_hash, now};
use super::options::ClientEntry;
use super::shared::{Shared, State, random_text};

/// Which tokens of a sign-in these are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    First,
    Refreshed,
}

pub(crate) fn tokens(
    shared: &Shared,
    state: &mut State,
    client: &ClientEntry,
    grant: &Grant,
    kind: Kind,
) -> Reply {
    if std::mem::take(&mut state.rotates_before_signing) {
        state.keys.rotate_and_drop();
    }
    let algorithm = client.algorithm.unwrap_or(state.algorithm);
    let access_token = access_token(shared, state, grant, algorithm);
    let mut answer = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": shared.options.access_token_life.as_secs(),
        "scope": grant.scope,
    });
    if grant.scope.split(' ').any(|scope| scope == "openid") {
        let mut draft = id_token(shared, state, grant, algorithm);
        draft.claim("at_hash", at_hash(algorithm, &access_token));
        lie_token::distort(&state.lies, kind, &mut draft);
        answer["id_token"] = draft.sign(&state.keys).into();
    }
    if !(kind == Kind::Refreshed && state.tells(&Lie::RefreshWithoutRotation)) {
        answer["refresh_token"] = state.grants.add_refresh(grant.clone()).into();
    }
    for lie in &state.lies {
        apply(lie, kind, &mut answer);
    }
    json_reply(StatusCode::OK, &answer)
}

/// An access token for a grant: a JWT of RFC 9068, or random text.
pub(crate) fn access_token(
    shared: &Shared,
    state: &mut State,
    grant: &Grant,
    algorithm: Algorithm,
) -> String {
    let life = shared.options.access_token_life.as_secs();
    let expires_at = now() + i64::try_from(life).unwrap_or(i64::MAX / 2);
    let token = if shared.options.opaque_access_tokens {
        random_text()
    } else {
        let mut draft = Draft::id_token(shared, algorithm, claims(state, grant), &grant.client_id);
        draft.without("auth_time");
        draft.header("typ", "at+jwt");
        draft.claim("aud", shared.options.access_audience.as_str());
        draft.claim("client_id", grant.client_id.as_str());
        draft.claim("scope", grant.scope.as_str());
        draft.claim("sid", grant.session.as_str());
        draft.claim("jti", random_text());
        draft.claim("exp", expires_at);
        draft.sign(&state.keys)
    };
    let access = Access {
        grant: grant.clone(),
        issued_at: now(),
        expires_at,
    };
    state.grants.add_access(token.clone(), access);
    token
}

fn id_token(shared: &Shared, state: &State, grant: &Grant, algorithm: Algorithm) -> Draft {
    let mut draft = Draft::id_token(shared, algorithm, claims(state, grant), &grant.client_id);
    draft.claim("auth_time", grant.signed_in_at);
    draft.claim("sid", grant.session.as_str());
    if !grant.nonce.is_empty() {
        draft.claim("nonce", grant.nonce.as_str());
    }
    draft
}

/// A user that was removed since has nothing left but a name.
fn claims(state: &State, grant: &Grant) -> Map<String, Value> {
    let user = state.user(&grant.username);
    let nobody = || Map::from_iter([("sub".to_owned(), grant.username.clone().into())]);
    let mut claims = user.map_or_else(nobody, |user| user.all_claims());
    for lie in &state.lies {
        if let Lie::TokensLack(name) = lie {
            claims.remove(*name);
        }
    }
    claims
}

fn apply(lie: &Lie, kind: Kind, answer: &mut Value) {
    let dropped = match lie {
        Lie::LowerCaseBearer => {
            answer["token_type"] = "bearer".into();
            None
        }
        Lie::MacTokenType => {
            answer["token_type"] = "mac".into();
            None
        }
        Lie::NoIdToken => Some("id_token"),
        Lie::RefreshWithoutIdToken if kind == Kind::Refreshed => Some("id_token"),
        Lie::NoRefreshToken => Some("refresh_token"),
        _ => None,
    };
    if let (Some(name), Some(members)) = (dropped, answer.as_object_mut()) {
        members.remove(name);
    }
}
