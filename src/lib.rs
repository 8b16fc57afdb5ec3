//! ocient-sidecar: OpenID Connect sign-in in front of an Ocient SQL node.

pub mod admin;
pub mod app;
pub mod auth;
pub mod body;

pub mod cli;
pub mod config;
pub mod cookie;
pub mod endpoints;
pub mod failure;
pub mod headers;
pub mod http_client;
pub mod local_path;
pub mod ocient;
pub mod oidc;
pub mod proxy;
pub mod request_id;
pub mod route;
pub mod seal;
pub mod secret;
pub mod server;
pub mod session;
pub mod single_flight;
pub mod status;
pub mod telemetry;
pub mod tls;
pub mod token_kind;
pub mod upstream;
