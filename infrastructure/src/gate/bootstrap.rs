//! First start and recovery: the platform's own tenant and its first management credential.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::{Key, KeyCommand, KeyEvent, Lifespan};
use nexus_domain::scope::{EffectiveScopes, ScopeRules, ScopeSet};
use nexus_domain::tenant::{CreateTenant, Tenant, TenantCommand, TenantEvent};
use nexus_domain::verification::Restrictions;
use uuid::Uuid;

use crate::dialects::MANAGEMENT;
use crate::gate::keys::{Issue, Issued, issued};
use crate::gate::quota::slots;
use crate::gate::{Call, Gate, GateError, Principal, Refusal};
use crate::journal::{Append, AppendError, Expected, StreamAppend};

/// The tenant that owns the management credentials. Its id is the same everywhere, so that two API
/// nodes starting on an empty database at once cannot make two of it.
pub const PLATFORM_TENANT: TenantId =
    TenantId::new(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

impl Gate {
    /// What the process itself may do: everything.
    #[must_use]
    pub fn system_scopes() -> EffectiveScopes {
        ScopeRules::default().closure(&ScopeSet::new())
    }

    /// Makes the platform's own tenant with its first management credential, where it is not there
    /// yet. The credential is returned with its secret, to be shown once.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn bootstrap(&self, first_name: &str) -> Result<Option<Issued>, GateError> {
        let (platform, _) =
            self.tenants.load(&PLATFORM_TENANT.to_string()).await.map_err(GateError::Unavailable)?;
        if platform.state().is_some() {
            return Ok(None);
        }
        let principal = Principal::system(Self::system_scopes());
        let call = self.system_call(&principal, "first-start");
        let create =
            CreateTenant { name: "Platform".to_owned(), dialect: MANAGEMENT.to_owned(), now: call.now };
        let tenant_event = platform
            .decide(TenantCommand::Create(create))
            .map_err(|refusal| GateError::Refused(Refusal::Tenant(refusal)))?;
        let dialect = self
            .dialects
            .get(MANAGEMENT)
            .cloned()
            .ok_or_else(|| GateError::DialectNotServed(MANAGEMENT.to_owned()))?;
        let key_id = KeyId::new(self.entropy.uuid_v7(call.now));
        let (command, secret) =
            self.issue_command(&call, PLATFORM_TENANT, &dialect, administrator(first_name)?);
        let command = KeyCommand::Issue(Box::new(command));
        let mut key = Key::default();
        let sink = EventSink::default();
        key.handle(command, &(), &sink).await.map_err(|refusal| GateError::Refused(Refusal::Key(refusal)))?;
        let key_events: Vec<KeyEvent> = sink.collect().await;
        let tenant_events: Vec<TenantEvent> = tenant_event.into_iter().collect();
        let append = Append {
            streams: vec![
                StreamAppend {
                    aggregate_type: Tenant::TYPE.to_owned(),
                    aggregate_id: PLATFORM_TENANT.to_string(),
                    expected: Expected::Exactly(0),
                    events: self.envelopes::<Tenant>(&call, PLATFORM_TENANT, &tenant_events).await?,
                },
                StreamAppend {
                    aggregate_type: Key::TYPE.to_owned(),
                    aggregate_id: key_id.to_string(),
                    expected: Expected::Exactly(0),
                    events: self.envelopes::<Key>(&call, PLATFORM_TENANT, &key_events).await?,
                },
            ],
            idempotency: None,
            claims: Vec::new(),
            slots: slots(key_id, PLATFORM_TENANT, dialect.quotas.keys, &key_events).slots,
            now: call.now.timestamp_micros(),
            shows: None,
        };
        match self.journal.append(append).await {
            Ok(_) => Ok(key.state().cloned().map(|state| issued(key_id, state, &secret))),
            // Another node was faster, and has shown its credential.
            Err(AppendError::Conflict) => Ok(None),
            Err(error) => Err(GateError::append(error)),
        }
    }

    /// Makes another management credential that may do everything, for recovery by whoever holds
    /// the database.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn recover(&self, name: &str, lifespan: Lifespan) -> Result<Issued, GateError> {
        if let Some(first) = self.bootstrap(name).await? {
            return Ok(first);
        }
        let principal = Principal::system(Self::system_scopes());
        let call = self.system_call(&principal, "recovery");
        let issue = Issue { lifespan, ..administrator(name)? };
        Ok(self.issue_key(&call, PLATFORM_TENANT, issue, None).await?.answer)
    }

    /// A call by the process itself.
    #[must_use]
    pub fn system_call<'a>(&self, principal: &'a Principal, request_id: &'a str) -> Call<'a> {
        Call { principal, request_id, ip: None, now: self.clock.now(), idempotency: None }
    }
}

fn administrator(name: &str) -> Result<Issue, GateError> {
    let everything = "admin:all".parse().map_err(|error| GateError::Internal(Box::new(error)))?;
    Ok(Issue {
        name: name.to_owned(),
        key_type: KeyType::Secret,
        environment: None,
        scopes: ScopeSet::from([everything]),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        lifespan: Lifespan::Unlimited,
        integration: None,
    })
}
