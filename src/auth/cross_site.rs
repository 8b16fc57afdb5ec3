//! Whether a request with what browsers send by themselves comes from this site, or from somebody else's page.
use crate::failure::Failure;
use http::{HeaderMap, HeaderName, Method, header};
use url::Url;

/// Why a cookie does not count for this request; the text is for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CrossSite(pub(super) &'static str);

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

const OTHER_SITE: CrossSite = CrossSite(
    "this request was started by a page of another site; open this site itself and repeat it",
);
const TYPED: CrossSite = CrossSite(
    "a query needs more than a link or a typed address: use a page of this site, or an Authorization field",
);
const UNKNOWN: CrossSite = CrossSite(
    "the browser does not say which page started this request; use an Authorization field",
);

/// Browsers send cookies along when another site's page navigates here, and a GET of
/// `/v1/execute` can change data. So the request must be proven to be of this site's own
/// making: by Fetch Metadata, else by `Origin`, else by `Referer`. Without proof, reads outside
/// `/v1/execute` alone are let through.
///
/// # Errors
/// Says to a person what to do instead.
pub(super) fn check(
    method: &Method,
    is_execute: bool,
    headers: &HeaderMap,
    public_url: &Url,
) -> Result<(), CrossSite> {
    let harmless = (method == Method::GET || method == Method::HEAD) && !is_execute;
    if let Some(site) = only(headers, &SEC_FETCH_SITE) {
        return match site {
            Some("same-origin") => Ok(()),
            Some("none") if harmless => Ok(()),
            Some("same-site" | "cross-site") if harmless && is_opened(headers) => Ok(()),
            Some("none") => Err(TYPED),
            _ => Err(OTHER_SITE),
        };
    }
    let page = only(headers, &header::ORIGIN).or_else(|| only(headers, &header::REFERER));
    match page {
        Some(page) if page.is_some_and(|page| is_this_site(page, headers, public_url)) => Ok(()),
        Some(_) => Err(OTHER_SITE),
        None if harmless => Ok(()),
        None => Err(UNKNOWN),
    }
}

/// Browsers repeat a password by themselves, once a person has answered a prompt for it, also when
/// another site's page navigates here or posts a form. Programs send no Fetch Metadata, so that
/// what they do is as it was.
///
/// # Errors
/// [`Failure::CrossSite`].
pub(super) fn check_password(headers: &HeaderMap) -> Result<(), Failure> {
    match only(headers, &SEC_FETCH_SITE) {
        None | Some(Some("same-origin" | "none")) => Ok(()),
        Some(_) => Err(Failure::CrossSite(OTHER_SITE.0)),
    }
}

/// Whether a person sees the answer as a page of its own, which the page that led here cannot
/// read. The way back from a provider to `return_to` is such a navigation: browsers call it
/// cross-site because the provider is on the way (Fetch Metadata section 2.3).
fn is_opened(headers: &HeaderMap) -> bool {
    only(headers, &SEC_FETCH_MODE) == Some(Some("navigate"))
        && only(headers, &SEC_FETCH_DEST) == Some(Some("document"))
}

/// The field's value: `None` if there is no such field, `Some(None)` if it is doubled or not text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(first.to_str().ok().filter(|_| values.next().is_none()))
}

