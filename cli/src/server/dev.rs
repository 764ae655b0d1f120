//! `nexus dev`: everything in one process, with something to try at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use nexus_domain::ids::TenantId;
use nexus_domain::key::Lifespan;
use nexus_infrastructure::config::NexusConfig;
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::gate::{Gate, Principal, ShownSecret};
use serde_json::json;

use crate::output;
use crate::server::failure::StartFailure;
use crate::server::node::Node;
use crate::server::{StopSignals, process};

/// How long a credential that `nexus dev` prints is valid.
const CREDENTIAL_LIFETIME: TimeDelta = TimeDelta::days(30);

/// What `nexus dev` was asked for.
#[derive(Debug)]
pub(crate) struct DevOptions {
    /// The folder for everything that is kept.
    pub(crate) data: PathBuf,
    /// The port on 127.0.0.1; 0: any that is free.
    pub(crate) port: u16,
    /// Keep nothing.
    pub(crate) ephemeral: bool,
    /// Print one line of JSON instead of an introduction.
    pub(crate) json: bool,
}

struct DemoTenant {
    id: TenantId,
    name: String,
    dialect: String,
}

/// Runs until told to stop.
pub(crate) async fn run(options: DevOptions) -> Result<(), StartFailure> {
    let scratch = if options.ephemeral { Some(scratch_folder()?) } else { None };
    let data = scratch.as_ref().map_or(options.data.as_path(), |folder| folder.path());
    let config = configuration(data, options.port)?;
    let metrics = process::observe(&config.log)?;
    let mut stop = StopSignals::catch()?;
    let Some(node) = stop.unless_received(Node::start(&config, metrics)).await else {
        return Ok(());
    };
    let node = node?;
    let token = admin_token(&node).await?;
    let tenants = demo_tenants(&node).await?;
    node.settle().await?;
    let url = format!("http://{}", node.address);
    tracing::info!(url, "ready");
    introduce(&options, data, &url, token.expose(), &tenants);
    stop.received().await;
    node.stop().await;
    Ok(())
}

/// The usual configuration with a folder of its own; variables may still set what is not decided by
/// being `dev`.
fn configuration(data: &Path, port: u16) -> Result<NexusConfig, StartFailure> {
    std::fs::create_dir_all(data).map_err(|error| {
        StartFailure::new(format!(
            "cannot make the folder {}: {error}; choose another one with --data",
            data.display()
        ))
    })?;
    let own = [
        ("NEXUS__SERVER__LISTEN", SocketAddr::from(([127, 0, 0, 1], port)).to_string()),
        ("NEXUS__DATABASE__URL", format!("sqlite://{}", data.join("nexus.db").display())),
        ("NEXUS__SECURITY__MASTER_KEY_FILE", data.join("nexus.key").display().to_string()),
        ("NEXUS__NODE__DATA", data.join("node").display().to_string()),
    ];
    let defaults = [("NEXUS__LOG__FORMAT", "text"), ("NEXUS__LOG__LEVEL", "warn,nexus::server=info")];
    let mut variables: std::collections::BTreeMap<String, String> =
        defaults.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.extend(process::variables());
    variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(NexusConfig::load(None, variables.into_iter())?)
}

fn scratch_folder() -> Result<tempfile::TempDir, StartFailure> {
    tempfile::Builder::new()
        .prefix("nexus-dev-")
        .tempdir()
        .map_err(|error| StartFailure::new(format!("cannot make a temporary folder: {error}; set TMPDIR")))
}

/// One tenant for each dialect that is served, made at the first start.
async fn demo_tenants(node: &Node) -> Result<Vec<DemoTenant>, StartFailure> {
    node.settle().await?;
    let principal = Principal::system(Gate::system_scopes());
    let mut tenants = node.tenants().await?;
    for dialect in node.gate.dialects().iter().filter(|dialect| dialect.name != MANAGEMENT) {
        if tenants.iter().any(|(_, name, of)| *of == dialect.name && *name == demo_name(&dialect.title)) {
            continue;
        }
        let call = node.gate.system_call(&principal, "dev");
        let done = node.gate.create_tenant(&call, demo_name(&dialect.title), &dialect.name).await?;
        tenants.push((done.answer.tenant_id, done.answer.tenant.name, done.answer.tenant.dialect));
    }
    tenants.retain(|(_, name, _)| name.starts_with("Demo "));
    tenants.sort_by(|one, other| one.2.cmp(&other.2));
    Ok(tenants.into_iter().map(|(id, name, dialect)| DemoTenant { id, name, dialect }).collect())
}

fn demo_name(title: &str) -> String {
    format!("Demo {title}")
}

/// A fresh credential at every start: the one before is stored nowhere and cannot be shown again.
async fn admin_token(node: &Node) -> Result<ShownSecret, StartFailure> {
    let secret = match node.gate.bootstrap("nexus dev").await? {
        Some(first) => first,
        None => node.gate.recover("nexus dev", Lifespan::For(CREDENTIAL_LIFETIME)).await?,
    };
    Ok(secret)
}

fn introduce(options: &DevOptions, data: &Path, url: &str, token: &str, tenants: &[DemoTenant]) {
    if options.json {
        let tenants: Vec<_> = tenants
            .iter()
            .map(|tenant| json!({"id": tenant.id, "name": tenant.name, "dialect": tenant.dialect}))
            .collect();
        // There is no dashboard in this version, and so no way to sign in to it.
        output::line(
            &json!({"url": url, "admin_token": token, "dashboard": null, "tenants": tenants}).to_string(),
        );
        return;
    }
    let kept = if options.ephemeral {
        "Everything is gone when it stops.".to_owned()
    } else {
        format!("Everything is kept in {}.", data.display())
    };
    output::line(&format!("Nexus serves {url}   (interface: {url}/docs)\n{kept} Stop with Ctrl-C.\n"));
    output::line(&format!(
        "In another terminal:\n\n  export NEXUS_URL={url}\n  export NEXUS_TOKEN={token}\n"
    ));
    output::line("Demo tenants:\n");
    for tenant in tenants {
        output::line(&format!("  {}  {:<14} {}", tenant.id, tenant.dialect, tenant.name));
    }
    if let Some(tenant) = tenants.iter().find(|tenant| tenant.dialect == "nexus").or_else(|| tenants.first())
    {
        output::line(&format!(
            "\nCreate a key and ask whether it may do something:\n\n  nexus keys create --tenant {} --name \"My first key\"\n  nexus verify <the secret>",
            tenant.id
        ));
    }
}
