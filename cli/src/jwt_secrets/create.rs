//! `nexus jwt-secrets create`

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Brought, view};
use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::words::text;

/// Create a secret for service JWTs and show it, once
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus jwt-secrets create --name Payments --scope read:payments --scope write:payments
  nexus jwt-secrets create --name Payments --environment test
  nexus jwt-secrets create --name Payments --secret-file payments.secret")]
pub(super) struct CreateArgs {
    /// What the secret is for, 1 to 100 characters
    #[arg(long)]
    name: String,

    /// Where its tokens are used, such as live or test; the dialect's first environment where absent
    #[arg(long)]
    environment: Option<String>,

    /// What its tokens may do at the most; repeat for several, as scopes may hold commas
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    #[command(flatten)]
    brought: Brought,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let mut body =
        Map::from_iter([("name".to_owned(), json!(args.name)), ("scopes".to_owned(), json!(args.scopes))]);
    body.extend(args.environment.as_ref().map(|environment| ("environment".to_owned(), json!(environment))));
    body.extend(args.brought.read()?.map(|secret| ("secret".to_owned(), json!(secret))));
    let answer = client.post(&args.tenant.path("jwt-secrets"), &Value::Object(body))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let created: Value = answer.parse(client)?;
    view::print(created.get("jwt_secret").unwrap_or(&Value::Null))?;
    output::secret(&text(&created, "secret"))
}
