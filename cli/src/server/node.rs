//! The composition root: an API node out of its parts, started in order and stopped in the reverse.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::{Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::{HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use nexus_api::app::{self, App};
use nexus_api::authentication_limits::AuthenticationLimits;
use nexus_api::expiry;
use nexus_api::nodes::budgets::ask_for_own;
use nexus_api::nodes::bus::{BusRoad, sealer};
use nexus_api::nodes::deltas::Deltas;
use nexus_api::nodes::feed;
use nexus_api::nodes::holders::HolderId;
use nexus_api::nodes::log::JournalLog;
use nexus_api::nodes::plane::Plane;
use nexus_api::nodes::ports::Log;
use nexus_api::nodes::registry::{Presentation, StoredRegistry};
use nexus_api::nodes::settle::visible;
use nexus_api::nodes::streams::Streams;
use nexus_api::nodes::usage::IntoLog;
use nexus_api::verification::Verifier;
use nexus_api::verification::hot::HotDurations;
use nexus_domain::ids::TenantId;
use nexus_infrastructure::bus::{Relay, RelayOptions};
use nexus_infrastructure::clock::{SharedClock, SystemClock};
use nexus_infrastructure::config::{NexusConfig, ServerConfig};
use nexus_infrastructure::database::{Database, DatabaseOptions, SoleUse};
use nexus_infrastructure::dialects;
use nexus_infrastructure::entropy::SystemEntropy;
use nexus_infrastructure::gate::Gate;
use nexus_infrastructure::journal::{Journal, JournalOptions};
use nexus_infrastructure::personal_data::{PersonalData, PersonalDataError};
use nexus_infrastructure::rate_budgets::RateBudgets;
use nexus_infrastructure::registry::{Registry, RegistryWatch};
use nexus_infrastructure::signing::Signer;
use nexus_infrastructure::vault::{KEY_BYTES, Vault};
use nexus_projections::{LONGEST_PAGE, Projections, tenant_list};
use nexus_validator::budget::Budgets;
use nexus_validator::lease::Lease;
use nexus_validator::tasks::{TaskEnded, Tasks};
use nexus_validator::usage_journal::{UsageJournal, UsageJournalOptions, drain};
use nexus_validator::{SecretKeys, Validator};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::server::failure::StartFailure;
use crate::server::tls;

/// How long a slow request may take to send its head.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long running requests may take when the process ends, in seconds.
pub(crate) const DRAIN_SECONDS: u64 = 10;
/// How often, and how long apart, the own table is looked at until it may be answered from.
const FIRST_RIGHT_LOOKS: u32 = 10_000;
const FIRST_RIGHT_PAUSE: Duration = Duration::from_millis(2);
/// How long the first build of the projections may take.
const BUILT_WITHIN: Duration = Duration::from_secs(3600);

/// What an API node stands on: store, gate, and what was made at the first start.
pub(crate) struct Foundation {
    pub(crate) gate: Arc<Gate>,
    vault: Arc<Vault>,
    journal: Journal,
    database: Database,
}

/// A running API node.
pub(crate) struct Node {
    pub(crate) gate: Arc<Gate>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    validator: Arc<Validator>,
    plane: Arc<Plane>,
    server: ServerHandle,
    stop: watch::Sender<bool>,
    drain: mpsc::Sender<oneshot::Sender<()>>,
    tasks: Tasks,
    projections: Projections,
    usage: UsageJournal,
    foundation: Foundation,
}

