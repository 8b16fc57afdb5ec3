//! What counts as one client: its network.
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// What counts as one client: one household or host gets a whole /64 in IPv6.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => first_bits(address, 64),
        v4 => v4,
    }
}

/// What one hand may hold in IPv6 without asking twice: an end site is given a /48 at most
/// (RFC 6177). `None`: an IPv4 address, of which nobody has thousands for nothing.
pub fn site(client: IpAddr) -> Option<IpAddr> {
    match client.to_canonical() {
        IpAddr::V6(address) => Some(first_bits(address, 48)),
        IpAddr::V4(_) => None,
    }
}

/// Where the devices of one household or office are taken to be: a /24 in IPv4, of which an office
/// that has several addresses has them as a rule; a whole site in IPv6, whose devices change between
/// networks of it.
pub fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => first_bits(address, 48),
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
    }
}

fn first_bits(address: Ipv6Addr, count: u32) -> IpAddr {
    let mask = u128::MAX << (128 - count);
    Ipv6Addr::from_bits(address.to_bits() & mask).into()
}

/// Which clients have a share of what is limited: all but trusted proxies, behind each of which
/// there are many.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    trusted: Arc<[IpNet]>,
}

impl Networks {
    /// `trusted`: `listen.trusted_proxies`.
    pub fn new(trusted: &[IpNet]) -> Self {
        Self {
            trusted: trusted.into(),
        }
    }

    /// The network whose share `client` takes from; `None`: it is a trusted proxy itself.
    pub fn of(&self, client: IpAddr) -> Option<IpAddr> {
        let client = client.to_canonical();
        let is_trusted = self.trusted.iter().any(|proxy| proxy.contains(&client));
        (!is_trusted).then(|| network(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_is_the_first_24_bits_or_48_bits_of_an_address() {
        let of = |client: &str| neighbourhood(client.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.255"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:2:2::1"));
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network_and_a_trusted_proxy_is_none() {
        let networks = Networks::new(&["10.0.0.0/8".parse().unwrap()]);
        for (client, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("2001:db8:0:1:2::3", Some("2001:db8:0:1::")),
            ("10.1.2.3", None),
            ("::ffff:10.1.2.3", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(networks.of(client.parse().unwrap()), expected, "{client}");
        }
    }
}
