//! The gate: authorise, load, decide, append. The only way to change anything.
//!
//! Every operation takes a [`Call`] (who asks, from where, when) and answers with what the outside
//! may know. A conflict with another writer is retried here: load, decide, append again.

mod admission;
mod agents;
mod bootstrap;
mod call;
mod clients;
pub mod entries;
mod error;
mod failed_attempts;
mod grants;
mod idempotency;
mod integrations;
mod jwt_secrets;
mod keys;
mod members;
mod nodes;
mod quota;
mod remembered;
mod sessions;
mod signing_keys;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::grant::Grant;
use nexus_domain::ids::TenantId;
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::{Tenant, TenantState};
use nexus_domain::token::Token;
use nexus_domain::validity::Shown;

pub use self::admission::{Answer, Begun};
pub use self::agents::{AgentChange, IdentifiedAgent};
pub use self::bootstrap::PLATFORM_TENANT;
pub use self::call::{Call, Excess, IdempotencyKey, Powers, Principal};
pub use self::clients::{ClientTerms, KnownClient, Register, RegisteredClient};
pub use self::error::{GateError, Refusal};
pub use self::failed_attempts::FailedAttempt;
pub use self::grants::{CONSENT, Consent};
pub use self::idempotency::Running;
pub use self::integrations::{IdentifiedIntegration, IntegrationChange, NewIntegration};
pub use self::jwt_secrets::{IssueSecret, IssuedSecret};
pub use self::keys::{Change, Issue, Issued, Revoke, Rotate, ShownSecret};
pub use self::members::{IdentifiedMember, NewMember};
pub use self::nodes::NodeCredential;
pub use self::sessions::{MemberSession, SessionPage, SignIn, SignInOutcome};
pub use self::tenants::IdentifiedTenant;
pub use self::tokens::{IssuedTokens, Proof, Redemption, Sign};
use crate::clock::SharedClock;
use crate::entropy::SharedEntropy;
use crate::journal::{
    Append, AppendError, Claim, Expected, Journal, JournalStore, Json, NewEvent, Slot, StreamAppend,
};
use crate::member_sessions::MemberSessions;
use crate::passwords::Passwords;
use crate::personal_data::PersonalData;
use crate::pushed_requests::PushedRequests;
use crate::sealed_secrets::SealedSecrets;
use crate::vault::Vault;

/// How often a command that lost a race is decided anew before the caller is told to try again.
const ATTEMPTS: usize = 32;

/// The gate of a process. Shared by reference.
pub struct Gate {
    journal: Journal,
    keys: JournalStore<Key>,
    tenants: JournalStore<Tenant>,
    clients: JournalStore<Client>,
    remembered: remembered::Remembered,
    grants: JournalStore<Grant>,
    tokens: JournalStore<Token>,
    members: JournalStore<Member>,
    sessions: JournalStore<Session>,
    sessions_seen: MemberSessions,
    passwords: Passwords,
    failed_attempts: failed_attempts::FailedAttempts,
    agents: JournalStore<Agent>,
    integrations: JournalStore<Integration>,
    signing_keys: JournalStore<SigningKeys>,
    jwt_secrets: JournalStore<JwtSecret>,
    dialects: Arc<Dialects>,
    clock: SharedClock,
    entropy: SharedEntropy,
    vault: Arc<Vault>,
    personal_data: PersonalData,
    sealed_secrets: SealedSecrets,
    pushed_requests: PushedRequests,
    in_flight: idempotency::InFlight,
}

/// What is taken or given back together with the events.
#[derive(Debug, Default)]
struct Reservations {
    claims: Vec<Claim>,
    slots: Vec<Slot>,
}

/// An operation that is done, or was done before.
#[derive(Debug, Clone)]
pub struct Done<T> {
    /// What the caller is told.
    pub answer: T,
    /// The position of its last event; absent: nothing had to happen.
    pub position: Option<u64>,
}

