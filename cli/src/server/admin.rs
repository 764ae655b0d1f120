//! `nexus admin credential`: a management credential straight into the store, for the first start
//! and for recovery. Whoever may do this holds the database already.

use std::path::Path;

use nexus_domain::key::Lifespan;
use nexus_infrastructure::config::NexusConfig;
use serde_json::json;

use crate::output;
use crate::server::failure::StartFailure;
use crate::server::node::foundation;
use crate::server::process;

/// Makes a credential that may do everything, and shows it.
pub(crate) async fn credential(config: Option<&Path>, name: &str, as_json: bool) -> Result<(), StartFailure> {
    let config = NexusConfig::load(config, process::variables())?;
    let foundation = foundation(&config).await?;
    let secret = foundation.gate.recover(name, Lifespan::Unlimited).await?.secret;
    foundation.close().await;
    if as_json {
        output::line(&json!({"admin_token": secret.expose()}).to_string());
    } else {
        output::line(secret.expose());
    }
    Ok(())
}
