//! `nexus agents show`

use clap::Args;

use super::One;
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::Format;

/// Show an agent
#[derive(Args)]
#[command(after_help = "Example:\n  nexus agents show agt_019abc0011227000800000000000cccc")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    one: One,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    super::print(&client.get(&args.one.path(), &Query::default())?, client, format)
}
