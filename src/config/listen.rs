//! `[listen]`: where clients connect.
use super::{
    addresses::{network, public_url, socket_address},
    fault::Fault,
    section::Section,
    units::duration,
    values::{count, string},
};
use ipnet::IpNet;
use std::{net::SocketAddr, num::NonZeroUsize, thread::available_parallelism, time::Duration};
use url::Url;

/// `[listen]`
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where TLS connections are accepted; at least one, default `0.0.0.0:8443`.
    pub addresses: Vec<SocketAddr>,
    /// What clients and the provider see. Scheme, host and port alone; always https.
    pub public_url: Url,
    /// Threads that serve connections; "0: one per core" is resolved already.
    pub workers: NonZeroUsize,
    /// Open client connections at a time; default 10000.
    pub max_connections: NonZeroUsize,
    /// How long a stopping sidecar goes on accepting, already unready; default 5 s.
    pub drain_min: Duration,
    /// How long it then waits for running queries; default 120 s.
    pub drain_max: Duration,
    /// Whose `X-Forwarded-*` and `Forwarded` fields are believed; default nobody's.
    pub trusted_proxies: Vec<IpNet>,
}

impl Listen {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let addresses = addresses(section);
        let public_url = section.required("public_url", string(public_url));
        // One thread per core is what the runtimes are built for; a thousand is far beyond
        // any machine and still starts.
        let workers = section.defaulted("workers", "0", count::<usize>(0..=1024));
        // Ten thousand connections take some 200 MiB; a million is a kernel's usual limit.
        let connections = count::<usize>(1..=1_000_000);
        let max_connections = section.defaulted("max_connections", "10000", connections);
        // Load balancers poll readiness every few seconds; beyond an hour it is no drain.
        let min_range = Duration::ZERO..=Duration::from_hours(1);
        let drain_min = section.defaulted("drain_min", "'5s'", duration(min_range));
        // Most queries end within two minutes; a day is the longest that anybody waits.
        let max_range = Duration::ZERO..=Duration::from_hours(24);
        let drain_max = section.defaulted("drain_max", "'120s'", duration(max_range));
        let trusted_proxies = section.list("trusted_proxies", "[]", string(network));
        Some(Self {
            addresses: addresses?,
            public_url: public_url?,
            workers: threads(workers?),
            max_connections: NonZeroUsize::new(max_connections?)?,
            drain_min: drain_min?,
            drain_max: drain_max?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

fn addresses(section: &mut Section<'_>) -> Option<Vec<SocketAddr>> {
    // 8443 needs no privilege.
    let addresses = section.some_of("addresses", "['0.0.0.0:8443']", string(socket_address))?;
    let taken_twice = addresses.iter().enumerate().any(|(at, address)| {
        let mut earlier = addresses[..at].iter();
        earlier.any(|other| collide(address, other))
    });
    match taken_twice {
        true => section.fault("addresses", Fault::new("two of them take the same port")),
        false => Some(addresses),
    }
}

/// Whether two listeners cannot exist at once. Port 0 stands for any free port.
pub(super) fn collide(one: &SocketAddr, other: &SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_host = one.ip() == other.ip() || (any && one.is_ipv4() == other.is_ipv4());
    one.port() != 0 && one.port() == other.port() && same_host
}

/// `0` is one per core that this process may use.
fn threads(workers: usize) -> NonZeroUsize {
    NonZeroUsize::new(workers)
        .or_else(|| available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_collide_on_one_port_of_one_host() {
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let [a, b] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!(collide(&a, &b), expected, "{one} {other}");
        }
    }
}
