//! Members and sessions on both stores, as several API nodes have them.

use chrono::TimeDelta;
use nexus_domain::credential::Digest;
use nexus_domain::ids::{MemberId, SessionId};
use nexus_domain::member::{Password, Role};
use nexus_domain::session::{EndReason, IDLE, LONGEST, SignInFailure};

use super::*;

const PASSWORD: &str = "correct horse battery staple";

fn password(text: &str) -> Password {
    Password::presented(text.to_owned())
}

fn new(email: &str) -> NewMember {
    NewMember { email: email.parse().unwrap(), role: Role::Developer, password: Some(password(PASSWORD)) }
}

async fn add(gate: &Gate, tenant: TenantId, email: &str) -> Result<MemberId, GateError> {
    let principal = principal();
    let call = gate.system_call(&principal, "test");
    gate.add_member(&call, tenant, new(email)).await.map(|done| done.answer.member_id)
}

async fn sign_in(gate: &Gate, email: &str, typed: &str) -> SignInOutcome {
    let stranger = gate.stranger();
    let call = Call { ip: Some([192, 0, 2, 7].into()), ..gate.system_call(&stranger, "test") };
    let (password, digest) = (password(typed), Digest::of("secret"));
    let shown = SignIn { email, password: &password, digest, user_agent: Some("Browser") };
    gate.sign_in(&call, shown).await.unwrap()
}

async fn session(gate: &Gate, email: &str) -> MemberSession {
    match sign_in(gate, email, PASSWORD).await {
        SignInOutcome::SignedIn(session) => *session,
        SignInOutcome::Refused(refused) => panic!("{refused:?}"),
    }
}

async fn lives(gate: &Gate, session: SessionId, after: TimeDelta) -> bool {
    let now = gate.clock().now() + after;
    gate.session(session, &Digest::of("secret"), now).await.unwrap().is_some()
}

async fn count(gate: &Gate, table: &str) -> u64 {
    let rows = gate.journal.database().query(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap();
    rows[0].uint(0).unwrap()
}

#[tokio::test]
async fn of_two_nodes_that_add_one_address_at_once_one_does() {
    for test in databases().await {
        let (one, other) = (gate(&test).await, gate(&test).await);
        let tenant = tenant(&one).await;
        let (first, second) =
            tokio::join!(add(&one, tenant, "ada@example.com"), add(&other, tenant, "ada@example.com"));
        let outcomes = [first, second];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(GateError::EmailTaken))), "{outcomes:?}");
        assert_eq!(count(&one, "member_password").await, 1, "the other's hash is gone");
    }
}

#[tokio::test]
async fn an_address_is_a_present_member_s_on_every_node_at_once() {
    for test in databases().await {
        let (one, other) = (gate(&test).await, gate(&test).await);
        let tenant = tenant(&one).await;
        let ada = add(&one, tenant, "ada@example.com").await.unwrap();
        let found = session(&other, "ADA@example.com").await;
        assert_eq!((found.session.member_id, found.session.tenant_id), (ada, tenant));
        assert!(found.principal.sees(tenant) && !found.principal.sees(PLATFORM_TENANT));
        assert!(found.principal.scopes.allow("keys:write") && !found.principal.scopes.allow("members:read"));
        for (email, typed, member_id, reason) in [
            ("ada@example.com", "wrong", Some(ada), SignInFailure::WrongPassword),
            ("bob@example.com", PASSWORD, None, SignInFailure::UnknownEmail),
            ("no address", PASSWORD, None, SignInFailure::UnknownEmail),
        ] {
            let SignInOutcome::Refused(refused) = sign_in(&other, email, typed).await else {
                panic!("{email} was let in");
            };
            assert_eq!((refused.member_id, refused.reason), (member_id, reason));
        }
        let principal = principal();
        let call = one.system_call(&principal, "test");
        let _removed = one.remove_member(&call, tenant, ada).await.unwrap();
        assert!(!lives(&other, found.session_id, TimeDelta::zero()).await);
        let refused = sign_in(&other, "ada@example.com", PASSWORD).await;
        assert!(matches!(refused, SignInOutcome::Refused(refused) if refused.member_id.is_none()));
        assert_eq!((count(&one, "member_password").await, count(&one, "member_session").await), (0, 0));
        assert_ne!(add(&other, tenant, "ada@example.com").await.unwrap(), ada);
    }
}

