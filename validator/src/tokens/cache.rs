//! Tokens whose signature was found right, so that it is checked once. Bounded: each has one place, and gives way to the next one
//! that belongs there. No credential stands here: of a signature its SHA-256 alone, and what was signed is worth nothing without.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use nexus_domain::credential::Digest;
use nexus_domain::jwt::Compact;

use super::verified::Verified;

/// The number of places: with a token of usual size in each, 30 MB.
const PLACES: usize = 1 << 15;

/// A token's name in the cache. Two tokens of one name and the same signed text are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(Digest);

impl Name {
    pub(super) fn of(token: Compact<'_>) -> Self {
        Self(Digest::of(token.signature()))
    }

    fn place(self) -> usize {
        let number = self.0.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes);
        usize::try_from(number).unwrap_or(usize::MAX) % PLACES
    }
}

/// The places. None are there until the first token comes.
#[derive(Default)]
pub(super) struct Cache(OnceLock<Box<[ArcSwapOption<Verified>]>>);

impl Cache {
    pub(super) fn find(&self, name: Name, token: Compact<'_>) -> Option<Arc<Verified>> {
        let found = self.0.get()?.get(name.place())?.load();
        found.as_ref().filter(|found| found.name == name && *found.signed == *token.signed()).map(Arc::clone)
    }

    pub(super) fn put(&self, verified: &Arc<Verified>) {
        let places = self.0.get_or_init(|| (0..PLACES).map(|_| ArcSwapOption::empty()).collect());
        if let Some(place) = places.get(verified.name.place()) {
            place.store(Some(Arc::clone(verified)));
        }
    }

    pub(super) fn clear(&self) {
        for place in self.0.get().into_iter().flatten() {
            place.store(None);
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache(…)")
    }
}
