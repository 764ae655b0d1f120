//! How many tokens a client is issued, and how often what one person agreed to is refreshed: each is an event or two for ever.
//! Counted is what was issued. Whoever only names a public client, or a grant, uses up nothing of theirs.

use std::time::Duration;

use nexus_domain::ids::{GrantId, KeyId};
use uuid::Uuid;

use super::table::{Place, Table};
use super::{AuthenticationLimits, HOUR, Limit, Limited, MINUTE, measure, millis};

/// A request for tokens that is under way.
#[must_use = "what was issued has to be counted"]
pub struct Issuance {
    limits: AuthenticationLimits,
    client: Place<Uuid>,
    grant: Option<Place<Uuid>>,
}

impl AuthenticationLimits {
    /// Admits a request for tokens of this client, with a refresh token of this grant where it has one. It counts once
    /// [`Issuance::issued`] says so. Of a client, those that are under way are taken for issued meanwhile; of a grant, the log
    /// lets one through at a time.
    ///
    /// # Errors
    /// [`Limited`]; then it counts as nothing.
    pub fn admit_issuance(&self, client: KeyId, grant: Option<GrantId>) -> Result<Issuance, Limited> {
        let (now, config) = (self.now(), &self.0.config);
        let (tokens, refreshes) = (config.client_tokens_per_minute, config.grant_refreshes_per_hour);
        let mut state = self.state();
        let mut refreshed = None;
        if let Some(grant) = grant.map(GrantId::uuid) {
            let place = state.grants.place(grant, grant, now);
            let full = full(&mut state.grants, place, self.part(refreshes), now);
            full.map_or(Ok(()), |after| Err(limited(Limit::GrantRefreshes, refreshes, HOUR, after)))?;
            refreshed = Some(place);
        }
        let client = client.uuid();
        let place = state.clients.place(client, client, now);
        let full = full(&mut state.clients, place, self.part(tokens), now);
        full.map_or(Ok(()), |after| Err(limited(Limit::ClientTokens, tokens, MINUTE, after)))?;
        state.clients.at(place).running += 1;
        Ok(Issuance { limits: self.clone(), client: place, grant: refreshed })
    }
}

impl Issuance {
    /// Tokens were issued.
    pub fn issued(self) {
        let now = self.limits.now();
        let mut state = self.limits.state();
        let length = state.clients.length();
        state.clients.at(self.client).requests.count(length, now);
        if let Some(grant) = self.grant {
            let length = state.grants.length();
            state.grants.at(grant).requests.count(length, now);
        }
    }
}

impl Drop for Issuance {
    fn drop(&mut self) {
        let mut state = self.limits.state();
        let counts = state.clients.at(self.client);
        counts.running = counts.running.saturating_sub(1);
    }
}

/// How long until one more fits, in milliseconds, where none does now.
fn full(table: &mut Table<Uuid>, place: Place<Uuid>, most: u32, now: u64) -> Option<u64> {
    let length = table.length();
    let counts = table.at(place);
    let issued = counts.requests.slide(length, now);
    let is_full = issued.saturating_add(counts.running) >= most;
    is_full.then(|| counts.requests.fits_after(length, most, now))
}

fn limited(limit: Limit, quota: u32, window: Duration, after: u64) -> Limited {
    let limited = Limited { limit, quota, window, retry_after: millis(after).max(Duration::from_secs(1)) };
    measure(&limited);
    limited
}
