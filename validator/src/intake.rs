//! The writer's side of the table: turns the feed's entries into secrets with their rights worked
//! out, and shares what is equal among them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::ids::{AgentId, IntegrationId, TenantId};
use nexus_domain::validity::{AgentEntry, Entry, IntegrationEntry, KeyEntry, TenantEntry};
use nexus_domain::verification::Rights;

use crate::rows::{self, Incoming, Tenant};
use crate::table::{Found, Table};

/// How many secrets are gathered before they go into the table, so that a snapshot of millions
/// needs no second copy of itself in memory: about 64 for each shard, as many as one works in at once.
const GATHERED: usize = 1 << 15;
/// Below this, sweeping would free nothing worth the while.
const LEAST_SWEEP: usize = 1024;

/// What is known of a tenant.
#[derive(Debug)]
enum Standing {
    Served(Arc<Tenant>),
    /// Its dialect is none of this process's, so its keys are not held.
    Elsewhere,
}

/// What is known of an integration of a tenant that is served.
#[derive(Debug)]
struct Integration {
    /// The tenant as the integration's keys see it.
    keys: Arc<Tenant>,
    entry: IntegrationEntry,
}

/// The writer's state.
#[derive(Debug)]
pub(crate) struct Intake {
    dialects: Arc<Dialects>,
    tenants: HashMap<TenantId, Standing, RandomState>,
    integrations: HashMap<IntegrationId, Integration, RandomState>,
    /// Whether each is restricted.
    agents: HashMap<AgentId, bool, RandomState>,
    /// Keys and integrations that came before their tenant. Their rights depend on its dialect.
    waiting: HashMap<TenantId, Vec<Entry>>,
    /// Keys that came before their integration.
    waiting_keys: HashMap<IntegrationId, Vec<KeyEntry>>,
    rights: HashSet<Arc<Rights>, RandomState>,
    sweep_at: usize,
    gathered: Vec<Incoming>,
}

impl Intake {
    pub(crate) fn new(dialects: Arc<Dialects>) -> Self {
        Self {
            dialects,
            tenants: HashMap::default(),
            integrations: HashMap::default(),
            agents: HashMap::default(),
            waiting: HashMap::new(),
            waiting_keys: HashMap::new(),
            rights: HashSet::default(),
            sweep_at: LEAST_SWEEP,
            gathered: Vec::new(),
        }
    }

    /// Brings entries into the table. They are visible to every thread on return.
    pub(crate) fn take(&mut self, entries: impl IntoIterator<Item = Entry>, table: &Table) {
        self.gather(entries, table);
        table.put(std::mem::take(&mut self.gathered));
        self.sweep();
    }

    /// As [`Intake::take`], but the last of them may become visible with the next ones.
    pub(crate) fn gather(&mut self, entries: impl IntoIterator<Item = Entry>, table: &Table) {
        for entry in entries {
            match entry {
                Entry::Tenant(tenant) => {
                    self.show(table);
                    self.take_tenant(&tenant, table);
                }
                Entry::Agent(agent) => {
                    self.show(table);
                    self.take_agent(agent);
                }
                Entry::Integration(integration) => {
                    self.show(table);
                    self.take_integration(integration, table);
                }
                Entry::Key(key) => self.take_key(*key, table),
                Entry::VerifyingKeys(keys) => table.tokens.put_keys(keys),
                Entry::Client(client) => table.tokens.put_client(*client),
                Entry::RevokedToken(revoked) => table.tokens.put_revoked(revoked),
                Entry::JwtSecret(secret) => table.tokens.put_secret(*secret),
            }
            if self.gathered.len() >= GATHERED {
                table.put(std::mem::take(&mut self.gathered));
            }
        }
    }

    /// What was gathered goes into the table: a resumed tenant, or what is switched on again, must not be visible before a
    /// revocation that stands before it.
    fn show(&mut self, table: &Table) {
        table.put(std::mem::take(&mut self.gathered));
    }

    /// The dialect of a tenant that is held.
    pub(crate) fn dialect_of(&self, tenant: TenantId) -> Option<Arc<Dialect>> {
        match self.tenants.get(&tenant)? {
            Standing::Served(tenant) => Some(Arc::clone(&tenant.dialect)),
            Standing::Elsewhere => None,
        }
    }

    fn take_tenant(&mut self, entry: &TenantEntry, table: &Table) {
        let id = entry.tenant_id;
        match self.tenants.get(&id) {
            // A tenant's dialect is for good, so the suspension is all that can change.
            Some(Standing::Served(tenant)) => {
                tenant.set_standing(rows::Standing::of_tenant(entry.suspended));
                return self.tell(|integration| integration.entry.tenant_id == id);
            }
            Some(Standing::Elsewhere) => return,
            None => {}
        }
        let standing = match self.dialects.get(&entry.dialect) {
            Some(dialect) => {
                let standing = rows::Standing::of_tenant(entry.suspended);
                let tenant = Arc::new(Tenant::new(id, Arc::clone(dialect), standing));
                table.tokens.put_tenant(&tenant);
                Standing::Served(tenant)
            }
            None => Standing::Elsewhere,
        };
        self.tenants.insert(id, standing);
        let waiting = self.waiting.remove(&id).unwrap_or_default();
        self.gather(waiting, table);
    }

