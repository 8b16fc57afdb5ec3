//! The demo's `config.toml`: as an operator would write it.
use std::{io, net::TcpListener};

/// Where the parts are that the sidecar has to find or take.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The sidecar's port for clients.
    pub(crate) port: u16,
    /// Its port for the operator.
    pub(crate) admin_port: u16,
    /// The SQL node's URL.
    pub(crate) sql_node: String,
    /// The provider's issuer.
    pub(crate) issuer: String,
}

impl Places {
    /// What clients and the provider call the sidecar. A name for the sidecar and an address
    /// for the provider make two sites of them, as they are in real life.
    pub(crate) fn public_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The configuration.
    pub(crate) fn config_toml(&self) -> String {
        let Self {
            port,
            admin_port,
            sql_node,
            issuer,
        } = self;
        let public_url = self.public_url();
        format!(
            r#"# Written by the demo at each start. Paths begin at the folder of this file;
# what is not here has the default that the shipped config.toml shows.

[listen]
addresses = ["127.0.0.1:{port}"]
public_url = "{public_url}"
drain_min = "200ms"
drain_max = "10s"

[tls]
certificate = "sidecar.crt"
private_key = "sidecar.key"

[sql_node]
url = "{sql_node}"

# The SQL node has an SSO integration: it takes the provider's tokens for its own.
[sql_node.credentials]
mode = "exchange"

[sso]
default_database = "retail_analytics"

[[provider]]
name = "demo"
issuer = "{issuer}"
ca = "ca.crt"
client_id = "{CLIENT_ID}"
client_secret = {{ file = "client_secret" }}

# Administrators: every database. Analysts: the retail ones. Everybody else: none.
[[grant]]
provider = "demo"
groups = ["admins"]

[[grant]]
provider = "demo"
groups = ["analysts"]
databases = ["retail_*"]

[sessions]
store = "embedded"
path = "sessions.redb"
keys = "keys"

[admin]
listen = "127.0.0.1:{admin_port}"
"#
        )
    }
}

/// The sidecar's application at the provider.
pub(crate) const CLIENT_ID: &str = "ocient";

/// Free ports of this machine, these ones if nobody has them. Somebody else may take one
/// before it is used; then the start fails and says so.
pub(crate) fn free_ports<const N: usize>(preferred: [u16; N]) -> io::Result<[u16; N]> {
    let mut ports = preferred;
    // All are held until all are found: the system would give the same free port twice.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", *port))
            .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
