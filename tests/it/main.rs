//! Integration tests: the real application between a real SQL node, a provider and a client, all
//! of them in this process, on loopback, on ports of their own.
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod admin;
mod drain;
mod forwarding;
mod forwarding_answers;
mod forwarding_breaks;
mod forwarding_expect;
mod forwarding_pool;
mod hygiene;
mod hygiene_smuggling;
mod limits;
mod routing;
mod site;
mod smoke;
mod streaming;
mod tls;
mod wire;
