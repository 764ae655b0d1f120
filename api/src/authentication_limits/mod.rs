//! How often somebody may try to authenticate: the limits of `/oauth/…` and of signing in. Memory alone, bounded, and safe
//! under a flood of addresses; `docs/decisions/0014` says why it is as it is.
//!
//! An endpoint begins with [`AuthenticationLimits::admit`], and answers 429 with [`Limited::insert_into`]'s headers where that
//! refuses. Where a person's account is named, [`Attempt::on_account`] comes next, whether the account exists or not. Then it
//! checks what was presented, and ends with [`Attempt::failed`] or [`Attempt::succeeded`]; an attempt that is dropped was
//! neither, such as a request that is not valid or a page that is only shown.

mod address;
mod familiar;
mod limited;
mod table;
mod tokens;
mod window;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_infrastructure::clock::SharedClock;
use nexus_infrastructure::config::AuthenticationConfig;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use self::address::Origin;
use self::familiar::Familiar;
pub use self::limited::{Limit, Limited};
use self::table::{Place, Table};
pub use self::tokens::Issuance;

/// The window of the limits of an address, and of a client.
const MINUTE: Duration = Duration::from_secs(60);
/// The window of the limits of an account, and of a grant.
const HOUR: Duration = Duration::from_secs(3600);
/// How long an attempt waits for others from its address to end. While they run, each of them may fail.
const WAITS_AT_MOST: Duration = Duration::from_secs(5);

/// An account in memory, without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct AccountId([u8; 16]);

impl AccountId {
    fn of(name: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self(id)
    }
}

/// The limits of a process. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct AuthenticationLimits(Arc<Shared>);

struct Shared {
    config: AuthenticationConfig,
    clock: SharedClock,
    /// How many API nodes there are, this one included.
    api_nodes: Box<dyn Fn() -> u32 + Send + Sync>,
    state: Mutex<State>,
    ended: Notify,
}

struct State {
    origins: Table<Origin>,
    accounts: Table<AccountId>,
    familiar: Familiar,
    clients: Table<Uuid>,
    grants: Table<Uuid>,
}

