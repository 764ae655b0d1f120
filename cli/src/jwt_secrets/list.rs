//! `nexus jwt-secrets list`

use clap::Args;

use super::view;
use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};

/// List secrets for service JWTs, without the secrets
#[derive(Args)]
#[command(after_help = "Example:\n  nexus jwt-secrets list")]
pub(super) struct ListArgs {
    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.tenant.path("jwt-secrets"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = view::table();
    rows.values().for_each(|secret| table.row(view::row(&secret)));
    table.print("secrets for service JWTs")?;
    rows.note_more();
    Ok(())
}
