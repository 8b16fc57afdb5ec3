//! What the programs of the benchmark are made of.
pub mod answer;
pub mod client;
pub mod load;
pub mod origin;
pub mod proxy;
pub mod tls;