    fn take_agent(&mut self, entry: AgentEntry) {
        if matches!(self.tenants.get(&entry.tenant_id), Some(Standing::Elsewhere)) {
            return;
        }
        self.agents.insert(entry.agent_id, entry.restricted);
        self.tell(|integration| integration.entry.agent_id == Some(entry.agent_id));
    }

    fn take_integration(&mut self, entry: IntegrationEntry, table: &Table) {
        let (id, tenant_id) = (entry.integration_id, entry.tenant_id);
        let tenant = match self.tenants.get(&tenant_id) {
            Some(Standing::Served(tenant)) => Arc::clone(tenant),
            Some(Standing::Elsewhere) => return,
            None => return self.waiting.entry(tenant_id).or_default().push(Entry::Integration(entry)),
        };
        if let Some(known) = self.integrations.get_mut(&id) {
            known.entry = entry;
        } else {
            let standing = tenant.standing().of_integration(entry.enabled, self.restricts(entry.agent_id));
            let keys = Arc::new(Tenant::new(tenant_id, Arc::clone(&tenant.dialect), standing));
            self.integrations.insert(id, Integration { keys, entry });
        }
        self.tell(|integration| integration.entry.integration_id == id);
        for key in self.waiting_keys.remove(&id).into_iter().flatten() {
            self.take_key(key, table);
        }
    }

    /// Whether an agent keeps the keys of its integrations from being used. One that has not come yet does.
    fn restricts(&self, agent: Option<AgentId>) -> bool {
        agent.is_some_and(|agent| self.agents.get(&agent).copied().unwrap_or(true))
    }

    /// Has the keys of some integrations see how these stand. Few things are switched off, so it need not be quick.
    fn tell(&self, concerned: impl Fn(&Integration) -> bool) {
        for integration in self.integrations.values().filter(|integration| concerned(integration)) {
            let entry = &integration.entry;
            if let Some(Standing::Served(tenant)) = self.tenants.get(&entry.tenant_id) {
                let restricted = self.restricts(entry.agent_id);
                integration.keys.set_standing(tenant.standing().of_integration(entry.enabled, restricted));
            }
        }
    }

    fn take_key(&mut self, entry: KeyEntry, table: &Table) {
        let tenant = match self.tenants.get(&entry.tenant_id) {
            Some(Standing::Served(tenant)) => Arc::clone(tenant),
            Some(Standing::Elsewhere) => return,
            None => {
                let waiting = self.waiting.entry(entry.tenant_id).or_default();
                return waiting.push(Entry::Key(Box::new(entry)));
            }
        };
        let tenant = match entry.integration_id {
            None => tenant,
            Some(id) => match self.integrations.get(&id) {
                Some(integration) => Arc::clone(&integration.keys),
                None => return self.waiting_keys.entry(id).or_default().push(entry),
            },
        };
        // Most changes leave a key's rights as they are, and then nothing has to be worked out.
        let known = entry.secrets.first().and_then(|secret| table.find(&secret.digest));
        let known = known.as_ref().map(Found::slot).filter(|slot| Arc::ptr_eq(&slot.tenant, &tenant));
        let rights = match known.filter(|slot| entry.has_rights(&slot.rights)) {
            Some(slot) => Arc::clone(&slot.rights),
            None => self.share(entry.rights(&tenant.dialect)),
        };
        let name: Arc<str> = entry.name.into();
        let incoming = entry.secrets.into_iter().map(|secret| Incoming {
            secret,
            key_id: entry.key_id,
            name: Arc::clone(&name),
            tenant: Arc::clone(&tenant),
            rights: Arc::clone(&rights),
        });
        self.gathered.extend(incoming);
    }

    fn share(&mut self, wanted: Rights) -> Arc<Rights> {
        if let Some(known) = self.rights.get(&wanted) {
            return Arc::clone(known);
        }
        let rights = Arc::new(wanted);
        self.rights.insert(Arc::clone(&rights));
        rights
    }

    /// Forgets rights that no secret has any more, each time as many again have gathered as were in
    /// use: constant work per entry, and at most half of what is held is stale.
    fn sweep(&mut self) {
        if self.rights.len() < self.sweep_at {
            return;
        }
        self.rights.retain(|rights| Arc::strong_count(rights) > 1);
        self.rights.shrink_to(self.rights.len() * 2);
        self.sweep_at = (self.rights.len() * 2).max(LEAST_SWEEP);
    }

    #[cfg(test)]
    pub(crate) fn rights(&self) -> usize {
        self.rights.len()
    }
}
