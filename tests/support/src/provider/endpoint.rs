//! The provider's endpoints by name.

/// An endpoint of the provider. The names in quotes work wherever a test names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `"discovery"`: the metadata.
    Discovery,
    /// `"jwks"`: the public keys.
    Jwks,
    /// `"authorize"`: where the browser goes.
    Authorize,
    /// `"par"`: pushed authorization requests.
    Par,
    /// `"token"`: codes, refresh tokens and device codes become tokens.
    Token,
    /// `"userinfo"`: claims for an access token.
    Userinfo,
    /// `"introspect"`: what a token is (RFC 7662).
    Introspect,
    /// `"revoke"`: the end of a token (RFC 7009).
    Revoke,
    /// `"end_session"`: logout that the sidecar began.
    EndSession,
    /// `"device_authorization"`: the start of the device grant (RFC 8628).
    DeviceAuthorization,
    /// `"device"`: where a person types the user code.
    Device,
    /// `"other"`: anything else.
    Other,
}

impl Endpoint {
    const NAMED: [(Self, &'static str); 12] = [
        (Self::Discovery, "discovery"),
        (Self::Jwks, "jwks"),
        (Self::Authorize, "authorize"),
        (Self::Par, "par"),
        (Self::Token, "token"),
        (Self::Userinfo, "userinfo"),
        (Self::Introspect, "introspect"),
        (Self::Revoke, "revoke"),
        (Self::EndSession, "end_session"),
        (Self::DeviceAuthorization, "device_authorization"),
        (Self::Device, "device"),
        (Self::Other, "other"),
    ];

    /// The name, which is also the last part of the path (except for discovery).
    pub fn name(self) -> &'static str {
        let mut named = Self::NAMED.iter();
        named
            .find(|(endpoint, _)| *endpoint == self)
            .map_or("other", |(_, name)| name)
    }

    /// The endpoint at `path`, which follows the issuer's own path.
    pub(crate) fn at(path: &str) -> Self {
        if path == "/.well-known/openid-configuration" {
            return Self::Discovery;
        }
        let path = path.strip_prefix(MTLS).unwrap_or(path);
        let name = path.strip_prefix('/').unwrap_or(path);
        let mut named = Self::NAMED.iter();
        named
            .find(|(endpoint, known)| *known == name && *endpoint != Self::Discovery)
            .map_or(Self::Other, |(endpoint, _)| *endpoint)
    }
}

/// Below it are the endpoints for those who show a certificate (RFC 8705 section 5).
pub(crate) const MTLS: &str = "/mtls";

impl From<&str> for Endpoint {
    /// # Panics
    /// When there is no such endpoint: a slip of the test.
    fn from(name: &str) -> Self {
        let mut named = Self::NAMED.iter();
        named.find(|(_, known)| *known == name).map_or_else(
            || panic!("the provider has no endpoint {name}"),
            |(endpoint, _)| *endpoint,
        )
    }
}
