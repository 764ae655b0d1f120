//! `nexus tokens revoke`

use clap::Args;
use serde_json::{Value, json};

use super::segment;
use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::receipt::receipt;
use crate::table::print_facts;
use crate::words::{text, time_or};

/// Revoke an access token, or a grant with its refresh token and all that it gave
///
/// Answers with a receipt: how many validating nodes have confirmed that they refuse it from now on, although its signature
/// is good. Revoking a revoked token does nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus tokens revoke token_00000000000000000123456789abcdef
  nexus tokens revoke grant_00000000000000000123456789abcdef")]
pub(super) struct RevokeArgs {
    /// The id of the access token, or of the grant, as `nexus tokens list` shows it
    #[arg(value_name = "TOKEN")]
    id: String,
    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &RevokeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let path = args.tenant.path(&format!("tokens/{}/revoke", segment(&args.id)));
    let answer = client.post(&path, &json!({}))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let revoked: Value = answer.parse(client)?;
    let token = revoked.get("token").unwrap_or(&Value::Null);
    print_facts(&[
        ("Client", text(token, "client_name")),
        ("ID", text(token, "id")),
        ("Kind", text(token, "kind")),
        ("Status", text(token, "status")),
        ("Revoked", time_or(token, "revoked_at", "")),
        ("Receipt", receipt(&revoked, "refused by")),
    ])
}
