//! `nexus members remove`

use clap::Args;

use super::Addressed;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// End a membership for good
///
/// When this answers, every session of the member is over, and so is all that the member allowed apps to do. Nothing brings the
/// member back; the address can become another member's.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus members remove mem_01a2045dd05b762091b9bfb7c3413aae")]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    member: Addressed,
}

pub(super) fn run(args: &RemoveArgs, client: &Client) -> Result<(), Failure> {
    client.delete(&args.member.path(""))?;
    output::note(
        "The member is removed; every session of the member is over, and so is what the member allowed apps.",
    );
    Ok(())
}
