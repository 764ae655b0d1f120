//! `nexus tenants suspend` and `nexus tenants resume`

use clap::Args;
use nexus_domain::ids::TenantId;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Refuse all keys of a tenant until it is resumed
///
/// Nothing is lost: the keys stay as they are and work again after `nexus tenants resume`. Answers with a receipt: how many
/// validating nodes have confirmed that they refuse the keys, and how many lost their lease instead.
#[derive(Args)]
#[command(
    after_help = "Example:\n  nexus tenants suspend 3714240b-2e06-4c35-8856-ccc1c096323e --note 'unpaid since May'"
)]
pub(super) struct SuspendArgs {
    /// The tenant's id
    #[arg(value_name = "TENANT")]
    id: TenantId,

    /// Why, for the audit log
    #[arg(long)]
    note: Option<String>,
}

/// Accept the keys of a suspended tenant again
#[derive(Args)]
#[command(after_help = "Example:\n  nexus tenants resume 3714240b-2e06-4c35-8856-ccc1c096323e")]
pub(super) struct ResumeArgs {
    /// The tenant's id
    #[arg(value_name = "TENANT")]
    id: TenantId,
}

pub(super) fn suspend(args: &SuspendArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let body = args.note.as_ref().map_or_else(|| json!({}), |note| json!({"note": note}));
    act(args.id, "/suspend", &body, client, format)
}

pub(super) fn resume(args: &ResumeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    act(args.id, "/resume", &json!({}), client, format)
}

fn act(id: TenantId, action: &str, body: &Value, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post(&super::path(id, action), body)?;
    super::print(&answer, client, format)
}
