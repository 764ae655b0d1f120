//! Addresses in the configuration: URLs that carry passwords, and the networks of trusted proxies.

use std::fmt;

use ipnet::IpNet;
use nexus_domain::network;
use zeroize::Zeroizing;

/// A text that is not shown: `Debug` gives dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, to be handed to what needs it and to nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A URL of a server to connect to; `Debug` leaves out its passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Secret);

impl ServiceUrl {
    /// The whole URL with its password.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The URL for people to read: passwords are `***`.
    #[must_use]
    pub fn redacted(&self) -> String {
        redact(self.expose())
    }

    /// What stands before `://`, in lower case.
    #[must_use]
    pub fn scheme(&self) -> String {
        scheme(self.expose()).unwrap_or_default()
    }

    /// Stands for a URL that was rejected.
    pub(super) fn nowhere() -> Self {
        Self(Secret::new(String::new()))
    }

    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        match scheme(text) {
            Some(found) if schemes.contains(&found.as_str()) => Ok(Self(Secret::new(text.to_owned()))),
            // Not the text itself: a URL without its scheme may still hold a password.
            _ => Err(format!("it must be a URL that begins with {}", alternatives(schemes))),
        }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.redacted(), f)
    }
}

/// A network such as `10.0.0.0/8`, or one address alone. IPv4 networks in their IPv6 form are brought to IPv4, as the
/// addresses they are compared with are.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = network::parse(text).map_err(|error| format!("`{text}` is {error}"))?;
    Ok(network::canonical(network))
}

/// `a, b or c`, with `://` after each.
fn alternatives(schemes: &[&str]) -> String {
    let all: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

fn scheme(url: &str) -> Option<String> {
    url.split_once("://").filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme.to_ascii_lowercase())
}

fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "…".to_owned();
    };
    let (before_query, query) =
        rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    // The last `@`: one in a password is often written as it is, and so is a `/`.
    let place = match before_query.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => before_query.to_owned(),
    };
    let query = query.map(|query| {
        let shown: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
                _ => pair.to_owned(),
            })
            .collect();
        format!("?{}", shown.join("&"))
    });
    format!("{scheme}://{place}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("postgres://nexus:se:cr/et@db:5432/nexus", "postgres://nexus:***@db:5432/nexus"),
            (
                "postgres://nexus@db/nexus?sslmode=require&password=secret",
                "postgres://nexus@db/nexus?sslmode=require&password=***",
            ),
            ("amqps://u:p@ss@mq/%2f", "amqps://u:***@mq/%2f"),
            ("sqlite://nexus.db", "sqlite://nexus.db"),
            ("no url: secret", "…"),
        ] {
            assert_eq!(redact(url), shown);
        }
        let url = ServiceUrl::parse("amqp://u:secret@mq", &["amqp"]).unwrap();
        assert_eq!(format!("{url:?}"), "\"amqp://u:***@mq\"");
        assert_eq!(url.expose(), "amqp://u:secret@mq");
        assert_eq!(format!("{:?}", Secret::new("secret".into())), "…");
    }

    #[test]
    fn a_wrong_url_is_not_repeated() {
        let message =
            ServiceUrl::parse("mysql://u:secret@db", &["postgres", "postgresql", "sqlite"]).unwrap_err();
        assert_eq!(message, "it must be a URL that begins with postgres://, postgresql:// or sqlite://");
    }

    #[test]
    fn networks() {
        let within = |network: &str, address: &str| {
            super::network(network).unwrap().contains(&address.parse::<IpAddr>().unwrap().to_canonical())
        };
        assert!(within("10.0.0.0/8", "10.255.0.1"));
        assert!(within("10.0.0.0/8", "::ffff:10.255.0.1"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("192.0.2.1", "192.0.2.1"));
        assert!(!within("192.0.2.1", "192.0.2.2"));
        assert!(within("0.0.0.0/0", "203.0.113.9"));
        assert!(!within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(within("::/0", "2001:db8::1"));
        for wrong in [
            "",
            "10.0.0.0/33",
            "2001:db8::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "proxy",
            "10.0.0/8",
            "10.0.0.1/8",
        ] {
            assert!(super::network(wrong).is_err(), "{wrong}");
        }
    }
}
