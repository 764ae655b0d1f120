//! `nexus members`: the people who manage a tenant.

mod create;
mod erase;
mod list;
mod password;
mod remove;

use clap::{Args, Subcommand};
use nexus_domain::ids::MemberId;
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::print_facts;
use crate::words::{text, text_or, time_or};

/// Add, list and remove members, and set their passwords
///
/// A member is a person who signs in at /sign-in, with a role in one tenant: owner (everything), admin (keys, members and the
/// audit trail), developer (keys) or auditor (reads alone). Members of the platform's own tenant,
/// 00000000-0000-7000-8000-000000000001, act in all tenants.
#[derive(Args)]
pub(crate) struct MembersArgs {
    #[command(subcommand)]
    command: MembersCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum MembersCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
    Erase(erase::EraseArgs),
    SetPassword(password::SetPasswordArgs),
}

/// Runs a command about members.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &MembersArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        MembersCommand::Create(args) => create::run(args, &client, format),
        MembersCommand::List(args) => list::run(args, &client, format),
        MembersCommand::Remove(args) => remove::run(args, &client),
        MembersCommand::Erase(args) => erase::run(args, &client, format),
        MembersCommand::SetPassword(args) => password::run(args, &client, format),
    }
}

/// One member of a tenant.
#[derive(Args)]
struct Addressed {
    /// The member's id, as `nexus members list` shows it
    #[arg(value_name = "MEMBER")]
    id: MemberId,

    #[command(flatten)]
    tenant: OfTenant,
}

impl Addressed {
    fn path(&self, rest: &str) -> String {
        self.tenant.path(&format!("members/{}{rest}", self.id))
    }
}

fn print(answer: &Answer, client: &Client, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let member: Value = answer.parse(client)?;
    print_facts(&[
        ("E-mail", text_or(&member, "email", "erased")),
        ("ID", text(&member, "id")),
        ("Role", text(&member, "role")),
        ("Password", password_words(&member)),
        ("Since", time_or(&member, "created_at", "")),
    ])
}

/// Since when there is a password to sign in with.
fn password_words(member: &Value) -> String {
    match time_or(member, "password_set_at", "") {
        since if since.is_empty() => "none: cannot sign in".to_owned(),
        since => format!("set {since}"),
    }
}
