//! `nexus nodes revoke`

use clap::Args;
use nexus_domain::ids::KeyId;
use nexus_infrastructure::gate::PLATFORM_TENANT;
use serde_json::Value;

use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::keys::{self, Why};
use crate::output::Format;
use crate::words::{text, text_or};

/// What a node's credential may do, and nothing else.
const CONNECT: &str = "nodes:connect";

/// Revoke the credential of a validating node, for ever
///
/// Every node that has it is sent nothing more from then on, and answers nothing three seconds later. Nodes' credentials are
/// keys of the platform's own tenant: what this needs is the scope keys:write.
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
    keys::revoke(&format!("{path}/revoke"), &args.why, client, format)
}
