//! `nexus serve`: an API node.

use std::path::Path;

use nexus_infrastructure::config::NexusConfig;

use crate::output;
use crate::server::failure::StartFailure;
use crate::server::node::Node;
use crate::server::{StopSignals, process};

/// Runs until told to stop.
pub(crate) async fn run(config: Option<&Path>) -> Result<(), StartFailure> {
    let config = NexusConfig::load(config, process::variables())?;
    let metrics = process::observe(&config.log)?;
    let mut stop = StopSignals::catch()?;
    let starting = Node::start(&config, metrics);
    let Some(node) = stop.unless_received(starting).await else { return Ok(()) };
    let node = node?;
    // Last of all that can fail, and shown at once: it is never shown again.
    if let Some(first) = node.gate.bootstrap("First administrator").await? {
        // Not into the log.
        output::line(&format!("First management credential, shown this once: {}", first.secret.expose()));
    }
    node.settle().await?;
    tracing::info!(url = config.server.public_url, address = %node.address, "ready");
    let outcome = stop.received_unless(node.failed()).await;
    node.stop().await;
    Ok(outcome?)
}
