//! Rights that many tokens have alike, held once: a client's tokens mostly have the same ones.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use foldhash::fast::RandomState;
use nexus_domain::verification::Rights;

/// Rights that are remembered for the next token. Each has one place.
const PLACES: usize = 1 << 8;
/// Larger ones are not remembered, so that all together take 512 KiB at the most.
const MOST_BYTES: usize = 2 << 10;

/// Rights by their contents.
pub(super) struct SharedRights {
    hasher: RandomState,
    places: Box<[ArcSwapOption<Rights>]>,
}

impl SharedRights {
    /// These rights, the same object as before where they were asked for before.
    pub(super) fn of(&self, rights: Rights) -> Arc<Rights> {
        if rights.bytes() > MOST_BYTES {
            return Arc::new(rights);
        }
        let at = usize::try_from(self.hasher.hash_one(&rights)).unwrap_or(usize::MAX) % PLACES;
        let Some(place) = self.places.get(at) else { return Arc::new(rights) };
        if let Some(known) = place.load_full().filter(|known| **known == rights) {
            return known;
        }
        let rights = Arc::new(rights);
        place.store(Some(Arc::clone(&rights)));
        rights
    }
}

impl Default for SharedRights {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| ArcSwapOption::empty()).collect();
        Self { hasher: RandomState::default(), places }
    }
}

impl std::fmt::Debug for SharedRights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedRights(…)")
    }
}
