//! `nexus keys rotate`

use clap::Args;
use serde_json::{Value, json};

use super::{OneKey, terms, view};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::words::text;

/// Give a key a new secret and show it, once
///
/// The old secret stays valid for the grace period, so that whoever uses it can change over; never longer than the key
/// itself. Without grace the answer has a receipt, as that of `nexus keys revoke`. Dialects that do not rotate in place
/// refuse and say what to do instead.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys rotate KEY
  nexus keys rotate KEY --grace 7d
  nexus keys rotate KEY --grace 0        the old secret ends now")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    key: OneKey,

    /// How long the old secret stays valid, such as 24h; the dialect's default where absent
    #[arg(long, value_name = "DURATION", value_parser = terms::duration)]
    grace: Option<String>,
}

pub(super) fn run(args: &RotateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let body = args.grace.as_ref().map_or_else(|| json!({}), |grace| json!({"grace": grace}));
    let answer = client.post(&args.key.path("/rotate"), &body)?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let rotated: Value = answer.parse(client)?;
    let key = rotated.get("key").unwrap_or(&Value::Null);
    view::print_changed(key, &rotated)?;
    view::print_versions(key)?;
    output::secret(&text(&rotated, "secret"))
}
