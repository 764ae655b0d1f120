//! What a node does with messages of the bus, whoever brings them: the bytes are handed to [`Ear::hear`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::FRESH;
use super::open::{Opener, Unopened};
use crate::clock::Clock;
use crate::control::client::Connection;
use crate::control::follower::Follower;
use crate::control::message::BusKeys;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The table shows what is in it, now or already before.
    Shown,
    /// It does not continue what is there, or is of another log. The stream brings what is missing.
    Elsewhere,
    /// Its time is not now.
    Stale,
    /// It could not be opened.
    Unopened(Unopened),
    /// Nobody has said yet what opens messages.
    NoKeys,
}

impl Heard {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Shown => None,
            Self::Elsewhere => Some("elsewhere"),
            Self::Stale => Some("stale"),
            Self::Unopened(unopened) => Some(unopened.word()),
            Self::NoKeys => Some("no_keys"),
        }
    }
}

/// A node's ear on the bus.
pub struct Ear {
    follower: Arc<Mutex<Follower>>,
    connection: watch::Receiver<Connection>,
    served: BTreeSet<String>,
    clock: Arc<dyn Clock>,
    opener: Option<(BusKeys, Opener)>,
}

impl Ear {
    /// An ear for a follower, whose control stream says what opens messages. `served` are the dialects in its table.
    pub fn new(
        follower: Arc<Mutex<Follower>>,
        connection: watch::Receiver<Connection>,
        served: impl IntoIterator<Item = String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { follower, connection, served: served.into_iter().collect(), clock, opener: None }
    }

    /// Waits until an API node has said what opens messages. `false`: none will any more.
    pub async fn has_keys(&mut self) -> bool {
        self.connection.wait_for(|connection| connection.bus.is_some()).await.is_ok()
    }

    /// Takes a message, whatever it is.
    pub fn hear(&mut self, message: &[u8]) -> Heard {
        self.learn();
        let heard = self.judge(message);
        if let Some(reason) = heard.word() {
            metrics::counter!("nexus_validity_ignored_total", "reason" => reason).increment(1);
        }
        heard
    }

    fn judge(&self, message: &[u8]) -> Heard {
        let Some((_, opener)) = &self.opener else { return Heard::NoKeys };
        let (header, delta) = match opener.open(message) {
            Ok(opened) => opened,
            Err(unopened) => return Heard::Unopened(unopened),
        };
        let age = u128::from(self.clock.unix_micros().abs_diff(header.at));
        if age > FRESH.as_micros() {
            return Heard::Stale;
        }
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        if follower.overhear(header.log, delta) { Heard::Shown } else { Heard::Elsewhere }
    }

    /// Takes the keys that the last API node gave. They stay when its stream breaks, and when the next one has no bus.
    fn learn(&mut self) {
        let connection = self.connection.borrow();
        let Some(keys) = &connection.bus else { return };
        if self.opener.as_ref().is_some_and(|(known, _)| known == keys) {
            return;
        }
        match Opener::new(keys, self.served.clone()) {
            Ok(opener) => self.opener = Some((keys.clone(), opener)),
            Err(error) => tracing::warn!(%error, "messages of the bus are not listened to"),
        }
    }
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").field("served", &self.served).finish_non_exhaustive()
    }
}
