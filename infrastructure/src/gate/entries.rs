//! What validating nodes are to know of what changed: the log's changes turned into entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_es::Aggregate;
use futures::future::try_join_all;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::{GrantId, JwtSecretId, KeyId, TenantId, TokenId};
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::validity::{DialectEntry, Entry, Shown};

use super::bootstrap::PLATFORM_TENANT;
use super::{Gate, GateError};
use crate::journal::{Change, JournalStore};

/// Loads at a time. One after the other, each would queue for a connection behind all requests that wait for one, and whoever
/// waits to see a change would wait for the sum.
const AT_ONCE: usize = 16;

/// What nodes know of, whatever happens to it.
const KNOWN: [&str; 7] = [
    Tenant::TYPE,
    Agent::TYPE,
    Integration::TYPE,
    Key::TYPE,
    SigningKeys::TYPE,
    JwtSecret::TYPE,
    Client::TYPE,
];

/// All that nodes are told of grants.
const GRANT_ENDS: &str = "GrantRevoked";
/// All that nodes are told of access tokens.
const TOKEN_ENDS: &str = "TokenRevoked";

/// Whether a change may alter what a node decides. Of access tokens and grants that is their end alone: nodes know by its
/// signature what was issued, and whoever takes tokens must not make every API node load what they are taken for.
#[must_use]
pub fn concerns(change: &Change) -> bool {
    match change.aggregate_type.as_str() {
        Grant::TYPE => change.event_type == GRANT_ENDS,
        Token::TYPE => change.event_type == TOKEN_ENDS,
        other => KNOWN.contains(&other),
    }
}

/// The names of what a token rests on. They are anybody's word until its signature has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Who signed it.
    pub kid: &'a str,
    /// Its client, and who registered that.
    pub client: Option<(KeyId, TenantId)>,
    /// Whose data it opens.
    pub tenant: Option<TenantId>,
    /// Its own id, and that of the consent.
    pub ids: &'a [String],
}

/// Entries of what changed.
pub struct Entries {
    gate: Arc<Gate>,
    /// Aggregates that were loaded in a later state than that of the change which was followed, with the sequence of that state.
    ahead: Mutex<HashMap<String, u64>>,
}

