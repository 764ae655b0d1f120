//! `nexus dev`: everything in one process, with something to try at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use nexus_domain::ids::TenantId;
use nexus_domain::key::Lifespan;
use nexus_infrastructure::config::NexusConfig;
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::gate::{Gate, Issued, PLATFORM_TENANT, Principal};
use serde_json::json;

use crate::output;
use crate::server::demo_admin::DemoAdmin;
use crate::server::failure::StartFailure;
use crate::server::node::Node;
use crate::server::{StopSignals, process};
use crate::words;

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
    let credential = Credential::make(&node).await?;
    let tenants = demo_tenants(&node).await?;
    let admin = DemoAdmin::make(&node).await?;
    node.settle().await?;
    let url = format!("http://{}", node.address);
    tracing::info!(url, "ready");
    introduce(&options, data, &url, (&credential, &admin), &tenants);
    let outcome = stop.received_unless(node.failed()).await;
    node.stop().await;
    Ok(outcome?)
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

/// The management credential of a start.
struct Credential {
    issued: Issued,
    /// Whether it is the first one of the store.
    first: bool,
}

impl Credential {
    /// A fresh one at every start, since the one before is stored nowhere and cannot be shown again. It is named after its
    /// start, so that lists and the audit trail tell them apart.
    async fn make(node: &Node) -> Result<Self, StartFailure> {
        let name = format!("nexus dev of {}", node.gate.clock().now().format(words::TIME));
        if let Some(issued) = node.gate.bootstrap(&name).await? {
            return Ok(Self { issued, first: true });
        }
        let issued = node.gate.recover(&name, Lifespan::For(CREDENTIAL_LIFETIME)).await?;
        Ok(Self { issued, first: false })
    }

    /// What a developer who starts again and again should know of the credentials that this leaves behind.
    fn note(&self) -> Option<String> {
        if self.first {
            return None;
        }
        let Issued { key_id, key, .. } = &self.issued;
        let end = key
            .expires_at
            .map_or_else(String::new, |end| format!(" and ends at {}", end.format(words::TIME)));
        Some(format!(
            "This start made another management credential: it is called \"{}\" ({key_id}){end}.\n\
             Those of earlier starts stay valid, the very first one for ever. To see them, and to end one now:\n\n  \
             nexus keys list --tenant {PLATFORM_TENANT} --status active\n  \
             nexus keys revoke KEY --tenant {PLATFORM_TENANT}\n",
            key.name
        ))
    }
}

fn introduce(
    options: &DevOptions,
    data: &Path,
    url: &str,
    (credential, admin): (&Credential, &DemoAdmin),
    tenants: &[DemoTenant],
) {
    let token = credential.issued.secret.expose();
    if options.json {
        let tenants: Vec<_> = tenants
            .iter()
            .map(|tenant| json!({"id": tenant.id, "name": tenant.name, "dialect": tenant.dialect}))
            .collect();
        let dashboard = admin.json();
        output::line(
            &json!({"url": url, "admin_token": token, "dashboard": dashboard, "tenants": tenants})
                .to_string(),
        );
        return;
    }
    let kept = if options.ephemeral {
        "Everything is gone when it stops.".to_owned()
    } else {
        format!("Everything is kept in {}.", data.display())
    };
    output::line(&format!("Nexus serves {url}   (interface: {url}/docs)\n{kept} Stop with Ctrl-C.\n"));
    output::line(&admin.introduction(url));
    output::line(&format!("In another terminal:\n\n  export NEXUS_URL={url}\n  export NEXUS_TOKEN={token}"));
    let tried = tenants.iter().find(|tenant| tenant.dialect == "nexus").or_else(|| tenants.first());
    if let Some(DemoTenant { id, name, .. }) = tried {
        output::line(&format!("  export NEXUS_TENANT={id}   # {name}"));
    }
    output::line("");
    if let Some(note) = credential.note() {
        output::line(&note);
    }
    output::line("Demo tenants:\n");
    for tenant in tenants {
        output::line(&format!("  {}  {:<14} {}", tenant.id, tenant.dialect, tenant.name));
    }
    output::line(
        "\nCreate a key and ask whether it may do something:\n\n  nexus keys create --name \"My first key\"\n  nexus verify <the secret>",
    );
}
