//! ocient-sidecar: terminates TLS in front of an Ocient SQL node, signs clients in with OpenID
//! Connect, and passes every other request of the HTTP Query API through with an injected
//! Ocient bearer.
//!
//! ```text
//!                    ┌───────────────── SQL node host ─────────────────┐
//! HTTP client ──TLS──▶ ocient-sidecar ──http(s), loopback──▶ SQL node  │
//! browser            │      │    └─ sessions: memory or a sealed file  │
//!                    └──────┼──────────────────────────────────────────┘
//!                           └─▶ OpenID provider (discovery, keys, tokens)
//! ```
//!
//! # The steps of a request
//!
//! 1. [`server`] accepts, hands the connection to the worker with the fewest, and shakes hands
//!    under a timeout.
//! 2. hyper reads the head, under [`server`]'s deadline.
//! 3. [`proxy`] gives the request its id and refuses what is never forwarded.
//! 4. [`route`] says whose path it is.
//! 5. One of ours: [`endpoints`] answers it, on the control runtime.
//! 6. The SQL node's: [`auth`] finds the credential, the identity and its grant, and gets the
//!    Ocient token. Its answer is `Decision::{Inject, PassThrough}` or a [`failure`].
//! 7. [`headers`] removes hop-by-hop and forged fields, and sets ours.
//! 8. [`upstream`] sends it; bodies stream in both directions.
//! 9. Hop-by-hop fields, and cookies beside an injected token, leave the answer; or
//!    `proxy::respond` turns the failure into one.
//! 10. [`telemetry`] writes one access line when the answer has ended.
//!
//! # Layers
//!
//! A file names only modules of lower layers, or its own children; a test reads every file and
//! checks it against this table.
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | [`body`] [`descriptors`] [`file_rule`] [`local_path`] [`network`] [`request_id`] [`secret`] [`share`] [`status`] [`token_kind`] |
//! | 1 | [`pem_file`] |
//! | 2 | [`config`] |
//! | 3 | [`cookie`] [`headers`] [`http_client`] [`page`] [`route`] [`seal`] [`single_flight`] [`store_file`] [`telemetry`] [`tls`] |
//! | 4 | [`ocient`] [`oidc`] [`server`] [`session`] [`upstream`] |
//! | 5 | [`connection`] |
//! | 6 | [`failure`] |
//! | 7 | [`auth`] |
//! | 8 | [`endpoints`] |
//! | 9 | [`admin`] [`proxy`] |
//! | 10 | [`app`] |
//! | 11 | [`cli`] |

pub mod admin;
pub mod app;
pub mod auth;
pub mod body;
pub mod cli;
pub mod config;
pub mod connection;
pub mod cookie;
pub mod descriptors;
pub mod endpoints;
pub mod failure;
pub mod file_rule;
pub mod headers;
pub mod http_client;
pub mod local_path;
pub mod network;
pub mod ocient;
pub mod oidc;
pub mod page;
pub mod pem_file;
pub mod proxy;
pub mod request_id;
pub mod route;
pub mod seal;
pub mod secret;
pub mod server;
pub mod session;
pub mod share;
pub mod single_flight;
pub mod status;
pub mod store_file;
pub mod telemetry;
pub mod tls;
pub mod token_kind;
pub mod upstream;
