//! How many wrong signatures a node looks at. A signature costs more than anything else in a verdict, and whoever reads a `kid`
//! can make up tokens for as long as they like. Tokens that were seen before, and keys, are not touched by it.
//!
//! What is counted is wrong signatures alone: who shows good tokens is never slowed down. They are counted by **who presented
//! them**, the address, of IPv6 its network of 64 bits, which is what one subscriber has. By what a token says, its key or its
//! tenant, a stranger could use up somebody else's allowance, and keep all their new tokens out. Only where nobody told the address
//! is it the key that the token names: a larger allowance for all who use that key, of which a tenant's secret has one for itself.
//! To tell the address is what helps against that, and the refusal says so.
//!
//! Many addresses at once each have an allowance; what they can cost is bounded by their number, and a request itself costs
//! as much by then. The counts are in memory, a fixed number of them; two addresses that share one, by chance, share an allowance.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use nexus_domain::jwt::Kid;

/// The number of counts: 128 KiB.
const PLACES: usize = 1 << 14;

/// Whose wrong signatures are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Presenter {
    /// Of IPv6, the network.
    Address(IpAddr),
    /// Nobody knows; what the token names.
    Unknown(uuid::Uuid),
}

/// What is allowed: so many at once, and another one each time that so many microseconds have passed.
struct Allowance {
    at_once: i64,
    each: i64,
}

impl Presenter {
    pub(super) fn of(address: Option<IpAddr>, kid: Kid) -> Self {
        match (address.map(|address| address.to_canonical()), kid) {
            (Some(IpAddr::V6(address)), _) => {
                let network = address.to_bits() >> 64 << 64;
                Self::Address(IpAddr::V6(network.into()))
            }
            (Some(address), _) => Self::Address(address),
            (None, Kid::SigningKey(kid)) => Self::Unknown(kid.uuid()),
            (None, Kid::Secret(id)) => Self::Unknown(id.uuid()),
        }
    }

    /// 20 in a second of an address, and 500 where it is not known: about a fiftieth of a processor.
    const fn allowance(self) -> Allowance {
        match self {
            Self::Address(_) => Allowance { at_once: 100, each: 50_000 },
            Self::Unknown(_) => Allowance { at_once: 2_000, each: 2_000 },
        }
    }
}

/// The counts: for each the instant, in Unix microseconds, at which its allowance is whole again.
#[derive(Default)]
pub(super) struct WrongSignatures {
    hasher: RandomState,
    whole_at: OnceLock<Box<[AtomicI64]>>,
}

impl WrongSignatures {
    /// Whether another signature is looked at; how long to wait, where it is not.
    pub(super) fn admit(&self, presenter: Presenter, now: i64) -> Result<(), Duration> {
        let Some(whole_at) = self.whole_at.get().and_then(|all| all.get(self.place(presenter))) else {
            return Ok(());
        };
        let Allowance { at_once, each } = presenter.allowance();
        let wait = owed(whole_at.load(Ordering::Relaxed), now, at_once * each) - (at_once - 1) * each;
        if wait <= 0 { Ok(()) } else { Err(Duration::from_micros(wait.unsigned_abs())) }
    }

    /// Takes note of a wrong one.
    pub(super) fn note(&self, presenter: Presenter, now: i64) {
        let all = self.whole_at.get_or_init(|| (0..PLACES).map(|_| AtomicI64::new(0)).collect());
        let Some(whole_at) = all.get(self.place(presenter)) else { return };
        let Allowance { at_once, each } = presenter.allowance();
        let later = |before| Some(now.saturating_add(owed(before, now, at_once * each) + each));
        let _always = whole_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    fn place(&self, presenter: Presenter) -> usize {
        usize::try_from(self.hasher.hash_one(presenter)).unwrap_or(usize::MAX) % PLACES
    }
}

/// How long it is until the allowance is whole. A clock that was set back must lock out nobody: more than twice of what can be
/// owed is the trace of that.
fn owed(whole_at: i64, now: i64, most: i64) -> i64 {
    let owed = whole_at.saturating_sub(now).max(0);
    if owed > 2 * most { 0 } else { owed }
}

impl std::fmt::Debug for WrongSignatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WrongSignatures(…)")
    }
}
