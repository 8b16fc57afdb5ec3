//! Shares the files that may be open out among those who need them.
use crate::{admin, config::Config, http_client, server};
use tracing::warn;

/// How many connections are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    /// Of clients.
    pub(super) clients: usize,
    /// To the SQL node.
    pub(super) sql_node: usize,
}

/// What there is besides connections: standard streams, store, log, certificates being read, names
/// being looked up.
const OWN: usize = 64;

/// What a worker's runtime has: its poll instance, its waker, and a pair for signals.
const OF_WORKER: usize = 4;

/// As many as the configuration says, if `limit` files can carry them; otherwise as many as leave
/// enough for accepting, the admin listener and sign-ins, and a warning that says how many are
/// needed.
pub(super) fn admitted(config: &Config, limit: Option<usize>) -> Admitted {
    let wanted = Admitted {
        clients: config.listen.max_connections.get(),
        sql_node: config.sql_node.max_connections,
    };
    let reserved = reserved(config);
    let needed = reserved + server::most_descriptors(wanted.clients) + wanted.sql_node;
    let Some(limit) = limit.filter(|limit| *limit < needed) else {
        return wanted;
    };
    let admitted = within(limit.saturating_sub(reserved), wanted);
    warn!(
        limit,
        needed,
        clients = admitted.clients,
        sql_node = admitted.sql_node,
        "the limit of open files cannot carry listen.max_connections ({}) and \
         sql_node.max_connections ({}): fewer are admitted; set LimitNOFILE= of the service, or \
         `ulimit -Hn`, to {needed} or more",
        wanted.clients,
        wanted.sql_node,
    );
    admitted
}

fn reserved(config: &Config) -> usize {
    let workers = config.listen.workers.get() * OF_WORKER;
    let listeners = config.listen.addresses.len();
    // Those of each provider, and those to the SQL node for its tokens.
    let sign_ins = (config.providers.len() + 1) * http_client::MOST_CONNECTIONS;
    OWN + workers + listeners + admin::MAX_CONNECTIONS + sign_ins
}

/// What `files` can carry. A quarter is for the SQL node at least: a client that gets no answer is
/// no better off than one that gets no connection.
fn within(files: usize, wanted: Admitted) -> Admitted {
    let files = files.saturating_sub(server::most_descriptors(0)); // those refused and leaving
    let proportional = files * wanted.sql_node / (wanted.clients + wanted.sql_node);
    let sql_node = proportional.max(files / 4).clamp(1, wanted.sql_node);
    // Eight of nine are served while an eighth as many are leaving.
    let clients = (files.saturating_sub(sql_node) * 8 / 9).clamp(1, wanted.clients);
    Admitted { clients, sql_node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config() -> Config {
        let text = "[listen]\npublic_url = 'https://localhost'\nworkers = 2\n\
                    [tls]\ncertificate = 'a'\nprivate_key = 'b'\n\
                    [sql_node]\nurl = 'http://127.0.0.1:9090'\n\
                    [[provider]]\nname = 'corp'\nissuer = 'http://127.0.0.1:1'\nclient_id = 'a'\n";
        Config::from_toml(text, "config.toml", Path::new("/")).unwrap()
    }

    #[test]
    fn the_shipped_limit_carries_the_defaults() {
        let wanted = Admitted {
            clients: 10_000,
            sql_node: 1000,
        };
        assert_eq!(admitted(&config(), Some(65_536)), wanted);
        assert_eq!(admitted(&config(), None), wanted);
    }

    #[test]
    fn what_is_admitted_never_takes_what_is_reserved() {
        let config = config();
        for limit in [400, 655, 1024, 2048, 4096, 10_000, 12_000] {
            let admitted = admitted(&config, Some(limit));
            let Admitted { clients, sql_node } = admitted;
            let taken = reserved(&config) + server::most_descriptors(clients) + sql_node;
            assert!(taken <= limit, "{limit}: {admitted:?} take {taken}");
            assert!(
                clients < 10_000 && 4 * sql_node >= clients.min(4000),
                "{admitted:?}"
            );
        }
        let none = admitted(&config, Some(64));
        assert_eq!((none.clients, none.sql_node), (1, 1), "it still starts");
    }
}
