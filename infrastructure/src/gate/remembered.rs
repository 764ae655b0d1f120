//! Clients and their tenants as they were loaded last, so that a busy client does not cost looks at the store for each request.
//!
//! What is remembered may be outdated, since other processes change clients too. There are two ways to know that it is not: an
//! append on condition that client and tenant stand as they were; or, for the client, that this process has followed the log up
//! to where it is now, since clients are forgotten on the way that have changed. Nobody is refused by what is remembered.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_domain::ids::KeyId;

use super::Owner;
use super::clients::KnownClient;

/// How many clients are remembered; then it begins anew.
const KEPT: usize = 10_000;

/// A client and its tenant.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) client: KnownClient,
    pub(super) owner: Owner,
}

/// Clients that got tokens for themselves.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<KeyId, Pair>,
    /// How many changes of clients were followed.
    changes: u64,
}

impl Remembered {
    pub(super) fn get(&self, client: KeyId) -> Option<Pair> {
        self.state().pairs.get(&client).cloned()
    }

    /// What stands in [`KnownClient`] of a client that is loaded from here on.
    pub(super) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Remembers a client, unless one has changed since it was loaded: that may have been this one.
    pub(super) fn keep(&self, client: &KnownClient, owner: &Owner) {
        let mut state = self.state();
        if state.changes != client.as_of {
            return;
        }
        if state.pairs.len() >= KEPT {
            state.pairs.clear();
        }
        state.pairs.insert(client.key_id, Pair { client: client.clone(), owner: owner.clone() });
    }

    pub(super) fn forget(&self, client: KeyId) {
        self.state().pairs.remove(&client);
    }

    /// Takes note that the log has a change of a client.
    pub(super) fn changed(&self, client: KeyId) {
        let mut state = self.state();
        state.changes += 1;
        state.pairs.remove(&client);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
