//! Whose requests are counted together.

use std::net::{IpAddr, Ipv6Addr};

/// Those of one IPv4 address, or of one IPv6 network of 64 bits: within that, a machine takes whatever address it likes (RFC
/// 8981). Other spellings of an IPv4 address, as IPv4-mapped IPv6 has it (RFC 4291 section 2.5.5.2), are that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin(u64);

/// The network that an origin belongs to, of 16 bits of an IPv4 address or 32 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(u64);

impl Origin {
    /// The origin of a caller. All whose address nobody knows are one.
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            // In `::/64`, which belongs to nobody, since the IPv6 addresses that stand for others are gone by now.
            Some(IpAddr::V4(address)) => Self(u64::from(address.to_bits())),
            Some(IpAddr::V6(address)) => Self(upper_half(address)),
            None => Self(u64::MAX),
        }
    }

    pub(super) const fn network(self) -> Network {
        match self.0 >> 32 {
            0 => Network(self.0 >> 16),
            upper => Network(upper << 32),
        }
    }
}

const fn upper_half(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn case_34_other_spellings_and_neighbours_in_a_64_are_one_origin() {
        for (one, other) in [
            ("203.0.113.7", "::ffff:203.0.113.7"),
            ("203.0.113.7", "::ffff:cb00:7107"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("2001:db8:1:2::", "2001:0DB8:0001:0002:0:0:0:99"),
        ] {
            assert_eq!(origin(one), origin(other), "{one} {other}");
        }
        for (one, other) in [
            ("203.0.113.7", "203.0.113.8"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("203.0.113.7", "2001:db8::203.0.113.7"),
        ] {
            assert_ne!(origin(one), origin(other), "{one} {other}");
        }
        assert_ne!(Origin::of(None), origin("0.0.0.0"));
    }

    #[test]
    fn networks_are_wider() {
        assert_eq!(origin("203.0.113.7").network(), origin("203.0.1.1").network());
        assert_ne!(origin("203.0.113.7").network(), origin("203.1.113.7").network());
        assert_eq!(origin("2001:db8:1:2::1").network(), origin("2001:db8:ffff::1").network());
        assert_ne!(origin("2001:db8:1:2::1").network(), origin("2001:db9:1:2::1").network());
        assert_ne!(origin("0.1.0.0").network(), origin("::1").network());
    }
}
