//! `nexus nodes revoke`

use clap::Args;
use nexus_domain::ids::KeyId;
use nexus_infrastructure::gate::PLATFORM_TENANT;
use serde_json::Value;

use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::keys::{self, Why};
use crate::output::Format;
use crate::words::{number, text, text_or};

/// What a node's credential may do, and nothing else.
const CONNECT: &str = "nodes:connect";

/// The longest that a node may answer for after its credential is refused: a right of three seconds, and what clocks differ by.
const LONGEST_RIGHT_MS: u64 = 3_100;

/// Revoke the credential of a validating node, for ever
///
/// Every node that has it is sent nothing more from then on, and loses the right to answer, which it was given for three
/// seconds at a time. The receipt is of the credential: who accepts it no more. Nodes' credentials are keys of the platform's own
/// tenant: what this needs is the scope keys:write, and `nexus keys list --tenant 00000000-0000-7000-8000-000000000001` shows
/// those as well whose nodes are not connected.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus nodes revoke CREDENTIAL --reason compromised
  nexus nodes list --output json | jq -r '.data[] | select(.name == \"edge-1\").credential_id'")]
pub(super) struct RevokeArgs {
    /// The credential's id, as `nexus nodes list` shows it
    #[arg(value_name = "CREDENTIAL")]
    id: KeyId,

    #[command(flatten)]
    why: Why,
}

pub(super) fn run(args: &RevokeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let path = format!("/v1/tenants/{PLATFORM_TENANT}/keys/{}", args.id);
    let key: Value = client.get(&path, &Query::default())?.parse(client)?;
    // One mistyped id away from it are the credentials of people.
    if text(&key, "scopes") != CONNECT {
        return Err(Failure::Refused(format!(
            "{} is no validating node's credential: it may do {}; nexus keys revoke --tenant {PLATFORM_TENANT} revokes any",
            args.id,
            text_or(&key, "scopes", "nothing"),
        )));
    }
    keys::revoke(&format!("{path}/revoke"), &args.why, client, format, |revoked| {
        vec![("Its nodes", silence(revoked))]
    })
}

/// By when whoever has the credential has stopped answering.
fn silence(revoked: &Value) -> String {
    let waited = revoked.get("receipt").map_or(0, |receipt| number(receipt, "elapsed_ms"));
    match LONGEST_RIGHT_MS.saturating_sub(waited) {
        0 => "answer nothing any more".to_owned(),
        left => format!("answer nothing any more within {left} ms"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_of_the_right_to_answer_is_told() {
        let after = |elapsed_ms: u64| silence(&json!({"receipt": {"elapsed_ms": elapsed_ms}}));
        assert_eq!(after(4), "answer nothing any more within 3096 ms");
        assert_eq!(after(3_100), "answer nothing any more");
        assert_eq!(silence(&json!({})), "answer nothing any more within 3100 ms");
    }
}
