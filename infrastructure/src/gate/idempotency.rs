//! Which idempotent requests are running in this process.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The running requests, by scope and key.
#[derive(Debug, Default, Clone)]
pub(super) struct InFlight(Arc<Mutex<HashSet<(String, String)>>>);

/// Keeps a request marked as running until it is dropped.
#[derive(Debug)]
pub struct Running {
    set: InFlight,
    entry: (String, String),
}

impl InFlight {
    /// Marks a request as running; `None` where it runs already.
    pub(super) fn start(&self, scope: &str, key: &str) -> Option<Running> {
        let entry = (scope.to_owned(), key.to_owned());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then(|| Running { set: self.clone(), entry })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.set.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_runs_once_at_a_time() {
        let set = InFlight::default();
        let first = set.start("a", "k").unwrap();
        assert!(set.start("a", "k").is_none());
        assert!(set.start("b", "k").is_some());
        drop(first);
        assert!(set.start("a", "k").is_some());
    }
}
