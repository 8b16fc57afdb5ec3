//! Micro-benchmarks of the pieces that a forwarded request is made of; `cargo bench` runs them.
//!
//! What a whole request costs beside other proxies is measured by `benches/compare/run`.
#![allow(clippy::unwrap_used)] // a benchmark that cannot go on fails

mod access_line;
mod caches;
mod cookies;
mod head;
mod known_token;
mod provider_token;
mod routes;
mod world;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    head::bench(&mut criterion);
    cookies::bench(&mut criterion);
    routes::bench(&mut criterion);
    provider_token::bench(&mut criterion);
    known_token::bench(&mut criterion);
    caches::bench(&mut criterion);
    access_line::bench(&mut criterion);
    criterion.final_summary();
}
