//! `nexus db migrate` and `nexus db status`

use std::path::Path;

use nexus_infrastructure::config::NexusConfig;
use nexus_infrastructure::database::{Database, DatabaseOptions, SchemaState};

use crate::output;
use crate::server::failure::StartFailure;
use crate::server::process;

/// Brings the schema up to date.
pub(crate) async fn migrate(config: Option<&Path>) -> Result<(), StartFailure> {
    let database = connect(config).await?;
    database.migrate().await?;
    database.close().await;
    output::line("The schema is up to date.");
    Ok(())
}

/// Tells how the schema stands; a schema that this program cannot use is a failure.
pub(crate) async fn status(config: Option<&Path>) -> Result<(), StartFailure> {
    let database = connect(config).await?;
    let state = database.schema_state().await?;
    database.close().await;
    match state {
        SchemaState::Current => {
            output::line("The schema is up to date.");
            Ok(())
        }
        SchemaState::Older { missing } => {
            Err(StartFailure::new(format!("the schema lacks {missing} migrations; run `nexus db migrate`")))
        }
        SchemaState::Newer { found } => Err(StartFailure::new(format!(
            "the schema is at {found}, which a newer nexus made; use that one"
        ))),
    }
}

async fn connect(config: Option<&Path>) -> Result<Database, StartFailure> {
    let config = NexusConfig::load(config, process::variables())?;
    Ok(Database::connect(config.database.url.expose(), &DatabaseOptions::default()).await?)
}
