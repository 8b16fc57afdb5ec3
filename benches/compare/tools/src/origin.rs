//! The server behind every peer: deliberately cheap, as it shares a CPU with the load generator.
//!
//! | path | answer |
//! | --- | --- |
//! | `/json` | 1 KiB of JSON |
//! | `/stream/N` | N MiB in chunks of 64 KiB |
//! | `/upload` | how many bytes came |
//! | `/auth` | 200 for the client's token, for peers that ask |
//! | `/introspect` | RFC 7662, for peers that ask |
//! | `/v1/sso_token` | what a SQL node says: the token to inject |
//! | `/.well-known/openid-configuration`, `/jwks` | metadata and keys of the tokens' issuer |
//!
//! The first three answer 401 unless there is exactly one `Authorization` and it is the injected one: a
//! proxy that leaves out the replacement, or adds a second field, fails.
mod answers;
mod connection;

pub use answers::Answers;

use std::{io, rc::Rc};
use tokio::{net::TcpListener, task::LocalSet};

/// Serves on this port of the loopback address. Never ends.
///
/// # Errors
/// The port is taken.
pub fn serve(port: u16, answers: Answers) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let answers = Rc::new(answers);
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            // A peer that hangs up is no failure.
            tokio::task::spawn_local(connection::serve(tcp, answers.clone()));
        }
    })
}
