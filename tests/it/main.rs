//! Integration tests: the real application between a real SQL node, a provider and a client, all
//! of them in this process, on loopback, on ports of their own.
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod admin;
mod broken_requests;
mod browser_sign_in;
mod browser_sign_in_attacks;
mod browser_sign_in_begin;
mod browser_sign_in_state;
mod cross_site;
mod drain;
mod errors;
mod errors_fuzz;
mod errors_limits;
mod errors_outages;
mod forwarding;
mod forwarding_answers;
mod forwarding_breaks;
mod forwarding_expect;
mod forwarding_pool;
mod grants;
mod header_attacks;
mod hygiene;
mod hygiene_smuggling;
mod identities;
mod lies;
mod lies_tokens;
mod limits;
mod logs;
mod ocient_tokens;
mod ocient_tokens_refused;
mod pages;
mod pages_readers;
mod path_attacks;
mod provider_tokens;
mod routing;
mod secrets;
mod sessions;
mod site;
mod smoke;
mod sso_token;
mod state_flood;
mod streaming;
mod tls;
mod wire;
