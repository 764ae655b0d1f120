//! `nexus members erase`

use clap::Args;
use serde_json::json;

use super::Addressed;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Have it forgotten who a former member was
///
/// Destroys the key that the e-mail address and the addresses of the member's requests are encrypted with: nobody can read them any
/// more. What the member did stays in the audit trail, under an id. The member must have been removed before.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus members erase mem_01a2045dd05b762091b9bfb7c3413aae")]
pub(super) struct EraseArgs {
    #[command(flatten)]
    member: Addressed,
}

pub(super) fn run(args: &EraseArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post(&args.member.path("/erase"), &json!({}))?;
    super::print(&answer, client, format)
}
