//! Whose path it is: one of our endpoints, the SQL node's, or a spelling only a laxer reader would follow.
mod connections;
mod spelling;

pub use connections::ConnectionPath;

use std::borrow::Cow;

/// An endpoint that the sidecar answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/sso_authentication`
    SsoAuthentication,
    /// A `[[callback]]` path.
    Callback,
    /// The path of a `[[callback]]` that answers OAuth connections.
    ConnectionCallback,
    /// `/hub/integrations/oauth-connections`, `/hub/integrations/{integration}/oauth-connections`
    Connections,
    /// `/hub/integrations/{integration}/oauth-connections/{id}`
    Connection,
    /// `/v1/sso_token`
    SsoToken,
    /// `/v1/sso_device_grant`
    SsoDeviceGrant,
    /// `/v1/sso_device_grant_verify`
    SsoDeviceGrantVerify,
    /// `/v1/token_refresh`
    TokenRefresh,
    /// `/v1/logout`
    Logout,
    /// `/v1/logged_out`
    LoggedOut,
    /// `/v1/backchannel_logout`
    BackchannelLogout,
}

/// The fixed ones, in their canonical spelling; `-` for `_` is an alias of each.
const ENDPOINTS: [(&str, Endpoint); 8] = [
    ("/v1/sso_authentication", Endpoint::SsoAuthentication),
    ("/v1/sso_token", Endpoint::SsoToken),
    ("/v1/sso_device_grant", Endpoint::SsoDeviceGrant),
    (
        "/v1/sso_device_grant_verify",
        Endpoint::SsoDeviceGrantVerify,
    ),
    ("/v1/token_refresh", Endpoint::TokenRefresh),
    ("/v1/logout", Endpoint::Logout),
    ("/v1/logged_out", Endpoint::LoggedOut),
    ("/v1/backchannel_logout", Endpoint::BackchannelLogout),
];

/// The SQL node's own callback, answered here even where `[[callback]]` names another path,
/// so that no code ever reaches the node.
const DEFAULT_CALLBACK: &str = "/v1/callback";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Answered here.
    Ours(Endpoint),
    /// One of ours to a laxer reader only; refused, so that it cannot reach the SQL node.
    Ambiguous,
    /// Forwarded as it was written.
    SqlNode(Target),
}

/// What a forwarded path says about the database that the SQL node will use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/v1/execute/{database}`, spelled plainly.
    Database(String),
    /// `/v1/execute` or `/v1/execute/`: body, query or session say.
    Unnamed,
    /// `/v1/execute` to a laxer reader only: nobody can say which database that will be.
    Unclear,
    /// Not a query.
    Elsewhere,
}

impl Target {
    /// Whether the SQL node may run a statement for this path.
    pub fn is_execute(&self) -> bool {
        !matches!(self, Self::Elsewhere)
    }
}

/// The routes of one configuration.
#[derive(Clone, Debug)]
pub struct Routes {
    callbacks: Vec<String>,
    /// Without any, the other paths of OAuth connections are not ours either.
    connection_callbacks: Vec<String>,
}

impl Routes {
    /// `callbacks`: absolute, normalised paths.
    pub fn new<'a>(callbacks: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            callbacks: callbacks.into_iter().map(str::to_owned).collect(),
            connection_callbacks: Vec::new(),
        }
    }

    /// The same, with `callbacks` that answer OAuth connections.
    #[must_use]
    pub fn with_connections<'a>(mut self, callbacks: impl IntoIterator<Item = &'a str>) -> Self {
        self.connection_callbacks = callbacks.into_iter().map(str::to_owned).collect();
        self
    }

    /// Decides on the `path` of a request-target, without its query.
    pub fn classify(&self, path: &str) -> Route {
        let normal = spelling::normalise(path);
        match self.endpoint(&normal) {
            Some(Endpoint::Connections | Endpoint::Connection)
                if !connections::is_plain(&normal) =>
            {
                return Route::Ambiguous;
            }
            Some(endpoint) => return Route::Ours(endpoint),
            None => {}
        }
        // Nearly always: then its case alone can be misread, that of a callback.
        if spelling::is_plain(path) {
            return match self.is_callback_in_any_case(&normal) {
                true => Route::Ambiguous,
                false => Route::SqlNode(target(path)),
            };
        }
        let lower = path.to_ascii_lowercase();
        let lax = match spelling::is_plain(&lower) {
            true => vec![spelling::normalise(&lower).into_owned()],
            false if path.len() > spelling::MAX_ODD_LENGTH => return Route::Ambiguous,
            false => spelling::lax_readings(path),
        };
        if lax.iter().any(|reading| self.endpoint_in_any_case(reading)) {
            return Route::Ambiguous;
        }
        Route::SqlNode(match target(path) {
            Target::Elsewhere if lax.iter().any(|reading| is_execute(reading)) => Target::Unclear,
            target => target,
        })
    }

    /// The endpoint of ours with exactly this normalised path.
    fn endpoint(&self, normal: &str) -> Option<Endpoint> {
        if self.connection_callbacks.iter().any(|path| path == normal) {
            return Some(Endpoint::ConnectionCallback);
        }
        if normal == DEFAULT_CALLBACK || self.callbacks.iter().any(|path| path == normal) {
            return Some(Endpoint::Callback);
        }
        if !self.connection_callbacks.is_empty()
            && let Some(endpoint) = connections::endpoint(normal)
        {
            return Some(endpoint);
        }
        let canonical = underscored(normal);
        ENDPOINTS
            .iter()
            .find(|(path, _)| *path == canonical)
            .map(|(_, endpoint)| *endpoint)
    }

    /// `reading` is lower-case.
    fn endpoint_in_any_case(&self, reading: &str) -> bool {
        self.endpoint(reading).is_some() || self.is_callback_in_any_case(reading)
    }

    fn is_callback_in_any_case(&self, reading: &str) -> bool {
        let mut callbacks = self.callbacks.iter().chain(&self.connection_callbacks);
        callbacks.any(|path| path.eq_ignore_ascii_case(reading))
    }
}

/// Hyphens as underscores: `/v1/sso-token` is `/v1/sso_token`.
fn underscored(path: &str) -> Cow<'_, str> {
    if path.contains('-') {
        path.replace('-', "_").into()
    } else {
        path.into()
    }
}

/// What a path spelled without tricks says about the database.
fn target(path: &str) -> Target {
    let Some(rest) = path.strip_prefix("/v1/execute") else {
        return Target::Elsewhere;
    };
    match rest.strip_prefix('/') {
        None if rest.is_empty() => Target::Unnamed,
        None => Target::Elsewhere,
        Some("") => Target::Unnamed,
        Some(segment) => spelling::plain_segment(segment).map_or(Target::Unclear, Target::Database),
    }
}

/// Whether a lower-case lax reading is a query.
fn is_execute(reading: &str) -> bool {
    reading
        .strip_prefix("/v1/execute")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