impl Entries {
    /// Entries out of the log behind a gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, ahead: Mutex::default() }
    }

    /// The present state of everything that changed. It may be newer than the last of the changes, which does no harm: entries
    /// are whole states, and the changes in between only repeat them.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn stored(&self, changes: &[Change]) -> Result<Vec<DialectEntry>, GateError> {
        let mut entries = Vec::new();
        for several in last_of_each(changes).chunks(AT_ONCE) {
            let loaded = several.iter().map(|change| self.load(&change.aggregate_type, &change.aggregate_id));
            entries.extend(try_join_all(loaded).await?.into_iter().filter_map(|(entry, _)| entry));
        }
        Ok(entries)
    }

    /// As [`Entries::stored`], for the one reader that follows the log: where a change came with what it shows, nothing is
    /// loaded. No entry is older than one of the same aggregate before it.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn followed(&self, changes: &[Change]) -> Result<Vec<DialectEntry>, GateError> {
        // Before whoever waits for these changes can see that they were followed.
        let clients = changes.iter().filter(|change| change.aggregate_type == Client::TYPE);
        clients
            .filter_map(|change| change.aggregate_id.parse().ok())
            .for_each(|client| self.gate.remembered.changed(client));
        let mut entries = Vec::new();
        for several in last_of_each(changes).chunks(AT_ONCE) {
            let shown = several.iter().map(|change| self.shown(change));
            entries.extend(try_join_all(shown).await?.into_iter().flatten());
        }
        Ok(entries)
    }

    /// A key as the log has it now, with all that it belongs to before it.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn credential(&self, key_id: &str, tenant_id: &str) -> Result<Vec<DialectEntry>, GateError> {
        let (tenant, _) = self.load(Tenant::TYPE, tenant_id).await?;
        let (key, _) = self.load(Key::TYPE, key_id).await?;
        let mut integration = None;
        if let Some(DialectEntry { entry: Entry::Key(key), .. }) = &key
            && let Some(id) = key.integration_id
        {
            (integration, _) = self.load(Integration::TYPE, &id.to_string()).await?;
        }
        let mut agent = None;
        if let Some(DialectEntry { entry: Entry::Integration(integration), .. }) = &integration
            && let Some(id) = integration.agent_id
        {
            (agent, _) = self.load(Agent::TYPE, &id.to_string()).await?;
        }
        Ok([tenant, agent, integration, key].into_iter().flatten().collect())
    }

    /// What a token rests on as the log has it now: who signs, its client and the tenants, and whether it or its consent is revoked.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn token(&self, token: Named<'_>) -> Result<Vec<DialectEntry>, GateError> {
        let Named { kid, client, tenant, ids } = token;
        let mut wanted = vec![(SigningKeys::TYPE, PLATFORM_TENANT.to_string())];
        wanted.extend(kid.parse::<JwtSecretId>().ok().map(|id| (JwtSecret::TYPE, id.to_string())));
        if let Some((client, registrar)) = client {
            wanted.extend([(Client::TYPE, client.to_string()), (Tenant::TYPE, registrar.to_string())]);
        }
        wanted.extend(tenant.map(|tenant| (Tenant::TYPE, tenant.to_string())));
        for id in ids {
            wanted.extend(id.parse::<TokenId>().ok().map(|id| (Token::TYPE, id.to_string())));
            wanted.extend(id.parse::<GrantId>().ok().map(|id| (Grant::TYPE, id.to_string())));
        }
        let loaded = wanted.iter().map(|(aggregate_type, id)| self.load(aggregate_type, id));
        let mut entries: Vec<DialectEntry> =
            try_join_all(loaded).await?.into_iter().filter_map(|(entry, _)| entry).collect();
        let owner = entries.iter().find_map(|held| {
            if let Entry::JwtSecret(secret) = &held.entry { Some(secret.tenant_id) } else { None }
        });
        if let Some(owner) = owner {
            entries.extend(self.load(Tenant::TYPE, &owner.to_string()).await?.0);
        }
        Ok(entries)
    }

    async fn shown(&self, change: &Change) -> Result<Option<DialectEntry>, GateError> {
        if let Some(shows) = change.shows.as_deref().filter(|_| self.is_not_behind(change)) {
            return Ok(Some(shows.clone()));
        }
        let (entry, sequence) = self.load(&change.aggregate_type, &change.aggregate_id).await?;
        if sequence > change.sequence {
            self.ahead().insert(change.aggregate_id.clone(), sequence);
        } else {
            self.ahead().remove(&change.aggregate_id);
        }
        Ok(entry)
    }

    /// Whether nothing newer was loaded of what changed: nodes would fall back behind what they showed already.
    fn is_not_behind(&self, change: &Change) -> bool {
        let mut ahead = self.ahead();
        let behind = ahead.get(&change.aggregate_id).is_some_and(|loaded| *loaded > change.sequence);
        if !behind {
            ahead.remove(&change.aggregate_id);
        }
        !behind
    }

    async fn load(&self, aggregate_type: &str, id: &str) -> Result<(Option<DialectEntry>, u64), GateError> {
        let gate = &self.gate;
        let (mut entry, sequence) = match aggregate_type {
            Key::TYPE => load(&gate.keys, id).await?,
            SigningKeys::TYPE => load(&gate.signing_keys, id).await?,
            Agent::TYPE => load(&gate.agents, id).await?,
            Integration::TYPE => load(&gate.integrations, id).await?,
            JwtSecret::TYPE => load(&gate.jwt_secrets, id).await?,
            Client::TYPE => load(&gate.clients, id).await?,
            Grant::TYPE => load(&gate.grants, id).await?,
            Token::TYPE => load(&gate.tokens, id).await?,
            _ => load(&gate.tenants, id).await?,
        };
        entry = entry.map(|entry| entry.lasting(gate.clock.unix_micros()));
        if let Some(entry) = &mut entry {
            let contexts: Vec<String> = entry.sealed_contexts().collect();
            if !contexts.is_empty() {
                let sealed = gate.sealed_secrets.stored(&contexts).await.map_err(GateError::Unavailable)?;
                entry.fill(&sealed.into_iter().collect());
            }
        }
        Ok((entry, sequence))
    }

    fn ahead(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn load<A>(store: &JournalStore<A>, id: &str) -> Result<(Option<DialectEntry>, u64), GateError>
where
    A: Aggregate + Shown,
{
    let (aggregate, sequence) = store.load(id).await.map_err(GateError::Unavailable)?;
    Ok((aggregate.shown(id), sequence))
}

/// The last change of each aggregate that nodes know, in the order in which they first changed: tenants come before their keys.
fn last_of_each(changes: &[Change]) -> Vec<&Change> {
    fn of(change: &Change) -> (&str, &str) {
        (&change.aggregate_type, &change.aggregate_id)
    }
    let changes = || changes.iter().filter(|change| concerns(change));
    let mut last: HashMap<_, _> = changes().map(|change| (of(change), change)).collect();
    changes().filter_map(|change| last.remove(&of(change))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(aggregate_type: &str, event_type: &str, sequence: u64) -> Change {
        Change {
            position: 1,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id: "id".to_owned(),
            sequence,
            event_type: event_type.to_owned(),
            shows: None,
        }
    }

    #[test]
    fn of_tokens_and_consents_nodes_are_told_the_end_alone() {
        for (aggregate_type, event_type, concerned) in [
            (Grant::TYPE, "ConsentGranted", false),
            (Grant::TYPE, "CodeRedeemed", false),
            (Grant::TYPE, "TokenRefreshed", false),
            (Grant::TYPE, "RefreshReuseDetected", false),
            (Grant::TYPE, "GrantRevoked", true),
            (Token::TYPE, "TokenIssued", false),
            (Token::TYPE, "TokenRevoked", true),
            (Client::TYPE, "ClientRegistered", true),
            (Key::TYPE, "KeyRevoked", true),
            ("member", "MemberRemoved", false),
        ] {
            let change = change(aggregate_type, event_type, 3);
            assert_eq!(concerns(&change), concerned, "{event_type}");
            assert_eq!(last_of_each(std::slice::from_ref(&change)).len(), usize::from(concerned));
        }
    }
}
