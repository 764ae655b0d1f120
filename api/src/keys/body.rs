//! Bodies of the key routes, read strictly.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use ipnet::IpNet;
use nexus_domain::dialect::KeyType;
use nexus_domain::duration;
use nexus_domain::ids::IntegrationId;
use nexus_domain::instant;
use nexus_domain::key::{Lifespan, RevocationReason};
use nexus_domain::network;
use nexus_domain::scope::ScopeSet;
use nexus_domain::verification::Restrictions;
use nexus_infrastructure::gate::{Change, Issue, Revoke, Rotate};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Fields, MOST_ITEMS};
use crate::problem::Problem;

/// The longest value of a restriction, in bytes.
const LONGEST_VALUE: usize = 100;

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Warehouse Integration", "environment": "live", "scopes": ["read:payments"], "expires_in": "90d",
    "ip_allowlist": ["203.0.113.0/24"],
}))]
pub struct IssueKeyBody {
    /// A name for people, 1 to 100 characters.
    #[schema(example = "Warehouse Integration")]
    pub name: String,
    /// `secret`, which is the default, or `publishable`.
    #[serde(rename = "type")]
    pub key_type: Option<String>,
    /// Name or alias of an environment; the dialect's first where left out.
    #[schema(example = "live")]
    pub environment: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long it lives, such as `30d`; for ever where neither this nor `expires_at` is given.
    #[schema(example = "90d")]
    pub expires_in: Option<String>,
    /// When it ends: an instant (RFC 3339), or a date for 00:00 UTC of that day.
    #[schema(example = "2026-12-31T00:00:00Z")]
    pub expires_at: Option<String>,
    /// Addresses and networks it may be used from; from anywhere where empty. A network is written without host bits:
    /// `10.0.0.0/8`, not `10.0.0.1/8`.
    #[serde(default)]
    #[schema(example = json!(["203.0.113.0/24", "2001:db8::1"]))]
    pub ip_allowlist: Vec<String>,
    /// To what it is restricted, by the names that the dialect has.
    #[serde(default)]
    pub restrictions: BTreeMap<String, Vec<String>>,
    /// The integration that it belongs to, for good; required where the dialect's keys belong to one.
    #[schema(example = "int_019abc0011227000800000000000dddd")]
    pub integration_id: Option<String>,
}

/// What of a key shall change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"scopes": ["read:payments", "read:users"], "expires_at": null}))]
pub struct ChangeKeyBody {
    /// Another name.
    pub name: Option<String>,
    /// Other scopes.
    pub scopes: Option<Vec<String>>,
    /// Another lifetime, counted from now.
    pub expires_in: Option<String>,
    /// Another end: an instant (RFC 3339), or a date for 00:00 UTC of that day; `null`: never.
    #[schema(example = "2026-12-31T00:00:00Z")]
    pub expires_at: Option<String>,
    /// Another allow list; empty: from anywhere.
    pub ip_allowlist: Option<Vec<String>>,
    /// Other restrictions.
    pub restrictions: Option<BTreeMap<String, Vec<String>>>,
}

/// How a secret shall be replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"grace": "24h"}))]
pub struct RotateKeyBody {
    /// How long the old secret stays valid, such as `24h`; `0`: not at all; the dialect's default
    /// where left out.
    #[schema(example = "24h")]
    pub grace: Option<String>,
}

/// Why a key shall be revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "compromised", "note": "Found in a public repository"}))]
pub struct RevokeKeyBody {
    /// `compromised`, `superseded`, `unused`, `cessation_of_operation`, `privilege_withdrawn` or
    /// `unspecified`, which is the default.
    #[schema(example = "compromised")]
    pub reason: Option<String>,
    /// A note for people, at most 100 characters.
    pub note: Option<String>,
}

pub(super) fn issue(bytes: &[u8]) -> Result<Issue, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let issue = Issue {
        name: fields.required_text("name"),
        key_type: fields
            .parsed("type", "write \"secret\" or \"publishable\"", key_type)
            .unwrap_or(KeyType::Secret),
        environment: fields.text("environment"),
        scopes: scopes(&mut fields).unwrap_or_default(),
        ip_allowlist: networks(&mut fields).unwrap_or_default(),
        restrictions: restrictions(&mut fields).unwrap_or_default(),
        lifespan: lifespan(&mut fields).unwrap_or(Lifespan::Unlimited),
        integration: fields.parsed(
            "integration_id",
            "write the id of an integration",
            str::parse::<IntegrationId>,
        ),
    };
    fields.finish()?;
    Ok(issue)
}

