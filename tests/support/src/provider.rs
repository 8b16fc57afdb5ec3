//! A small complete OpenID provider over HTTPS that can lie in any way.

mod about;
mod assertion;
mod authorize;
mod client_auth;
mod control;
mod device;
mod discovery;
mod end_session;
mod endpoint;
mod exchange;
mod garble;
mod grants;
mod jwks;
mod keys;
mod keyset;
mod lie;
mod lie_token;
mod mint;
mod options;
mod page;
mod par;
mod redirect;
mod route;
mod server;
mod shared;
mod sign_in;
mod token;
mod token_answer;
mod transport;

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

pub use endpoint::Endpoint;
pub use keys::{Algorithm, SigningKey};
pub use lie::Lie;
pub use mint::{SignedWith, TokenBuilder};
pub use options::{ClientEntry, ProviderOptions, User};
pub use shared::Recorded;

use server::Command;
use shared::Shared;

/// A running provider, in a thread of its own; dropping it stops it.
///
/// It is honest and strict: it refuses requests that a good relying party would not send. Lies are told
/// with [`Provider::lie`].
pub struct Provider {
    shared: Arc<Shared>,
    commands: Option<UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Provider {
    /// Starts a provider; it accepts connections when this returns.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(options: ProviderOptions) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", options.port))
            .unwrap_or_else(|error| panic!("the provider's port {}: {error}", options.port));
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        listener
            .set_nonblocking(true)
            .expect("sockets can be non-blocking");
        let issuer = format!(
            "https://{}:{}{}",
            options.host,
            address.port(),
            options.path
        );
        let names = ["localhost", "127.0.0.1"];
        let tls = match options.asks_certificates {
            true => options.authority.asking_server_config(&names),
            false => options.authority.server_config(&names),
        };
        let tls = TlsAcceptor::from(Arc::new(tls));
        let shared = Arc::new(Shared::new(options, issuer));
        let (commands, orders) = unbounded_channel();
        let served = shared.clone();
        let thread = std::thread::Builder::new()
            .name("provider".to_owned())
            .spawn(move || server::run(served, listener, tls, orders))
            .expect("a thread can be started");
        Self {
            shared,
            commands: Some(commands),
            thread: Some(thread),
        }
    }

    /// The issuer: `https://127.0.0.1:PORT/realms/test`.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The URL of an endpoint.
    pub fn url(&self, endpoint: impl Into<Endpoint>) -> String {
        match endpoint.into() {
            Endpoint::Discovery => format!("{}/.well-known/openid-configuration", self.issuer()),
            endpoint => self.shared.url(endpoint),
        }
    }

    /// Starts a token; without further orders, alice's ID token for the first client.
    pub fn mint(&self) -> TokenBuilder {
        TokenBuilder::new(self.shared.clone())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.shared.held.send_modify(|held| held.clear());
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join()); // a panic there has already been printed
        }
    }
}

#[cfg(test)]
mod tests;
