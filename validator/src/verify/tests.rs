//! What a validator answers, and that its table is a map.

use std::collections::HashMap;
use std::time::Duration;

use nexus_domain::credential::{RANDOM_BYTES, Secret};
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{AgentId, IntegrationId, KeyId};
use nexus_domain::validity::{AgentEntry, IntegrationEntry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::{Code, Question, SecretStatus};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::lease::{LENGTH, Lease};

const NOW: i64 = 1_750_000_000_000_000;

fn dialects() -> Arc<Dialects> {
    let files = [include_str!("../../../dialects/nexus.toml"), include_str!("../../../dialects/nexpay.toml")];
    let parsed = files.iter().map(|text| Dialect::parse("test.toml", text).unwrap());
    Arc::new(Dialects::new(parsed).unwrap())
}

fn validator() -> Validator {
    Validator::new(dialects())
}

fn secret(prefix: &str, seed: u8) -> String {
    Secret::mint(prefix, &[seed; RANDOM_BYTES]).expose().to_owned()
}

fn tenant_id(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn tenant(number: u128, dialect: &str, suspended: bool) -> Entry {
    Entry::Tenant(TenantEntry { tenant_id: tenant_id(number), dialect: dialect.into(), suspended })
}

fn version(secret: &str, version: u32, status: SecretStatus, not_after: i64) -> SecretEntry {
    SecretEntry { digest: Digest::of(secret), version, status, not_after }
}

fn key_entry(number: u128, tenant: u128, secrets: Vec<SecretEntry>) -> KeyEntry {
    KeyEntry {
        key_id: KeyId::new(Uuid::from_u128(number)),
        tenant_id: tenant_id(tenant),
        name: format!("key {number}"),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: ["read:users".parse().unwrap()].into(),
        ip_allowlist: Vec::new(),
        restrictions: Default::default(),
        client_id: None,
        integration_id: None,
        secrets,
    }
}

fn key(number: u128, tenant: u128, secrets: Vec<SecretEntry>) -> Entry {
    Entry::Key(Box::new(key_entry(number, tenant, secrets)))
}

fn current(secret: &str) -> Vec<SecretEntry> {
    vec![version(secret, 1, SecretStatus::Current, i64::MAX)]
}

fn sight() -> Sight {
    let lease = Lease::new();
    lease.extend(LENGTH);
    lease.holds(Duration::ZERO).unwrap().into()
}

fn ask(validator: &Validator, credential: &str) -> Code {
    validator.verify_credential(&sight(), None, credential, &Question::default(), NOW).unwrap().code()
}

#[test]
fn a_key_is_accepted_and_described() {
    let validator = validator();
    let text = secret("nx_live_", 1);
    validator.apply([tenant(1, "nexus", false), key(7, 1, current(&text))], 2);
    assert_eq!((validator.applied(), *validator.watch().borrow(), validator.len()), (2, 2, 1));

    let decision = validator.verify_credential(&sight(), None, &text, &Question::default(), NOW).unwrap();
    assert_eq!(decision.outcome, Ok(()));
    assert_eq!(decision.dialect.unwrap().name, "nexus");
    let subject = decision.subject.unwrap();
    assert_eq!(subject.used(), (KeyId::new(Uuid::from_u128(7)), tenant_id(1), 1));
    assert_eq!(
        (subject.name(), subject.not_after(), subject.status()),
        ("key 7", i64::MAX, SecretStatus::Current)
    );
    assert_eq!(subject.rights().granted, "read:users");
}

#[test]
fn headers_are_read_as_the_dialect_says() {
    let validator = validator();
    let text = secret("nx_live_", 1);
    validator.apply([tenant(1, "nexus", false), key(7, 1, current(&text))], 2);
    let bearer = format!("Bearer {text}");
    let ask = |headers: &[(&str, &str)]| {
        let dialect = validator.dialect("nexus").unwrap();
        validator.verify_headers(&sight(), dialect, headers.iter().copied(), &Question::default(), NOW).code()
    };
    assert_eq!(ask(&[("authorization", &bearer)]), Code::Valid);
    assert_eq!(ask(&[("authorization", &text)]), Code::Malformed);
    assert_eq!(ask(&[]), Code::Malformed);
    let unknown = validator.dialect("nope").unwrap_err();
    assert_eq!(unknown.to_string(), "no dialect that is served here is named `nope`");
}

#[test]
fn a_client_id_leads_to_its_dialect_and_must_belong_to_the_secret() {
    let validator = validator();
    let text = secret("npy_live_", 1);
    let mut entry = key_entry(7, 1, current(&text));
    entry.client_id = Some("npc_1".into());
    entry.scopes.clear();
    validator.apply([tenant(1, "nexpay", false), Entry::Key(Box::new(entry))], 2);
    assert_eq!(ask(&validator, &text), Code::Valid);
    assert_eq!(ask(&validator, &format!("npc_1:{text}")), Code::Valid);
    assert_eq!(ask(&validator, &format!("npc_2:{text}")), Code::Unknown);
    assert_eq!(ask(&validator, &format!("npc_1:{}", secret("nx_live_", 1))), Code::Malformed);
    let question = Question { client_id: Some("npc_2"), ..Question::default() };
    let both = validator.verify_credential(&sight(), None, &format!("npc_1:{text}"), &question, NOW).unwrap();
    assert_eq!(both.code(), Code::Unknown);
    assert!(both.subject.is_some());
}

#[test]
fn strangers_are_refused_without_a_subject() {
    let validator = validator();
    validator.apply([tenant(1, "nexus", false), tenant(2, "nexpay", false)], 2);
    let decision =
        validator.verify_credential(&sight(), None, "something", &Question::default(), NOW).unwrap();
    assert_eq!((decision.code(), decision.dialect.is_none()), (Code::Malformed, true));
    assert_eq!(ask(&validator, &secret("nx_live_", 1)), Code::Unknown);

    // A secret with the prefix of one dialect, and a key of a tenant of another.
    let forged = secret("nx_live_", 3);
    validator.apply([key(7, 2, current(&forged))], 3);
    let decision =
        validator.verify_credential(&sight(), Some("nexus"), &forged, &Question::default(), NOW).unwrap();
    assert_eq!((decision.code(), decision.subject.is_none()), (Code::Unknown, true));
    let decision =
        validator.verify_credential(&sight(), Some("nexpay"), &forged, &Question::default(), NOW).unwrap();
    assert_eq!(decision.code(), Code::Malformed);
}

#[test]
fn a_suspension_acts_on_all_keys_of_its_tenant() {
    let validator = validator();
    let (one, two, other) = (secret("nx_live_", 1), secret("nx_live_", 2), secret("nx_live_", 3));
    validator.apply(
        [
            tenant(1, "nexus", false),
            tenant(2, "nexus", false),
            key(7, 1, current(&one)),
            key(8, 1, current(&two)),
            key(9, 2, current(&other)),
        ],
        5,
    );
    validator.apply([tenant(1, "nexus", true)], 6);
    assert_eq!(
        [&one, &two, &other].map(|text| ask(&validator, text)),
        [Code::TenantSuspended, Code::TenantSuspended, Code::Valid]
    );
    validator.apply([tenant(1, "nexus", false)], 7);
    assert_eq!(ask(&validator, &one), Code::Valid);
}

fn agent(number: u128, tenant: u128, restricted: bool) -> Entry {
    let agent_id = AgentId::new(Uuid::from_u128(number));
    Entry::Agent(AgentEntry { agent_id, tenant_id: tenant_id(tenant), restricted })
}

fn integration(number: u128, tenant: u128, agent: Option<u128>, enabled: bool) -> Entry {
    Entry::Integration(IntegrationEntry {
        integration_id: IntegrationId::new(Uuid::from_u128(number)),
        tenant_id: tenant_id(tenant),
        agent_id: agent.map(|agent| AgentId::new(Uuid::from_u128(agent))),
        enabled,
    })
}

fn key_of(integration: u128, number: u128, tenant: u128, secret: &str) -> Entry {
    let integration_id = Some(IntegrationId::new(Uuid::from_u128(integration)));
    Entry::Key(Box::new(KeyEntry { integration_id, ..key_entry(number, tenant, current(secret)) }))
}

/// Of a tenant with a key of its own, and one in each of two integrations, the first of which has an agent.
fn with_integrations(entries: impl IntoIterator<Item = Entry>) -> [Code; 3] {
    let validator = validator();
    let secrets = [1, 2, 3].map(|seed| secret("nx_live_", seed));
    let begin = [
        tenant(1, "nexus", false),
        agent(5, 1, false),
        integration(1, 1, Some(5), true),
        integration(2, 1, None, true),
        key_of(1, 7, 1, &secrets[0]),
        key_of(2, 8, 1, &secrets[1]),
        key(9, 1, current(&secrets[2])),
    ];
    validator.apply(begin, 7);
    let codes = || [0, 1, 2].map(|at: usize| ask(&validator, &secrets[at]));
    assert_eq!(codes(), [Code::Valid; 3]);
    for (position, entry) in (8..).zip(entries) {
        validator.apply([entry], position);
    }
    codes()
}

#[test]
fn what_is_switched_off_acts_on_the_keys_that_belong_to_it_and_on_no_others() {
    let (valid, disabled) = (Code::Valid, Code::Disabled);
    let off = || integration(1, 1, Some(5), false);
    assert_eq!(with_integrations([off()]), [disabled, valid, valid]);
    assert_eq!(with_integrations([off(), integration(1, 1, Some(5), true)]), [valid; 3]);
    let restrict = || agent(5, 1, true);
    assert_eq!(with_integrations([restrict()]), [disabled, valid, valid]);
    assert_eq!(with_integrations([restrict(), agent(5, 1, false)]), [valid; 3]);
    assert_eq!(with_integrations([restrict(), off(), agent(5, 1, false)]), [disabled, valid, valid]);
    assert_eq!(
        with_integrations([restrict(), agent(6, 1, false), integration(1, 1, Some(6), true)]),
        [valid; 3]
    );
    assert_eq!(
        with_integrations([integration(2, 1, Some(6), true)]),
        [valid, disabled, valid],
        "an agent that nobody has heard of vouches for nothing"
    );
    let suspended = tenant(1, "nexus", true);
    assert_eq!(with_integrations([off(), suspended.clone()]), [Code::TenantSuspended; 3]);
    let resumed = tenant(1, "nexus", false);
    assert_eq!(with_integrations([suspended.clone(), off(), resumed.clone()]), [disabled, valid, valid]);
    assert_eq!(with_integrations([suspended, resumed]), [valid; 3]);
}

#[test]
fn keys_wait_for_their_integration_and_these_for_their_tenant() {
    let validator = validator();
    let (text, elsewhere) = (secret("nx_live_", 1), secret("nx_live_", 2));
    validator.apply([key_of(1, 7, 1, &text), integration(1, 1, Some(5), true)], 2);
    validator.apply([key_of(2, 8, 2, &elsewhere), integration(2, 2, None, true)], 4);
    assert_eq!(validator.len(), 0);
    validator.apply([tenant(1, "nexus", false), tenant(2, "another", false)], 6);
    assert_eq!((validator.len(), ask(&validator, &text)), (1, Code::Disabled));
    validator.apply([agent(5, 1, false)], 7);
    assert_eq!((ask(&validator, &text), ask(&validator, &elsewhere)), (Code::Valid, Code::Unknown));
    let fetched = Sight::Fetched(validator.fetched([
        tenant(1, "nexus", false),
        agent(5, 1, true),
        integration(1, 1, Some(5), true),
        key_of(1, 7, 1, &text),
    ]));
    let decision = validator.verify_credential(&fetched, None, &text, &Question::default(), NOW).unwrap();
    assert_eq!(decision.code(), Code::Disabled, "by what was read for the one request");
}

#[test]
fn keys_wait_for_their_tenant() {
    let validator = validator();
    let (served, suspended, elsewhere) =
        (secret("nx_live_", 1), secret("nx_live_", 2), secret("nx_live_", 3));
    validator.apply(
        [key(7, 1, current(&served)), key(8, 2, current(&suspended)), key(9, 3, current(&elsewhere))],
        3,
    );
    assert_eq!((validator.len(), ask(&validator, &served)), (0, Code::Unknown));
    validator.apply([tenant(1, "nexus", false), tenant(2, "nexus", true), tenant(3, "another", false)], 6);
    assert_eq!(validator.len(), 2, "keys of a dialect that is not served are not held");
    assert_eq!(
        [&served, &suspended, &elsewhere].map(|text| ask(&validator, text)),
        [Code::Valid, Code::TenantSuspended, Code::Unknown]
    );
    validator.apply([tenant(3, "another", true), key(9, 3, current(&elsewhere))], 7);
    assert_eq!(validator.len(), 2);
}

#[test]
fn a_rotation_keeps_both_secrets_and_a_revocation_ends_both() {
    let validator = validator();
    let (old, new) = (secret("nx_live_", 1), secret("nx_live_", 2));
    let rotated = vec![
        version(&old, 1, SecretStatus::Superseded, NOW + 1),
        version(&new, 2, SecretStatus::Current, i64::MAX),
    ];
    validator.apply([tenant(1, "nexus", false), key(7, 1, current(&old)), key(7, 1, rotated.clone())], 3);
    assert_eq!((ask(&validator, &old), ask(&validator, &new)), (Code::Valid, Code::Valid));
    let later = validator.verify_credential(&sight(), None, &old, &Question::default(), NOW + 1).unwrap();
    assert_eq!(later.code(), Code::Revoked);
    let revoked = rotated.iter().map(|secret| SecretEntry { status: SecretStatus::Revoked, ..*secret });
    validator.apply([key(7, 1, revoked.collect())], 4);
    assert_eq!((ask(&validator, &old), ask(&validator, &new)), (Code::Revoked, Code::Revoked));

    // A copy of an older state that arrives late brings nothing back to life.
    validator.apply([key(7, 1, rotated)], 4);
    assert_eq!((ask(&validator, &old), ask(&validator, &new)), (Code::Revoked, Code::Revoked));
}

#[test]
fn what_headers_and_caller_claim_must_agree() {
    let text = "
        name = \"t\"\ntitle = \"T\"\nrestrictions = []
        environments = [{ name = \"live\" }]
        credentials = [{ type = \"secret\", realm = \"live\", prefix = \"t_\" }]
        presentation = { header = \"authorization\", scheme = \"Bearer\", tenant_header = \"x-tenant-id\" }
        rotation = { in_place = true, grace = \"1h\" }
        [[refusals]]
        codes = [\"MALFORMED\", \"UNKNOWN\", \"TENANT_MISMATCH\", \"REVOKED\", \"EXPIRED\", \"NOT_YET_VALID\", \"DISABLED\", \"TENANT_SUSPENDED\", \"WRONG_ENVIRONMENT\", \"IP_NOT_ALLOWED\", \"INSUFFICIENT_SCOPE\", \"RESTRICTED\", \"READ_ONLY\", \"RATE_LIMITED\", \"UNAVAILABLE\"]
        status = 401
        body = \"\"";
    let dialect = Dialect::parse("t.toml", text).unwrap();
    let validator = Validator::new(Arc::new(Dialects::new([dialect]).unwrap()));
    let credential = secret("t_", 1);
    validator.apply([tenant(1, "t", false), key(7, 1, current(&credential))], 2);
    let bearer = format!("Bearer {credential}");
    let ask = |header: u128, question: Option<u128>| {
        let header = tenant_id(header).to_string();
        let headers = [("authorization", bearer.as_str()), ("x-tenant-id", header.as_str())];
        let question = Question { tenant: question.map(tenant_id), ..Question::default() };
        validator
            .verify_headers(&sight(), validator.dialect("t").unwrap(), headers.into_iter(), &question, NOW)
            .code()
    };
    assert_eq!(ask(1, None), Code::Valid);
    assert_eq!(ask(1, Some(1)), Code::Valid);
    assert_eq!(ask(2, None), Code::TenantMismatch);
    assert_eq!(ask(1, Some(2)), Code::TenantMismatch);
    assert_eq!(ask(2, Some(1)), Code::TenantMismatch);
}

#[test]
fn rights_are_shared_and_forgotten() {
    let validator = validator();
    validator.apply([tenant(1, "nexus", false)], 1);
    let text = secret("nx_live_", 1);
    for round in 0..10_000u32 {
        let mut entry = key_entry(7, 1, current(&text));
        entry.restrictions = [("brand".to_owned(), [round.to_string()].into())].into();
        validator.apply([Entry::Key(Box::new(entry))], 2);
    }
    assert!(validator.rights() <= 1024, "{} rights are kept for one key", validator.rights());
    for number in 0..100u8 {
        validator.apply([key(100 + u128::from(number), 1, current(&secret("nx_live_", 100 + number)))], 3);
    }
    assert!(validator.rights() <= 1024);
}

#[test]
fn the_position_follows_the_table_and_never_goes_back() {
    let validator = Arc::new(validator());
    validator.apply([tenant(1, "nexus", false)], 1);
    let secrets: Vec<String> = (0..200).map(|seed| secret("nx_live_", seed)).collect();
    let reader = {
        let (validator, secrets) = (Arc::clone(&validator), secrets.clone());
        std::thread::spawn(move || {
            let mut last = 1;
            while last < 201 {
                let applied = validator.applied();
                assert!(applied >= last);
                last = applied;
                for text in secrets.iter().take(usize::try_from(applied).unwrap() - 1) {
                    assert_eq!(ask(&validator, text), Code::Valid);
                }
            }
        })
    };
    for (number, text) in (0u64..).zip(&secrets) {
        validator.apply([key(u128::from(number), 1, current(text))], number + 2);
    }
    reader.join().unwrap();
    validator.apply([], 5);
    assert_eq!(validator.applied(), 201);
}

/// What a test does to the table.
#[derive(Debug, Clone)]
enum Act {
    Key { number: u8, tenant: u8, status: SecretStatus, secrets: u8, name: String },
    Tenant { number: u8, suspended: bool },
}

fn act() -> impl Strategy<Value = Act> {
    let status = prop_oneof![8 => Just(SecretStatus::Current), 1 => Just(SecretStatus::Revoked)];
    let key = (0..60u8, 0..4u8, status, 1..4u8, "[a-zé]{1,12}").prop_map(
        |(number, tenant, status, secrets, name)| Act::Key {
            number,
            tenant: number % (tenant + 1),
            status,
            secrets,
            name,
        },
    );
    prop_oneof![5 => key, 1 => (0..4u8, any::<bool>()).prop_map(|(number, suspended)| Act::Tenant { number, suspended })]
}

/// What the oracle knows of a secret: owner, status, key's name.
type Known = (TenantId, SecretStatus, String);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_is_a_map(batches in prop::collection::vec(prop::collection::vec(act(), 0..40), 1..12)) {
        let validator = validator();
        let mut oracle: HashMap<String, Known> = HashMap::new();
        let mut suspended = [false; 4];
        validator.apply((0..4).map(|number| tenant(number, "nexus", false)), 1);
        for (position, batch) in (2u64..).zip(batches) {
            let mut entries = Vec::new();
            for act in batch {
                match act {
                    Act::Tenant { number, suspended: now } => {
                        suspended[usize::from(number)] = now;
                        entries.push(tenant(u128::from(number), "nexus", now));
                    }
                    Act::Key { number, tenant, status, secrets, name } => {
                        let mut versions = Vec::new();
                        for at in 0..secrets {
                            let text = secret("nx_live_", number.wrapping_mul(4).wrapping_add(at));
                            versions.push(version(&text, u32::from(at) + 1, status, i64::MAX));
                            let known = (tenant_id(u128::from(tenant)), status, name.clone());
                            let slot = oracle.entry(text).or_insert_with(|| known.clone());
                            if slot.1 != SecretStatus::Revoked || status == SecretStatus::Revoked {
                                *slot = known;
                            }
                        }
                        let mut entry = key_entry(u128::from(number), u128::from(tenant), versions);
                        entry.name = name;
                        entries.push(Entry::Key(Box::new(entry)));
                    }
                }
            }
            validator.apply(entries, position);
            prop_assert_eq!(validator.len(), oracle.len());
            for (text, (tenant, status, name)) in &oracle {
                let expected = match status {
                    SecretStatus::Revoked => Code::Revoked,
                    _ if suspended[usize::try_from(tenant.uuid().as_u128()).unwrap()] => Code::TenantSuspended,
                    _ => Code::Valid,
                };
                let decision = validator.verify_credential(&sight(), None, text, &Question::default(), NOW).unwrap();
                prop_assert_eq!(decision.code(), expected);
                let subject = decision.subject.unwrap();
                prop_assert_eq!(subject.name(), name);
                prop_assert_eq!(subject.tenant_id(), *tenant);
            }
            prop_assert_eq!(ask(&validator, &secret("nx_test_", 9)), Code::Unknown);
        }
    }
}

#[test]
fn what_another_node_serves_is_not_refused_here() {
    let all = dialects();
    let validator = Validator::new(Arc::new(all.only(|dialect| dialect.name == "nexus")));
    let strange = secret("npy_live_", 1);
    assert_eq!(ask(&Validator::new(Arc::clone(&all)), &strange), Code::Unknown);
    for credential in [strange.clone(), format!("npc_1:{strange}")] {
        let question = Question::default();
        let decision = validator.verify_credential(&sight(), None, &credential, &question, NOW).unwrap();
        assert_eq!((decision.code(), decision.dialect.is_none()), (Code::Unavailable, true), "{credential}");
        assert!(decision.outcome.unwrap_err().detail.contains("`nexpay`"));
    }
    assert_eq!(ask(&validator, "nobody_1"), Code::Malformed, "which is nobody's anywhere");
    assert_eq!(ask(&validator, &secret("nx_live_", 1)), Code::Unknown);
    let named = validator.verify_credential(&sight(), Some("nexpay"), &strange, &Question::default(), NOW);
    assert_eq!(named.unwrap_err().to_string(), "no dialect that is served here is named `nexpay`");
}

#[test]
fn a_longer_prefix_of_another_node_is_not_mistaken_for_a_shorter_one() {
    let text = |name: &str, prefix: &str| {
        include_str!("../../../dialects/nexus.toml")
            .replace("name = \"nexus\"", &format!("name = \"{name}\""))
            .replace("nx_", prefix)
    };
    let parsed = [("short", "nx_"), ("long", "nx_live_of_")]
        .map(|(name, prefix)| Dialect::parse("d.toml", &text(name, prefix)).unwrap());
    let all = Dialects::new(parsed).unwrap();
    let validator = Validator::new(Arc::new(all.only(|dialect| dialect.name == "short")));
    let strange = secret("nx_live_of_live_", 1);
    assert_eq!(ask(&validator, &strange), Code::Unavailable);
    assert!(validator.dialects().of_secret(&strange).is_none());
    assert_eq!(ask(&validator, &secret("nx_live_", 1)), Code::Unknown);
}

#[test]
fn a_permit_that_is_older_than_the_emptying_of_the_table_refuses_nobody() {
    let validator = validator();
    let (one, two) = (secret("nx_live_", 1), secret("nx_live_", 2));
    let entries = || [tenant(1, "nexus", false), key(7, 1, current(&one))];
    validator.apply(entries(), 2);
    assert_eq!(ask(&validator, &one), Code::Valid);
    validator.clear();
    assert_eq!(ask(&validator, &one), Code::Unavailable);
    validator.apply(entries(), 0);
    assert_eq!([ask(&validator, &one), ask(&validator, &two)], [Code::Unavailable; 2], "it is not whole");
    let fetched = Sight::Fetched(validator.fetched(entries()));
    let asked = validator.verify_credential(&fetched, None, &one, &Question::default(), NOW).unwrap();
    assert_eq!(asked.code(), Code::Valid, "what was fetched for one request does not depend on it");
    for position in [3, 0] {
        validator.clear();
        validator.load(entries(), None);
        validator.load([], Some(position));
    }
    assert_eq!([ask(&validator, &one), ask(&validator, &two)], [Code::Valid, Code::Unknown]);
}

#[test]
fn a_key_that_every_snapshot_has_is_never_unknown() {
    let validator = validator();
    let text = secret("nx_live_", 1);
    let entries = || [tenant(1, "nexus", false), key(7, 1, current(&text))];
    validator.apply(entries(), 1);
    std::thread::scope(|threads| {
        let loading = threads.spawn(|| {
            for position in 2..2_000 {
                validator.clear();
                validator.load(entries(), None);
                validator.load([], Some(position));
            }
        });
        while !loading.is_finished() {
            let code = ask(&validator, &text);
            assert!(matches!(code, Code::Valid | Code::Unavailable), "{code}");
        }
    });
    assert_eq!(ask(&validator, &text), Code::Valid);
}

#[test]
fn decisions_and_validators_go_from_thread_to_thread() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<Validator>();
    goes::<Decision<'static>>();
}
