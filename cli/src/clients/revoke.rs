//! `nexus clients revoke`

use clap::Args;

use super::OneClient;
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::{Why, revoke_named};
use crate::output::Format;

/// Revoke a client, for ever, and with it all that it ever got
///
/// Answers with a receipt: how many validating nodes have confirmed that they refuse its tokens from now on. Revoking a
/// revoked client does nothing.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus clients revoke CLIENT --reason compromised")]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    client: OneClient,

    #[command(flatten)]
    why: Why,
}

pub(super) fn run(args: &RevokeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    revoke_named("client", &args.client.path("/revoke"), &args.why, client, format, |_| Vec::new())
}
