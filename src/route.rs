//! Whose path it is: one of our endpoints, the SQL node's, or a spelling only a laxer reader would follow.
mod connections;
mod lax;
mod spelling;
mod unescape;

pub use connections::ConnectionPath;
pub use lax::ascii_of;

use lax::{Pattern, Readings};
use spelling::Spelling;
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

/// What a forwarded path is for, and says about the database that the SQL node will use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/v1/execute/{database}`, spelled plainly.
    Database(String),
    /// `/v1/execute` or `/v1/execute/`: body, query or session say.
    Unnamed,
    /// `/v1/execute` to a laxer reader only: nobody can say which database that will be.
    Unclear,
    /// `/v1/login`, to a lax reader, too: the SQL node signs somebody in by a password.
    Login,
    /// Neither.
    Elsewhere,
}

impl Target {
    /// Whether the SQL node may run a statement for this path.
    pub fn is_execute(&self) -> bool {
        !matches!(self, Self::Login | Self::Elsewhere)
    }
}

/// The routes of one configuration.
#[derive(Clone, Debug)]
pub struct Routes {
    callbacks: Vec<String>,
    /// Without any, the other paths of OAuth connections are not ours either.
    connection_callbacks: Vec<String>,
    /// Ours, for lax readers.
    ours: Vec<Pattern>,
    /// Queries and logins, for the same.
    queries: [Pattern; 1],
    logins: [Pattern; 1],
}

impl Routes {
    /// `callbacks`: absolute, normalised paths.
    pub fn new<'a>(callbacks: impl IntoIterator<Item = &'a str>) -> Self {
        let callbacks: Vec<String> = callbacks.into_iter().map(str::to_owned).collect();
        let of_node = of_node().map(Pattern::from);
        let own = callbacks.iter().map(|path| Pattern::of(path));
        Self {
            ours: of_node.chain(own).collect(),
            queries: [Pattern::from(EXECUTE)],
            logins: [Pattern::from(LOGIN)],
            callbacks,
            connection_callbacks: Vec::new(),
        }
    }

    /// The same, with `callbacks` that answer OAuth connections.
    #[must_use]
    pub fn with_connections<'a>(mut self, callbacks: impl IntoIterator<Item = &'a str>) -> Self {
        self.connection_callbacks = callbacks.into_iter().map(str::to_owned).collect();
        if !self.connection_callbacks.is_empty() {
            let own = self.connection_callbacks.iter().map(String::as_str);
            let paths = own.chain(connections::PATHS);
            self.ours.extend(paths.map(Pattern::of));
        }
        self
    }

    /// Decides on the `path` of a request-target, without its query.
    pub fn classify(&self, path: &str) -> Route {
        match Spelling::of(path) {
            Spelling::Plain => self.classify_plain(path),
            Spelling::Capitals => self.classify_capitals(path),
            Spelling::Odd => self.classify_odd(path),
        }
    }

    /// Nearly always: then its case alone can be misread, that of a callback, and what stands
    /// behind a name.
    fn classify_plain(&self, path: &str) -> Route {
        let normal = spelling::trim(path);
        if let Some(endpoint) = self.endpoint(normal) {
            return Route::Ours(endpoint);
        }
        match self.is_callback_in_any_case(normal) || goes_on_behind_ours(normal) {
            true => Route::Ambiguous,
            false => Route::SqlNode(target(path)),
        }
    }

    fn classify_capitals(&self, path: &str) -> Route {
        let normal = spelling::trim(path);
        if let Some(endpoint) = self.endpoint(normal) {
            return Route::Ours(endpoint);
        }
        match self.classify_plain(&normal.to_ascii_lowercase()) {
            Route::SqlNode(lower) => Route::SqlNode(match (target(path), lower) {
                (Target::Elsewhere, lower) if lower.is_execute() => Target::Unclear,
                (Target::Elsewhere, Target::Login) => Target::Login,
                (target, _) => target,
            }),
            Route::Ours(_) | Route::Ambiguous => Route::Ambiguous,
        }
    }

    fn classify_odd(&self, path: &str) -> Route {
        if path.len() > MAX_ODD_LENGTH {
            return Route::Ambiguous;
        }
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
        let readings = Readings::of(path);
        if readings.fit(&self.ours) {
            return Route::Ambiguous;
        }
        Route::SqlNode(match target(path) {
            Target::Elsewhere if readings.fit(&self.queries) => Target::Unclear,
            Target::Elsewhere if readings.fit(&self.logins) => Target::Login,
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

/// The paths of which the SQL node has handlers of its own, or may have.
fn of_node() -> impl Iterator<Item = &'static str> {
    ENDPOINTS
        .iter()
        .map(|(path, _)| *path)
        .chain([DEFAULT_CALLBACK])
}

/// Whether a plain path is one of those with something behind it: a reader may take
/// `/v1/sso_token.json` and `/v1/sso_token/x` for `/v1/sso_token`.
fn goes_on_behind_ours(normal: &str) -> bool {
    let is_same = |(one, other): (u8, u8)| one == other || (one == b'-' && other == b'_');
    of_node().any(
        |path| match normal.as_bytes().split_at_checked(path.len()) {
            Some((start, [next, ..])) => {
                !lax::goes_on(*next) && start.iter().copied().zip(path.bytes()).all(is_same)
            }
            _ => false,
        },
    )
}

/// Longest path that is read laxly, in bytes; a longer one that would have to be is refused. A
/// database of 256 bytes fits, every one escaped; `benches/compare/instructions` counts what the worst one costs.
const MAX_ODD_LENGTH: usize = 1024;

/// What begins the path of every query.
const EXECUTE: &str = "/v1/execute";

/// Where the SQL node takes passwords.
const LOGIN: &str = "/v1/login";

/// What a path spelled without tricks says about the database.
fn target(path: &str) -> Target {
    let Some(rest) = path.strip_prefix(EXECUTE) else {
        let behind = path.strip_prefix(LOGIN).map(str::as_bytes);
        return match behind {
            Some([next, ..]) if lax::goes_on(*next) => Target::Elsewhere,
            Some(_) => Target::Login,
            None => Target::Elsewhere,
        };
    };
    match (rest.strip_prefix('/'), rest.as_bytes().first()) {
        (None, None) | (Some(""), _) => Target::Unnamed,
        (None, Some(next)) if lax::goes_on(*next) => Target::Elsewhere,
        (None, Some(_)) => Target::Unclear,
        (Some(segment), _) => {
            spelling::plain_segment(segment).map_or(Target::Unclear, Target::Database)
        }
    }
}

#[cfg(test)]
mod tests;
