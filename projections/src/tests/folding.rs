//! What each projection makes of a scripted life.

use chrono::TimeDelta;
use nexus_domain::agent::{Agent, AgentCreated, AgentEvent, AgentRestricted};
use nexus_domain::ids::{AgentId, IntegrationId};
use nexus_domain::integration::{
    Integration, IntegrationCreated, IntegrationDisabled, IntegrationEvent, IntegrationType,
};
use nexus_domain::key::{Change, KeyChanged, KeyEvent, KeyExpired, RevocationReason};
use nexus_domain::tenant::{TenantEvent, TenantRenamed, TenantSuspended};
use nexus_domain::usage::{UnattributedRefusals, UsageEvent};
use nexus_domain::validity::Entry;
use nexus_domain::verification::{Code, SecretStatus};
use nexus_infrastructure::testing::databases;

use super::*;
use crate::audit_trail::{AuditFilter, Order};
use crate::key_list::{KeyFilter, KeyStatus, StatusFilter};
use crate::usage::Of;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_s_life_shows_in_the_key_list() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start(log.journal.clone());
        let (owner, id) = (tenant(1), key(1));
        log.tenant(owner, created("Acme", 0)).await;
        let position = log.key(id, issued(owner, "orders", 10)).await;
        level(&projections, position).await;
        let list = projections.key_list();
        let item = list.get(owner, id, at(20)).await.unwrap().unwrap();
        assert_eq!(
            (item.name.as_str(), item.status, item.prefix.as_str()),
            ("orders", KeyStatus::Active, "nx_live_1")
        );
        assert_eq!(item.created_by.as_deref(), Some("member:Ann"));
        assert_eq!((item.created_at, item.expires_at, item.last_used_at), (at(10), Some(at(10_000)), None));
        assert_eq!(
            list.get(tenant(2), id, at(20)).await.unwrap(),
            None,
            "a foreign key is as good as absent"
        );
        let names = async |of| list.names(of, &[id, key(2)].into()).await.unwrap();
        assert_eq!(names(owner).await, [(id, "orders".to_owned())].into());
        assert!(names(tenant(2)).await.is_empty());
        assert_eq!(list.get(owner, id, at(10_000)).await.unwrap().unwrap().status, KeyStatus::Expired);
        assert_eq!(list.due_for_expiry(at(9_999), 10).await.unwrap(), []);
        assert_eq!(list.due_for_expiry(at(10_000), 10).await.unwrap()[0].key_id, id);

        let changes = vec![Change::Name("invoices".to_owned()), Change::ExpiresAt(Some(at(500)))];
        log.key(id, KeyEvent::KeyChanged(KeyChanged { tenant_id: owner, changes, changed_at: at(30) })).await;
        log.key(id, rotated(owner, 2, 100)).await;
        let detail = vec![request(110, Code::Valid, Some(1)), request(112, Code::Valid, Some(2))];
        let position = log.usage(used(owner, id, 110, &[(Code::Valid, 2)], detail)).await;
        level(&projections, position).await;
        let item = list.get(owner, id, at(200)).await.unwrap().unwrap();
        assert_eq!((item.name.as_str(), item.prefix.as_str()), ("invoices", "nx_live_2"));
        assert_eq!(item.last_used_at, Some(at(112)));
        let versions: Vec<_> =
            item.versions.iter().map(|v| (v.number, v.superseded_until, v.last_used_at)).collect();
        assert_eq!(versions, [(1, Some(at(160)), Some(at(110))), (2, None, Some(at(112)))]);

        let expired = KeyEvent::KeyExpired(KeyExpired { tenant_id: owner, expired_at: at(500) });
        let position = log.key(id, expired).await;
        level(&projections, position).await;
        assert_eq!(list.due_for_expiry(at(600), 10).await.unwrap(), []);

        let position = log.key(id, revoked(owner, 700)).await;
        level(&projections, position).await;
        let item = list.get(owner, id, at(800)).await.unwrap().unwrap();
        assert_eq!(
            (item.status, item.revoked_at),
            (KeyStatus::Revoked, Some(at(700))),
            "revoked comes before expired"
        );
        assert_eq!(item.revocation_reason, Some(RevocationReason::Compromised));
        assert_eq!(item.revocation_note.as_deref(), Some("seen in a repository"));
        for (filter, found) in [
            (StatusFilter::All, 1),
            (StatusFilter::Active, 0),
            (StatusFilter::Expired, 0),
            (StatusFilter::Revoked, 1),
        ] {
            let page = list.list(owner, filter, None, 10, at(800)).await.unwrap();
            assert_eq!(page.data.len(), found, "{filter:?}");
        }
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_holds_everything_as_of_its_position() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let head = log.script().await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let lookup = projections.credential_lookup();
        let mut snapshot = lookup.snapshot().await.unwrap();
        assert_eq!(snapshot.position(), head);
        // What is folded from here on does not show.
        let suspended = TenantEvent::TenantSuspended(TenantSuspended { note: None, suspended_at: at(900) });
        log.tenant(tenant(1), suspended).await;
        let position = log.key(key(99), issued(tenant(1), "late", 901)).await;
        level(&projections, position).await;
        let mut entries = Vec::new();
        while let Some(page) = snapshot.next().await.unwrap() {
            entries.extend(page.into_iter().map(|held| held.entry));
        }
        assert_eq!(entries.len(), 14);
        assert!(entries[..2].iter().all(|entry| matches!(entry, Entry::Tenant(tenant) if !tenant.suspended)));
        let statuses = |number: u128| {
            let found = entries.iter().find_map(|entry| {
                let Entry::Key(entry) = entry else { return None };
                (entry.key_id == key(number)).then_some(entry)
            });
            found.unwrap().secrets.iter().map(|secret| secret.status).collect::<Vec<_>>()
        };
        assert_eq!(statuses(1), [SecretStatus::Current]);
        assert_eq!(statuses(2), [SecretStatus::Superseded, SecretStatus::Current]);
        assert_eq!(statuses(4), [SecretStatus::Revoked, SecretStatus::Revoked]);
        drop(snapshot);
        assert!(lookup.tenant(tenant(1)).await.unwrap().unwrap().suspended);
        assert_eq!(lookup.key(key(99)).await.unwrap().unwrap().name, "late");
        assert!(lookup.key(key(100)).await.unwrap().is_none());
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_as_they_are() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        log.tenant(tenant(1), created("Acme", 0)).await;
        log.tenant(
            tenant(1),
            TenantEvent::TenantRenamed(TenantRenamed { name: "ACME".to_owned(), renamed_at: at(1) }),
        )
        .await;
        let suspended = TenantEvent::TenantSuspended(TenantSuspended { note: None, suspended_at: at(2) });
        let head = log.tenant(tenant(1), suspended).await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let item = projections.tenant_list().get(tenant(1)).await.unwrap().unwrap();
        assert_eq!((item.name.as_str(), item.suspended, item.created_at), ("ACME", true, at(0)));
        assert_eq!(projections.tenant_list().get(tenant(2)).await.unwrap(), None);
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_integrations_are_listed_with_their_keys_and_come_before_them_in_the_snapshot() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let owner = tenant(1);
        log.tenant(owner, created("Acme", 0)).await;
        let (agent_id, integration_id) =
            (AgentId::new(Uuid::from_u128(5)), IntegrationId::new(Uuid::from_u128(6)));
        let made = AgentEvent::AgentCreated(AgentCreated {
            tenant_id: owner,
            dialect: "nexus".to_owned(),
            name: "Support".to_owned(),
            created_at: at(1),
        });
        log.append::<Agent>(agent_id.to_string(), made).await;
        let made = IntegrationEvent::IntegrationCreated(IntegrationCreated {
            tenant_id: owner,
            dialect: "nexus".to_owned(),
            name: "Website".to_owned(),
            integration_type: IntegrationType::Api,
            agent_id: Some(agent_id),
            created_at: at(2),
        });
        log.append::<Integration>(integration_id.to_string(), made).await;
        log.key(key(1), issued(owner, "free", 3)).await;
        let KeyEvent::KeyIssued(free) = issued(owner, "bound", 4) else { unreachable!() };
        let bound = KeyIssued { integration_id: Some(integration_id), ..free };
        log.key(key(2), KeyEvent::KeyIssued(bound)).await;
        let restricted = AgentEvent::AgentRestricted(AgentRestricted { restricted_at: at(5) });
        log.append::<Agent>(agent_id.to_string(), restricted).await;
        let disabled = IntegrationEvent::IntegrationDisabled(IntegrationDisabled { disabled_at: at(6) });
        let head = log.append::<Integration>(integration_id.to_string(), disabled).await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;

        let agent = projections.agent_list().get(owner, agent_id).await.unwrap().unwrap();
        assert_eq!((agent.name.as_str(), agent.restricted, agent.created_at), ("Support", true, at(1)));
        assert_eq!(projections.agent_list().get(tenant(2), agent_id).await.unwrap(), None);
        assert_eq!(projections.agent_list().list(owner, None, 10).await.unwrap().data, [agent]);
        let list = projections.integration_list();
        let integration = list.get(owner, integration_id).await.unwrap().unwrap();
        assert_eq!((integration.agent_id, integration.enabled), (Some(agent_id), false));
        assert_eq!(list.get(tenant(2), integration_id).await.unwrap(), None);
        assert_eq!(list.list(owner, None, 10).await.unwrap().data, [integration]);
        assert!(list.list(tenant(2), None, 10).await.unwrap().data.is_empty());
        let filter = KeyFilter { integration: Some(integration_id), ..KeyFilter::default() };
        let of_it = projections.key_list().list(owner, filter, None, 10, at(7)).await.unwrap().data;
        assert_eq!(of_it.iter().map(|item| item.id).collect::<Vec<_>>(), [key(2)]);
        assert_eq!(of_it[0].integration_id, Some(integration_id));

        let mut snapshot = projections.credential_lookup().snapshot().await.unwrap();
        let mut kinds = Vec::new();
        while let Some(page) = snapshot.next().await.unwrap() {
            kinds.extend(page.into_iter().map(|held| match held.entry {
                Entry::Tenant(_) => "tenant",
                Entry::Agent(agent) if agent.restricted => "restricted agent",
                Entry::Agent(_) => "agent",
                Entry::Integration(integration) if !integration.enabled => "disabled integration",
                Entry::Integration(_) => "integration",
                Entry::Key(_) => "key",
                Entry::VerifyingKeys(_) | Entry::Client(_) | Entry::RevokedToken(_) | Entry::JwtSecret(_) => {
                    "another"
                }
            }));
        }
        assert_eq!(kinds, ["tenant", "restricted agent", "disabled integration", "key", "key"]);
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_tells_who_did_what() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        log.script().await;
        let refusals = UnattributedRefusals {
            node: "node-1".to_owned(),
            from: at(400),
            to: at(401),
            counts: [(Code::Unknown, 5), (Code::Malformed, 2)].into(),
            requests: [request(400, Code::Unknown, None)].into_iter().collect(),
        };
        let head = log.usage(UsageEvent::UnattributedRefusals(refusals)).await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let trail = projections.audit_trail();
        let find = async |filter: AuditFilter| trail.list(&filter, None, 200).await.unwrap().data;

        let revocations =
            find(AuditFilter { action: Some("key.revoked".to_owned()), ..AuditFilter::default() }).await;
        assert_eq!(
            revocations.iter().map(|item| item.key_id).collect::<Vec<_>>(),
            [Some(key(12)), Some(key(8)), Some(key(4))]
        );
        let item = &revocations[0];
        assert_eq!(item.actor.as_deref(), Some("member:Ann"));
        assert_eq!((item.tenant_id, item.outcome.as_str()), (Some(tenant(2)), "success"));
        assert_eq!(item.ip.as_deref(), Some("sealed-address"));
        assert_eq!(item.details.get(), r#"{"reason":"compromised","note":"seen in a repository"}"#);

        let of = |outcome: &str| AuditFilter { outcome: Some(outcome.to_owned()), ..AuditFilter::default() };
        assert_eq!(find(of("EXPIRED")).await.len(), 12);
        let refused = find(of("UNKNOWN")).await;
        assert_eq!(
            (refused.len(), refused[0].action.as_str(), refused[0].key_id),
            (1, "credential.refused", None)
        );
        assert_eq!(refused[0].position, head);

        let trails = [
            (AuditFilter { key: Some(key(4)), ..AuditFilter::default() }, 5),
            (AuditFilter { q: Some("REPOSITORY".to_owned()), ..AuditFilter::default() }, 3),
            (AuditFilter { q: Some("%".to_owned()), ..AuditFilter::default() }, 0),
            // Two tenants and some refusals have no key.
            (AuditFilter { q: Some("KEY_".to_owned()), ..AuditFilter::default() }, head - 3),
            (
                AuditFilter { q: Some("member:ann".to_owned()), key: Some(key(1)), ..AuditFilter::default() },
                3,
            ),
            (AuditFilter { actor: Some("nobody".to_owned()), ..AuditFilter::default() }, 0),
            (AuditFilter { without_reports: true, ..AuditFilter::default() }, head - 25),
            (
                AuditFilter {
                    without_reports: true,
                    action: Some("key.used".to_owned()),
                    ..AuditFilter::default()
                },
                0,
            ),
            (AuditFilter { from: Some(at(1)), to: Some(at(3)), ..AuditFilter::default() }, 2),
            (
                AuditFilter {
                    tenant: Some(tenant(2)),
                    action: Some("key.issued".to_owned()),
                    ..AuditFilter::default()
                },
                4,
            ),
        ];
        for (filter, found) in trails {
            assert_eq!(find(filter.clone()).await.len() as u64, found, "{filter:?}");
        }
        for item in find(AuditFilter::default()).await {
            assert!(!item.details.get().contains("digest"));
        }

        let mut exported = Vec::new();
        let mut export = trail.export(AuditFilter::default(), Order::OldestFirst).await.unwrap();
        while let Some(page) = export.next().await.unwrap() {
            exported.extend(page.into_iter().map(|item| item.position));
        }
        assert_eq!(exported, (1..=head).collect::<Vec<_>>());
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_the_log_has_lost_is_not_passed_over() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let head = log.script().await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let trail = projections.audit_trail();
        log.lose(3).await;
        let told = |error: crate::QueryError| crate::runner::describe(&error);
        let listed = trail.list(&AuditFilter::default(), None, 200).await.map_err(told).unwrap_err();
        assert!(listed.contains("no event at position 3,"), "{listed}");
        let mut export = trail.export(AuditFilter::default(), Order::OldestFirst).await.unwrap();
        let exported = export.next().await.map_err(told).unwrap_err();
        assert!(exported.contains("no event at position 3,"), "{exported}");
        let page = trail.list(&AuditFilter::default(), None, 10).await.unwrap();
        assert_eq!(page.data.len(), 10, "what does not touch it is answered");
        log.find(3).await;
        assert!(export.next().await.unwrap().is_some());
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_adds_up() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let head = log.script().await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let usage = projections.usage();
        assert_eq!(totals(&projections).await, [(Code::Valid, 60), (Code::Expired, 12)].into());
        assert_eq!(usage.key_totals(key(1)).await.unwrap(), [(Code::Valid, 5), (Code::Expired, 1)].into());

        // 1,700,000,000 is twenty seconds into a minute, so 200 s later falls into minute 3 and the two requests into 4 each.
        let steps = usage.by_key(key(1), at(0), at(600), TimeDelta::minutes(1)).await.unwrap();
        let counts: Vec<_> = steps.iter().map(|step| (step.start, step.counts.clone())).collect();
        assert_eq!(
            counts,
            [(at(160), [(Code::Valid, 3), (Code::Expired, 1)].into()), (at(220), [(Code::Valid, 2)].into())]
        );
        let day = usage.by_key(key(1), at(0), at(600), TimeDelta::days(1)).await.unwrap();
        assert_eq!(day.len(), 1);
        assert_eq!(day[0].counts, [(Code::Valid, 5), (Code::Expired, 1)].into());
        let endless = usage.by_key(key(1), at(0), at(i64::from(u32::MAX)), TimeDelta::minutes(1)).await;
        assert!(matches!(endless, Err(crate::QueryError::TooManySteps { .. })));

        let requests = usage.requests(Of::One(key(1)), None, 10).await.unwrap();
        assert_eq!(requests.data.iter().map(|request| request.at).collect::<Vec<_>>(), [at(262), at(255)]);
        assert_eq!(requests.data[0].path.as_deref(), Some("/orders"));
        assert_eq!(requests.next_cursor, None);
        projections.stop().await;
    }
}
