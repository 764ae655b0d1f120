//! `nexus validator`: a validating node, a process without a store.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_api::app;
use nexus_api::verification::Verifier;
use nexus_api::verification::hot::HotDurations;
use nexus_domain::dialect::Dialects;
use nexus_infrastructure::bus;
use nexus_infrastructure::clock::{SharedClock, SystemClock};
use nexus_infrastructure::config::{UsageDetail, ValidatorConfig};
use nexus_infrastructure::dialects::{self, MANAGEMENT};
use nexus_infrastructure::entropy::SystemEntropy;
use nexus_validator::bus::ear::Ear;
use nexus_validator::node::{Node, NodeOptions};
use nexus_validator::tasks::Tasks;
use tokio::sync::watch;

use crate::server::failure::StartFailure;
use crate::server::node::{http_server, served as serve};
use crate::server::{StopSignals, process, tls};

/// The process's clock as the lease is given by it: the very one that requests look at the lease with, since a deadline of one
/// clock means nothing to another.
struct LeaseClock(SharedClock);

impl std::fmt::Debug for LeaseClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseClock").finish_non_exhaustive()
    }
}

impl nexus_validator::clock::Clock for LeaseClock {
    fn boottime(&self) -> Duration {
        self.0.monotonic()
    }

    fn unix_micros(&self) -> i64 {
        self.0.unix_micros()
    }
}

/// Runs until told to stop.
pub(crate) async fn run(config: Option<&Path>) -> Result<(), StartFailure> {
    let config = ValidatorConfig::load(config, process::variables())?;
    let metrics = process::observe(&config.log)?;
    let mut stop = StopSignals::catch()?;
    let tls = tls::configured(&config.server)?;
    let listener = TcpListener::bind(config.server.listen)
        .map_err(|error| StartFailure::port(config.server.listen, &error))?;
    let address = listener.local_addr().map_err(|error| StartFailure::port(config.server.listen, &error))?;
    let (clock, entropy): (SharedClock, _) = (SystemClock::shared(), SystemEntropy::shared());
    let mut options = NodeOptions::new(served(&config)?, &config.node.data, entropy.uuid_v7(clock.now()));
    options.control.urls = config.control.urls.clone();
    options.control.credential = config.control.credential.expose().to_owned();
    options.control.ca = config.control.ca.clone();
    options.control.certificate = config.control.certificate.clone();
    options.clock = Arc::new(LeaseClock(Arc::clone(&clock)));
    let node = Node::start(options)?;
    let (stop_hearing, mut tasks) = (watch::Sender::new(false), Tasks::default());
    if let Some(url) = &config.bus.url {
        tasks.spawn("second road", hear(node.ear(), url.expose().to_owned(), stop_hearing.subscribe()));
    }
    let verifier = Arc::new(Verifier {
        validator: Arc::clone(node.validator()),
        lease: Arc::clone(node.lease()),
        read_through: Some(node.read_through().clone()),
        budgets: Arc::clone(node.budgets()),
        clock,
        entropy,
        usage: node.usage().clone(),
        usage_detail: UsageDetail::Requests,
        trusted_proxies: config.server.trusted_proxies.as_slice().into(),
        https_only: config.server.https_only,
        hot_durations: HotDurations::installed(),
    });
    let (tls, upkeep) = tls.map(|tls| (tls.config, tls.upkeep)).unzip();
    if let Some(upkeep) = upkeep {
        tasks.spawn("certificate", upkeep.run(stop_hearing.subscribe()));
    }
    let service = move || app::validating_service(&verifier, &metrics);
    let server = http_server(service, &config.server, tls, listener, address)?;
    let handle = server.handle();
    tasks.spawn("server", serve(server));
    let failed = async {
        let watched = async {
            if let Err(ended) = node.ready().await {
                return ended;
            }
            tracing::info!(url = config.server.public_url, %address, "ready");
            node.failed().await
        };
        tokio::select! {
            ended = watched => ended,
            ended = tasks.failed() => ended,
        }
    };
    let outcome = stop.received_unless(failed).await;
    tasks.may_end();
    handle.stop(true).await;
    stop_hearing.send_replace(true);
    tasks.ended().await;
    node.stop().await;
    Ok(outcome?)
}

/// Listens to the broker once an API node has said what opens its messages.
async fn hear(mut ear: Ear, url: String, mut stop: watch::Receiver<bool>) {
    let keys = tokio::select! {
        keys = ear.has_keys() => keys,
        _ = stop.wait_for(|stop| *stop) => false,
    };
    if keys {
        let take = |message: &[u8]| {
            let _counted = ear.hear(message);
        };
        bus::listen(&url, take, stop).await;
    }
}

/// The dialects that the configuration names, and always the platform's own: its credentials are what callers of
/// `POST /v1/verify` show.
fn served(config: &ValidatorConfig) -> Result<Arc<Dialects>, StartFailure> {
    let all = dialects::load(config.dialects_path.as_deref())?;
    let Some(wanted) = &config.dialects else { return Ok(Arc::new(all)) };
    if let Some(unknown) = wanted.iter().find(|name| all.get(name).is_none()) {
        let known: Vec<&str> =
            all.iter().map(|dialect| dialect.name.as_str()).filter(|name| *name != MANAGEMENT).collect();
        let known = known.join(", ");
        return Err(StartFailure::new(format!(
            "`node.dialects` names `{unknown}`, which is none: choose from {known}"
        )));
    }
    Ok(Arc::new(all.only(|dialect| dialect.name == MANAGEMENT || wanted.contains(&dialect.name))))
}
