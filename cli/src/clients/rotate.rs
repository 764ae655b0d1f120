//! `nexus clients rotate`

use clap::Args;
use serde_json::{Value, json};

use super::{OneClient, view};
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::duration;
use crate::output::{self, Format};
use crate::words::text;

/// Give a client a new secret and show it, once
///
/// The old secret stays valid for the grace period, so that whoever uses it can change over. Tokens that were issued stay
/// as they are: `nexus tokens revoke` ends them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus clients rotate CLIENT
  nexus clients rotate CLIENT --grace 0        the old secret ends now")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    client: OneClient,

    /// How long the old secret stays valid, such as 24h; the dialect's default where absent
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    grace: Option<String>,
}

pub(super) fn run(args: &RotateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let body = args.grace.as_ref().map_or_else(|| json!({}), |grace| json!({"grace": grace}));
    let answer = client.post(&args.client.path("/rotate"), &body)?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let rotated: Value = answer.parse(client)?;
    view::print(rotated.get("client").unwrap_or(&Value::Null))?;
    output::secret(&text(&rotated, "client_secret"))
}
