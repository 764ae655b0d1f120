//! `nexus jwt-secrets revoke`

use clap::Args;

use super::OneSecret;
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::{self, Why};
use crate::output::Format;

/// Revoke a secret for ever, and with it every token that was signed with it
///
/// Answers with a receipt: how many validating nodes have confirmed that they refuse its tokens from now on, and how many lost
/// their lease instead, which makes them refuse everything.
#[derive(Args)]
#[command(after_help = "Example:\n  nexus jwt-secrets revoke SECRET --reason compromised")]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    secret: OneSecret,

    #[command(flatten)]
    why: Why,
}

pub(super) fn run(args: &RevokeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    keys::revoke(&args.secret.path("/revoke"), &args.why, client, format, |_| Vec::new())
}
