//! `[[callback]]`: where the provider sends a browser back to.
use super::{
    fault::Fault,
    section::Section,
    values::{choice, string},
};

/// `[[callback]]`; without any there is one at `/v1/callback`.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Absolute, normalised path that no other endpoint has.
    pub path: String,
    /// What it answers; default Ocient's status.
    pub response: CallbackResponse,
}

/// What a callback is for, and so what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackResponse {
    /// A sign-in: Ocient's `status`, and the session cookie.
    Status,
    /// An OAuth connection of an owner of API keys: its tokens.
    Connection,
}

/// What connections stand on.
pub(super) struct Ground {
    pub(super) is_durable: bool,
    pub(super) has_keys: bool,
}

impl Callback {
    pub(super) fn read(
        section: &mut Section<'_>,
        paths: &mut Vec<String>,
        ground: &Ground,
    ) -> Option<Self> {
        let path = section.defaulted("path", DEFAULT_PATH, string(path));
        // The form of Ocient's own callback; the other documented form holds tokens.
        let response = section.defaulted("response", "'status'", choice(&RESPONSES));
        let path = path?;
        if paths.iter().any(|other| alike(other, &path)) {
            return section.fault("path", Fault::new("another callback has this path"));
        }
        paths.push(path.clone());
        let response = response?;
        if response == CallbackResponse::Connection {
            check_ground(section, ground)?;
        }
        Some(Self { path, response })
    }

    /// The one callback of a file without any.
    pub(super) fn standard() -> Self {
        Self {
            path: DEFAULT_PATH.trim_matches('\'').to_owned(),
            response: CallbackResponse::Status,
        }
    }
}

const RESPONSES: [(&str, CallbackResponse); 2] = [
    ("status", CallbackResponse::Status),
    ("connection", CallbackResponse::Connection),
];

/// A connection is stored before it is answered, and answered to the holder of a key alone.
fn check_ground(section: &mut Section<'_>, ground: &Ground) -> Option<()> {
    if !ground.is_durable {
        let fault = Fault::new("connections have to outlive a restart, which `memory` does not");
        return section.fault("response", fault.cure("set sessions.store = \"embedded\""));
    }
    if !ground.has_keys {
        let fault = Fault::new("without an API key nobody could complete a connection");
        return section.fault("response", fault.cure("add an [[api_key]]"));
    }
    Some(())
}

/// Ocient's own, so that its clients find it.
const DEFAULT_PATH: &str = "'/v1/callback'";

/// An absolute path in the spelling that requests are normalised to.
fn path(text: &str) -> Result<String, Fault> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved);
    let normal = match text.strip_prefix('/') {
        Some(rest) => text.len() <= MAX_LENGTH && rest.split('/').all(is_segment),
        None => false,
    };
    if !normal {
        return Err(Fault::new("not a plain absolute path")
            .cure("as in \"/v1/callback\": segments of letters, digits, `-`, `.`, `_` and `~`"));
    }
    let is_taken = TAKEN.iter().any(|taken| alike(taken, text));
    if is_taken || text.starts_with("/v1/execute/") || is_of_connections(text) {
        return Err(Fault::new("another endpoint has this path").cure("choose another one"));
    }
    Ok(text.to_owned())
}

/// Whether two paths are the same to our router: hyphens stand for underscores, and a
/// spelling in other case is refused as ambiguous.
fn alike(one: &str, other: &str) -> bool {
    one.replace('-', "_")
        .eq_ignore_ascii_case(&other.replace('-', "_"))
}

/// Whether the endpoints of OAuth connections have this path, where there are any.
fn is_of_connections(path: &str) -> bool {
    let path = path.replace('-', "_").to_ascii_lowercase();
    let rest = path.strip_prefix("/hub/integrations/").unwrap_or_default();
    let segments: Vec<&str> = rest.split('/').collect();
    matches!(
        segments[..],
        ["oauth_connections"] | [_, "oauth_connections"] | [_, "oauth_connections", _]
    )
}

/// It is compared with each request's path, and registered at the provider.
const MAX_LENGTH: usize = 256;

/// Our other endpoints, and those of the SQL node that everybody needs.
const TAKEN: [&str; 13] = [
    "/v1/sso_authentication",
    "/v1/sso_token",
    "/v1/sso_device_grant",
    "/v1/sso_device_grant_verify",
    "/v1/token_refresh",
    "/v1/logout",
    "/v1/logged_out",
    "/v1/backchannel_logout",
    "/v1/execute",
    "/v1/info",
    "/v1/login",
    "/openapi.json",
    "/openapi.yaml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_free_paths_are_callbacks() {
        for text in [
            "/v1/callback",
            "/cb",
            "/a/b-c/d.e~f_g",
            "/hub/integrations/oauth-callback",
        ] {
            assert!(path(text).is_ok(), "{text:?}");
        }
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in [
            "",
            "/",
            "cb",
            "//cb",
            "/cb/",
            "/a//b",
            "/./cb",
            "/a/../cb",
            "/c%62",
            "/cb?x",
            "/cb#x",
            "/c b",
            "/c\\b",
            "/v1/sso_token",
            "/v1/sso-token",
            "/V1/SSO_Token",
            "/v1/execute",
            "/v1/execute/system",
            "/hub/integrations/oauth-connections",
            "/Hub/integrations/x/oauth_connections",
            "/hub/integrations/x/oauth-connections/y",
            &long,
        ] {
            assert!(path(text).is_err(), "{text:?}");
        }
    }
}
