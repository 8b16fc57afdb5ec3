//! What is never forwarded, and the head of what is.
use crate::{cookie, failure::Failure, headers};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header, uri::PathAndQuery};
use url::Url;

/// Refuses what no SQL node should see, and brings the head of everything else into the form
/// of HTTP/1.1: the target in origin form, the authority in `Host`, one line of cookies. The
/// fields of the connection go first, and with them whatever a `Connection` line names: nothing
/// is judged by a field that the SQL node will not get. `TE: trailers` alone stays.
///
/// # Errors
/// The refusal.
pub(super) fn check<B>(request: &mut Request<B>, public_url: &Url) -> Result<(), Failure> {
    match *request.method() {
        Method::CONNECT => return Err(Failure::malformed("this is no forward proxy")),
        // The SQL node's answer would repeat the injected credential.
        Method::TRACE => return Err(Failure::Method(&[Method::GET, Method::POST])),
        _ => {}
    }
    if headers::lists_too_many(request.headers()) {
        return Err(Failure::malformed(
            "Connection, TE or Trailer lists too many names",
        ));
    }
    if headers::has_hop_by_hop(request.headers()) {
        check_connection(request.headers_mut())?;
    }
    check_single(request.headers())?;
    take_authority(request, public_url)?;
    check_path(request)?;
    if request.version() == Version::HTTP_2 {
        join_cookies(request);
    }
    Ok(())
}

/// Takes the fields of the connection off.
fn check_connection(fields: &mut HeaderMap) -> Result<(), Failure> {
    if headers::asks_for_upgrade(fields) {
        return Err(Failure::malformed("the protocol cannot be changed here"));
    }
    if !headers::is_only_chunked(fields) {
        return Err(Failure::malformed(
            "of transfer codings, only chunked is known here",
        ));
    }
    let takes_trailers = headers::takes_trailers(fields);
    headers::strip_hop_by_hop(fields);
    if takes_trailers {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    Ok(())
}

/// Of two values, client and SQL node could each believe another one.
fn check_single(fields: &HeaderMap) -> Result<(), Failure> {
    // With as many lines as names, no name has two.
    if fields.len() > fields.keys_len() {
        for name in [header::HOST, header::AUTHORIZATION, header::CONTENT_LENGTH] {
            if fields.get_all(&name).iter().nth(1).is_some() {
                return Err(Failure::malformed(format!("more than one {name} field")));
            }
        }
    }
    // Over HTTP/1.1 hyper has seen to it; over HTTP/2 an empty one passes for 0.
    if let Some(length) = fields.get(header::CONTENT_LENGTH) {
        let digits = length.as_bytes();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Failure::malformed("Content-Length is no number"));
        }
    }
    match cookie::find(fields, cookie::SESSION) {
        Err(cookie::CookieError::Duplicate) => {
            Err(Failure::malformed("more than one session cookie"))
        }
        _ => Ok(()),
    }
}

/// Moves the authority of an absolute target (always there in HTTP/2) into `Host`. In HTTP/1.1
/// it must name this server (RFC 9112 section 3.2.2); in HTTP/2 it must agree with a `Host`
/// field (RFC 9113 section 8.3.1).
fn take_authority<B>(request: &mut Request<B>, public_url: &Url) -> Result<(), Failure> {
    let host = request.headers().get(header::HOST);
    let Some(authority) = request.uri().authority() else {
        return match (host, request.version()) {
            (None, Version::HTTP_11) => Err(Failure::malformed("Host is missing")),
            _ => Ok(()),
        };
    };
    if request.uri().scheme().is_none() {
        // The form of CONNECT alone (RFC 9112 section 3.2.3); forwarding it as `/` would change it.
        return Err(Failure::malformed("the target must begin with /"));
    }
    let same = |text: &[u8]| authority.as_str().as_bytes().eq_ignore_ascii_case(text);
    let is_host = host.map(|host| same(host.as_bytes()));
    let is_ours = match (request.version(), is_host) {
        (Version::HTTP_2, is_host) => is_host.unwrap_or(true),
        (_, is_host) => is_host == Some(true) || same(public_url.authority().as_bytes()),
    };
    if !is_ours || authority.as_str().contains('@') {
        return Err(Failure::malformed("the request is for another host"));
    }
    let value = HeaderValue::from_str(authority.as_str());
    let value = value.map_err(|_| Failure::malformed("the authority is malformed"))?;
    let target = request.uri().path_and_query().cloned();
    request.headers_mut().insert(header::HOST, value);
    *request.uri_mut() = Uri::from(target.unwrap_or(PathAndQuery::from_static("/")));
    Ok(())
}

/// Only `OPTIONS` may ask for `*` (RFC 9112 section 3.2.4), and an empty path is sent as `/`
/// (section 3.2.1): one is left of an absolute target, or of an HTTP/2 path, that is a fragment alone.
fn check_path<B>(request: &mut Request<B>) -> Result<(), Failure> {
    match request.uri().path() {
        "" => *request.uri_mut() = Uri::from_static("/"),
        "*" if *request.method() != Method::OPTIONS => {
            return Err(Failure::malformed("only OPTIONS may ask for *"));
        }
        _ => {}
    }
    Ok(())
}

