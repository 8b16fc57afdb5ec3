//! A cookie jar that keeps what a browser would keep (RFC 6265), by host and port.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Uri, header};

/// A cookie as the server set it.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The host and port that set it; browsers leave the port out, tests run several servers on one host.
    pub origin: String,
    /// Its name.
    pub name: String,
    /// Its value, byte for byte.
    pub value: String,
    /// The path under which it is sent.
    pub path: String,
    /// Sent over HTTPS only.
    pub secure: bool,
    /// Hidden from scripts.
    pub http_only: bool,
    /// The `SameSite` attribute as written.
    pub same_site: Option<String>,
    /// The `Max-Age` attribute; without one it lasts until the browser closes.
    pub max_age: Option<Duration>,
    set_at: Instant,
}

/// The cookies of one browser. Clones are the same jar.
#[derive(Clone, Debug, Default)]
pub struct Jar(Arc<Mutex<Vec<Cookie>>>);

impl Jar {
    /// All cookies that have not expired.
    pub fn all(&self) -> Vec<Cookie> {
        let mut cookies = self.lock();
        cookies.retain(|cookie| !cookie.is_over());
        cookies.clone()
    }

    /// The cookie of this name, from whichever server.
    pub fn find(&self, name: &str) -> Option<Cookie> {
        self.all().into_iter().find(|cookie| cookie.name == name)
    }

    /// Forgets the cookies of this name.
    pub fn remove(&self, name: &str) {
        self.lock().retain(|cookie| cookie.name != name);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Takes in the `Set-Cookie` lines of an answer from `url`, refusing what a browser refuses.
    pub(crate) fn keep(&self, url: &Uri, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let Some(cookie) = line.to_str().ok().and_then(|line| parse(url, line)) else {
                continue;
            };
            let mut cookies = self.lock();
            cookies.retain(|old| !old.is_replaced_by(&cookie));
            if !cookie.is_over() {
                cookies.push(cookie);
            }
        }
    }

    /// The `Cookie` header for a request to `url`: longer paths first, then older cookies.
    pub(crate) fn header(&self, url: &Uri) -> Option<HeaderValue> {
        let (here, encrypted) = (origin(url), is_https(url));
        let mut fitting = self.all();
        fitting.retain(|cookie| {
            cookie.origin == here
                && (encrypted || !cookie.secure)
                && path_matches(url.path(), &cookie.path)
        });
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok())?
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cookie {
    fn is_over(&self) -> bool {
        self.max_age
            .is_some_and(|life| self.set_at.elapsed() >= life)
    }

    fn is_replaced_by(&self, newer: &Self) -> bool {
        (&self.origin, &self.name, &self.path) == (&newer.origin, &newer.name, &newer.path)
    }
}

fn parse(url: &Uri, line: &str) -> Option<Cookie> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        origin: origin(url),
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        path: default_path(url.path()),
        secure: false,
        http_only: false,
        same_site: None,
        max_age: None,
        set_at: Instant::now(),
    };
    let mut domain = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.to_ascii_lowercase().as_str() {
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Some(value.to_owned()),
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "domain" => domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
            "max-age" => cookie.max_age = max_age(value).or(cookie.max_age),
            // Dates matter to tests only as the old way to delete a cookie.
            "expires" if value.contains("1970") && cookie.max_age.is_none() => {
                cookie.max_age = Some(Duration::ZERO);
            }
            _ => {}
        }
    }
    is_allowed(&cookie, domain.as_deref(), url).then_some(cookie)
}

/// The refusals of RFC 6265bis 5.7: a foreign domain, `Secure` without TLS, broken prefixes.
fn is_allowed(cookie: &Cookie, domain: Option<&str>, url: &Uri) -> bool {
    let at_home = domain.is_none_or(|domain| Some(domain) == url.host());
    let transported = !cookie.secure || is_https(url);
    let name = cookie.name.to_ascii_lowercase();
    let secure_kept = !name.starts_with("__secure-") || cookie.secure;
    let host_kept =
        !name.starts_with("__host-") || (cookie.secure && domain.is_none() && cookie.path == "/");
    at_home && transported && secure_kept && host_kept
}

/// Zero and negative ages mean "at once" (RFC 6265 5.2.2).
fn max_age(text: &str) -> Option<Duration> {
    let seconds: i64 = text.parse().ok()?;
    Some(Duration::from_secs(seconds.max(0).unsigned_abs()))
}

/// The folder of the request's path (RFC 6265 5.1.4).
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}

fn origin(url: &Uri) -> String {
    let port = url
        .port_u16()
        .unwrap_or(if is_https(url) { 443 } else { 80 });
    format!(
        "{}:{port}",
        url.host().unwrap_or_default().to_ascii_lowercase()
    )
}

fn is_https(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar_after(url: &'static str, lines: &[&str]) -> Jar {
        let (jar, mut headers) = (Jar::default(), HeaderMap::new());
        for line in lines {
            headers.append(header::SET_COOKIE, line.parse().unwrap());
        }
        jar.keep(&Uri::from_static(url), &headers);
        jar
    }

    fn sent(jar: &Jar, url: &'static str) -> String {
        let header = jar.header(&Uri::from_static(url));
        header.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_host_cookie_needs_secure_the_root_path_no_domain_and_https() {
        let kept = [
            ("https://h:1/a", "__Host-x=1; Secure; Path=/", true),
            ("https://h:1/a", "__Host-x=1; Path=/", false),
            ("https://h:1/a", "__Host-x=1; Secure", true), // the default path of /a is /
            ("https://h:1/a/b", "__Host-x=1; Secure", false),
            (
                "https://h:1/a",
                "__Host-x=1; Secure; Path=/; Domain=h",
                false,
            ),
            ("http://h:1/a", "__Host-x=1; Secure; Path=/", false),
        ];
        for (url, line, is_kept) in kept {
            let jar = jar_after(url, &[line]);
            assert_eq!(jar.find("__Host-x").is_some(), is_kept, "{url} {line}");
        }
    }

    #[test]
    fn cookies_go_to_their_host_port_and_path_only() {
        let jar = jar_after("https://h:1/", &["a=1; Secure; Path=/v1", "b=2; Path=/"]);
        assert_eq!(sent(&jar, "https://h:1/v1/x"), "a=1; b=2");
        assert_eq!(sent(&jar, "https://h:1/v11"), "b=2");
        assert_eq!(sent(&jar, "http://h:1/v1"), "b=2");
        assert_eq!(sent(&jar, "https://h:2/v1"), "");
    }

    #[test]
    fn max_age_zero_removes_a_cookie() {
        let jar = jar_after("https://h:1/", &["a=1; Path=/", "a=; Path=/; Max-Age=0"]);
        assert_eq!(jar.all().len(), 0);
    }
}
