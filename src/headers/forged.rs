//! Fields by which a client could speak for a proxy, or for somebody else.
use super::is_hop_by_hop;
use http::{HeaderMap, HeaderName};
use std::borrow::Cow;

/// Removes what a client could use to speak for a proxy: `Forwarded`, `X-Forwarded-*` and
/// `X-Real-IP`, and every look-alike of a field that is set or removed on the way.
pub fn strip_forged(headers: &mut HeaderMap) {
    strip(headers, is_forged);
}

/// Removes the look-alikes alone, for a proxy that may speak for its clients.
pub fn strip_lookalikes(headers: &mut HeaderMap) {
    strip(headers, is_lookalike);
}

/// Removes what says in another way than `Authorization` who somebody is: servers behind other
/// proxies believe such fields, and beside an injected token they would name another one.
pub fn strip_identities(headers: &mut HeaderMap) {
    strip(headers, is_identity);
}

/// Removes `X-Api-Key`, which no one but the sidecar may see where it has API keys.
pub fn strip_api_keys(headers: &mut HeaderMap) {
    strip(headers, is_api_key);
}

/// Whether some server takes the field of this name for `X-Api-Key`.
pub fn is_api_key(name: &str) -> bool {
    plain(name) == "x-api-key"
}

fn strip(headers: &mut HeaderMap, is_unwanted: fn(&str) -> bool) {
    let unwanted: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in unwanted {
        headers.remove(name);
    }
}

pub(super) fn is_forged(name: &str) -> bool {
    is_forwarded(name) || is_lookalike(name)
}

/// Whether only a proxy may set the field.
fn is_forwarded(name: &str) -> bool {
    // Nearly every name is told by its first letters.
    name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip")
}

/// Whether servers that take `_` or `.` for `-`, as CGI and its heirs do, take the field for one
/// that was set or removed on the way.
fn is_lookalike(name: &str) -> bool {
    match plain(name) {
        Cow::Borrowed(_) => false,
        Cow::Owned(plain) => {
            is_forwarded(&plain)
                || is_hop_by_hop(&plain)
                || SET_OR_REMOVED.contains(&plain.as_str())
        }
    }
}

/// Besides those of a connection and of proxies, and what has no hyphen.
const SET_OR_REMOVED: [&str; 5] = [
    "content-length",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "x-request-id",
];

pub(super) fn is_identity(name: &str) -> bool {
    // Of most names the first letter is enough.
    if !matches!(
        name.as_bytes().first(),
        Some(b'c' | b'h' | b'i' | b'o' | b'p' | b'r' | b's' | b't' | b'x')
    ) {
        return false;
    }
    let plain = plain(name);
    let is_of = |prefix: &&str| plain.starts_with(*prefix);
    *plain == *"proxy-authorization" || IDENTITIES.iter().any(is_of)
}

/// CGI's `REMOTE_USER` and `REMOTE_ADDR` with what others add to them, Kubernetes' `X-Remote-*` and
/// `Impersonate-*`, and what oauth2-proxy, Grafana, authentik, the load balancers of clouds and
/// proxies that end TLS set. Those that begin with `X-Forwarded-` a trusted proxy may set, but none
/// beside a token of ours.
///
/// And what has some servers take another path or method than those that were judged.
const IDENTITIES: [&str; 34] = [
    "cf-access-",
    "http-remote-",
    "impersonate-",
    "oidc-claim-",
    "remote-",
    "ssl-client-",
    "tailscale-user",
    "x-access-token",
    "x-authorization",
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-auth-user",
    "x-authenticated-",
    "x-authentik-",
    "x-client-cert",
    "x-consumer-",
    "x-credential-identifier",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-goog-authenticated-user-",
    "x-http-method",
    "x-method-override",
    "x-ms-client-principal",
    "x-original-",
    "x-pomerium-",
    "x-remote-",
    "x-rewrite-url",
    "x-ssl-client-",
    "x-token-subject",
    "x-vouch-",
    "x-webauth-",
];

/// With `-` for every character that some server takes for it.
fn plain(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        true => Cow::Owned(name.replace(['_', '.'], "-")),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in names {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, "1".parse().unwrap());
        }
        headers
    }

    fn left(strip: fn(&mut HeaderMap), name: &str) -> bool {
        let mut headers = map(&[name, name, "x-other"]);
        strip(&mut headers);
        assert!(headers.contains_key("x-other"));
        headers.len() > 1
    }

    #[test]
    fn forwarded_fields_go_in_every_spelling() {
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x.forwarded.for",
            "x-forwarded_user",
            "X_Forwarded-Host",
            "x-real-ip",
            "x_real_ip",
            "x.real-ip",
            "x-forwarded",
            "x-forwarded-anything",
            "x-forwardedfor",
        ] {
            assert!(!left(strip_forged, name), "{name}");
        }
    }

    #[test]
    fn look_alikes_of_what_is_set_or_removed_go_and_nothing_else() {
        for strip in [strip_forged, strip_lookalikes] {
            for name in [
                "X_Request_Id",
                "x.request.id",
                "x_request-id",
                "Transfer_Encoding",
                "transfer.encoding",
                "content_length",
                "Keep_Alive",
                "proxy_connection",
                "Proxy_Authorization",
                "set_cookie",
                "x_forwarded_for",
            ] {
                assert!(!left(strip, name), "{name}");
            }
            for name in [
                "x_custom",
                "content.type",
                "x-request-id",
                "a.b_c",
                "_",
                ".",
            ] {
                assert!(left(strip, name), "{name}");
            }
        }
        assert!(left(strip_lookalikes, "x-forwarded-for"));
    }

    #[test]
    fn what_names_somebody_else_goes() {
        for name in [
            "proxy-authorization",
            "Proxy_Authorization",
            "Remote-User",
            "REMOTE_USER",
            "remote.user",
            "remote-groups",
            "X-Remote-User",
            "x_remote_user",
            "x-remote-extra-scopes",
            "x-auth-request-email",
            "x-webauth-user",
            "x-authenticated-user",
            "X-Forwarded-User",
            "x_forwarded_email",
            "Impersonate-User",
            "ssl-client-s-dn",
            "Cf-Access-Jwt-Assertion",
            "x-ms-client-principal-name",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-SSL-Client-CN",
            "OIDC_CLAIM_sub",
            "Tailscale-User-Login",
        ] {
            assert!(!left(strip_identities, name), "{name}");
        }
        for name in [
            "x-user",
            "remote",
            "preferred-encoding",
            "x-request-id",
            "content-type",
            "x-forwarded-for",
            "x-forwarded-proto",
        ] {
            assert!(left(strip_identities, name), "{name}");
        }
    }

    #[test]
    fn an_api_key_goes_in_every_spelling() {
        for name in ["x-api-key", "X_Api_Key", "x.api.key", "x-api_key"] {
            assert!(!left(strip_api_keys, name), "{name}");
        }
        assert!(left(strip_api_keys, "x-api-keys"));
    }
}
