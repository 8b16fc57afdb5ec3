//! `[admin]`: where health and metrics are served.
use super::{
    addresses::socket_address,
    fault::Fault,
    listen::collide,
    section::Section,
    values::{path, string},
};
use std::{net::SocketAddr, path::PathBuf};

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where `/livez` and `/readyz` are served in clear text; default `127.0.0.1:9901`.
    pub listen: AdminAddress,
}

/// A place to listen on.
#[derive(Clone, Debug)]
pub enum AdminAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket, `unix:` and its path in the file.
    Unix(PathBuf),
}

impl Admin {
    pub(super) fn read(section: &mut Section<'_>, taken: Option<&[SocketAddr]>) -> Option<Self> {
        // This host alone: what is served there needs no credential.
        let listen = section.defaulted("listen", "'127.0.0.1:9901'", string(address))?;
        let listen = match listen {
            AdminAddress::Unix(path) => AdminAddress::Unix(section.resolve(path)),
            AdminAddress::Tcp(address) if taken?.iter().any(|other| collide(other, &address)) => {
                let fault = Fault::new("clients connect to this port, by `listen.addresses`");
                return section.fault("listen", fault.cure("choose another port"));
            }
            tcp => tcp,
        };
        Some(Self { listen })
    }
}

fn address(text: &str) -> Result<AdminAddress, Fault> {
    match text.strip_prefix("unix:") {
        Some(socket) if socket.len() > MAX_SOCKET_PATH => Err(Fault::new(format!(
            "a socket's path has at most {MAX_SOCKET_PATH} bytes"
        ))),
        Some(socket) => path(socket).map(AdminAddress::Unix),
        None => socket_address(text).map(AdminAddress::Tcp),
    }
}

/// `sun_path` has 108 bytes, the last of them zero (unix(7)).
const MAX_SOCKET_PATH: usize = 107;
