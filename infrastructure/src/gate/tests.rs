//! The gate on both stores: repeated requests, and decisions that meet.

mod clients;
mod members;
mod remembered;

use nexus_domain::dialect::KeyType;
use nexus_domain::ids::KeyId;
use nexus_domain::key::{Lifespan, RevocationReason};
use nexus_domain::scope::ScopeSet;
use nexus_domain::verification::Restrictions;

use std::slice::from_ref;
use std::sync::Mutex;

use super::*;
use crate::clock::SystemClock;
use crate::entropy::{Entropy, SystemEntropy};
use crate::journal::{self, JournalOptions};
use crate::testing::{TestDatabase, databases};

/// A gate, as another process on the same store would have it.
async fn gate(test: &TestDatabase) -> Gate {
    gate_with(test, SystemEntropy::shared()).await
}

async fn gate_with(test: &TestDatabase, entropy: SharedEntropy) -> Gate {
    let journal = Journal::open(test.reconnect().await, JournalOptions::default()).await.unwrap();
    let dialects = Arc::new(crate::dialects::load(None).unwrap());
    let vault = Arc::new(Vault::from_key([7; 32]));
    Gate::new(journal, dialects, SystemClock::shared(), entropy, vault)
}

fn principal() -> Principal {
    Principal::system(Gate::system_scopes())
}

fn call<'a>(gate: &Gate, principal: &'a Principal, key: &str) -> Call<'a> {
    let idempotency = IdempotencyKey { key: key.to_owned(), fingerprint: [1; 32] };
    Call { idempotency: Some(idempotency), ..gate.system_call(principal, "test") }
}

fn issue() -> Issue {
    Issue {
        name: "Key".to_owned(),
        key_type: KeyType::Secret,
        environment: None,
        scopes: ScopeSet::new(),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        lifespan: Lifespan::Unlimited,
        integration: None,
    }
}

async fn tenant(gate: &Gate) -> TenantId {
    let principal = principal();
    let call = gate.system_call(&principal, "test");
    gate.create_tenant(&call, "Tenant".to_owned(), "nexus").await.unwrap().answer.tenant_id
}

async fn key(gate: &Gate, tenant: TenantId) -> KeyId {
    let principal = principal();
    let call = gate.system_call(&principal, "test");
    gate.issue_key(&call, tenant, issue(), None).await.unwrap().answer.key_id
}

fn answer(body: &str) -> Answer {
    Answer { status: 200, body: body.to_owned() }
}

