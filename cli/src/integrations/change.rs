//! `nexus integrations change`, `nexus integrations disable` and `nexus integrations enable`

use clap::{ArgGroup, Args};
use nexus_domain::ids::AgentId;
use serde_json::{Map, Value, json};

use super::One;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Give an integration another name or connect it to another agent
#[derive(Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
#[command(after_help = "Example:\n  nexus integrations change INTEGRATION --agent $AGENT")]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    one: One,

    /// The new name, 1 to 100 characters
    #[arg(long, group = "change")]
    name: Option<String>,

    /// The agent that it is connected to from now on
    #[arg(long, value_name = "AGENT", group = "change")]
    agent: Option<AgentId>,
}

/// Refuse the keys of an integration until it is enabled
///
/// Nothing is lost: the keys work again after `nexus integrations enable`. Answers with a receipt: how many validating nodes
/// have confirmed that they refuse the keys, and how many lost their lease instead.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus integrations disable int_019abc0011227000800000000000dddd")]
pub(super) struct DisableArgs {
    #[command(flatten)]
    one: One,
}

/// Accept the keys of a disabled integration again
#[derive(Args)]
#[command(after_help = "Example:\n  nexus integrations enable int_019abc0011227000800000000000dddd")]
pub(super) struct EnableArgs {
    #[command(flatten)]
    one: One,
}

pub(super) fn run(args: &ChangeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let given = [
        ("name", args.name.as_ref().map(|name| json!(name))),
        ("agent_id", args.agent.map(|agent| json!(agent))),
    ];
    let body: Map<String, Value> =
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    change(&args.one, &body.into(), client, format)
}

pub(super) fn disable(args: &DisableArgs, client: &Client, format: Format) -> Result<(), Failure> {
    change(&args.one, &json!({"enabled": false}), client, format)
}

pub(super) fn enable(args: &EnableArgs, client: &Client, format: Format) -> Result<(), Failure> {
    change(&args.one, &json!({"enabled": true}), client, format)
}

fn change(one: &One, body: &Value, client: &Client, format: Format) -> Result<(), Failure> {
    super::print(&client.patch(&one.path(), body)?, client, format)
}
