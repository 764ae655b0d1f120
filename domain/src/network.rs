//! Networks in one spelling, so that a list and an address compare alike however they were written.

use ipnet::{IpNet, Ipv4Net};

/// Host bits cleared, and IPv4-mapped IPv6 networks (RFC 4291 section 2.5.5.2) as IPv4.
#[must_use]
pub fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - 96).ok())
            .map_or(network, IpNet::V4),
        IpNet::V4(_) | IpNet::V6(_) => network,
    }
}