/// Connects, migrates where the configuration says so, and builds the gate.
pub(crate) async fn foundation(config: &NexusConfig) -> Result<Foundation, StartFailure> {
    let dialects = Arc::new(dialects::load(config.dialects.path.as_deref())?);
    let options =
        DatabaseOptions { max_connections: config.database.max_connections, ..DatabaseOptions::default() };
    let database = Database::connect(config.database.url.expose(), &options).await?;
    if config.database.migrate {
        database.migrate().await?;
    }
    let journal = Journal::open(database.clone(), JournalOptions::default()).await?;
    let key_file = &config.security.master_key_file;
    let wrapped = PersonalData::any_key(&database).await?;
    // Before one is made: a new key would open nothing that is there.
    if !key_file.exists() && wrapped.is_some() {
        return Err(StartFailure::master_key_missing(key_file));
    }
    let vault = Arc::new(Vault::open_or_create(key_file)?);
    let gate = Gate::new(
        journal.clone(),
        dialects,
        SystemClock::shared(),
        SystemEntropy::shared(),
        Arc::clone(&vault),
    );
    match gate.personal_data().prove_master_key(wrapped).await {
        Ok(()) => {}
        Err(PersonalDataError::Vault(_)) => return Err(StartFailure::other_master_key(key_file)),
        Err(PersonalDataError::Store(error)) => return Err(error.into()),
    }
    Ok(Foundation { gate: Arc::new(gate), vault, journal, database })
}

impl Foundation {
    /// Ends what was begun.
    pub(crate) async fn close(self) {
        drop(self.gate);
        self.journal.close().await;
        self.database.close().await;
    }
}

