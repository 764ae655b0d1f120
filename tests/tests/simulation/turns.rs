//! The order within one instant. Who is woken first is inside of the runtime partly a matter of chance that no seed governs; so
//! whatever arrives at a place in one instant is let in one by one, in an order of its own.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::yield_now;

/// Rounds of the runtime after which everything that one arrival leads to at once has happened.
const ROUNDS: u32 = 3;
/// Rounds in which everything of an instant has happened.
const ALL: u32 = 40;

/// Whose turn it is: the kind of arrival, from where, and what else tells two of them apart.
pub(crate) type Ticket = (u8, usize, u64);

/// Those who have arrived at a place, and wait to be let in.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeSet<Ticket>>);

/// Gives the turn up when it is dropped.
struct Held<'t> {
    turns: &'t Turns,
    ticket: Ticket,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.turns.0.lock().unwrap().remove(&self.ticket);
    }
}

impl Turns {
    /// Waits for its turn.
    pub(crate) async fn turn(&self, ticket: Ticket) {
        self.0.lock().unwrap().insert(ticket);
        let _held = Held { turns: self, ticket };
        let mut rounds = 0;
        while rounds < ROUNDS {
            yield_now().await;
            let mut waiting = self.0.lock().unwrap();
            // Of two that nothing tells apart, the first one has taken it away.
            waiting.insert(ticket);
            let first = waiting.first().copied();
            rounds = if first == Some(ticket) { rounds + 1 } else { 0 };
        }
    }
}

/// Sleeps, and then lets everything else of that instant happen first.
pub(crate) async fn sleep_after_all(length: Duration) {
    tokio::time::sleep(length).await;
    for _ in 0..ALL {
        yield_now().await;
    }
}
