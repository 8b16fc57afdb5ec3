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
    /// Names of this host by which it may be asked, in small letters, besides `localhost` and
    /// addresses; default none. Not asked on a Unix socket.
    pub hosts: Vec<String>,
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
        let listen = section.defaulted("listen", "'127.0.0.1:9901'", string(address));
        let hosts = section.list("hosts", "[]", string(host));
        let listen = match listen? {
            AdminAddress::Unix(path) => AdminAddress::Unix(section.resolve(path)),
            AdminAddress::Tcp(address) if taken?.iter().any(|other| collide(other, &address)) => {
                let fault = Fault::new("clients connect to this port, by `listen.addresses`");
                return section.fault("listen", fault.cure("choose another port"));
            }
            tcp => tcp,
        };
        Some(Self {
            listen,
            hosts: hosts?,
        })
    }
}

/// A host name (RFC 1123 section 2.1).
fn host(text: &str) -> Result<String, Fault> {
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    let is_name = text.len() <= 253 && text.split('.').all(is_label);
    is_name.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        Fault::new("not a host name").cure("the name alone, as in \"sql0.example.com\"")
    })
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
