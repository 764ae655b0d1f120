//! Which origins an account was signed in to from: a stranger's guesses must not keep its owner out.

use std::collections::HashSet;

use foldhash::quality::RandomState;

use super::AccountId;
use super::address::Origin;

/// How many are remembered at the least; twice as many are the most.
const GENERATION: usize = 32_768;

/// Accounts with the origins that they were lately signed in to from. What was not used for longest is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Familiar {
    new: HashSet<(AccountId, Origin), RandomState>,
    old: HashSet<(AccountId, Origin), RandomState>,
}

impl Familiar {
    /// Remembers that a sign-in succeeded.
    pub(super) fn remember(&mut self, account: AccountId, origin: Origin) {
        if self.new.len() >= GENERATION {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert((account, origin));
    }

    /// Whether one succeeded from here.
    pub(super) fn knows(&self, account: AccountId, origin: Origin) -> bool {
        self.new.contains(&(account, origin)) || self.old.contains(&(account, origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_lately_is_remembered() {
        let mut familiar = Familiar::default();
        let home = Origin::of(Some([192, 0, 2, 1].into()));
        let account = |number: usize| AccountId((number as u128).to_be_bytes());
        for number in 0..3 * GENERATION {
            familiar.remember(account(number), home);
            familiar.remember(account(0), home);
        }
        assert!(familiar.knows(account(0), home));
        assert!(familiar.knows(account(3 * GENERATION - 1), home));
        assert!(!familiar.knows(account(1), home));
        assert!(familiar.new.len() + familiar.old.len() <= 2 * GENERATION);
    }
}