impl Gate {
    /// Puts a gate together.
    #[must_use]
    pub fn new(
        journal: Journal,
        dialects: Arc<Dialects>,
        clock: SharedClock,
        entropy: SharedEntropy,
        vault: Arc<Vault>,
    ) -> Self {
        let personal_data = PersonalData::new(
            journal.database().clone(),
            Arc::clone(&vault),
            Arc::clone(&entropy),
            Arc::clone(&clock),
        );
        let sealed_secrets =
            SealedSecrets::new(journal.database().clone(), Arc::clone(&vault), Arc::clone(&entropy));
        let pushed_requests =
            PushedRequests::new(journal.database().clone(), Arc::clone(&vault), Arc::clone(&entropy));
        Self {
            keys: JournalStore::new(journal.clone()),
            tenants: JournalStore::new(journal.clone()),
            clients: JournalStore::new(journal.clone()),
            remembered: remembered::Remembered::default(),
            grants: JournalStore::new(journal.clone()),
            tokens: JournalStore::new(journal.clone()),
            members: JournalStore::new(journal.clone()),
            sessions: JournalStore::new(journal.clone()),
            sessions_seen: MemberSessions::new(journal.database().clone()),
            passwords: Passwords::new(Arc::clone(&entropy)),
            failed_attempts: failed_attempts::FailedAttempts::default(),
            agents: JournalStore::new(journal.clone()),
            integrations: JournalStore::new(journal.clone()),
            signing_keys: JournalStore::new(journal.clone()),
            jwt_secrets: JournalStore::new(journal.clone()),
            journal,
            dialects,
            clock,
            entropy,
            vault,
            personal_data,
            sealed_secrets,
            pushed_requests,
            in_flight: idempotency::InFlight::default(),
        }
    }

    /// The log behind the gate.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The dialects that are served.
    #[must_use]
    pub const fn dialects(&self) -> &Arc<Dialects> {
        &self.dialects
    }

    /// The clock of the process.
    #[must_use]
    pub const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Randomness of the process.
    #[must_use]
    pub const fn entropy(&self) -> &SharedEntropy {
        &self.entropy
    }

    /// Encryption of personal data.
    #[must_use]
    pub const fn personal_data(&self) -> &PersonalData {
        &self.personal_data
    }

    /// Secrets that must be had again to be used.
    #[must_use]
    pub const fn sealed_secrets(&self) -> &SealedSecrets {
        &self.sealed_secrets
    }

    /// Authorization requests that clients pushed.
    #[must_use]
    pub const fn pushed_requests(&self) -> &PushedRequests {
        &self.pushed_requests
    }

    /// A tenant that the caller may see, with its dialect. A foreign one and an absent one are the
    /// same.
    async fn visible_tenant(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
    ) -> Result<(Owner, Arc<Dialect>), GateError> {
        let owner = self.existing_tenant(call, tenant).await?;
        let dialect = self
            .dialects
            .get(&owner.state.dialect)
            .cloned()
            .ok_or_else(|| GateError::DialectNotServed(owner.state.dialect.clone()))?;
        Ok((owner, dialect))
    }

    /// A tenant that the caller may see, whether or not its dialect is served here.
    async fn existing_tenant(&self, call: &Call<'_>, tenant: TenantId) -> Result<Owner, GateError> {
        if !call.principal.sees(tenant) {
            return Err(GateError::TenantNotFound);
        }
        self.owner(tenant).await
    }

    async fn owner(&self, tenant: TenantId) -> Result<Owner, GateError> {
        let (loaded, sequence) =
            self.tenants.load(&tenant.to_string()).await.map_err(GateError::Unavailable)?;
        let state = loaded.state().cloned().ok_or(GateError::TenantNotFound)?;
        Ok(Owner { tenant, state, sequence })
    }