impl AuthenticationLimits {
    /// Limits that nothing counts against yet. Of what the configuration allows, a process admits its part: as much as
    /// `api_nodes` leaves to each, and one at the least.
    pub fn new(
        config: AuthenticationConfig,
        clock: SharedClock,
        api_nodes: impl Fn() -> u32 + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            origins: Table::new(window::length(MINUTE)),
            accounts: Table::new(window::length(HOUR)),
            familiar: Familiar::default(),
            clients: Table::new(window::length(MINUTE)),
            grants: Table::new(window::length(HOUR)),
        };
        Self(Arc::new(Shared {
            config,
            clock,
            api_nodes: Box::new(api_nodes),
            state: Mutex::new(state),
            ended: Notify::new(),
        }))
    }

    /// Admits an attempt to authenticate from this address, as [`crate::request::client_ip`] has it. It counts as a request at
    /// once. Where as many attempts from the address are under way as may still fail, it waits for one of them to end, 5 s at
    /// the most: so many at once are no way to more failures.
    ///
    /// # Errors
    /// [`Limited`]; then it counts as nothing.
    pub async fn admit(&self, address: Option<IpAddr>) -> Result<Attempt, Limited> {
        let origin = Origin::of(address);
        let place = self.count_request(origin).inspect_err(measure)?;
        let begun = tokio::time::timeout(WAITS_AT_MOST, self.begin(place)).await;
        let busy = Limited { retry_after: Duration::from_secs(1), ..self.failures(Duration::ZERO) };
        begun.unwrap_or(Err(busy)).inspect_err(measure)?;
        Ok(Attempt { limits: self.clone(), origin, place, account: None })
    }

    fn count_request(&self, origin: Origin) -> Result<Place<Origin>, Limited> {
        let now = self.now();
        let (requests, failures) =
            (self.part(self.0.config.requests_per_minute), self.part(self.0.config.failures_per_minute));
        let mut state = self.state();
        let place = state.origins.place(origin, origin.network(), now);
        let length = state.origins.length();
        let counts = state.origins.at(place);
        if counts.failures.slide(length, now) >= failures {
            return Err(self.failures(millis(counts.failures.fits_after(length, failures, now))));
        }
        if counts.requests.slide(length, now) >= requests {
            return Err(Limited {
                limit: Limit::Requests,
                quota: self.0.config.requests_per_minute,
                window: MINUTE,
                retry_after: millis(counts.requests.fits_after(length, requests, now)),
            });
        }
        counts.requests.count(length, now);
        Ok(place)
    }

    /// Waits until one more may fail.
    async fn begin(&self, place: Place<Origin>) -> Result<(), Limited> {
        loop {
            // Before the look: whatever ends after it wakes this one.
            let ended = self.0.ended.notified();
            if self.try_begin(place)? {
                return Ok(());
            }
            ended.await;
        }
    }

    fn try_begin(&self, place: Place<Origin>) -> Result<bool, Limited> {
        let now = self.now();
        let most = self.part(self.0.config.failures_per_minute);
        let mut state = self.state();
        let length = state.origins.length();
        let counts = state.origins.at(place);
        let failed = counts.failures.slide(length, now);
        if failed >= most {
            return Err(self.failures(millis(counts.failures.fits_after(length, most, now))));
        }
        let fits = failed.saturating_add(counts.running) < most;
        if fits {
            counts.running += 1;
        }
        Ok(fits)
    }

    fn failures(&self, retry_after: Duration) -> Limited {
        let quota = self.0.config.failures_per_minute;
        Limited { limit: Limit::Failures, quota, window: MINUTE, retry_after }
    }

    /// What of a limit this process may admit. Others admit theirs, so that all together keep to it.
    fn part(&self, limit: u32) -> u32 {
        (limit / (self.0.api_nodes)().max(1)).max(1)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to authenticate that is under way. See the module.
#[must_use = "an attempt that is dropped has neither failed nor succeeded"]
pub struct Attempt {
    limits: AuthenticationLimits,
    origin: Origin,
    place: Place<Origin>,
    account: Option<Named>,
}

/// The account that an attempt is on.
struct Named {
    account: AccountId,
    /// Where it counts as a stranger's.
    place: Option<Place<AccountId>>,
}

impl Attempt {
    /// Says whose account it is on, by anything that names an account always alike, such as an e-mail address in lower case. To
    /// be called for accounts that do not exist as well, so that nobody learns which do.
    ///
    /// Failed attempts of strangers on one account are limited, whatever addresses they come from. Nobody is a stranger where
    /// the account was signed in to from the address before, as far as this process remembers, or who is `recognised` by
    /// something that only a successful sign-in gives, such as a cookie of the browser: those are held to the limits of
    /// their address alone, so no stranger keeps them out.
    ///
    /// # Errors
    /// [`Limited`]: strangers have to wait, whatever they present.
    pub fn on_account(&mut self, account: &str, recognised: bool) -> Result<(), Limited> {
        let account = AccountId::of(account);
        let now = self.limits.now();
        let quota = self.limits.0.config.account_failures_per_hour;
        let most = self.limits.part(quota);
        let mut state = self.limits.state();
        if let Some(place) = self.account.take().and_then(|named| named.place) {
            let counts = state.accounts.at(place);
            counts.running = counts.running.saturating_sub(1);
        }
        if recognised || state.familiar.knows(account, self.origin) {
            self.account = Some(Named { account, place: None });
            return Ok(());
        }
        let place = state.accounts.place(account, account, now);
        let length = state.accounts.length();
        let counts = state.accounts.at(place);
        if counts.failures.slide(length, now).saturating_add(counts.running) >= most {
            let retry_after =
                millis(counts.failures.fits_after(length, most, now)).max(Duration::from_secs(1));
            let limited = Limited { limit: Limit::Account, quota, window: HOUR, retry_after };
            measure(&limited);
            return Err(limited);
        }
        counts.running += 1;
        drop(state);
        self.account = Some(Named { account, place: Some(place) });
        Ok(())
    }

    /// What was presented is wrong: it counts against the limits of failed attempts.
    pub fn failed(self) {
        let now = self.limits.now();
        let mut state = self.limits.state();
        let length = state.origins.length();
        state.origins.at(self.place).failures.count(length, now);
        if let Some(place) = self.account.as_ref().and_then(|named| named.place) {
            let length = state.accounts.length();
            state.accounts.at(place).failures.count(length, now);
        }
    }

    /// What was presented is right: whoever comes from this address is no stranger to the account any more.
    pub fn succeeded(self) {
        if let Some(named) = &self.account {
            self.limits.state().familiar.remember(named.account, self.origin);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.limits.state();
        let counts = state.origins.at(self.place);
        counts.running = counts.running.saturating_sub(1);
        if let Some(place) = self.account.as_ref().and_then(|named| named.place) {
            let counts = state.accounts.at(place);
            counts.running = counts.running.saturating_sub(1);
        }
        drop(state);
        self.limits.0.ended.notify_waiters();
    }
}

fn measure(limited: &Limited) {
    metrics::counter!("nexus_authentication_limited_total", "limit" => limited.limit.name()).increment(1);
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
