use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::key::InvalidName;

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn created() -> AgentEvent {
    AgentEvent::AgentCreated(AgentCreated {
        tenant_id: tenant(),
        dialect: "nexusgpt".into(),
        name: "Support".into(),
        created_at: noon(),
    })
}

fn restricted() -> AgentEvent {
    AgentEvent::AgentRestricted(AgentRestricted { restricted_at: noon() })
}

fn released() -> AgentEvent {
    AgentEvent::AgentReleased(AgentReleased { released_at: noon() })
}

fn renamed(name: &str) -> AgentEvent {
    AgentEvent::AgentRenamed(AgentRenamed { name: name.into(), renamed_at: noon() })
}

fn create(name: &str) -> AgentCommand {
    AgentCommand::Create(CreateAgent {
        tenant_id: tenant(),
        dialect: "nexusgpt".into(),
        name: name.into(),
        now: noon(),
    })
}

fn change(name: Option<&str>, restricted: Option<bool>) -> ChangeAgent {
    ChangeAgent { tenant_id: tenant(), name: name.map(str::to_owned), restricted, now: noon() }
}

#[test]
fn an_agent_is_created_once_and_with_a_name() {
    TestFramework::<Agent>::with(())
        .given_no_previous_events()
        .when(create("Support"))
        .then_expect_events(vec![created()]);
    TestFramework::<Agent>::with(())
        .given(vec![created()])
        .when(create("Support"))
        .then_expect_error(AgentRefusal::AlreadyCreated);
    TestFramework::<Agent>::with(())
        .given_no_previous_events()
        .when(create(""))
        .then_expect_error(AgentRefusal::InvalidName(InvalidName::Empty));
}

#[test]
fn what_changes_is_said_and_what_stays_is_not() {
    for (given, asked, expected) in [
        (vec![created()], change(None, Some(true)), vec![restricted()]),
        (vec![created(), restricted()], change(None, Some(true)), vec![]),
        (vec![created(), restricted()], change(None, Some(false)), vec![released()]),
        (vec![created()], change(Some("Support"), Some(false)), vec![]),
        (vec![created()], change(Some("Sales"), Some(true)), vec![renamed("Sales"), restricted()]),
    ] {
        TestFramework::<Agent>::with(())
            .given(given)
            .when(AgentCommand::Change(asked))
            .then_expect_events(expected);
    }
}

#[test]
fn another_tenants_agent_and_an_absent_one_are_the_same() {
    let foreign = ChangeAgent { tenant_id: TenantId::new(Uuid::from_u128(2)), ..change(None, Some(true)) };
    for (given, asked, refusal) in [
        (vec![created()], foreign, AgentRefusal::NotFound),
        (vec![], change(None, Some(true)), AgentRefusal::NotFound),
        (vec![created()], change(None, None), AgentRefusal::NothingToChange),
        (vec![created()], change(Some(""), None), AgentRefusal::InvalidName(InvalidName::Empty)),
    ] {
        TestFramework::<Agent>::with(())
            .given(given)
            .when(AgentCommand::Change(asked))
            .then_expect_error(refusal);
    }
}
