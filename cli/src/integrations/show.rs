//! `nexus integrations show`

use clap::Args;

use super::One;
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::Format;

/// Show an integration
#[derive(Args)]
#[command(after_help = "Example:\n  nexus integrations show int_019abc0011227000800000000000dddd")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    one: One,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    super::print(&client.get(&args.one.path(), &Query::default())?, client, format)
}