/// HTTP/2 may split cookies into several fields, HTTP/1.1 may not (RFC 9113 section 8.2.3).
fn join_cookies<B>(request: &mut Request<B>) {
    let lines = request.headers().get_all(header::COOKIE);
    if lines.iter().nth(1).is_some() {
        let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
        let joined = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()));
        let joined = joined.expect("field values joined by `; ` are a field value");
        request.headers_mut().insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(build: http::request::Builder) -> Result<Request<()>, Failure> {
        let public = Url::parse("https://sql0.example.com:8443").unwrap();
        let mut request = build.body(()).unwrap();
        check(&mut request, &public).map(|()| request)
    }

    #[test]
    fn connect_trace_and_upgrade_are_refused() {
        let request = || Request::builder().uri("/").header("host", "a");
        assert!(checked(request().method("CONNECT")).is_err());
        assert!(checked(request().method("TRACE")).is_err());
        assert!(
            checked(
                request()
                    .header("connection", "upgrade")
                    .header("upgrade", "h2c")
            )
            .is_err()
        );
        assert!(checked(request()).is_ok());
    }

    #[test]
    fn fields_of_the_connection_are_gone_before_anything_is_judged() {
        let request = Request::builder()
            .uri("/")
            .header("host", "a")
            .header("connection", "close, Authorization")
            .header("connection", "content-type, te")
            .header("authorization", "Basic x")
            .header("content-type", "text/plain")
            .header("te", "gzip, trailers");
        let request = checked(request).unwrap();
        let names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["host", "te"]);
        assert_eq!(request.headers()["te"], "trailers");
    }

    #[test]
    fn doubled_host_authorization_and_session_cookie_are_refused() {
        let request = || Request::builder().uri("/").header("host", "a");
        assert!(checked(request().header("host", "a")).is_err());
        let doubled = request()
            .header("authorization", "Basic x")
            .header("authorization", "Basic x");
        assert!(checked(doubled).is_err());
        let cookies = format!("{0}=a; {0}=a", cookie::SESSION);
        assert!(checked(request().header("cookie", cookies)).is_err());
    }

    #[test]
    fn an_absolute_target_must_be_for_this_server() {
        for (target, host, is_ours) in [
            ("https://sql0.example.com:8443/v1/info?x", "a", true),
            ("http://a/v1/info?x", "a", true),
            ("http://A/v1/info?x", "a", true),
            ("http://evil/v1/info?x", "a", false),
            ("http://u@a/v1/info?x", "a", false),
            ("a", "a", false),
            ("a:443", "a:443", false),
        ] {
            let request = checked(Request::builder().uri(target).header("host", host));
            assert_eq!(request.is_ok(), is_ours, "{target}");
            if let Ok(request) = request {
                assert_eq!(request.uri(), "/v1/info?x");
            }
        }
    }

    #[test]
    fn an_empty_target_becomes_a_slash_and_only_options_may_ask_for_an_asterisk() {
        for (method, target, becomes) in [
            ("GET", "http://a", Some("/")),
            ("GET", "http://a#", Some("/")),
            ("GET", "http://a#b", Some("/")),
            ("GET", "http://a?x", Some("/?x")),
            ("OPTIONS", "*", Some("*")),
            ("GET", "*", None),
            ("POST", "*", None),
        ] {
            let request = Request::builder().method(method).uri(target);
            let request = checked(request.header("host", "a")).ok();
            let target_now = request.map(|request| request.uri().to_string());
            assert_eq!(target_now.as_deref(), becomes, "{method} {target}");
        }
    }

    #[test]
    fn a_length_is_one_line_of_digits() {
        for (lengths, is_good) in [
            (&["31"][..], true),
            (&["031"], true),
            (&[""], false),
            (&["+31"], false),
            (&["31, 31"], false),
            (&["31", "31"], false),
        ] {
            let mut request = Request::builder().uri("/").header("host", "a");
            for length in lengths {
                request = request.header("content-length", *length);
            }
            assert_eq!(checked(request).is_ok(), is_good, "{lengths:?}");
        }
    }

    #[test]
    fn http2_names_its_host_and_joins_its_cookies() {
        let request = Request::builder()
            .version(Version::HTTP_2)
            .uri("https://sql0:8443/v1/info")
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let request = checked(request).unwrap();
        assert_eq!(request.headers()["host"], "sql0:8443");
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        let split = Request::builder()
            .version(Version::HTTP_2)
            .uri("https://a/")
            .header("host", "b");
        assert!(checked(split).is_err());
    }

    #[test]
    fn http11_needs_a_host_and_http10_does_not() {
        assert!(checked(Request::builder().uri("/")).is_err());
        assert!(checked(Request::builder().version(Version::HTTP_10).uri("/")).is_ok());
    }
}
