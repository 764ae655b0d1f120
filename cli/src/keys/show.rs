//! `nexus keys show`

use clap::Args;
use serde_json::Value;

use super::{OneKey, view};
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Show a key, without its secret
#[derive(Args)]
#[command(after_help = "Example:\n  nexus keys show key_00000000000000000123456789abcdef")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    key: OneKey,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(&args.key.path(""), &Query::default())?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let key: Value = answer.parse(client)?;
    view::print(&key)?;
    view::print_versions(&key)
}
