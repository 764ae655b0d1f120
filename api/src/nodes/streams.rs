//! How many streams nodes have to this API node: no more than it has memory for, and of one credential no more than leaves some
//! to the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_domain::ids::KeyId;

/// Streams that nodes have.
#[derive(Debug)]
pub struct Streams {
    most: u32,
    most_of_one: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: u32,
    by_credential: HashMap<KeyId, u32>,
}

/// There are as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Of all credentials together.
    #[error("validating nodes have {0} streams here, which is `nodes.max_streams`; try another API node")]
    All(u32),
    /// Of this credential.
    #[error("the credential has {0} streams here, which is `nodes.max_streams_per_credential`")]
    OfOne(u32),
}

/// A stream's place. It is free again once this is dropped.
#[derive(Debug)]
pub struct Place {
    streams: Arc<Streams>,
    credential: KeyId,
}

impl Streams {
    /// None yet; at most so many of all credentials together, and of one.
    #[must_use]
    pub fn new(most: u32, most_of_one: u32) -> Self {
        Self { most, most_of_one, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a stream of this credential.
    ///
    /// # Errors
    /// [`Full`]
    pub fn enter(self: &Arc<Self>, credential: KeyId) -> Result<Place, Full> {
        let mut open = self.open();
        let of_one = open.by_credential.get(&credential).copied().unwrap_or_default();
        if of_one >= self.most_of_one {
            return Err(Full::OfOne(of_one));
        }
        if open.all >= self.most {
            return Err(Full::All(open.all));
        }
        open.all += 1;
        open.by_credential.insert(credential, of_one + 1);
        Ok(Place { streams: Arc::clone(self), credential })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        open.all = open.all.saturating_sub(1);
        if let Some(of_one) = open.by_credential.get_mut(&self.credential) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                open.by_credential.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_are_bounded_and_free_again_once_they_are_left() {
        let streams = Arc::new(Streams::new(3, 2));
        let credential = |number| KeyId::new(Uuid::from_u128(number));
        let first = streams.enter(credential(1)).unwrap();
        let second = streams.enter(credential(1)).unwrap();
        assert_eq!(streams.enter(credential(1)).unwrap_err(), Full::OfOne(2));
        let third = streams.enter(credential(2)).unwrap();
        assert_eq!(streams.enter(credential(3)).unwrap_err(), Full::All(3));
        drop(second);
        let fourth = streams.enter(credential(3)).unwrap();
        drop((first, third, fourth));
        let open = streams.open();
        assert_eq!((open.all, open.by_credential.len()), (0, 0));
    }
}
