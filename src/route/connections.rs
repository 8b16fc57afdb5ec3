//! The paths of OAuth connections, which name an integration and a connection.
use super::{Endpoint, spelling, underscored};

/// What a path of OAuth connections names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionPath {
    /// `None`: those of every integration.
    pub integration: Option<String>,
    /// `None`: all of them.
    pub id: Option<String>,
}

impl ConnectionPath {
    /// Reads the path of a request that was routed to one of these endpoints.
    pub fn of(path: &str) -> Option<Self> {
        let normal = spelling::normalise(path);
        let (integration, id) = names(&normal)?;
        Some(Self {
            integration: integration.map(str::to_owned),
            id: id.map(str::to_owned),
        })
    }
}

/// The forms of these paths, `*` for what they name.
pub(super) const PATHS: [&str; 3] = [
    "/hub/integrations/oauth-connections",
    "/hub/integrations/*/oauth-connections",
    "/hub/integrations/*/oauth-connections/*",
];

/// The endpoint of a normalised path, whatever it names.
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    names(path).map(|(_, id)| match id {
        None => Endpoint::Connections,
        Some(_) => Endpoint::Connection,
    })
}

/// Whether every reader agrees about what a path of ours names.
pub(super) fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    names(path).is_some_and(|(integration, id)| {
        let mut names = integration.into_iter().chain(id);
        names.all(|name| name.bytes().all(plain))
    })
}

/// Integration and id, where the path has them.
fn names(path: &str) -> Option<(Option<&str>, Option<&str>)> {
    let mut segments = path.strip_prefix("/hub/integrations/")?.split('/');
    let is_list = |segment: &str| underscored(segment) == "oauth_connections";
    let found = match (segments.next(), segments.next(), segments.next()) {
        (Some(list), None, None) if is_list(list) => (None, None),
        (Some(integration), Some(list), id) if is_list(list) => (Some(integration), id),
        _ => return None,
    };
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::super::{Route, Routes};
    use super::*;

    fn routes() -> Routes {
        Routes::new(["/v1/callback"]).with_connections(["/hub/integrations/oauth-callback"])
    }

    #[test]
    fn the_endpoints_of_connections_are_ours_in_every_equivalent_spelling() {
        for (path, endpoint) in [
            (
                "/hub/integrations/oauth-callback",
                Endpoint::ConnectionCallback,
            ),
            ("/hub/integrations/oauth-connections", Endpoint::Connections),
            (
                "/hub/integrations/oauth_connections/",
                Endpoint::Connections,
            ),
            (
                "//hub/x/../integrations/%6Fauth-connections",
                Endpoint::Connections,
            ),
            (
                "/hub/integrations/Slack/oauth-connections",
                Endpoint::Connections,
            ),
            (
                "/hub/integrations/a.b~c_d-e/oauth-connections/",
                Endpoint::Connections,
            ),
            (
                "/hub/integrations/slack/oauth-connections/U1-x",
                Endpoint::Connection,
            ),
            (
                "/hub/integrations/slack/oauth_connections/~%41b/.",
                Endpoint::Connection,
            ),
            (
                "/hub/integrations/oauth-connections/oauth-connections",
                Endpoint::Connections,
            ),
        ] {
            assert_eq!(routes().classify(path), Route::Ours(endpoint), "{path}");
        }
    }

    #[test]
    fn a_path_of_connections_that_only_a_laxer_reader_follows_is_ambiguous() {
        for path in [
            "/Hub/integrations/oauth-connections",
            "/hub/integrations/slack/OAuth-Connections",
            "/hub/integrations/sla%63k/OAUTH-CONNECTIONS/u1",
            "/hub/integrations/oauth-connections;x",
            "/hub/integrations/oauth-connections%00",
            "/hub/integrations%2foauth-connections",
            "/hub\\integrations\\oauth-connections",
            "/hub/integrations/a%7cb/oauth-connections",
            "/hub/integrations/slack/oauth-connections/a%20b",
            "/hub/integrations/slack/oauth-connections/u1;x",
            "/hub/integrations/slack%2foauth-connections",
            "/hub/integrations/%252e%252e/integrations/oauth-connections",
            "/hub/integrations/slack/oauth-connections/%c3%a4",
            "/HUB/integrations/oauth-callback",
            "/hub/integrations/oauth-callback;x",
        ] {
            assert_eq!(routes().classify(path), Route::Ambiguous, "{path}");
        }
    }

    #[test]
    fn without_a_connection_callback_the_paths_are_the_sql_nodes() {
        let routes = Routes::new(["/v1/callback"]);
        for path in [
            "/hub/integrations/oauth-connections",
            "/hub/integrations/slack/oauth-connections",
            "/hub/integrations/slack/oauth-connections/u1",
            "/HUB/integrations/oauth-connections;x",
        ] {
            assert!(matches!(routes.classify(path), Route::SqlNode(_)), "{path}");
        }
        for path in [
            "/hub/integrations",
            "/hub/integrations/slack",
            "/hub/integrations/slack/oauth-config",
            "/hub/integrations/slack/oauth-connections/u1/x",
            "/hub/integrations/a/b/oauth-connections",
            "/v1/hub/integrations/oauth-connections",
        ] {
            let route = super::super::Routes::classify(&self::routes(), path);
            assert!(matches!(route, Route::SqlNode(_)), "{path}");
        }
    }

    #[test]
    fn a_path_says_what_it_names_letter_for_letter() {
        let names = |path| {
            let path = ConnectionPath::of(path)?;
            Some((path.integration, path.id))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            names("/hub/integrations/oauth-connections/"),
            Some((None, None))
        );
        assert_eq!(
            names("/hub//integrations/Sl-ack/oauth_connections"),
            Some((some("Sl-ack"), None))
        );
        assert_eq!(
            names("/hub/integrations/a_b/oauth-connections/%7EU-1_x"),
            Some((some("a_b"), some("~U-1_x")))
        );
        assert_eq!(names("/hub/integrations/oauth-callback"), None);
    }
}
