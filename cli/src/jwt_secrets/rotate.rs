//! `nexus jwt-secrets rotate`

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Brought, OneSecret, view};
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::duration;
use crate::output::{self, Format};
use crate::words::text;

/// Replace a secret under the same id and show the new one, once
///
/// Tokens that were signed with the old one are accepted for the grace period. Without grace the answer has a receipt, as that of
/// `nexus jwt-secrets revoke`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus jwt-secrets rotate SECRET
  nexus jwt-secrets rotate SECRET --grace 0        tokens of the old one end now")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    secret: OneSecret,

    /// How long the old secret stays valid, such as 24h; as for keys of the dialect where absent
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    grace: Option<String>,

    #[command(flatten)]
    brought: Brought,
}

pub(super) fn run(args: &RotateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let mut body = Map::new();
    body.extend(args.grace.as_ref().map(|grace| ("grace".to_owned(), json!(grace))));
    body.extend(args.brought.read()?.map(|secret| ("secret".to_owned(), json!(secret))));
    let answer = client.post(&args.secret.path("/rotate"), &Value::Object(body))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let rotated: Value = answer.parse(client)?;
    view::print_changed(rotated.get("jwt_secret").unwrap_or(&Value::Null), &rotated)?;
    output::secret(&text(&rotated, "secret"))
}