fn going(begun: Begun) -> Running {
    match begun {
        Begun::Go(Some(running)) => running,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_after_a_crash_the_first_outcome() {
    for test in databases().await {
        let (one, other, principal) = (gate(&test).await, gate(&test).await, principal());
        let tenant = tenant(&one).await;
        let call = call(&one, &principal, "k");
        let running = going(one.begin(&call).await.unwrap());
        assert!(matches!(one.begin(&call).await, Err(GateError::InFlight)));
        let first = one.issue_key(&call, tenant, issue(), None).await.unwrap().answer;
        drop(running);

        // The process ended before it answered: what happened is found, and happens no second time.
        let again = going(other.begin(&call).await.unwrap());
        let repeated = other.issue_key(&call, tenant, issue(), None).await.unwrap();
        assert_eq!((repeated.answer.key_id, repeated.position), (first.key_id, None));
        assert_eq!(repeated.answer.secret.expose(), first.secret.expose());
        drop(again);

        // Two that answered anew at once: the first to be kept speaks for both.
        assert_eq!(other.keep_answer(&call, answer("first")).await.unwrap(), answer("first"));
        assert_eq!(one.keep_answer(&call, answer("second")).await.unwrap(), answer("first"));
        let begun = one.begin(&call).await.unwrap();
        assert!(matches!(&begun, Begun::Answered(kept) if *kept == answer("first")), "{begun:?}");
        let late = other.issue_key(&call, tenant, issue(), None).await.unwrap().answer;
        assert_eq!(late.secret.expose(), first.secret.expose());
    }
}

#[tokio::test]
async fn an_answer_without_events_is_kept_as_well() {
    for test in databases().await {
        let (one, other, principal) = (gate(&test).await, gate(&test).await, principal());
        let call = call(&one, &principal, "k");
        let (first, second) =
            tokio::join!(one.keep_answer(&call, answer("one")), other.keep_answer(&call, answer("other")));
        assert_eq!(first.unwrap(), second.unwrap());
        let mut elsewhere = call.clone();
        if let Some(idempotency) = &mut elsewhere.idempotency {
            idempotency.fingerprint = [2; 32];
        }
        assert!(matches!(one.begin(&elsewhere).await, Err(GateError::IdempotencyMismatch)));
        let kept = one.keep_answer(&elsewhere, answer("x")).await;
        assert!(matches!(kept, Err(GateError::IdempotencyMismatch)));
        let tomorrow = Call { now: call.now + chrono::TimeDelta::hours(25), ..call };
        drop(going(one.begin(&tomorrow).await.unwrap()));
    }
}

#[tokio::test]
async fn what_another_version_stored_is_told_and_not_done_again() {
    for test in databases().await {
        let (gate, principal) = (gate(&test).await, principal());
        let tenant = tenant(&gate).await;
        let call = call(&gate, &principal, "k");
        let row = gate.remember(&call, &serde_json::json!({ "of": "another shape" })).unwrap();
        let append = Append { idempotency: row, now: call.now.timestamp_micros(), ..Append::default() };
        gate.journal().append(append).await.unwrap();
        let head = gate.journal().head().await.unwrap();
        drop(going(gate.begin(&call).await.unwrap()));
        let repeated = gate.issue_key(&call, tenant, issue(), None).await;
        assert!(matches!(repeated, Err(GateError::AnswerUnreadable(_))), "{repeated:?}");

        let damage = "UPDATE idempotency SET result = $1";
        test.database.execute(damage, &[vec![0_u8; 40].into()]).await.unwrap();
        for outcome in
            [gate.begin(&call).await.map(drop), gate.keep_answer(&call, answer("x")).await.map(drop)]
        {
            assert!(matches!(outcome, Err(GateError::AnswerUnreadable(_))), "{outcome:?}");
        }
        assert_eq!(gate.journal().head().await.unwrap(), head);
    }
}

#[tokio::test]
async fn no_answer_stands_in_clear_in_the_store() {
    for test in databases().await {
        let (gate, principal) = (gate(&test).await, principal());
        let tenant = tenant(&gate).await;
        let call = call(&gate, &principal, "k");
        let secret = gate.issue_key(&call, tenant, issue(), None).await.unwrap().answer.secret;
        let body = format!("{{\"secret\":\"{}\"}}", secret.expose());
        gate.keep_answer(&call, answer(&body)).await.unwrap();
        let rows = test.database.query("SELECT result FROM idempotency", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        let stored = rows[0].blob(0).unwrap();
        let holds = |needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(secret.expose().as_bytes()) && !holds(b"secret"));
    }
}

#[tokio::test]
async fn a_revocation_that_changes_nothing_can_be_repeated_too() {
    for test in databases().await {
        let (gate, principal) = (gate(&test).await, principal());
        let tenant = tenant(&gate).await;
        let key = key(&gate, tenant).await;
        let revoke = || Revoke { reason: RevocationReason::Unused, note: None };
        for (number, happens) in [("k-1", true), ("k-2", false), ("k-2", false)] {
            let done =
                gate.revoke_key(&call(&gate, &principal, number), tenant, key, revoke()).await.unwrap();
            assert_eq!(done.position.is_some(), happens, "{number}");
        }
    }
}

/// Randomness that does something else first, once. A gate draws its ids and secrets when it has loaded the tenant and has not
/// appended yet.
#[derive(Default)]
struct Interruption(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Interruption {
    /// Has `gate` do something to the tenant at the next draw.
    fn arm(&self, gate: &Arc<Gate>, tenant: TenantId, deed: Deed) {
        let gate = Arc::clone(gate);
        let runtime = tokio::runtime::Handle::current();
        *self.0.lock().unwrap() = Some(Box::new(move || {
            let work = async {
                let principal = principal();
                let call = gate.system_call(&principal, "another");
                match deed {
                    Deed::Suspend => gate.suspend_tenant(&call, tenant, None).await,
                    Deed::Rename => gate.rename_tenant(&call, tenant, "Renamed".to_owned()).await,
                }
            };
            tokio::task::block_in_place(|| runtime.block_on(work)).unwrap();
        }));
    }
}

#[derive(Clone, Copy)]
enum Deed {
    Suspend,
    Rename,
}

impl Entropy for Interruption {
    fn fill(&self, bytes: &mut [u8]) {
        let deed = self.0.lock().unwrap().take();
        if let Some(deed) = deed {
            deed();
        }
        SystemEntropy.fill(bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_suspended_meanwhile_gets_no_new_secret() {
    for test in databases().await {
        let interruption = Arc::new(Interruption::default());
        let one = gate_with(&test, interruption.clone()).await;
        let other = Arc::new(gate(&test).await);
        let tenant = tenant(&one).await;
        let key = key(&one, tenant).await;
        let principal = principal();

        interruption.arm(&other, tenant, Deed::Rename);
        assert!(one.issue_key(&call(&one, &principal, "renamed"), tenant, issue(), None).await.is_ok());

        let suspended = |outcome: Result<Done<Issued>, GateError>| {
            let refusal = Refusal::Key(nexus_domain::key::KeyRefusal::TenantSuspended);
            assert!(
                matches!(&outcome, Err(GateError::Refused(refused)) if *refused == refusal),
                "{outcome:?}"
            );
        };
        interruption.arm(&other, tenant, Deed::Suspend);
        suspended(one.issue_key(&call(&one, &principal, "issue"), tenant, issue(), None).await);
        one.resume_tenant(&one.system_call(&principal, "test"), tenant).await.unwrap();
        interruption.arm(&other, tenant, Deed::Suspend);
        suspended(one.rotate_key(&call(&one, &principal, "rotate"), tenant, key, Rotate::default()).await);

        let log = one.journal().read(0, 100).await.unwrap();
        let types: Vec<&str> = log.iter().map(|event| event.event_type.as_str()).collect();
        let expected = [
            "TenantCreated",
            "KeyIssued",
            "TenantRenamed",
            "KeyIssued",
            "TenantSuspended",
            "TenantResumed",
            "TenantSuspended",
        ];
        assert_eq!(types, expected);
        for refused in ["issue", "rotate"] {
            drop(going(one.begin(&call(&one, &principal, refused)).await.unwrap()));
        }
    }
}

#[tokio::test]
async fn nodes_are_never_told_an_older_state_than_before() {
    for test in databases().await {
        let (gate, principal) = (Arc::new(gate(&test).await), principal());
        let tenant = tenant(&gate).await;
        let key = key(&gate, tenant).await;
        let issued = gate.journal().recent_changes(0, 10);
        let call = gate.system_call(&principal, "test");
        gate.revoke_key(&call, tenant, key, Revoke { reason: RevocationReason::Compromised, note: None })
            .await
            .unwrap();
        let [.., first, last] = &gate.journal().recent_changes(0, 10)[..] else { panic!("no changes") };
        assert_eq!(
            (first.sequence, last.sequence, first.shows.is_some(), last.shows.is_some()),
            (1, 2, true, true)
        );
        assert_eq!(issued.last(), Some(first));
        let (active, revoked) = (first.shows.as_deref().unwrap(), last.shows.as_deref().unwrap());
        assert_ne!(active, revoked);

        let entries = entries::Entries::new(Arc::clone(&gate));
        let shown = async |change: &journal::Change| entries.followed(from_ref(change)).await.unwrap();
        assert_eq!(shown(first).await, from_ref(active), "it comes with the change");
        // As after a look at the store, which has the revocation already.
        assert_eq!(shown(&journal::Change { shows: None, ..first.clone() }).await, from_ref(revoked));
        assert_eq!(shown(first).await, from_ref(revoked));
        assert_eq!(shown(last).await, from_ref(revoked));
        let both = entries.followed(&[first.clone(), last.clone()]).await.unwrap();
        assert_eq!(both, from_ref(revoked), "once, as it was last");
        assert_eq!(entries.stored(from_ref(first)).await.unwrap(), from_ref(revoked));
    }
}
