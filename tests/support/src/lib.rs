//! Stand-ins for the tests and the demo; never linked into the sidecar.

pub mod authority;
pub mod client;
pub mod provider;
pub mod secrets;
pub mod sql_node;
