use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::key::InvalidName;

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn agent(number: u128) -> AgentId {
    AgentId::new(Uuid::from_u128(number))
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn dialect(file: &str, text: &str) -> Arc<Dialect> {
    Arc::new(Dialect::parse(file, text).unwrap())
}

fn nexusgpt() -> Arc<Dialect> {
    dialect("nexusgpt.toml", include_str!("../../../dialects/nexusgpt.toml"))
}

fn nexus() -> Arc<Dialect> {
    dialect("nexus.toml", include_str!("../../../dialects/nexus.toml"))
}

fn named(number: u128) -> Option<NamedAgent> {
    Some(NamedAgent { agent_id: agent(number), exists: true })
}

fn create() -> CreateIntegration {
    CreateIntegration {
        tenant_id: tenant(),
        dialect: nexusgpt(),
        name: "Website".into(),
        integration_type: IntegrationType::Api,
        agent: named(7),
        now: noon(),
    }
}

fn created_with(dialect: &str, agent_id: Option<AgentId>) -> IntegrationEvent {
    IntegrationEvent::IntegrationCreated(IntegrationCreated {
        tenant_id: tenant(),
        dialect: dialect.into(),
        name: "Website".into(),
        integration_type: IntegrationType::Api,
        agent_id,
        created_at: noon(),
    })
}

fn created() -> IntegrationEvent {
    created_with("nexusgpt", Some(agent(7)))
}

fn connected(number: u128) -> IntegrationEvent {
    IntegrationEvent::IntegrationConnected(IntegrationConnected {
        agent_id: agent(number),
        connected_at: noon(),
    })
}

fn disabled() -> IntegrationEvent {
    IntegrationEvent::IntegrationDisabled(IntegrationDisabled { disabled_at: noon() })
}

fn enabled() -> IntegrationEvent {
    IntegrationEvent::IntegrationEnabled(IntegrationEnabled { enabled_at: noon() })
}

fn change() -> ChangeIntegration {
    ChangeIntegration { tenant_id: tenant(), name: None, agent: None, enabled: None, now: noon() }
}

#[test]
fn an_integration_is_created_once_with_an_agent_of_the_tenant() {
    TestFramework::<Integration>::with(())
        .given_no_previous_events()
        .when(IntegrationCommand::Create(create()))
        .then_expect_events(vec![created()]);
    let stranger = Some(NamedAgent { agent_id: agent(7), exists: false });
    for (given, asked, refusal) in [
        (vec![created()], create(), IntegrationRefusal::AlreadyCreated),
        (
            vec![],
            CreateIntegration { name: String::new(), ..create() },
            IntegrationRefusal::InvalidName(InvalidName::Empty),
        ),
        (vec![], CreateIntegration { agent: None, ..create() }, IntegrationRefusal::AgentMissing),
        (vec![], CreateIntegration { agent: stranger, ..create() }, IntegrationRefusal::UnknownAgent),
    ] {
        TestFramework::<Integration>::with(())
            .given(given)
            .when(IntegrationCommand::Create(asked))
            .then_expect_error(refusal);
    }
}

#[test]
fn where_the_dialect_wants_no_agent_there_may_be_none() {
    TestFramework::<Integration>::with(())
        .given_no_previous_events()
        .when(IntegrationCommand::Create(CreateIntegration { dialect: nexus(), agent: None, ..create() }))
        .then_expect_events(vec![created_with("nexus", None)]);
}

#[test]
fn what_changes_is_said_and_what_stays_is_not() {
    let renamed =
        IntegrationEvent::IntegrationRenamed(IntegrationRenamed { name: "Shop".into(), renamed_at: noon() });
    for (given, asked, expected) in [
        (vec![created()], ChangeIntegration { enabled: Some(false), ..change() }, vec![disabled()]),
        (vec![created(), disabled()], ChangeIntegration { enabled: Some(false), ..change() }, vec![]),
        (vec![created(), disabled()], ChangeIntegration { enabled: Some(true), ..change() }, vec![enabled()]),
        (vec![created()], ChangeIntegration { agent: named(8), ..change() }, vec![connected(8)]),
        (vec![created()], ChangeIntegration { agent: named(7), ..change() }, vec![]),
        (
            vec![created()],
            ChangeIntegration {
                name: Some("Shop".into()),
                agent: named(8),
                enabled: Some(false),
                ..change()
            },
            vec![renamed, connected(8), disabled()],
        ),
    ] {
        TestFramework::<Integration>::with(())
            .given(given)
            .when(IntegrationCommand::Change(asked))
            .then_expect_events(expected);
    }
}

#[test]
fn nothing_and_what_is_another_tenants_cannot_be_changed() {
    let foreign = TenantId::new(Uuid::from_u128(2));
    let stranger = Some(NamedAgent { agent_id: agent(9), exists: false });
    for (given, asked, refusal) in [
        (
            vec![created()],
            ChangeIntegration { tenant_id: foreign, enabled: Some(false), ..change() },
            IntegrationRefusal::NotFound,
        ),
        (vec![], ChangeIntegration { enabled: Some(false), ..change() }, IntegrationRefusal::NotFound),
        (vec![created()], change(), IntegrationRefusal::NothingToChange),
        (
            vec![created()],
            ChangeIntegration { agent: stranger, ..change() },
            IntegrationRefusal::UnknownAgent,
        ),
    ] {
        TestFramework::<Integration>::with(())
            .given(given)
            .when(IntegrationCommand::Change(asked))
            .then_expect_error(refusal);
    }
}
