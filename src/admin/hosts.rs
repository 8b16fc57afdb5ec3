//! By which names the admin listener may be asked.
use http::{HeaderMap, Request, StatusCode, Version, header, uri::Authority};
use std::net::IpAddr;

/// The names of this host that an operator uses, besides those that nobody else can have.
///
/// A page of somebody else's site can let its own name point to this host (DNS rebinding): to the
/// browser, what is served here is then of that page's origin. It needs a name for that, so that
/// addresses do as they are.
#[derive(Clone, Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// `names`: in small letters.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Looks by which name `request` asks: in its target, which counts more, and in `Host` (RFC
    /// 9112 section 3.2).
    ///
    /// # Errors
    /// 400: no name that can be read, or more than one. 421: another server's (RFC 9110 section
    /// 15.5.20).
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), StatusCode> {
        let host = only_host(request.headers())?;
        if host.is_none() && request.version() == Version::HTTP_11 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let names = host.iter().chain(request.uri().authority());
        for name in names {
            if name.as_str().contains('@') {
                return Err(StatusCode::BAD_REQUEST);
            }
            if !self.is_ours(name.host()) {
                return Err(StatusCode::MISDIRECTED_REQUEST);
            }
        }
        Ok(())
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = host.to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost") // RFC 6761 section 6.3
            || self.0.contains(&name)
    }
}

fn only_host(headers: &HeaderMap) -> Result<Option<Authority>, StatusCode> {
    let mut values = headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match Authority::try_from(value.as_bytes()) {
            Ok(authority) => Ok(Some(authority)),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        },
        (Some(_), Some(_)) => Err(StatusCode::BAD_REQUEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, target: &str, hosts: &[&str]) -> u16 {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        let names = Hosts::new(vec!["sql0.example.com".to_owned()]);
        let checked = names.check(&request.body(()).unwrap());
        checked.err().map_or(200, |status| status.as_u16())
    }

    #[test]
    fn names_that_others_can_point_here_are_refused() {
        for (host, status) in [
            ("localhost", 200),
            ("LOCALHOST:9901", 200),
            ("admin.localhost", 200),
            ("127.0.0.1:9901", 200),
            ("10.0.0.7", 200),
            ("[::1]:9901", 200),
            ("sql0.example.com", 200),
            ("SQL0.example.com:9901", 200),
            ("evil.example", 421),
            ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("sql0.example.com.", 421),
            ("evil@localhost", 400),
            ("", 400),
            ("a b", 400),
            ("localhost/x", 400),
        ] {
            assert_eq!(
                checked(Version::HTTP_11, "/livez", &[host]),
                status,
                "{host}"
            );
        }
    }

    #[test]
    fn one_name_is_wanted_and_that_of_the_target_counts_too() {
        let http11 = |target, hosts: &[&str]| checked(Version::HTTP_11, target, hosts);
        assert_eq!(http11("/livez", &[]), 400);
        assert_eq!(http11("/livez", &["localhost", "localhost"]), 400);
        assert_eq!(http11("http://localhost/livez", &["localhost"]), 200);
        assert_eq!(http11("http://evil.example/livez", &["localhost"]), 421);
        assert_eq!(http11("http://localhost/livez", &["evil.example"]), 421);
        assert_eq!(checked(Version::HTTP_10, "/livez", &[]), 200);
        assert_eq!(checked(Version::HTTP_10, "/livez", &["evil.example"]), 421);
    }
}
