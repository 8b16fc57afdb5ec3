//! The one place where a failure becomes an HTTP answer.
mod page;

use crate::{
    auth::Seen,
    body::Body,
    failure::{Failure, Form, Row},
    page::Reader,
    status::StatusOnly,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// The failure's HTTP status with Ocient's envelope, or with a page for a person; never cached.
pub(super) fn respond(
    failure: &Failure,
    request_id: &str,
    reader: Reader,
    seen: &Seen,
) -> Response<Body> {
    let row = failure.row().in_form(seen.form);
    let mut response = match (seen.form, reader) {
        (Form::Error, _) => error(&row, request_id),
        (Form::Status, Reader::Program) => envelope(&row, request_id),
        (Form::Status, Reader::Person) => {
            page::of(failure, &row, request_id, seen.begin_again.as_deref()).answer(row.status)
        }
    };
    add_advice(response.headers_mut(), failure, row.status);
    response
}

fn envelope(row: &Row, request_id: &str) -> Response<Body> {
    let envelope = StatusOnly {
        status: row.envelope(request_id),
    };
    json(row.status, &envelope)
}

/// The form of OAuth connections.
fn error(row: &Row, request_id: &str) -> Response<Body> {
    let error = row.envelope(request_id).reason;
    json(row.status, &ErrorOnly { error })
}

#[derive(Serialize)]
struct ErrorOnly {
    error: String,
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).expect("our own answers have string keys alone");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address of a refused callback holds its code.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The answer to HEAD: hyper leaves out the body over HTTP/1.1 by itself, over HTTP/2 not.
pub(super) fn head_only(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let length = http_body::Body::size_hint(&body).exact();
    let length = length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length)));
    head.headers.extend(length);
    Response::from_parts(head, Body::empty())
}

/// The fields that HTTP demands beside certain statuses.
fn add_advice(headers: &mut HeaderMap, failure: &Failure, status: StatusCode) {
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Failure::Method(known) = failure {
        let known: Vec<&str> = known.iter().map(http::Method::as_str).collect();
        let known = HeaderValue::from_str(&known.join(", "));
        headers.insert(
            header::ALLOW,
            known.expect("method names are visible ASCII"),
        );
    }
    if let Some(wait) = failure.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    // A client too late with its body may still send it: RFC 9110 section 15.5.9.
    if matches!(failure, Failure::ConnectionLimit | Failure::BodyLate) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
