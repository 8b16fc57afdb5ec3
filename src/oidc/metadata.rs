//! The provider's metadata (OpenID Connect Discovery 1.0): parsed, and checked against the
//! configuration.
use super::{json, oddities};
use crate::config;
use openidconnect::{
    AuthUrl, EndSessionUrl, IntrospectionUrl, JsonWebKeySetUrl, RevocationUrl, TokenUrl,
    UserInfoUrl,
};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

/// The members that are used. The library's own type would refuse the whole document for a
/// mistake in one of forty others.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: AuthUrl,
    pub(super) token_endpoint: TokenUrl,
    pub(super) jwks_uri: JsonWebKeySetUrl,
    pub(super) revocation_endpoint: Option<RevocationUrl>,
    pub(super) end_session_endpoint: Option<EndSessionUrl>,
    /// RFC 8414 section 2.
    pub(super) introspection_endpoint: Option<IntrospectionUrl>,
    /// OpenID Connect Discovery section 3.
    pub(super) userinfo_endpoint: Option<UserInfoUrl>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    mtls_endpoint_aliases: Option<MtlsEndpoints>,
    /// RFC 9126 section 5.
    pub(super) pushed_authorization_request_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) require_pushed_authorization_requests: bool,
    /// RFC 8628 section 4.
    pub(super) device_authorization_endpoint: Option<Url>,
    /// RFC 9207 section 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    /// The names of optional members that could not be used.
    #[serde(skip)]
    pub(super) oddities: Vec<String>,
}

/// Where to go instead with a client certificate (RFC 8705 section 5).
#[derive(Default, Deserialize)]
struct MtlsEndpoints {
    token_endpoint: Option<TokenUrl>,
    revocation_endpoint: Option<RevocationUrl>,
    device_authorization_endpoint: Option<Url>,
    pushed_authorization_request_endpoint: Option<Url>,
    introspection_endpoint: Option<IntrospectionUrl>,
    userinfo_endpoint: Option<UserInfoUrl>,
}

/// Why a document is not the metadata of the configured provider.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetadataError {
    #[error("its metadata is malformed: {0}")]
    Malformed(serde_json::Error),
    #[error("its metadata is of another issuer; copy `issuer` exactly as {0:?}")]
    Issuer(String),
    #[error("its metadata has a {0} without https")]
    Insecure(&'static str),
}

impl Metadata {
    /// Reads `body` as the metadata of the issuer of `rules`. Optional members that cannot be used
    /// are left out.
    ///
    /// # Errors
    /// Malformed, of another issuer (RFC 8414 section 3.3), or with an endpoint to which
    /// secrets would go in the clear.
    pub(super) fn parse(body: &[u8], rules: &config::Provider) -> Result<Self, MetadataError> {
        let mut members = json::read(body).map_err(MetadataError::Malformed)?;
        let oddities = oddities::take(&mut members, rules);
        let metadata = serde_json::from_value(Value::Object(members));
        let metadata: Self = metadata.map_err(MetadataError::Malformed)?;
        let metadata = Self {
            oddities,
            ..metadata
        };
        if *metadata.issuer != *rules.issuer {
            return Err(MetadataError::Issuer(metadata.issuer));
        }
        let is_local = Url::parse(&rules.issuer).is_ok_and(|issuer| is_plain_loopback(&issuer));
        match metadata.insecure_endpoint(is_local) {
            Some(name) => Err(MetadataError::Insecure(name)),
            None => Ok(metadata),
        }
    }

    /// Puts the endpoints that ask for a client certificate in the places of those that do not.
    pub(super) fn use_mtls_endpoints(&mut self) {
        let aliases = self.mtls_endpoint_aliases.take().unwrap_or_default();
        if let Some(endpoint) = aliases.token_endpoint {
            self.token_endpoint = endpoint;
        }
        self.revocation_endpoint = aliases
            .revocation_endpoint
            .or(self.revocation_endpoint.take());
        self.device_authorization_endpoint = aliases
            .device_authorization_endpoint
            .or(self.device_authorization_endpoint.take());
        // Only in the place of one that is there: to push or not is not the alias's to say.
        if let Some(endpoint) = &mut self.pushed_authorization_request_endpoint
            && let Some(alias) = aliases.pushed_authorization_request_endpoint
        {
            *endpoint = alias;
        }
        self.introspection_endpoint = aliases
            .introspection_endpoint
            .or(self.introspection_endpoint.take());
        self.userinfo_endpoint = aliases.userinfo_endpoint.or(self.userinfo_endpoint.take());
    }

    /// The first endpoint without TLS; on loopback it may be missing if the issuer, too, is
    /// plain http on loopback.
    fn insecure_endpoint(&self, is_local: bool) -> Option<&'static str> {
        let revocation = self.revocation_endpoint.as_ref();
        let aliases = self.mtls_endpoint_aliases.as_ref();
        let mtls_token = aliases.and_then(|aliases| aliases.token_endpoint.as_ref());
        let mtls_revocation = aliases.and_then(|aliases| aliases.revocation_endpoint.as_ref());
        let mtls_device =
            aliases.and_then(|aliases| aliases.device_authorization_endpoint.as_ref());
        let end_session = self.end_session_endpoint.as_ref();
        let introspection = self.introspection_endpoint.as_ref();
        let userinfo = self.userinfo_endpoint.as_ref();
        let mtls_userinfo = aliases.and_then(|aliases| aliases.userinfo_endpoint.as_ref());
        let mtls_introspection =
            aliases.and_then(|aliases| aliases.introspection_endpoint.as_ref());
        let endpoints = [
            (
                "authorization_endpoint",
                Some(self.authorization_endpoint.url()),
            ),
            ("token_endpoint", Some(self.token_endpoint.url())),
            ("jwks_uri", Some(self.jwks_uri.url())),
            ("revocation_endpoint", revocation.map(|url| url.url())),
            ("end_session_endpoint", end_session.map(|url| url.url())),
            ("introspection_endpoint", introspection.map(|url| url.url())),
            ("userinfo_endpoint", userinfo.map(|url| url.url())),
            ("mtls userinfo_endpoint", mtls_userinfo.map(|url| url.url())),
            (
                "mtls introspection_endpoint",
                mtls_introspection.map(|url| url.url()),
            ),
            ("mtls token_endpoint", mtls_token.map(|url| url.url())),
            (
                "mtls revocation_endpoint",
                mtls_revocation.map(|url| url.url()),
            ),
            (
                "device_authorization_endpoint",
                self.device_authorization_endpoint.as_ref(),
            ),
            ("mtls device_authorization_endpoint", mtls_device),
            (
                "pushed_authorization_request_endpoint",
                self.pushed_authorization_request_endpoint.as_ref(),
            ),
            (
                "mtls pushed_authorization_request_endpoint",
                aliases.and_then(|aliases| aliases.pushed_authorization_request_endpoint.as_ref()),
            ),
        ];
        endpoints.into_iter().find_map(|(name, url)| {
            let url = url?;
            let is_fine = url.scheme() == "https" || (is_local && is_plain_loopback(url));
            (!is_fine).then_some(name)
        })
    }
}

/// Where the metadata of `issuer` is (OpenID Connect Discovery section 4.1).
pub(super) fn address(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/openid-configuration")
}

pub(super) fn is_plain_loopback(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}
