//! `/v1/login`, `/v1/logout` and `/v1/token_refresh`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{Answer, Fault, json_answer, success},
    auth::{COOKIE, bearer, password_holder, session_cookie},
    database::Database,
    node::Node,
    request_body::Observed,
    tokens::{Holder, Kind},
};

#[derive(Deserialize)]
struct LoginRequest {
    username: String,
    password: String,
    database: Option<String>,
}

#[derive(Default, Deserialize)]
struct DatabaseChoice {
    database: Option<String>,
}

/// Password for token and cookie.
pub(super) async fn login(node: &Node, body: Observed) -> Result<Answer, Fault> {
    let body = body.read().await?;
    let request: LoginRequest = serde_json::from_slice(&body)
        .map_err(|error| Fault::bad_request(format!("the login request is malformed: {error}")))?;
    let wrong = "the user and password combination was incorrect";
    let mut holder = password_holder(&node.accounts, &request.username, &request.password)
        .ok_or_else(|| Fault::unauthenticated(-304, wrong))?;
    // The published default is `system`, but a full user name says more, and a user who is not of
    // `system` would never get in without naming a database.
    choose(&mut holder, request.database)?;
    let now = node.control.now();
    let token = node.tokens.issue(Kind::Bearer, holder.clone(), now);
    let session = node.tokens.issue(Kind::Cookie, holder.clone(), now);
    let mut answer = granted(node, &token, &holder, "Authentication successful");
    set_cookie(
        node,
        &mut answer,
        &session,
        node.tokens.lifetime().as_secs(),
    );
    Ok(answer)
}

/// Ends the cookie session; bearer tokens live on.
pub(super) async fn logout(node: &Node, head: &Parts, body: Observed) -> Result<Answer, Fault> {
    body.read().await?;
    if let Some(session) = session_cookie(&head.headers) {
        node.tokens.forget(Kind::Cookie, &session);
    }
    let status = json!({ "status": success("Logged out successfully") });
    let mut answer = json_answer(StatusCode::OK, &status);
    set_cookie(node, &mut answer, "", 0);
    Ok(answer)
}

/// A newer token for one that is still refreshable; the old one stays valid for its time.
pub(super) async fn refresh(
    node: &Arc<Node>,
    head: &Parts,
    body: Observed,
) -> Result<Answer, Fault> {
    let body = body.read().await?;
    let now = node.control.now();
    let token = bearer(&head.headers)
        .ok_or_else(|| Fault::unauthenticated(-1205, "a bearer token is required"))?;
    let mut holder = node.tokens.refreshable(token, now)?;
    choose(&mut holder, database_choice(&body)?.database)?;
    let token = node.tokens.issue(Kind::Bearer, holder.clone(), now);
    Ok(granted(
        node,
        &token,
        &holder,
        "Token refreshed successfully",
    ))
}

fn database_choice(body: &Bytes) -> Result<DatabaseChoice, Fault> {
    if body.is_empty() {
        return Ok(DatabaseChoice::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Fault::bad_request(format!("the request is malformed: {error}")))
}

fn choose(holder: &mut Holder, database: Option<String>) -> Result<(), Fault> {
    if let Some(name) = database.filter(|name| !name.is_empty()) {
        holder.database = name;
    }
    if Database::named(&holder.database).is_none() {
        return Err(Fault::no_such_database(&holder.database));
    }
    if !holder.reach.covers(&holder.database) {
        let reason = format!("{} does not belong to this database", holder.user);
        return Err(Fault::forbidden(-719, reason));
    }
    Ok(())
}

fn granted(node: &Node, token: &str, holder: &Holder, reason: &str) -> Answer {
    json_answer(
        StatusCode::OK,
        &json!({
            "access_token": token,
            "username": holder.user,
            "database": holder.database,
            "expires_in": node.tokens.lifetime().as_secs(),
            "status": success(reason),
        }),
    )
}

fn set_cookie(node: &Node, answer: &mut Answer, value: &str, max_age: u64) {
    let secure = if node.is_encrypted { "; Secure" } else { "" };
    let line = format!("{COOKIE}={value}; Path=/; HttpOnly; Max-Age={max_age}{secure}");
    let line = HeaderValue::try_from(line).expect("base64url and numbers are header text");
    answer.headers_mut().append(header::SET_COOKIE, line);
}
