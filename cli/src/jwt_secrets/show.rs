//! `nexus jwt-secrets show`

use clap::Args;
use serde_json::Value;

use super::{OneSecret, view};
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Show what is known of a secret, never the secret
#[derive(Args)]
#[command(after_help = "Example:\n  nexus jwt-secrets show jws00000000000000000123456789abcdef")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    secret: OneSecret,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(&args.secret.path(""), &Query::default())?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let secret: Value = answer.parse(client)?;
    view::print(&secret)
}
