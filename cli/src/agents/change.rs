//! `nexus agents rename`, `nexus agents restrict` and `nexus agents release`

use clap::Args;
use serde_json::{Value, json};

use super::One;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Give an agent another name
#[derive(Args)]
#[command(
    after_help = "Example:\n  nexus agents rename agt_019abc0011227000800000000000cccc --name Helpdesk"
)]
pub(super) struct RenameArgs {
    #[command(flatten)]
    one: One,

    /// The new name, 1 to 100 characters
    #[arg(long)]
    name: String,
}

/// Refuse the keys of all integrations that are connected to an agent
///
/// Nothing is lost: the keys work again after `nexus agents release`. Answers with a receipt: how many validating nodes have
/// confirmed that they refuse the keys, and how many lost their lease instead.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus agents restrict agt_019abc0011227000800000000000cccc")]
pub(super) struct RestrictArgs {
    #[command(flatten)]
    one: One,
}

/// Accept the keys of a restricted agent's integrations again
#[derive(Args)]
#[command(after_help = "Example:\n  nexus agents release agt_019abc0011227000800000000000cccc")]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    one: One,
}

pub(super) fn rename(args: &RenameArgs, client: &Client, format: Format) -> Result<(), Failure> {
    change(&args.one, &json!({"name": args.name}), client, format)
}

pub(super) fn restrict(args: &RestrictArgs, client: &Client, format: Format) -> Result<(), Failure> {
    change(&args.one, &json!({"status": "restricted"}), client, format)
}

pub(super) fn release(args: &ReleaseArgs, client: &Client, format: Format) -> Result<(), Failure> {
    change(&args.one, &json!({"status": "active"}), client, format)
}

fn change(one: &One, body: &Value, client: &Client, format: Format) -> Result<(), Failure> {
    super::print(&client.patch(&one.path(), body)?, client, format)
}