#[tokio::test]
async fn a_session_is_idle_after_half_an_hour_and_over_after_twelve() {
    for test in databases().await {
        let (one, other) = (gate(&test).await, gate(&test).await);
        let tenant = tenant(&one).await;
        let _ada = add(&one, tenant, "ada@example.com").await.unwrap();
        let id = session(&one, "ada@example.com").await.session_id;
        let minutes = TimeDelta::minutes;
        assert!(!lives(&one, id, IDLE + minutes(1)).await, "idle");
        // What is asked on one node keeps it alive on the other.
        let mut at = TimeDelta::zero();
        while at + minutes(25) < LONGEST {
            at += minutes(25);
            assert!(lives(if at.num_minutes() % 2 == 0 { &one } else { &other }, id, at).await, "{at}");
        }
        assert!(!lives(&one, id, LONGEST + minutes(1)).await, "over");
        let now = one.clock().now();
        assert_eq!(one.prune_sessions(now + at).await.unwrap(), 0, "it lives");
        assert_eq!(one.prune_sessions(now + at + IDLE + minutes(1)).await.unwrap(), 1);
        assert!(!lives(&other, id, at).await, "and without its row it is over");
    }
}

#[tokio::test]
async fn a_secret_opens_its_own_session_alone() {
    for test in databases().await {
        let gate = gate(&test).await;
        let tenant = tenant(&gate).await;
        let _ada = add(&gate, tenant, "ada@example.com").await.unwrap();
        let id = session(&gate, "ada@example.com").await.session_id;
        let now = gate.clock().now();
        for (session, secret) in [(id, "other"), (SessionId::new(uuid::Uuid::nil()), "secret")] {
            assert!(gate.session(session, &Digest::of(secret), now).await.unwrap().is_none());
        }
        let elsewhere = super::tenant(&gate).await;
        let principal = principal();
        let call = gate.system_call(&principal, "test");
        assert!(
            gate.end_session(&call, elsewhere, id, EndReason::Revoked).await.is_err(),
            "another tenant's"
        );
        assert!(lives(&gate, id, TimeDelta::zero()).await);
        let _ended = gate.end_session(&call, tenant, id, EndReason::Revoked).await.unwrap();
        assert!(!lives(&gate, id, TimeDelta::zero()).await);
        assert_eq!(gate.end_session(&call, tenant, id, EndReason::Revoked).await.unwrap().position, None);
    }
}

#[tokio::test]
async fn whoever_signs_in_while_the_password_changes_gets_no_session_of_the_old_one() {
    for test in databases().await {
        let (one, other) = (gate(&test).await, gate(&test).await);
        let tenant = tenant(&one).await;
        let ada = add(&one, tenant, "ada@example.com").await.unwrap();
        let stranger = one.stranger();
        let call = one.system_call(&stranger, "test");
        // The password was right a moment ago.
        let email = "ada@example.com".parse().unwrap();
        let (id, member, sequence) = one.member_by_email(&email).await.unwrap().unwrap();
        let principal = principal();
        let changing = other.system_call(&principal, "test");
        let _set =
            other.set_password(&changing, tenant, ada, &password("another horse battery")).await.unwrap();
        let right = password(PASSWORD);
        let shown = SignIn { email: "", password: &right, digest: Digest::of("secret"), user_agent: None };
        let outcome = one.begin_session(&call, id, member, sequence, &shown).await;
        assert!(matches!(outcome, Err(GateError::Contended)), "{outcome:?}");
        let outcome = sign_in(&one, "ada@example.com", PASSWORD).await;
        assert!(matches!(outcome, SignInOutcome::Refused(_)), "{outcome:?}");
        assert_eq!(count(&one, "member_password").await, 1, "the former hash is gone");
        assert!(one.is_password("ada@example.com", &password("another horse battery")).await.unwrap());
    }
}

#[tokio::test]
async fn a_hash_opens_for_its_own_member_alone() {
    for test in databases().await {
        let gate = gate(&test).await;
        let tenant = tenant(&gate).await;
        let (_ada, _bob) =
            (add(&gate, tenant, "ada@example.com").await, add(&gate, tenant, "bob@example.com").await);
        // Whoever can write to the store puts a hash that they know under another member's name.
        let swap = "UPDATE member_password SET sealed = (SELECT sealed FROM member_password ORDER BY password_id LIMIT 1)";
        let _rows = gate.journal.database().execute(swap, &[]).await.unwrap();
        assert!(gate.is_password("ada@example.com", &password(PASSWORD)).await.unwrap());
        let refused = gate.is_password("bob@example.com", &password(PASSWORD)).await;
        assert!(matches!(refused, Err(GateError::Internal(_))), "{refused:?}");
    }
}
