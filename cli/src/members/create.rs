//! `nexus members create`

use clap::Args;
use nexus_domain::member::Role;
use serde_json::{Map, Value, json};

use super::password;
use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::Format;

/// Make somebody a member of a tenant
///
/// The password is asked for on a terminal, or read from stdin: the first line. Nobody makes a member who may do what they may
/// not do themselves.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus members create ada@example.com --role developer
  nexus members create ada@example.com --role owner --tenant 00000000-0000-7000-8000-000000000001 < password.txt
  nexus members create ada@example.com --role auditor --without-password")]
pub(super) struct CreateArgs {
    /// The e-mail address to sign in with
    email: String,

    /// What the member may do: owner, admin, developer or auditor
    #[arg(long)]
    role: Role,

    /// Set no password yet: the member cannot sign in until `nexus members set-password`
    #[arg(long)]
    without_password: bool,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let mut body = Map::from_iter([
        ("email".to_owned(), json!(args.email)),
        ("role".to_owned(), json!(args.role.as_str())),
    ]);
    if !args.without_password {
        body.insert("password".to_owned(), json!(*password::ask()?));
    }
    let answer = client.post(&args.tenant.path("members"), &Value::Object(body))?;
    super::print(&answer, client, format)
}
