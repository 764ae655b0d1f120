//! The dialect files, what they say, and a sixth one from its file to a verdict.

mod bad_files;
mod extract;
mod readme;
mod tokens;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use uuid::Uuid;

use super::*;
use crate::credential::{Digest, RANDOM_BYTES, Secret};
use crate::ids::{IntegrationId, KeyId, TenantId};
use crate::key::{IssueKey, Key, KeyCommand, Lifespan, NamedIntegration};
use crate::validity::KeyEntry;
use crate::verification::{Code, Facts, Question, Restrictions, verdict};

const FILES: [(&str, &str); 6] = [
    ("nexus", include_str!("../../../dialects/nexus.toml")),
    ("nexpay", include_str!("../../../dialects/nexpay.toml")),
    ("nexuscommerce", include_str!("../../../dialects/nexuscommerce.toml")),
    ("nexuscore", include_str!("../../../dialects/nexuscore.toml")),
    ("nexusgpt", include_str!("../../../dialects/nexusgpt.toml")),
    ("management", include_str!("../../dialects/management.toml")),
];

/// A dialect of nobody's, unlike the others wherever a file can say so.
const SIXTH: &str = r#"name = "acme-parcels"
title = "Acme Parcels"
hint_length = 7
client_id_prefix = "apc_"
restrictions = ["warehouse"]
environments = [{ name = "main", realm = "eu" }, { name = "drill", aliases = ["exercise"] }]

[[credentials]]
type = "secret"
realm = "eu"
prefix = "ap_"

[[credentials]]
type = "publishable"
realm = "eu"
prefix = "ap_pub_"

[[credentials]]
type = "secret"
realm = "drill"
prefix = "ap_drill_"

[presentation]
header = "x-parcel-key"
client_id = true
tenant_header = "x-parcel-customer"

[scopes]
read_only = ["track"]
all = ["root"]
contains = { ship = ["label"], label = ["track"] }

[scopes.known]
track = "See parcels"
label = "Print labels"
ship = "Send parcels"
root = "Everything"

[lifetime]
choices = ["2w", "12h"]
never = false

[rotation]
in_place = true
grace = "0"
longest_grace = "1h"

[quota]
active_keys = 3

[[rate_limits]]
per = "tenant"
limit = 30
window = "1m"

[[refusals]]
codes = ["MALFORMED", "UNKNOWN", "TENANT_MISMATCH", "REVOKED", "EXPIRED", "NOT_YET_VALID", "DISABLED", "TENANT_SUSPENDED", "WRONG_ENVIRONMENT"]
status = 401
headers = { content-type = "text/plain" }
body = "no"

[[refusals]]
codes = ["IP_NOT_ALLOWED", "INSUFFICIENT_SCOPE", "RESTRICTED", "READ_ONLY"]
status = 403
body = '{"reason":"forbidden"}'

[[refusals]]
codes = ["RATE_LIMITED", "UNAVAILABLE"]
status = 503
headers = { retry-after = "1" }
body = ""
"#;

fn dialect(name: &str) -> Dialect {
    let (file, text) = FILES.into_iter().find(|(file, _)| *file == name).unwrap();
    Dialect::parse(file, text).unwrap()
}

fn sixth() -> Dialect {
    Dialect::parse("acme-parcels.toml", SIXTH).unwrap()
}

fn all() -> Vec<Dialect> {
    FILES.into_iter().map(|(name, _)| dialect(name)).chain([sixth()]).collect()
}