pub(super) fn change(bytes: &[u8]) -> Result<Change, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let for_ever = fields.has("expires_at").then_some(Lifespan::Unlimited);
    let change = Change {
        name: fields.text("name"),
        scopes: scopes(&mut fields),
        ip_allowlist: networks(&mut fields),
        restrictions: restrictions(&mut fields),
        lifespan: lifespan(&mut fields).or(for_ever),
    };
    fields.finish()?;
    Ok(change)
}

pub(crate) fn rotate(bytes: &[u8]) -> Result<Rotate, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let grace: Option<TimeDelta> =
        fields.parsed("grace", "write it like \"24h\", or \"0\" for none", duration::parse);
    fields.finish()?;
    Ok(Rotate { grace })
}

pub(crate) fn revoke(bytes: &[u8]) -> Result<Revoke, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let reason = fields
        .parsed("reason", "choose compromised, superseded, unused, cessation_of_operation, privilege_withdrawn or unspecified", |text| {
            serde_json::from_value::<RevocationReason>(text.into()).map_err(|_| "no such reason")
        })
        .unwrap_or(RevocationReason::Unspecified);
    let note = fields.text("note");
    fields.finish()?;
    Ok(Revoke { reason, note })
}

fn key_type(text: &str) -> Result<KeyType, &'static str> {
    match text {
        "secret" => Ok(KeyType::Secret),
        "publishable" => Ok(KeyType::Publishable),
        _ => Err("no such type"),
    }
}

pub(crate) fn scopes(fields: &mut Fields) -> Option<ScopeSet> {
    Some(fields.list("scopes", "use one of the dialect's scopes", str::parse)?.into_iter().collect())
}

pub(crate) fn networks(fields: &mut Fields) -> Option<Vec<IpNet>> {
    fields.list("ip_allowlist", "write an address or a network", network::parse)
}

pub(crate) fn restrictions(fields: &mut Fields) -> Option<Restrictions> {
    let given = fields.object("restrictions")?;
    let mut restrictions = Restrictions::new();
    for (name, values) in given {
        let shown: String = name.chars().take(32).collect();
        let texts: Option<BTreeSet<String>> =
            values.as_array().filter(|list| list.len() <= MOST_ITEMS).and_then(|list| {
                list.iter()
                    .map(|value| {
                        value
                            .as_str()
                            .filter(|text| {
                                (1..=LONGEST_VALUE).contains(&text.len())
                                    && !text.chars().any(char::is_control)
                            })
                            .map(str::to_owned)
                    })
                    .collect()
            });
        match texts {
            Some(texts) => {
                restrictions.insert(name, texts);
            }
            None => fields.wrong(
                &format!("restrictions.{shown}"),
                "not a list of at most 200 texts of 1 to 100 bytes",
                "write it as [\"…\"]",
            ),
        }
    }
    Some(restrictions)
}

pub(crate) fn lifespan(fields: &mut Fields) -> Option<Lifespan> {
    let length = fields.parsed("expires_in", "write it like \"30d\"", duration::parse);
    let end = fields.parsed("expires_at", instant::FORM, instant::parse);
    match (length, end) {
        (Some(_), Some(_)) => {
            fields.wrong("expires_at", "both `expires_in` and `expires_at` are given", "give one of them");
            None
        }
        (Some(length), None) => Some(Lifespan::For(length)),
        (None, Some(end)) => Some(Lifespan::Until(end)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(of: Result<Issue, Problem>) -> String {
        of.expect_err("the body is refused").to_string()
    }

    #[test]
    fn a_network_with_host_bits_is_refused_and_the_one_around_it_named() {
        let said = refusal(issue(br#"{"name":"A","ip_allowlist":["192.0.2.0/24","10.0.0.1/8"]}"#));
        assert!(
            said.ends_with(
                "body.ip_allowlist[1]: an address within a network; write 10.0.0.0/8, or 10.0.0.1"
            ),
            "{said}"
        );
        assert!(change(br#"{"ip_allowlist":["2001:db8::1/32"]}"#).is_err());
        assert!(issue(br#"{"name":"A","ip_allowlist":["10.0.0.0/8","10.0.0.1"]}"#).is_ok());
    }

    #[test]
    fn an_end_is_an_instant_or_a_date_and_what_is_neither_learns_how_to_write_it() {
        let end = |text: &str| issue(format!(r#"{{"name":"A","expires_at":"{text}"}}"#).as_bytes());
        assert_eq!(end("2026-12-31").unwrap().lifespan, end("2026-12-31T00:00:00Z").unwrap().lifespan);
        let said = refusal(end("next year"));
        for part in ["body.expires_at: neither an instant nor a date; ", "2026-12-31T00:00:00Z", "RFC 3339"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}
