//! The second road to nodes: each stretch of the list, sealed and signed, over the message broker. Whoever hears it first from
//! there has it sooner; whoever does not misses nothing, since the streams bring everything.

use std::sync::Arc;
use std::time::Duration;

use nexus_domain::dialect::Dialects;
use nexus_infrastructure::bus::{AmqpError, Broadcaster, EXPIRES, in_one_line};
use nexus_infrastructure::clock::SharedClock;
use nexus_infrastructure::entropy::SharedEntropy;
use nexus_infrastructure::vault::Vault;
use nexus_validator::bus::Header;
use nexus_validator::bus::seal::{Sealer, Unsealable};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::deltas::{Deltas, Stretch};

/// The pause after a failure, and how often the connection is looked at while nothing changes.
const PAUSE: Duration = Duration::from_secs(1);
/// Stretches that are handed over together.
const AT_ONCE: usize = 64;

/// The keys of the bus, the same in every process that has the master key.
#[must_use]
pub fn sealer(vault: &Vault, dialects: &Dialects) -> Option<Sealer> {
    let key = |name: &String| vault.derive(&format!("nexus.validity dialect {name}"));
    let keys = dialects.iter().map(|dialect| (dialect.name.clone(), key(&dialect.name)));
    Sealer::new(&vault.derive("nexus.validity signature"), keys)
}

/// What is published, and where.
pub struct BusRoad {
    /// The broker, with its password.
    pub url: String,
    /// The keys.
    pub sealer: Arc<Sealer>,
    /// The list.
    pub deltas: Arc<Deltas>,
    /// The log's id.
    pub log: Uuid,
    /// Dates messages, and measures how long the broker is away.
    pub clock: SharedClock,
    /// Salts messages.
    pub entropy: SharedEntropy,
}

impl BusRoad {
    /// Publishes what the list gets from this call on, each stretch once, until `stop` turns true. The list never waits for it.
    pub fn publish(self, stop: watch::Receiver<bool>) -> impl Future<Output = ()> + Send {
        let place = self.deltas.ends().newest;
        self.publish_behind(place, stop)
    }

    async fn publish_behind(self, mut place: u64, mut stop: watch::Receiver<bool>) {
        let mut away_since = None;
        let mut known = String::new();
        loop {
            let connected = tokio::select! {
                connected = Broadcaster::connect(&self.url) => connected,
                () = told(&mut stop) => return,
            };
            let error = match connected {
                Ok(broker) => {
                    known.clear();
                    self.skip_what_is_late(&mut place, away_since.take());
                    tracing::info!("publishing what changes validity to the broker");
                    let ended = tokio::select! {
                        ended = self.serve(&broker, &mut place) => Some(ended),
                        () = told(&mut stop) => None,
                    };
                    let Some(Err(error)) = ended else {
                        broker.close().await;
                        return;
                    };
                    error
                }
                Err(error) => error,
            };
            away_since.get_or_insert_with(|| self.clock.monotonic());
            metrics::counter!("nexus_validity_failures_total").increment(1);
            let reason = in_one_line(&error);
            if reason != known {
                tracing::warn!(
                    reason,
                    "what changes validity goes over the streams alone; trying the broker again"
                );
                known = reason;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = told(&mut stop) => return,
            }
        }
    }

    /// Nobody waits for what would have expired meanwhile.
    fn skip_what_is_late(&self, place: &mut u64, away_since: Option<Duration>) {
        let away = away_since.map(|since| self.clock.monotonic().saturating_sub(since));
        if away.is_some_and(|away| away >= EXPIRES) {
            *place = self.deltas.ends().newest;
        }
    }

    /// One connection's worth.
    async fn serve(
        &self,
        broker: &Broadcaster,
        place: &mut u64,
    ) -> Result<std::convert::Infallible, AmqpError> {
        let mut newest = self.deltas.newest();
        newest.mark_changed();
        let mut look = tokio::time::interval(PAUSE);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // The sender lives as long as the list, which is held here.
                Ok(()) = newest.changed() => self.send_missed(broker, place).await?,
                _ = look.tick() => broker.check()?,
            }
        }
    }

    /// Sends what the list has behind `place`, and moves it.
    async fn send_missed(&self, broker: &Broadcaster, place: &mut u64) -> Result<(), AmqpError> {
        let missed = self.deltas.after(*place);
        let Some(stretches) = missed.stretches else {
            *place = missed.ends.newest;
            return Ok(());
        };
        for stretches in stretches.chunks(AT_ONCE) {
            let sealed: Vec<Vec<u8>> = stretches.iter().filter_map(|stretch| self.sealed(stretch)).collect();
            let count = sealed.len() as u64;
            broker.send(sealed).await?;
            metrics::counter!("nexus_validity_published_total").increment(count);
            *place = stretches.last().map_or(*place, |last| last.to);
        }
        Ok(())
    }

    fn sealed(&self, stretch: &Stretch) -> Option<Vec<u8>> {
        let header =
            Header { log: self.log, from: stretch.from, to: stretch.to, at: self.clock.unix_micros() };
        let entries = stretch.entries.iter().map(|held| (held.dialect.as_str(), &held.entry));
        match self.sealer.seal(header, &self.entropy.array(), entries) {
            Ok(message) => Some(message),
            Err(error) => {
                metrics::counter!("nexus_validity_failures_total").increment(1);
                if !matches!(error, Unsealable::TooLarge) {
                    tracing::warn!(%error, "a change of validity goes over the streams alone");
                }
                None
            }
        }
    }
}

/// Returns when `stop` is true or nobody can make it true any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl std::fmt::Debug for BusRoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusRoad").field("log", &self.log).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