fn tenant() -> TenantId {
    "3714240b-2e06-4c35-8856-ccc1c096323e".parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn scopes(scopes: &[&str]) -> ScopeSet {
    scopes.iter().map(|scope| scope.parse().unwrap()).collect()
}

#[test]
fn the_files_parse_and_stand_beside_each_other() {
    for (name, _) in FILES {
        assert_eq!(dialect(name).name, name);
    }
    let dialects = Dialects::new(all()).unwrap();
    let names: Vec<&str> = dialects.iter().map(|dialect| dialect.name.as_str()).collect();
    assert_eq!(
        names,
        ["acme-parcels", "management", "nexpay", "nexus", "nexuscommerce", "nexuscore", "nexusgpt"]
    );
    assert_eq!(dialects.get("nexpay").unwrap().title, "Nexpay");
    assert!(dialects.get("Nexpay").is_none());
}

#[test]
fn a_name_and_a_prefix_belong_to_one_dialect() {
    let conflict = |dialects: Vec<Dialect>| Dialects::new(dialects).unwrap_err();
    assert_eq!(conflict(vec![dialect("nexus"), dialect("nexus")]), DialectConflict::Name("nexus".into()));

    let renamed = Dialect { name: "nexus".into(), ..dialect("nexpay") };
    assert_eq!(conflict(vec![dialect("nexus"), renamed]), DialectConflict::Name("nexus".into()));

    let copy = Dialect { name: "copy".into(), ..dialect("nexpay") };
    let shared = conflict(vec![dialect("nexpay"), dialect("nexus"), copy]);
    assert_eq!(
        shared,
        DialectConflict::Prefix { first: "nexpay".into(), second: "copy".into(), prefix: "npy_live_".into() }
    );
    assert_eq!(
        shared.to_string(),
        "dialects `nexpay` and `copy` both use the prefix `npy_live_`: change one"
    );
}

#[test]
fn the_files_say_what_the_products_promise() {
    let grace = |name: &str| match dialect(name).rotation {
        Rotation::InPlace { grace, .. } => Some(grace),
        Rotation::Unsupported { .. } => None,
    };
    assert_eq!(grace("nexus"), Some(TimeDelta::hours(24)));
    assert_eq!(grace("nexuscommerce"), None);

    let core = dialect("nexuscore");
    let limits: Vec<_> =
        core.rate_limits.iter().map(|limit| (limit.limit(), limit.window().as_secs())).collect();
    assert_eq!(limits, [(600, 60), (150, 10)]);
    let fields = core.rate_limit_fields.unwrap();
    assert_eq!(fields.policy, "\"standard\";q=600;w=60, \"burst\";q=150;w=10");
    assert_eq!(fields.state([(0, 599, 60), (1, 149, 10)]), "\"standard\";r=599;t=60, \"burst\";r=149;t=10");
    assert_eq!(fields.state([(1, 0, 3)]), "\"burst\";r=0;t=3");
    assert_eq!(core.https_only.unwrap().refusal.status, 403);
    assert_eq!(dialect("nexus").https_only, None);
    assert_eq!(sixth().rate_limit_fields, None);

    let commerce = dialect("nexuscommerce");
    assert_eq!(commerce.quotas, Quotas { keys: Some(20), ..Quotas::default() });
    assert_eq!(commerce.hint_length, 8);
    assert_eq!(commerce.presentation.tenant_header, Some(TenantHeader { name: "x-tenant-id".into() }));
    let lengths: Vec<i64> = commerce.lifetime.choices.iter().map(|(_, length)| length.num_days()).collect();
    assert_eq!((lengths, commerce.lifetime.never), (vec![30, 90, 365], true));
    let granted = [
        "*",
        "ai-jobs:write",
        "analytics:read",
        "inventory:read",
        "inventory:write",
        "orders:read",
        "orders:write",
        "pricing:read",
        "pricing:write",
        "products:read",
        "products:write",
    ];
    assert_eq!(commerce.scopes.known.into_keys().collect::<ScopeSet>(), scopes(&granted));
    assert_eq!(commerce.scopes.all, scopes(&["*"]));

    let nexus = dialect("nexus");
    let granted = [
        "read:users",
        "write:users",
        "read:payments",
        "write:payments",
        "read:messages",
        "write:messages",
        "admin:all",
    ];
    assert_eq!(nexus.scopes.known.into_keys().collect::<ScopeSet>(), scopes(&granted));
    assert_eq!(nexus.scopes.read_only, scopes(&["read:users", "read:payments", "read:messages"]));

    let nexpay = dialect("nexpay");
    assert_eq!(nexpay.presentation.scheme.as_deref(), Some("ApiKey"));
    assert!(nexpay.presentation.client_id && nexpay.client_id_prefix.is_some() && !nexpay.scopes.exist());
}

#[test]
fn rate_limits_are_what_the_file_says_and_none_where_it_is_silent() {
    for (name, _) in FILES.into_iter().filter(|(name, _)| *name != "nexuscore") {
        assert_eq!(dialect(name).rate_limits, [], "{name}");
    }
    let gpt = dialect("nexusgpt");
    let own: Vec<_> =
        gpt.environments.iter().map(|known| (known.name.as_str(), gpt.limits_in(&known.name).1)).collect();
    assert_eq!(own, [("production", None), ("staging", None), ("development", Some(2))]);
    assert_eq!(gpt.limits_in("development").0[0].limit(), 60);
    assert!(gpt.has_limits() && sixth().has_limits() && !dialect("nexus").has_limits());
    let limits: Vec<_> =
        sixth().rate_limits.iter().map(|limit| (limit.limit(), limit.window().as_secs())).collect();
    assert_eq!(limits, [(30, 60)]);
}

#[test]
fn a_hint_shows_at_most_four_characters_of_the_secret_itself() {
    for dialect in all() {
        let shortest = dialect.prefixes.iter().map(|prefix| prefix.text.len()).min().unwrap();
        assert!(
            (4..=16).contains(&dialect.hint_length) && dialect.hint_length <= shortest + 4,
            "{}",
            dialect.name
        );
    }
    assert_eq!(dialect("nexus").hint_length, 12);
    assert_eq!(dialect("management").hint_length, 8, "the default gives way to a short prefix");
}

#[test]
fn every_code_has_an_outward_answer_and_foreign_looks_like_unknown_and_malformed() {
    for dialect in all() {
        for code in Code::ALL.into_iter().filter(|code| *code != Code::Valid) {
            let answer = dialect.refusals.answer(code);
            assert!((400..=599).contains(&answer.status), "{} {code}", dialect.name);
            assert_eq!(answer.headers.iter().filter(|(name, _)| name == "content-type").count(), 1);
        }
        let malformed = dialect.refusals.answer(Code::Malformed);
        assert_eq!(dialect.refusals.answer(Code::Unknown), malformed);
        assert_eq!(dialect.refusals.answer(Code::TenantMismatch), malformed);
        assert_eq!(malformed.status, 401);
    }
    let own = sixth().refusals.answer(Code::Unknown).clone();
    assert_eq!(own.headers, [("content-type".to_owned(), "text/plain".to_owned())]);
}

#[test]
fn no_answer_of_the_products_is_anything_but_json() {
    for (name, _) in FILES {
        for code in Code::ALL.into_iter().filter(|code| *code != Code::Valid) {
            let body = dialect(name).refusals.answer(code).body.clone();
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{name} {code}");
        }
    }
}

/// Walks a key of `dialect` from issue to verdict: mints a secret, presents it as `headers` says
/// and judges it as `question` asks.
fn walk(
    dialect: &Dialect,
    (key_type, environment): (KeyType, &str),
    granted: &[&str],
    restrictions: Restrictions,
    lifespan: Lifespan,
    question: Question<'_>,
) -> Code {
    let dialect = Arc::new(dialect.clone());
    let at = dialect.environment(environment).unwrap();
    let prefix = dialect.prefix_for(key_type, at).unwrap();
    let secret = match prefix.form {
        Form::Opaque => Secret::mint(&prefix.text, &[42; RANDOM_BYTES]),
        // Signatures are not looked at here.
        Form::Jwt => Secret::signed(&prefix.text, "eyJ0eXAiOiJKV1QifQ.e30.c2lnbmVk"),
    };
    let client_id = dialect.client_id_prefix.as_ref().map(|prefix| format!("{prefix}0001"));

    let mut key = Key::default();
    let issue = IssueKey {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect: Arc::clone(&dialect),
        name: "Sixth".into(),
        key_type,
        environment: environment.into(),
        scopes: scopes(granted),
        ip_allowlist: Vec::new(),
        restrictions,
        lifespan,
        client_id: client_id.clone(),
        integration: dialect.integrations.required.then_some(NamedIntegration {
            integration_id: IntegrationId::new(Uuid::from_u128(3)),
            enabled: Some(true),
        }),
        hint: secret.hint(dialect.hint_length),
        digest: secret.digest(),
        now: noon(),
    };
    key.apply(key.decide(KeyCommand::Issue(Box::new(issue))).unwrap().unwrap());
    let entry = KeyEntry::of(KeyId::new(Uuid::from_u128(7)), key.state().unwrap());

    let credential = match &client_id {
        Some(id) if dialect.presentation.client_id => format!("{id}:{}", secret.expose()),
        _ => secret.expose().to_owned(),
    };
    let value = dialect
        .presentation
        .scheme
        .as_ref()
        .map_or(credential.clone(), |scheme| format!("{scheme} {credential}"));
    let tenant_text = tenant().to_string();
    let mut headers = vec![(dialect.presentation.header.as_str(), value.as_str())];
    if let Some(header) = &dialect.presentation.tenant_header {
        headers.push((&header.name, &tenant_text));
    }

    let presented = dialect.extract(headers.into_iter()).unwrap();
    let found = entry.secrets.iter().find(|known| known.digest == Digest::of(presented.secret)).unwrap();
    let rights = entry.rights(&dialect);
    let facts = Facts {
        tenant: entry.tenant_id,
        tenant_suspended: false,
        switched_off: None,
        status: found.status,
        not_after: found.not_after,
        rights: &rights,
        dialect: &dialect,
    };
    let question = Question { tenant: presented.tenant, client_id: presented.client_id, ..question };
    verdict(facts, &question, noon().timestamp_micros()).map_or_else(|refused| refused.code, |()| Code::Valid)
}

#[test]
fn a_sixth_dialect_needs_a_file_and_nothing_else() {
    let sixth = sixth();
    let within = |granted: &[&str], required: &str, warehouse: &str| {
        let touched = [("warehouse".to_owned(), warehouse.to_owned())].into();
        let question = Question {
            environment: Some("eu"),
            method: Some("POST"),
            required_scopes: &[required.to_owned()],
            restrictions: Some(&touched),
            ..Question::default()
        };
        let restrictions = [("warehouse".to_owned(), ["lyon".to_owned()].into())].into();
        let lifespan = Lifespan::For(TimeDelta::weeks(2));
        walk(&sixth, (KeyType::Secret, "main"), granted, restrictions, lifespan, question)
    };
    assert_eq!(within(&["ship"], "track", "lyon"), Code::Valid);
    assert_eq!(within(&["root"], "ship", "lyon"), Code::Valid);
    assert_eq!(within(&["label"], "ship", "lyon"), Code::InsufficientScope);
    assert_eq!(within(&["ship"], "ship", "oslo"), Code::Restricted);

    let elsewhere = |of: (KeyType, &str), environment, method| {
        let question =
            Question { environment: Some(environment), method: Some(method), ..Question::default() };
        walk(&sixth, of, &["track"], Restrictions::new(), Lifespan::For(TimeDelta::hours(12)), question)
    };
    assert_eq!(elsewhere((KeyType::Secret, "exercise"), "drill", "POST"), Code::Valid);
    assert_eq!(elsewhere((KeyType::Secret, "drill"), "eu", "POST"), Code::WrongEnvironment);
    assert_eq!(elsewhere((KeyType::Secret, "main"), "exercise", "POST"), Code::WrongEnvironment);
    assert_eq!(elsewhere((KeyType::Publishable, "main"), "main", "GET"), Code::Valid);
    assert_eq!(elsewhere((KeyType::Publishable, "main"), "main", "PUT"), Code::ReadOnly);
}

#[test]
fn the_products_keys_are_valid_from_issue_to_verdict() {
    for (name, _) in FILES {
        let dialect = dialect(name);
        for environment in &dialect.environments {
            for prefix in dialect.prefixes.iter().filter(|prefix| prefix.realm == environment.realm) {
                let question = Question {
                    environment: Some(&environment.name),
                    method: Some("GET"),
                    ..Question::default()
                };
                let of = (prefix.key_type, environment.name.as_str());
                let code = walk(&dialect, of, &[], Restrictions::new(), Lifespan::Unlimited, question);
                assert_eq!(code, Code::Valid, "{name} {}", prefix.text);
            }
        }
    }
}
