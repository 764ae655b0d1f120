//! `nexus clients show`

use clap::Args;
use serde_json::Value;

use super::{OneClient, view};
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Show a client, without its secret
#[derive(Args)]
#[command(after_help = "Example:\n  nexus clients show nx_client_00000000000000000123456789abcdef")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    client: OneClient,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(&args.client.path(""), &Query::default())?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let shown: Value = answer.parse(client)?;
    view::print(&shown)
}