impl Node {
    /// Starts a node. It serves when this returns.
    pub(crate) async fn start(config: &NexusConfig, metrics: PrometheusHandle) -> Result<Self, StartFailure> {
        // First of all: neither a file that is no certificate nor a busy port must cost a migration.
        let tls = tls::configured(&config.server)?;
        let listener = TcpListener::bind(config.server.listen)
            .map_err(|error| StartFailure::port(config.server.listen, &error))?;
        let address =
            listener.local_addr().map_err(|error| StartFailure::port(config.server.listen, &error))?;
        let foundation = foundation(config).await?;
        let alone = foundation.database.use_alone()?;
        let gate = Arc::clone(&foundation.gate);
        let signer =
            Signer::new(Arc::clone(&gate), &config.server.public_url, config.signing.algorithms.clone());
        let signer = Arc::new(signer);
        // Before the table is filled, which then has the keys.
        signer.keep().await?;
        let node_id = gate.entropy().uuid_v7(gate.clock().now());
        let (usage, segments) = UsageJournal::open(&config.node.data, &UsageJournalOptions::new(node_id))?;
        let projections = Projections::start(foundation.journal.clone());
        projections.await_built(BUILT_WITHIN).await?;
        let lease = Arc::new(Lease::new());
        let validator = Arc::new(Validator::new(Arc::clone(gate.dialects())));
        validator.learn_secret_keys(&SecretKeys::new(gate.node_secret_keys()));
        load_snapshot(&projections, &validator).await?;

        let stop = watch::Sender::new(false);
        let (draining, told) = mpsc::channel(1);
        let log_id = foundation.journal.id().await?;
        let log: Arc<dyn Log> =
            Arc::new(JournalLog::new(log_id, Arc::clone(&gate), projections.clone(), Arc::clone(&validator)));
        let has_earlier_runs = alone.is_some();
        let plane = Arc::new(plane(config, &foundation, &validator, &lease, alone, stop.subscribe()));
        plane.register().await?;
        if has_earlier_runs {
            plane.succeed_earlier_runs().await?;
        }
        plane.find_others().await?;
        let rate_budgets = RateBudgets::new(foundation.database.clone(), gate.clock().clone());
        let budgets = Arc::new(Budgets::new());
        let mut tasks = Tasks::default();
        let (list, fed) = (Arc::clone(plane.deltas()), Arc::clone(&validator));
        tasks.spawn("feed", feed::follow(Arc::clone(&log), fed, list, stop.subscribe()));
        tasks.spawn("control plane", Arc::clone(&plane).run(stop.subscribe()));
        let own = HolderId { node: node_id, incarnation: node_id, credential: None };
        let (asked, clock) = (rate_budgets.clone(), gate.clock().clone());
        tasks.spawn("rate limits", ask_for_own(asked, Arc::clone(&budgets), own, clock, stop.subscribe()));
        tasks.spawn("usage", drain(segments, IntoLog(Arc::clone(&gate)), config.usage.window, told));
        tasks.spawn("expiry", expiry::sweep(Arc::clone(&gate), projections.clone(), stop.subscribe()));
        tasks.spawn("signing keys", Arc::clone(&signer).run(stop.subscribe()));
        if let Some(url) = &config.bus.url {
            let options = RelayOptions::new(url.expose(), &config.server.public_url);
            let relay = Relay::spawn(foundation.journal.clone(), options, stop.subscribe());
            tasks.spawn("relay", relay.stopped());
        }
        let bus =
            config.bus.url.as_ref().and_then(|_| sealer(&foundation.vault, gate.dialects())).map(Arc::new);
        if let (Some(url), Some(sealer)) = (&config.bus.url, &bus) {
            let road = BusRoad {
                url: url.expose().to_owned(),
                sealer: Arc::clone(sealer),
                deltas: Arc::clone(plane.deltas()),
                log: log_id,
                clock: gate.clock().clone(),
                entropy: gate.entropy().clone(),
            };
            tasks.spawn("second road", road.publish(stop.subscribe()));
        }
        // The table must show what the log held at the start before the first question is answered.
        let head = foundation.journal.head().await?;
        visible(&validator, head, BUILT_WITHIN).await.map_err(|_| StartFailure::not_caught_up())?;
        first_right(&lease, gate.clock()).await?;

        let verifier = Verifier {
            validator: Arc::clone(&validator),
            lease,
            read_through: None,
            budgets,
            clock: gate.clock().clone(),
            entropy: gate.entropy().clone(),
            usage: usage.clone(),
            usage_detail: config.usage.detail,
            trusted_proxies: config.server.trusted_proxies.as_slice().into(),
            https_only: config.server.https_only,
            hot_durations: HotDurations::installed(),
        };
        let state = web::Data::new(App {
            gate: Arc::clone(&gate),
            signer,
            projections: projections.clone(),
            plane: Arc::clone(&plane),
            registry: Registry::new(foundation.database.clone()),
            bus,
            streams: Arc::new(Streams::new(
                config.nodes.max_streams,
                config.nodes.max_streams_per_credential,
            )),
            log,
            rate_budgets,
            authentication_limits: authentication_limits(config, &plane, gate.clock()),
            nodes_are_certified: config.server.tls.as_ref().is_some_and(|tls| tls.node_ca.is_some()),
            verifier: Arc::new(verifier),
            public_url: config.server.public_url.clone(),
            metrics,
        });
        let (tls, upkeep) = tls.map(|tls| (tls.config, tls.upkeep)).unzip();
        if let Some(upkeep) = upkeep {
            tasks.spawn("certificate", upkeep.run(stop.subscribe()));
        }
        let server = http_server(move || app::service(&state), &config.server, tls, listener, address)?;
        let handle = server.handle();
        tasks.spawn("server", served(server));
        Ok(Self {
            gate,
            address,
            validator,
            plane,
            server: handle,
            stop,
            drain: draining,
            tasks,
            projections,
            usage,
            foundation,
        })
    }

    /// A key out of the master key: the same at every start with the same master key.
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        self.foundation.vault.derive(label)
    }

    /// Waits until table and lists show everything that the log holds now.
    pub(crate) async fn settle(&self) -> Result<(), StartFailure> {
        let position = self.foundation.journal.head().await?;
        self.projections.await_position(tenant_list::NAME, position, app::VISIBLE_WITHIN).await?;
        visible(&self.validator, position, app::VISIBLE_WITHIN)
            .await
            .map_err(|_| StartFailure::not_caught_up())
    }

    /// Id, name and dialect of the first tenants.
    pub(crate) async fn tenants(&self) -> Result<Vec<(TenantId, String, String)>, StartFailure> {
        let page = self.projections.tenant_list().list(None, LONGEST_PAGE).await?;
        Ok(page.data.into_iter().map(|tenant| (tenant.id, tenant.name, tenant.dialect)).collect())
    }

    /// Waits until a part of the node has ended that must not.
    pub(crate) async fn failed(&self) -> TaskEnded {
        self.tasks.failed().await
    }

    /// Ends in the reverse order of the start: requests first, then what they left to be written.
    pub(crate) async fn stop(self) {
        self.tasks.may_end();
        self.plane.close();
        self.server.stop(true).await;
        self.usage.close();
        let (done, drained) = oneshot::channel();
        if self.drain.send(done).await.is_ok() && drained.await.is_err() {
            tracing::warn!("usage waits in the node's journal for the next start");
        }
        self.stop.send_replace(true);
        self.tasks.ended().await;
        // Behind the control plane's own work, which would take back what this does.
        if let Err(error) = self.plane.depart().await {
            tracing::warn!(%error, "this node stays registered until others find it gone");
        }
        self.projections.stop().await;
        drop(self.gate);
        self.foundation.close().await;
    }
}