    /// Loads, decides and appends until no other writer was faster. `command` sees the owner as it stands at each attempt,
    /// `answer` the new state.
    async fn execute<A, T>(
        &self,
        store: &JournalStore<A>,
        call: &Call<'_>,
        mut target: Target<'_>,
        command: impl Fn(Option<&TenantState>) -> A::Command,
        reserve: impl Fn(&A, &[A::Event]) -> Reservations,
        answer: impl Fn(&A) -> T,
    ) -> Result<Done<T>, GateError>
    where
        A: Aggregate<Services = ()> + Shown + 'static,
        A::Error: Into<Refusal>,
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        if let Some(done) = self.replay(call).await? {
            return Ok(done);
        }
        for _ in 0..ATTEMPTS {
            let (mut aggregate, sequence) =
                store.load(target.aggregate_id).await.map_err(GateError::Unavailable)?;
            let sink = EventSink::default();
            aggregate
                .handle(command(target.owner.as_ref().map(|owner| &owner.state)), &(), &sink)
                .await
                .map_err(|refusal| GateError::Refused(refusal.into()))?;
            let events = sink.collect().await;
            let answer = answer(&aggregate);
            let idempotency = self.remember(call, &answer)?;
            if events.is_empty() && idempotency.is_none() {
                return Ok(Done { answer, position: None });
            }
            let reservations = reserve(&aggregate, &events);
            let append = Append {
                // Without events it is the repetition alone that is made recognisable.
                streams: if events.is_empty() {
                    Vec::new()
                } else {
                    self.streams::<A>(call, &target, sequence, &events).await?
                },
                idempotency,
                claims: reservations.claims,
                slots: reservations.slots,
                now: call.now.timestamp_micros(),
                // What is not whole without the store is read from there.
                shows: aggregate
                    .shown(target.aggregate_id)
                    .filter(|shown| !shown.needs_store())
                    .map(Arc::new),
            };
            match self.journal.append(append).await {
                Ok(appended) => {
                    let position = (!events.is_empty()).then_some(appended.last);
                    return Ok(Done { answer, position });
                }
                Err(AppendError::Conflict) => {
                    if let Some(owner) = &mut target.owner {
                        *owner = self.owner(owner.tenant).await?;
                    }
                }
                // Another node was faster with the same idempotency key: its outcome counts.
                Err(AppendError::IdempotencyTaken) => {
                    return self.replay(call).await?.ok_or(GateError::InFlight);
                }
                Err(error) => return Err(GateError::append(error)),
            }
        }
        Err(GateError::Contended)
    }

    /// The aggregate's events, and the condition that its owner stands as the decision saw it: a tenant that another node
    /// suspends at the same instant gets no new secret.
    async fn streams<A: Aggregate>(
        &self,
        call: &Call<'_>,
        target: &Target<'_>,
        sequence: u64,
        events: &[A::Event],
    ) -> Result<Vec<StreamAppend>, GateError> {
        let mut streams = vec![StreamAppend {
            aggregate_type: A::TYPE.to_owned(),
            aggregate_id: target.aggregate_id.to_owned(),
            expected: Expected::Exactly(sequence),
            events: self.envelopes::<A>(call, target.tenant, events).await?,
        }];
        streams.extend(target.owner.as_ref().map(|owner| StreamAppend {
            aggregate_type: Tenant::TYPE.to_owned(),
            aggregate_id: owner.tenant.to_string(),
            expected: Expected::Exactly(owner.sequence),
            events: Vec::new(),
        }));
        Ok(streams)
    }

    /// Events with their circumstances: tenant, actor, request, causation, time, address.
    async fn envelopes<A: Aggregate>(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        events: &[A::Event],
    ) -> Result<Vec<NewEvent>, GateError> {
        let mut circumstances = HashMap::from([
            ("tenant_id", tenant.to_string()),
            ("actor", call.principal.actor.clone()),
            ("request_id", call.request_id.to_owned()),
            ("causation_id", call.request_id.to_owned()),
            ("time", call.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)),
        ]);
        if let Some(ip) = call.ip {
            let sealed = self.personal_data.seal(&call.principal.actor, &ip.to_string()).await?;
            circumstances.insert("ip", sealed);
        }
        let mut envelopes = Vec::with_capacity(events.len());
        for event in events {
            circumstances.insert("event_id", self.entropy.uuid_v7(call.now).to_string());
            envelopes.push(NewEvent {
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: Json::of(event).map_err(GateError::encode)?,
                metadata: Json::of(&circumstances).map_err(GateError::encode)?,
            });
        }
        Ok(envelopes)
    }
}

/// The aggregate that a command is for.
#[derive(Debug)]
struct Target<'a> {
    tenant: TenantId,
    aggregate_id: &'a str,
    /// The tenant, where the decision depends on how it stands.
    owner: Option<Owner>,
}

/// A tenant as a decision about its keys sees it.
#[derive(Debug, Clone)]
struct Owner {
    tenant: TenantId,
    state: TenantState,
    sequence: u64,
}
