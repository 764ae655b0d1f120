//! What a key may do, from where and how long, as it is typed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::SecondsFormat;
use clap::Args;
use ipnet::IpNet;
use nexus_domain::{duration, instant, network};
use serde_json::{Value, json};

/// From where and how long a new credential may be used.
#[derive(Args)]
pub(crate) struct Bounds {
    /// How long it lives, such as 12h, 30d or 1y
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "expires_at")]
    expires_in: Option<String>,

    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    expires_at: Option<String>,

    /// Address or network that it may be used from; repeat or put commas between for several; from anywhere where absent
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = network, value_delimiter = ',')]
    allowed: Vec<IpNet>,
}

impl Bounds {
    /// The members of a request's body, those alone that were given.
    pub(crate) fn members(&self) -> impl Iterator<Item = (String, Value)> {
        let given = [
            ("expires_in", self.expires_in.as_ref().map(|length| json!(length))),
            ("expires_at", self.expires_at.as_ref().map(|end| json!(end))),
            ("ip_allowlist", (!self.allowed.is_empty()).then(|| json!(self.allowed))),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
    }
}

/// One restriction, `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restriction {
    /// What is restricted, such as `brand`.
    pub(crate) name: String,
    /// To what.
    pub(crate) value: String,
}

/// Restrictions by name, each with all values that were given for it.
pub(crate) fn by_name(restrictions: &[Restriction]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for restriction in restrictions {
        named.entry(&restriction.name).or_default().insert(&restriction.value);
    }
    named
}

/// Parses `name=value`; the value may hold further equals signs.
pub(crate) fn restriction(text: &str) -> Result<Restriction, &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.is_empty() => {
            Ok(Restriction { name: name.trim().to_owned(), value: value.to_owned() })
        }
        Some(_) | None => Err("write a name and a value, such as brand=acme"),
    }
}

/// An address or a network; spaces beside the commas of a list do no harm.
pub(crate) fn network(text: &str) -> Result<IpNet, network::InvalidNetwork> {
    network::parse(text.trim())
}

/// Checks a duration and leaves it as it was written, for the server to read.
pub(crate) fn duration(text: &str) -> Result<String, duration::InvalidDuration> {
    duration::parse(text).map(|_| text.to_owned())
}

/// Parses an instant, or a date for its first moment in UTC. In UTC, as the server reads it.
pub(crate) fn instant(text: &str) -> Result<String, String> {
    instant::parse(text)
        .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .map_err(|error| format!("{error}; {}", instant::FORM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restrictions_of_one_name_belong_together() {
        let given: Vec<Restriction> = ["brand=zeta", "brand=acme", "region=eu=west"]
            .iter()
            .map(|text| restriction(text).unwrap())
            .collect();
        let named = by_name(&given);
        assert_eq!(named["brand"], BTreeSet::from(["acme", "zeta"]));
        assert_eq!(named["region"], BTreeSet::from(["eu=west"]));
        for wrong in ["", "brand", "brand=", "=acme", " =acme"] {
            assert!(restriction(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spaces_around_a_network_do_no_harm() {
        assert_eq!(network(" 1.2.3.4 ").unwrap(), "1.2.3.4/32".parse().unwrap());
        assert!(network("1.2.3.4 5.6.7.8").is_err());
    }

    #[test]
    fn durations_are_checked_and_kept() {
        assert_eq!(duration("30d").unwrap(), "30d");
        assert!(duration("a month").is_err());
    }

    #[test]
    fn instants_are_in_utc() {
        assert_eq!(instant("2026-01-31").unwrap(), "2026-01-31T00:00:00Z");
        assert_eq!(instant("2026-01-31T14:03:00.5+02:00").unwrap(), "2026-01-31T12:03:00.500Z");
        for wrong in ["", "yesterday", "2026-13-01", "2026-01-31 14:03"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }
}