/// Fills the table from the credential lookup, page by page, with the position it is exact for.
async fn load_snapshot(projections: &Projections, validator: &Validator) -> Result<(), StartFailure> {
    let mut snapshot = projections.credential_lookup().snapshot().await?;
    let position = snapshot.position();
    while let Some(entries) = snapshot.next().await? {
        validator.load(entries.into_iter().map(|held| held.entry), None);
    }
    validator.load([], Some(position));
    Ok(())
}

/// The control plane, not registered yet.
fn plane(
    config: &NexusConfig,
    foundation: &Foundation,
    validator: &Validator,
    lease: &Arc<Lease>,
    alone: Option<SoleUse>,
    stop: watch::Receiver<bool>,
) -> Plane {
    let gate = &foundation.gate;
    let registry = Registry::new(foundation.database.clone());
    let presentation = Presentation {
        address: config.server.public_url.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: gate.clock().unix_micros(),
    };
    let watch = RegistryWatch::start(registry.clone(), stop);
    let (entropy, clock) = (gate.entropy().clone(), gate.clock().clone());
    Plane::new(
        gate.clock().clone(),
        move || entropy.uuid_v7(clock.now()),
        Arc::new(StoredRegistry::new(registry, watch, presentation, alone)),
        Arc::new(Deltas::from(validator.applied())),
        Arc::clone(lease),
    )
}

/// The limits of attempts to authenticate, divided among the API nodes.
fn authentication_limits(
    config: &NexusConfig,
    plane: &Arc<Plane>,
    clock: &SharedClock,
) -> AuthenticationLimits {
    let plane = Arc::clone(plane);
    AuthenticationLimits::new(config.authentication, Arc::clone(clock), move || plane.api_nodes())
}

/// Waits for the own table's first right to answer.
async fn first_right(lease: &Lease, clock: &SharedClock) -> Result<(), StartFailure> {
    for _ in 0..FIRST_RIGHT_LOOKS {
        if lease.holds(clock.monotonic()).is_some() {
            return Ok(());
        }
        tokio::time::sleep(FIRST_RIGHT_PAUSE).await;
    }
    Err(StartFailure::not_caught_up())
}

/// Runs a server to its end.
pub(crate) async fn served(server: Server) {
    if let Err(error) = server.await {
        tracing::error!(%error, "the server ended with an error");
    }
}

/// A server that runs once it is awaited.
pub(crate) fn http_server<F, I, S, B>(
    factory: F,
    config: &ServerConfig,
    tls: Option<rustls::ServerConfig>,
    listener: TcpListener,
    address: SocketAddr,
) -> Result<Server, StartFailure>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let built = match tls {
        Some(tls) => tls::port::server(factory, config.workers, tls, listener),
        None => {
            let mut server = HttpServer::new(factory)
                .on_connect(tls::prepare)
                .client_request_timeout(HEAD_WITHIN)
                .shutdown_timeout(DRAIN_SECONDS)
                .disable_signals();
            if let Some(workers) = config.workers {
                server = server.workers(workers as usize);
            }
            server.listen(listener).map(HttpServer::run)
        }
    };
    built.map_err(|error| StartFailure::port(address, &error))
}