/// By the configured name, or by the name the client used: a browser sets `Host` itself, so
/// the page's origin and `Host` agree only on this site.
fn is_this_site(page: &str, headers: &HeaderMap, public_url: &Url) -> bool {
    let Ok(page) = Url::parse(page) else {
        return false;
    }; // `null`, for instance
    let own = |url: &Url| page.origin().is_tuple() && page.origin() == url.origin();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let named = host.and_then(|host| Url::parse(&format!("https://{host}/")).ok());
    own(public_url) || named.is_some_and(|url| own(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &str, path: &str, fields: &[(&'static str, &str)]) -> Result<(), CrossSite> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "10.0.0.1:8443".parse().unwrap());
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        let public = Url::parse("https://sql0.example.com:8443").unwrap();
        check(&method, path.starts_with("/v1/execute"), &headers, &public)
    }

    #[test]
    fn fetch_metadata_decides_where_it_is_present() {
        for (site, method, path, expected) in [
            ("same-origin", "POST", "/v1/execute", Ok(())),
            ("same-origin", "GET", "/v1/execute", Ok(())),
            ("none", "GET", "/v1/info", Ok(())),
            ("none", "HEAD", "/v1/info", Ok(())),
            ("none", "GET", "/v1/execute", Err(TYPED)),
            ("none", "POST", "/v1/info", Err(TYPED)),
            ("same-site", "GET", "/v1/info", Err(OTHER_SITE)),
            ("cross-site", "GET", "/v1/info", Err(OTHER_SITE)),
            ("SAME-ORIGIN", "GET", "/v1/info", Err(OTHER_SITE)),
            ("", "GET", "/v1/info", Err(OTHER_SITE)),
        ] {
            let fields = [
                ("sec-fetch-site", site),
                ("origin", "https://sql0.example.com:8443"),
            ];
            assert_eq!(
                verdict(method, path, &fields),
                expected,
                "{site} {method} {path}"
            );
        }
    }

    #[test]
    fn another_site_may_open_a_page_but_neither_embed_it_nor_query() {
        for (method, path, mode, dest, expected) in [
            ("GET", "/v1/info", "navigate", "document", Ok(())),
            ("HEAD", "/v1/info", "navigate", "document", Ok(())),
            ("GET", "/v1/info", "navigate", "iframe", Err(OTHER_SITE)),
            ("GET", "/v1/info", "no-cors", "image", Err(OTHER_SITE)),
            ("GET", "/v1/info", "cors", "empty", Err(OTHER_SITE)),
            ("POST", "/v1/info", "navigate", "document", Err(OTHER_SITE)),
            (
                "GET",
                "/v1/execute",
                "navigate",
                "document",
                Err(OTHER_SITE),
            ),
        ] {
            for site in ["cross-site", "same-site"] {
                let fields = [
                    ("sec-fetch-site", site),
                    ("sec-fetch-mode", mode),
                    ("sec-fetch-dest", dest),
                ];
                assert_eq!(
                    verdict(method, path, &fields),
                    expected,
                    "{method} {path} {mode} {dest}"
                );
            }
        }
    }

    #[test]
    fn a_doubled_field_proves_nothing() {
        let twice = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(verdict("GET", "/v1/info", &twice), Err(OTHER_SITE));
    }

    #[test]
    fn a_password_does_not_count_where_another_sites_page_began() {
        for (sites, is_refused) in [
            (&[][..], false),
            (&["same-origin"], false),
            (&["none"], false), // typed
            (&["cross-site"], true),
            (&["same-site"], true),
            (&["Cross-Site"], true),
            (&[""], true),
            (&["none", "none"], true),
        ] {
            let mut headers = HeaderMap::new();
            for site in sites {
                headers.append(SEC_FETCH_SITE, site.parse().unwrap());
            }
            assert_eq!(check_password(&headers).is_err(), is_refused, "{sites:?}");
        }
    }

    #[test]
    fn origin_and_then_referer_decide_for_older_browsers() {
        for (field, page, expected) in [
            ("origin", "https://sql0.example.com:8443", Ok(())),
            ("origin", "https://10.0.0.1:8443", Ok(())),
            (
                "referer",
                "https://sql0.example.com:8443/some/page?x",
                Ok(()),
            ),
            ("origin", "https://sql0.example.com", Err(OTHER_SITE)),
            ("origin", "http://sql0.example.com:8443", Err(OTHER_SITE)),
            ("origin", "https://evil.example", Err(OTHER_SITE)),
            ("origin", "null", Err(OTHER_SITE)),
            (
                "referer",
                "https://evil.example/sql0.example.com:8443",
                Err(OTHER_SITE),
            ),
            ("referer", "data:text/html,x", Err(OTHER_SITE)),
        ] {
            assert_eq!(
                verdict("POST", "/v1/execute", &[(field, page)]),
                expected,
                "{field} {page}"
            );
        }
    }

    #[test]
    fn without_any_proof_only_reads_outside_execute_pass() {
        assert_eq!(verdict("GET", "/v1/info", &[]), Ok(()));
        assert_eq!(verdict("POST", "/v1/info", &[]), Err(UNKNOWN));
        assert_eq!(verdict("GET", "/v1/execute", &[]), Err(UNKNOWN));
    }
}
