//! `nexus keys revoke`

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::OneKey;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::receipt::receipt;
use crate::table::print_facts;
use crate::words::{text, time_or};

/// Revoke a key, for ever
///
/// Answers with a receipt: how many validating nodes have confirmed that they refuse the key from now on, and how many
/// lost their lease instead, which makes them refuse everything. Revoking a revoked key does nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys revoke KEY --reason compromised --note 'found in a public repository'
  nexus keys revoke KEY --reason unused")]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    key: OneKey,

    #[command(flatten)]
    why: Why,
}

/// Why something is revoked.
#[derive(Args)]
pub(crate) struct Why {
    /// Why
    #[arg(long, value_enum)]
    reason: Option<Reason>,

    /// More about it, for the audit log
    #[arg(long)]
    note: Option<String>,
}

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    /// Somebody else has the secret, or may have
    Compromised,
    /// Another key took its place
    Superseded,
    /// Nobody uses it
    Unused,
    /// What it was made for has ended
    #[value(alias = "cessation-of-operation")]
    CessationOfOperation,
    /// Its holder is no longer entitled to it
    #[value(alias = "privilege-withdrawn")]
    PrivilegeWithdrawn,
    /// No reason is given
    Unspecified,
}

pub(super) fn run(args: &RevokeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    revoke(&args.key.path("/revoke"), &args.why, client, format, |_| Vec::new())
}

/// Revokes the key whose route this is, and shows the receipt and what more follows from the answer.
///
/// # Errors
/// [`Failure`]
pub(crate) fn revoke(
    path: &str,
    why: &Why,
    client: &Client,
    format: Format,
    more: impl FnOnce(&Value) -> Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    let mut body = Map::new();
    body.extend(why.reason.map(|reason| ("reason".to_owned(), json!(word(reason)))));
    body.extend(why.note.as_ref().map(|note| ("note".to_owned(), json!(note))));
    let answer = client.post(path, &Value::Object(body))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let revoked: Value = answer.parse(client)?;
    let key = revoked.get("key").or_else(|| revoked.get("jwt_secret")).unwrap_or(&Value::Null);
    let mut facts = vec![
        ("Name", text(key, "name")),
        ("ID", text(key, "id")),
        ("Status", text(key, "status")),
        ("Revoked", time_or(key, "revoked_at", "")),
        ("Reason", text(key, "revocation_reason")),
        ("Receipt", receipt(&revoked, "refused by")),
    ];
    facts.extend(more(&revoked));
    print_facts(&facts)
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Compromised => "compromised",
        Reason::Superseded => "superseded",
        Reason::Unused => "unused",
        Reason::CessationOfOperation => "cessation_of_operation",
        Reason::PrivilegeWithdrawn => "privilege_withdrawn",
        Reason::Unspecified => "unspecified",
    }
}

#[cfg(test)]
mod tests {
    use nexus_domain::key::RevocationReason;

    use super::*;

    #[test]
    fn reasons_are_those_of_the_domain() {
        for reason in Reason::value_variants() {
            let word = word(*reason);
            assert!(serde_json::from_value::<RevocationReason>(json!(word)).is_ok(), "{word}");
            assert_eq!(reason.to_possible_value().unwrap().get_name(), word);
        }
    }
}
