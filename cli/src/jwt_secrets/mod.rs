//! `nexus jwt-secrets`: the secrets with which a tenant's services sign their own tokens.

mod create;
mod list;
mod revoke;
mod rotate;
mod show;
mod view;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use nexus_domain::ids::JwtSecretId;

use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;

/// Create, list, rotate and revoke secrets for service JWTs
///
/// A service that holds one signs its own tokens (JWTs, HS256, with the secret's id as `kid`), and validating nodes accept them as
/// that tenant's service. A secret is shown once, when it is created or rotated. The tenant is named by --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct JwtSecretsArgs {
    #[command(subcommand)]
    command: JwtSecretsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum JwtSecretsCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Rotate(rotate::RotateArgs),
    Revoke(revoke::RevokeArgs),
}

/// One secret of a tenant.
#[derive(Args)]
struct OneSecret {
    /// The secret's id, which stands between the two underscores of the secret
    #[arg(value_name = "SECRET")]
    id: JwtSecretId,
    #[command(flatten)]
    tenant: OfTenant,
}

impl OneSecret {
    /// The address of the secret, or of something of it, such as `/rotate`.
    fn path(&self, rest: &str) -> String {
        self.tenant.path(&format!("jwt-secrets/{}{rest}", self.id))
    }
}

/// A secret that the tenant has already. Never an argument itself: whoever lists processes would see it.
#[derive(Args)]
struct Brought {
    /// File that holds a secret of your own, 32 to 512 characters; - for stdin. One is made where absent
    #[arg(long = "secret-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

impl Brought {
    /// The secret without the line break at the end of a file.
    fn read(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.file else { return Ok(None) };
        let mut text = String::new();
        let read = if file == Path::new("-") {
            std::io::stdin().read_to_string(&mut text).map(drop)
        } else {
            std::fs::read_to_string(file).map(|read| text = read)
        };
        read.map_err(|error| Failure::io(format!("read the secret from {}", file.display()), error))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Runs a command about secrets for service JWTs.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &JwtSecretsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        JwtSecretsCommand::Create(args) => create::run(args, &client, format),
        JwtSecretsCommand::List(args) => list::run(args, &client, format),
        JwtSecretsCommand::Show(args) => show::run(args, &client, format),
        JwtSecretsCommand::Rotate(args) => rotate::run(args, &client, format),
        JwtSecretsCommand::Revoke(args) => revoke::run(args, &client, format),
    }
}
