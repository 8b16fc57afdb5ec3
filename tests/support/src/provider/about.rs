//! What becomes of tokens later: userinfo (OpenID Connect Core 5.3), introspection (RFC 7662), revocation (RFC 7009).

use http::{StatusCode, header};
use serde_json::{Value, json};

use super::client_auth;
use super::exchange::{Reply, json_reply, oauth_error, reply};
use super::lie::Lie;
use super::mint::now;
use super::shared::{Recorded, Shared, State};

pub(crate) fn userinfo(state: &State, call: &Recorded) -> Reply {
    let refused = || {
        oauth_error(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "no good access token",
        )
    };
    let header = call.headers.get(header::AUTHORIZATION);
    let Some(token) = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")) else {
        return refused();
    };
    let Some(access) = state.grants.access(token, now()) else {
        return refused();
    };
    let Some(user) = state.user(&access.grant.username) else {
        return refused();
    };
    let mut claims = Value::from(user.all_claims());
    if state.tells(&Lie::ForeignUserinfo) {
        claims["sub"] = "subject-of-somebody-else".into();
    }
    let mut status = StatusCode::OK;
    for lie in &state.lies {
        match lie {
            Lie::UserinfoMember(name, value) => claims[*name] = value.clone(),
            Lie::UserinfoStatus(code) => {
                status = StatusCode::from_u16(*code).expect("a test's own number");
            }
            Lie::SignedUserinfo => {
                return reply(StatusCode::OK, "application/jwt", "e30.e30.c2ln");
            }
            Lie::EncryptedUserinfo => {
                return reply(
                    StatusCode::OK,
                    "application/jwt",
                    "e30.a2V5.aXY.dGV4dA.dGFn",
                );
            }
            _ => {}
        }
    }
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    if state.tells(&Lie::UserinfoArray) {
        claims = json!([claims]);
    }
    json_reply(status, &claims)
}

pub(crate) fn introspect(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    if let Err(refusal) = client_auth::check(shared, state, call) {
        return *refusal;
    }
    let token = call.field("token").unwrap_or_default();
    if state.tells(&Lie::NoJwtsIntrospected) && token.starts_with("ey") {
        let why = "structured tokens cannot be introspected";
        return oauth_error(StatusCode::BAD_REQUEST, "unsupported_token_type", why);
    }
    let Some(access) = state.grants.access(token, now()) else {
        return json_reply(StatusCode::OK, &json!({"active": false}));
    };
    let user = state.user(&access.grant.username);
    let mut answer = Value::from(user.map(|user| user.all_claims()).unwrap_or_default());
    answer["active"] = true.into();
    answer["iss"] = shared.issuer.clone().into();
    answer["aud"] = shared.options.access_audience.clone().into();
    answer["client_id"] = access.grant.client_id.clone().into();
    answer["username"] = access.grant.username.clone().into();
    answer["scope"] = access.grant.scope.clone().into();
    answer["sid"] = access.grant.session.clone().into();
    answer["iat"] = access.issued_at.into();
    answer["exp"] = access.expires_at.into();
    answer["token_type"] = "Bearer".into();
    for lie in &state.lies {
        if let Lie::IntrospectedMember(name, value) = lie {
            answer[*name] = value.clone();
        }
    }
    if let Some(members) = answer.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    if state.tells(&Lie::SignedIntrospection) {
        let kind = "application/token-introspection+jwt";
        return reply(StatusCode::OK, kind, "e30.e30.c2ln");
    }
    json_reply(StatusCode::OK, &answer)
}

/// 200 for unknown tokens, too (RFC 7009 2.2).
pub(crate) fn revoke(shared: &Shared, state: &mut State, call: &Recorded) -> Reply {
    if let Err(refusal) = client_auth::check(shared, state, call) {
        return *refusal;
    }
    state.grants.revoke(call.field("token").unwrap_or_default());
    reply(StatusCode::OK, "text/plain", "")
}
