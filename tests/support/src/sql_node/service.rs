//! The steps of one request: record, misbehave if told to, answer.

use std::{io, sync::Arc};

use http::{Method, Request, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use super::{
    Endpoint,
    answer::{Answer, Fault, json_answer, success},
    auth::{Identification, identify},
    broken::{Broken, Trouble},
    control::{Misbehaviour, Released},
    execute::execute,
    login,
    node::Node,
    openapi,
    record::Recorded,
    request_body::Observed,
    routing::{self, Route},
    sso, transport,
};

/// Answers one request; an error closes the connection without an answer.
pub(super) async fn serve(
    node: Arc<Node>,
    connection: u64,
    request: Request<Incoming>,
) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let route = routing::find(head.uri.path());
    let identity = identify(
        &head.headers,
        &node.accounts,
        &node.tokens,
        node.control.now(),
    );
    let number = record(&node, connection, &head, route.endpoint, &identity);
    node.counters.count(route.endpoint);
    let body = Observed {
        node: node.clone(),
        number,
        body,
    };
    let misbehaviour = node.control.take(route.endpoint);
    let mut trouble: Option<(usize, Trouble)> = None;
    match misbehaviour {
        Some((Misbehaviour::Answer(canned), _)) => {
            // Read first, so that the record is whole and the connection stays usable.
            drop(body.read().await);
            let answer = canned.answer();
            node.records.set_answered(number, answer.status());
            return Ok(answer);
        }
        Some((Misbehaviour::CloseBeforeHead, _)) => {
            return Err(io::Error::other("a test closes this connection"));
        }
        Some((Misbehaviour::StallBeforeHead, released)) => released.wait().await,
        Some((Misbehaviour::BreakBodyAfter(bytes), _)) => trouble = Some((bytes, Trouble::Break)),
        Some((Misbehaviour::StallBodyAfter(bytes), released)) => {
            trouble = Some((bytes, stall(released)));
        }
        None => {}
    }
    let answer = answer(&node, number, &head, route, identity, body).await;
    node.records.set_answered(number, answer.status());
    Ok(match trouble {
        Some((after, trouble)) => {
            answer.map(|body| Broken::new(body, after, trouble).boxed_unsync())
        }
        None => answer,
    })
}

fn stall(released: Released) -> Trouble {
    Trouble::Stall(Box::pin(released.wait()))
}

fn record(
    node: &Node,
    connection: u64,
    head: &Parts,
    endpoint: Endpoint,
    identity: &Identification,
) -> u64 {
    node.records.push(Recorded {
        number: 0,
        connection,
        method: head.method.clone(),
        target: head.uri.to_string(),
        endpoint,
        headers: head.headers.clone(),
        body: Vec::new(),
        body_bytes: 0,
        trailers: None,
        credential: identity.who.clone(),
        answered: None,
        interrupted: false,
    })
}

async fn answer(
    node: &Arc<Node>,
    number: u64,
    head: &Parts,
    route: Route,
    identity: Identification,
    body: Observed,
) -> Answer {
    if let Some(refusal) = wrong_method(&head.method, route.endpoint) {
        return refusal;
    }
    let outcome = match route.endpoint {
        Endpoint::Info => Ok(info()),
        Endpoint::OpenApi => Ok(json_answer(StatusCode::OK, &openapi::document())),
        Endpoint::Test => transport::answer(head, &route.rest, body).await,
        Endpoint::Login => login::login(node, body).await,
        Endpoint::Logout => login::logout(node, head, body).await,
        Endpoint::TokenRefresh => login::refresh(node, head, body).await,
        Endpoint::SsoToken => sso::token(node, body).await,
        Endpoint::Execute => match (identity.caller(), body.read().await) {
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
            (Ok(caller), Ok(body)) => {
                execute(node, number, caller, route.database, head, &body).await
            }
        },
        Endpoint::Unknown => {
            let reason = format!("no such endpoint: {}", head.uri.path());
            Err(Fault::new(StatusCode::NOT_FOUND, -100, "58005", reason))
        }
        handler => Ok(sso_handler(handler)),
    };
    outcome.unwrap_or_else(|fault| fault.answer())
}

fn wrong_method(method: &Method, endpoint: Endpoint) -> Option<Answer> {
    let allowed = match endpoint {
        Endpoint::Info | Endpoint::OpenApi => "GET, HEAD",
        Endpoint::Execute => "GET, HEAD, POST",
        Endpoint::Login | Endpoint::Logout | Endpoint::TokenRefresh | Endpoint::SsoToken => "POST",
        // Whatever reaches the single sign-on handlers is to be seen.
        _ => return None,
    };
    if allowed.split(", ").any(|name| name == method.as_str()) {
        return None;
    }
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = Fault::new(status, -100, "58005", "method not allowed").answer();
    let value = header::HeaderValue::from_static(allowed);
    answer.headers_mut().insert(header::ALLOW, value);
    Some(answer)
}

fn info() -> Answer {
    json_answer(
        StatusCode::OK,
        &json!({
            "default_database": super::SYSTEM,
            "openapi_version": "1.1.0",
            "status": success("The operation completed successfully"),
        }),
    )
}

/// The node's own single sign-on, which must never be reached through a sidecar.
fn sso_handler(endpoint: Endpoint) -> Answer {
    let name = format!("{endpoint:?}");
    let body = json!({
        "sql_node_sso_handler": name,
        "status": success("this is the SQL node's own single sign-on"),
    });
    let mut answer = json_answer(StatusCode::OK, &body);
    let marked = header::HeaderValue::from_static("reached");
    answer.headers_mut().insert("x-sql-node-sso", marked);
    answer
}
