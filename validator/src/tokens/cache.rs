//! Tokens whose signature was found right, so that it is checked once. No credential stands here, see [`Names`]. Bounded twice:
//! there are so many places, and where those that are kept take more than [`MOST_BYTES`] together, some go, one place after the
//! other.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwapOption, Guard};

use super::name::{Name, Names};
use super::verified::Verified;

/// The number of sets of places. A token's name tells its set.
const SETS: usize = 1 << 12;
/// The places of a set. With one alone, two tokens that are used in turns and belong there would cost a signature each time; of a
/// thousand, thirty do.
const WAYS: usize = 8;
/// What all that is kept may take, in bytes. 32,768 tokens of usual size take a quarter of it.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// A token whose signature is right. It holds the place that it was found in, and nothing newer. Holding the guard itself, and
/// not an `Arc` of its own, spares a look-up two atomic writes.
#[derive(Debug)]
pub(crate) struct Seen(Guard<Option<Arc<Verified>>>);

/// The places. None are there until the first token comes.
#[derive(Default)]
pub(super) struct Cache(OnceLock<Option<Places>>);

struct Places {
    names: Names,
    sets: Box<[Set]>,
    /// What all of them take together, in bytes.
    bytes: AtomicUsize,
    /// The place that gives way next, where all take too much.
    next: AtomicUsize,
}

/// Places of tokens that belong together. What a look-up reads of it stands together.
#[derive(Default)]
#[repr(align(64))]
struct Set {
    /// A part of each token's name, so that few others are looked at; 0 where there is none.
    tags: [AtomicU32; WAYS],
    /// The place that gives way next, where all are taken.
    next: AtomicUsize,
    places: [ArcSwapOption<Verified>; WAYS],
}

impl Seen {
    pub(super) fn found(guard: Guard<Option<Arc<Verified>>>, name: Name) -> Option<Self> {
        guard.as_ref().is_some_and(|found| found.name == name).then_some(Self(guard))
    }
}

impl From<Arc<Verified>> for Seen {
    fn from(verified: Arc<Verified>) -> Self {
        Self(Guard::from_inner(Some(verified)))
    }
}

impl Clone for Seen {
    fn clone(&self) -> Self {
        Self(Guard::from_inner(Option::clone(&self.0)))
    }
}

impl std::ops::Deref for Seen {
    type Target = Verified;

    #[expect(clippy::expect_used, reason = "both ways to make one begin with a token")]
    fn deref(&self) -> &Verified {
        self.0.as_deref().expect("a token")
    }
}

impl Cache {
    /// The token of this text, where it was seen.
    pub(super) fn find(&self, text: &str) -> Option<Seen> {
        let places = self.0.get()?.as_ref()?;
        places.find(places.names.of(text)?)
    }

    /// Keeps a token under its text.
    pub(super) fn keep(&self, text: &str, mut verified: Verified) -> Arc<Verified> {
        // Without randomness there is no cache: each signature is checked.
        let places = self.0.get_or_init(Places::new).as_ref();
        let named = places.and_then(|places| Some((places, places.names.of(text)?)));
        let Some((places, name)) = named else { return Arc::new(verified) };
        verified.name = name;
        let verified = Arc::new(verified);
        places.put(Arc::clone(&verified));
        places.make_room();
        verified
    }

    pub(super) fn clear(&self) {
        let Some(Some(places)) = self.0.get() else { return };
        for at in 0..SETS * WAYS {
            places.empty(at);
        }
    }

    /// What all that is kept takes, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.get().and_then(Option::as_ref).map_or(0, |places| places.bytes.load(Ordering::Relaxed))
    }
}

impl Places {
    fn new() -> Option<Self> {
        let names = Names::random();
        if names.is_none() {
            tracing::error!(
                "the system has no randomness to give: each token's signature is checked with each use"
            );
        }
        let sets = (0..SETS).map(|_| Set::default()).collect();
        Some(Self { names: names?, sets, bytes: AtomicUsize::new(0), next: AtomicUsize::new(0) })
    }

    fn find(&self, name: Name) -> Option<Seen> {
        let set = self.sets.get(name.number() % SETS)?;
        let tag = name.tag();
        let tagged = set.tags.iter().zip(&set.places).filter(|(is, _)| is.load(Ordering::Relaxed) == tag);
        tagged.map(|(_, place)| place.load()).find_map(|guard| Seen::found(guard, name))
    }

    fn put(&self, verified: Arc<Verified>) {
        let name = verified.name;
        let Some(set) = self.sets.get(name.number() % SETS) else { return };
        let has =
            |at: &usize, tag: u32| set.tags.get(*at).is_some_and(|is| is.load(Ordering::Relaxed) == tag);
        let is_it = |at: &usize| {
            has(at, name.tag())
                && set
                    .places
                    .get(*at)
                    .is_some_and(|place| place.load().as_ref().is_some_and(|known| known.name == name))
        };
        let known = (0..WAYS).find(is_it).or_else(|| (0..WAYS).find(|at| has(at, 0)));
        let at = known.unwrap_or_else(|| set.next.fetch_add(1, Ordering::Relaxed) % WAYS);
        self.replace(set, at, name.tag(), Some(verified));
    }

    fn empty(&self, at: usize) {
        if let Some(set) = self.sets.get(at / WAYS) {
            self.replace(set, at % WAYS, 0, None);
        }
    }

    /// A place's tag may be another one's for a moment: the name is what counts.
    fn replace(&self, set: &Set, at: usize, tag: u32, verified: Option<Arc<Verified>>) {
        let (Some(place), Some(its_tag)) = (set.places.get(at), set.tags.get(at)) else { return };
        // Added before it is there, so that whoever takes it out finds it counted.
        self.bytes.fetch_add(verified.as_ref().map_or(0, |verified| verified.bytes), Ordering::Relaxed);
        let before = place.swap(verified);
        its_tag.store(tag, Ordering::Relaxed);
        self.bytes.fetch_sub(before.map_or(0, |before| before.bytes), Ordering::Relaxed);
    }

    fn make_room(&self) {
        for _ in 0..SETS * WAYS {
            if self.bytes.load(Ordering::Relaxed) <= MOST_BYTES {
                return;
            }
            self.empty(self.next.fetch_add(1, Ordering::Relaxed) % (SETS * WAYS));
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache(…)")
    }
}
