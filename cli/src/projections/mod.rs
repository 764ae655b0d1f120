//! `nexus projections`: how far the read models are behind the log, and building them anew.

mod progress;
mod rebuild;
mod status;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::client::{Client, ClientError, Query};
use crate::connection::{Connection, Rendering};
use crate::failure::Failure;
use crate::words::{number, rows, text};

const PATH: &str = "/v1/projections";

/// See and rebuild the read models
///
/// A projection is a fold of the event log into tables that queries read. It can be thrown away and built again from
/// the log at any time.
#[derive(Args)]
pub(crate) struct ProjectionsArgs {
    #[command(subcommand)]
    command: ProjectionsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum ProjectionsCommand {
    Status(status::StatusArgs),
    Rebuild(rebuild::RebuildArgs),
}

/// Runs a command about projections.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &ProjectionsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        ProjectionsCommand::Status(args) => status::run(args, &client, format),
        ProjectionsCommand::Rebuild(args) => rebuild::run(args, &client, format),
    }
}

/// Where a rebuild stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rebuilding {
    /// Log position that the new tables have reached.
    position: u64,
    /// Log position at which they take over.
    target: u64,
}

impl Rebuilding {
    fn of(projection: &Value) -> Option<Self> {
        let rebuilding = projection.get("rebuilding").filter(|rebuilding| rebuilding.is_object())?;
        Some(Self { position: number(rebuilding, "position"), target: number(rebuilding, "target") })
    }

    /// Parts of a hundred that are done.
    fn percent(self) -> u64 {
        self.position.saturating_mul(100).checked_div(self.target).map_or(100, |percent| percent.min(100))
    }
}

/// The projection of this name as the server sees it now; `None` where it has none.
fn find(client: &Client, name: &str) -> Result<Option<Value>, ClientError> {
    let all: Value = client.get(PATH, &Query::default())?.parse(client)?;
    Ok(rows(&all, "data").iter().find(|projection| text(projection, "name") == name).cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percent_of_a_rebuild() {
        let of = |position, target| {
            Rebuilding::of(&json!({"rebuilding": {"position": position, "target": target}})).unwrap()
        };
        assert_eq!(of(0, 200).percent(), 0);
        assert_eq!(of(50, 200).percent(), 25);
        assert_eq!(of(300, 200).percent(), 100, "events come in while it is built");
        assert_eq!(of(0, 0).percent(), 100);
        assert_eq!(Rebuilding::of(&json!({"rebuilding": null})), None);
    }
}
