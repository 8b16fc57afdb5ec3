//! The answers of our endpoints to programs, and redirects.
use crate::body::{Body, Receipted};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// 200 with `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    answer(StatusCode::OK, JSON, Body::from(encoded(value)))
}

/// 200 with `value` as JSON; `receipt` is called when it is out, and dropped if it never is.
pub(super) fn json_with_receipt(
    value: &impl Serialize,
    receipt: impl FnOnce() + Send + Sync + 'static,
) -> Response<Body> {
    let body = Receipted::new(encoded(value).into(), receipt);
    answer(StatusCode::OK, JSON, Body::Receipted(body))
}

const JSON: &str = "application/json";

fn encoded(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own answers have string keys alone")
}

/// 200 with nothing.
pub(super) fn empty() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A redirect; the address is no referrer for wherever it leads, since ours hold codes.
pub(super) fn redirect(status: StatusCode, location: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

fn answer(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The addresses of ours hold codes.
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
