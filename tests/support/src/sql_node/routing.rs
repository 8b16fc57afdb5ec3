//! Which endpoint a path means, read as laxly as a careless server might: percent-decoding (twice),
//! any case, empty and dot segments, backslashes, `;parameters` and hyphens all lead to the endpoint.

/// An endpoint of the SQL node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/v1/info`
    Info,
    /// `/v1/login`
    Login,
    /// `/v1/logout`
    Logout,
    /// `/v1/token_refresh`
    TokenRefresh,
    /// `/v1/sso_token`
    SsoToken,
    /// `/v1/sso_authentication`
    SsoAuthentication,
    /// `/v1/callback`
    Callback,
    /// `/v1/sso_device_grant`
    SsoDeviceGrant,
    /// `/v1/sso_device_grant_verify`
    SsoDeviceGrantVerify,
    /// `/v1/execute`, with or without a database
    Execute,
    /// `/openapi.json`
    OpenApi,
    /// `/test/…`
    Test,
    /// None of them: 404
    Unknown,
}

impl Endpoint {
    /// Whether this is one of the node's own single sign-on handlers that only a sidecar's mistake
    /// can reach: all but `/v1/sso_token`, which the sidecar itself calls.
    pub fn is_sso_handler(self) -> bool {
        use Endpoint::{Callback, SsoAuthentication, SsoDeviceGrant, SsoDeviceGrantVerify};
        matches!(
            self,
            SsoAuthentication | Callback | SsoDeviceGrant | SsoDeviceGrantVerify
        )
    }
}

/// What a path says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// The database of `/v1/execute/{database}`.
    pub(super) database: Option<String>,
    /// The segments behind `/test`.
    pub(super) rest: Vec<String>,
}

pub(super) fn find(path: &str) -> Route {
    let segments = segments(path);
    let names: Vec<String> = segments.iter().map(|text| canonical(text)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let endpoint = match names.as_slice() {
        ["v1", "execute"] | ["v1", "execute", _] => Endpoint::Execute,
        ["v1", name] => of_name(name),
        ["openapi.json"] => Endpoint::OpenApi,
        ["test", ..] => Endpoint::Test,
        _ => Endpoint::Unknown,
    };
    let database = (endpoint == Endpoint::Execute)
        .then(|| segments.get(2).cloned())
        .flatten();
    let rest = names.iter().skip(1).map(|&name| name.to_owned()).collect();
    Route {
        endpoint,
        database,
        rest,
    }
}

fn of_name(name: &str) -> Endpoint {
    match name {
        "info" => Endpoint::Info,
        "login" => Endpoint::Login,
        "logout" => Endpoint::Logout,
        "token_refresh" => Endpoint::TokenRefresh,
        "sso_token" => Endpoint::SsoToken,
        "sso_authentication" => Endpoint::SsoAuthentication,
        "callback" => Endpoint::Callback,
        "sso_device_grant" => Endpoint::SsoDeviceGrant,
        "sso_device_grant_verify" => Endpoint::SsoDeviceGrantVerify,
        _ => Endpoint::Unknown,
    }
}

fn segments(path: &str) -> Vec<String> {
    let decoded = percent_decoded(&percent_decoded(path)).replace('\\', "/");
    let mut segments: Vec<String> = Vec::new();
    for segment in decoded.split('/') {
        let segment = segment.split(';').next().unwrap_or_default().trim();
        // A decoded NUL, `?` or `#` ends the name, as in a server that decodes before it splits.
        let segment = segment.split(['\0', '?', '#']).next().unwrap_or_default();
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_owned()),
        }
    }
    segments
}

fn canonical(segment: &str) -> String {
    segment.to_lowercase().replace('-', "_")
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn careless_spellings_reach_the_endpoint() {
        let cases = [
            ("/v1/info", Endpoint::Info),
            ("//v1//sso_token/", Endpoint::SsoToken),
            ("/V1/SSO_TOKEN", Endpoint::SsoToken),
            ("/v1/sso%5Ftoken", Endpoint::SsoToken),
            ("/v1/sso%255ftoken", Endpoint::SsoToken),
            ("/v1%2fsso-token", Endpoint::SsoToken),
            ("/v1\\callback", Endpoint::Callback),
            ("/v1/x/../callback;a=b", Endpoint::Callback),
            ("/v1/callback%3fx", Endpoint::Callback),
            ("/v1/execute/", Endpoint::Execute),
            ("/v1/execute/a/b", Endpoint::Unknown),
            ("/", Endpoint::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(find(path).endpoint, expected, "{path}");
        }
    }

    #[test]
    fn the_database_keeps_its_case() {
        let route = find("/v1/execute/Retail%5FAnalytics");
        assert_eq!(route.database.as_deref(), Some("Retail_Analytics"));
    }
}
