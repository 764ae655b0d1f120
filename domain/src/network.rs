//! Networks as people write them, and in one spelling, so that a list and an address compare alike however they were written.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// The text is not a network, or could mean two. Behind the semicolon stands what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// No address and no network.
    #[error(
        "neither an address nor a network; write one such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
    )]
    Unreadable,
    /// An address with the length of a network around it. To take it for the network would let more in than the one address
    /// that may have been meant.
    #[error("an address within a network; write {network}, or {address}")]
    HostBits {
        /// The network around the address.
        network: IpNet,
        /// The address alone.
        address: IpAddr,
    },
}

/// Parses a network without host bits; a bare address is the network of that address alone.
///
/// # Errors
/// [`InvalidNetwork`]
pub fn parse(text: &str) -> Result<IpNet, InvalidNetwork> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| InvalidNetwork::Unreadable)?;
    if network.addr() == network.network() {
        Ok(network)
    } else {
        Err(InvalidNetwork::HostBits { network: network.trunc(), address: network.addr() })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read() {
        for (written, read) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/32", "203.0.113.7/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(parse(written).map(|network| network.to_string()).as_deref(), Ok(read));
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0", "example.com"] {
            assert_eq!(parse(wrong), Err(InvalidNetwork::Unreadable), "{wrong}");
        }
    }

    #[test]
    fn host_bits_are_refused_with_what_may_have_been_meant() {
        for (written, advice) in [
            ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1"),
            ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1"),
            ("10.0.0.1/0", "write 0.0.0.0/0, or 10.0.0.1"),
        ] {
            let refusal = parse(written).unwrap_err().to_string();
            assert!(refusal.ends_with(advice), "{written}: {refusal}");
        }
    }
}
