//! The sections about tokens: what they say, and what is refused with its line.

use super::*;

const NEXUS: &str = include_str!("../../../../dialects/nexus.toml");

/// The reason for which a file is refused, which names the line where `to` stands.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(NEXUS.matches(from).count(), 1, "{from:?} does not stand exactly once in the file");
    let error = Dialect::parse("nexus.toml", &NEXUS.replacen(from, to, 1)).expect_err(to);
    let line = NEXUS.lines().position(|line| line.contains(from)).unwrap() + 1;
    assert_eq!(error.line, line, "{error}");
    error.reason
}

#[test]
fn tokens_live_as_long_as_the_product_promises() {
    let nexus = dialect("nexus");
    let tokens = nexus.access_tokens.clone().unwrap();
    assert_eq!((tokens.lifetime, tokens.refresh_lifetime), (TimeDelta::hours(1), TimeDelta::days(30)));
    assert!(tokens.accepted && nexus.accepts_tokens());
    assert_eq!(nexus.service_jwts.unwrap().permissions_claim, "permissions");
    for other in ["nexpay", "nexuscommerce"] {
        assert!(!dialect(other).accepts_tokens(), "{other}");
    }
    let text = NEXUS.replacen("lifetime = \"1h\"", "lifetime = \"1h\"\naccepted = false", 1);
    let text = text.replacen("[service_jwts]\npermissions_claim = \"permissions\"\n", "", 1);
    assert!(!Dialect::parse("nexus.toml", &text).unwrap().accepts_tokens());
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    for wrong in ["59s", "25h", "0", "1y"] {
        let reason = refused("lifetime = \"1h\"", &format!("lifetime = \"{wrong}\""));
        assert_eq!(reason, "an access token must live 1m to 24h");
    }
    assert!(refused("lifetime = \"1h\"", "lifetime = \"soon\"").contains("not a duration"));
    let reason = refused("refresh_lifetime = \"30d\"", "refresh_lifetime = \"59m\"");
    assert_eq!(reason, "refresh_lifetime must not be shorter than lifetime");
    for claim in ["", "exp", "sub"] {
        let reason =
            refused("permissions_claim = \"permissions\"", &format!("permissions_claim = \"{claim}\""));
        assert!(reason.starts_with("permissions_claim must be a claim"), "{reason}");
    }
    assert!(refused("permissions_claim", "permission_claim").contains("unknown field `permission_claim`"));
}
