//! The promises, and who broke them.
//!
//! Every verdict must be one that the log allows at or behind a **floor**: the last position that a barrier had confirmed when the
//! request began, and everything that the node itself had acknowledged by then.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use nexus_domain::verification::{Code, Question};
use nexus_validator::lease::{Lease, Permit};
use nexus_validator::{Sight, Validator};

use crate::history::{DIALECT, WRITES};
use crate::world::World;

/// How much happened: a run in which nothing does proves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) accepted: u64,
    /// Reducing changes whose barrier returned.
    pub(crate) reduced: u64,
    /// Of these, those that waited for rights to end.
    pub(crate) waited: u64,
    pub(crate) added: u64,
    pub(crate) faults: u64,
    /// Requests that found nothing because all was forgotten under them.
    pub(crate) forgotten: u64,
}

#[derive(Debug, Default)]
struct State {
    floor: u64,
    figures: Figures,
    broken: Vec<String>,
}

/// Sees everything.
#[derive(Debug, Default)]
pub(crate) struct Oracle(Mutex<State>);

/// What was asked and answered.
pub(crate) struct Asked {
    pub(crate) host: usize,
    pub(crate) key: usize,
    pub(crate) writes: bool,
    pub(crate) floor: u64,
    pub(crate) began: u64,
}

impl Oracle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn figures(&self) -> Figures {
        self.state().figures
    }

    pub(crate) fn tally(&self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.state().figures);
    }

    /// Which promises were broken.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    pub(crate) fn is_content(&self) -> bool {
        self.state().broken.is_empty()
    }

    pub(crate) fn accuse(&self, world: &World, host: usize, what: &str) {
        world.note(host, &format!("BROKEN: {what}"));
        let name = world.hosts.get(host).map_or("store", |host| &host.name);
        self.state().broken.push(format!("at {} ms, {name}: {what}", world.millis()));
    }

    /// What no request that begins now may miss.
    pub(crate) fn floor(&self) -> u64 {
        self.state().floor
    }

    /// A change was answered, and all nodes confirmed it or had lost their right.
    pub(crate) fn settled(&self, position: u64) {
        let mut state = self.state();
        state.floor = position.max(state.floor);
    }

    /// S1 and S3, and that nodes which confirmed see what was added.
    pub(crate) fn judge(&self, world: &World, asked: &Asked, code: Code) {
        let (allowed, head) = {
            let stored = world.store.stored();
            let head = stored.history.head();
            (stored.history.verdicts(asked.key, asked.writes, asked.floor, head), head)
        };
        world.mention(asked.host, || {
            format!("key {} ({}) asked at {}: {code}", asked.key, asked.writes, asked.began)
        });
        self.tally(|figures| {
            figures.answered += 1;
            figures.accepted += u64::from(code == Code::Valid);
        });
        if !allowed.contains(&code) {
            let Asked { host, key, writes, floor, began } = *asked;
            let what = format!(
                "S1: {code} for key {key} (writes: {writes}) in a request of {began} ms, when all up to {floor} of {head} \
                 had been confirmed: {allowed:?}"
            );
            self.accuse(world, host, &what);
        }
    }

    /// S2: a table shows a prefix of the log, in full.
    pub(crate) fn inspect(&self, world: &World, host: usize, validator: &Validator, shown: u64, why: &str) {
        let stored = world.store.stored();
        let history = stored.history.clone();
        drop(stored);
        if shown > history.head() {
            self.accuse(
                world,
                host,
                &format!("S2: {shown} is shown, and the log ends at {}", history.head()),
            );
            return;
        }
        for key in 0..history.keys() {
            let allowed = history.verdicts(key, true, shown, history.head());
            let found = verdict(validator, permit(), &history.digest(key), true);
            if !allowed.contains(&found) {
                let what = format!("{why}: key {key} is {found} in a table at {shown}, and not {allowed:?}");
                self.accuse(world, host, &what);
            }
        }
    }

    /// L1: a barrier returns in time.
    pub(crate) fn timed(&self, world: &World, host: usize, took: Duration) {
        // A timer is late by a tick.
        let longest = nexus_api::nodes::holders::longest_lease() + Duration::from_millis(5);
        if took > longest {
            self.accuse(world, host, &format!("L1: a barrier took {took:?}"));
        }
    }
}

/// A permit for whoever looks at a table from outside of the simulation.
pub(crate) fn permit() -> Permit {
    let lease = Lease::new();
    lease.extend(Duration::MAX);
    lease.holds(Duration::ZERO).unwrap()
}

/// What a table says of a key.
pub(crate) fn verdict(
    validator: &Validator,
    permit: Permit,
    digest: &nexus_domain::credential::Digest,
    writes: bool,
) -> Code {
    let scopes = if writes { vec![WRITES.to_owned()] } else { Vec::new() };
    let question = Question { required_scopes: &scopes, ..Question::default() };
    let dialect = validator.dialect(DIALECT).unwrap();
    validator.verify_digest(&Sight::Table(permit), dialect, digest, &question, 0).code()
}
