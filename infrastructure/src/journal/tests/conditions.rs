//! Idempotency keys, claims and quotas: what holds or falls with the events.

use super::*;

fn with_key(id: &str, key: &str, expires_at: i64) -> Append {
    let idempotency = Idempotency {
        scope: "tenant-1".to_owned(),
        key: key.to_owned(),
        fingerprint: vec![1; 32],
        result: id.as_bytes().to_vec(),
        expires_at,
    };
    Append { idempotency: Some(idempotency), ..new(id) }
}

fn with_claims(id: &str, claims: &[(&str, &str, ClaimAction)]) -> Append {
    let claim = |(name, holder, action): &(&str, &str, ClaimAction)| Claim {
        name: (*name).to_owned(),
        holder: (*holder).to_owned(),
        action: *action,
    };
    Append { claims: claims.iter().map(claim).collect(), ..new(id) }
}

fn with_slots(id: &str, slots: &[(&str, SlotAction)]) -> Append {
    let slot = |(holder, action): &(&str, SlotAction)| Slot {
        quota: "keys/tenant-1".to_owned(),
        holder: (*holder).to_owned(),
        action: *action,
    };
    Append { slots: slots.iter().map(slot).collect(), ..new(id) }
}

fn take(limit: u32) -> SlotAction {
    SlotAction::Take { limit, expires_at: None }
}

fn is_full(outcome: &Result<Appended, AppendError>) -> bool {
    matches!(outcome, Err(AppendError::QuotaExceeded { quota, .. }) if quota == "keys/tenant-1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_repetitions_is_committed() {
    for test in databases().await {
        let journals = [open(test.database.clone()).await, open(test.reconnect().await).await];
        let appends = (0..40).map(|number: usize| {
            let journal = journals[number % 2].clone();
            tokio::spawn(
                async move { journal.append(with_key(&format!("a-{number}"), "once", NOW + 1)).await },
            )
        });
        let outcomes = futures::future::join_all(appends).await;
        let committed: Vec<usize> = (0..)
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.as_ref().unwrap().is_ok())
            .map(|(n, _)| n)
            .collect();
        assert_eq!(committed.len(), 1);
        let taken = |outcome: &&Result<_, _>| matches!(outcome, Err(AppendError::IdempotencyTaken));
        assert_eq!(outcomes.iter().filter(|outcome| taken(&outcome.as_ref().unwrap())).count(), 39);
        let stored = journals[0].idempotent_result("tenant-1", "once", NOW).await.unwrap().unwrap();
        assert_eq!(stored.result, format!("a-{}", committed[0]).into_bytes());
        assert_eq!(read_dense(&journals[0]).await.len(), 1);
    }
}

#[tokio::test]
async fn an_idempotency_key_runs_out_and_a_rejected_append_leaves_none() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(with_key("a", "k", NOW + 10)).await.unwrap();
        // Repeated as it was: the key is the answer, though the stream has moved on as well.
        let again = journal.append(with_key("a", "k", NOW + 10)).await;
        assert!(matches!(again, Err(AppendError::IdempotencyTaken)), "{again:?}");
        assert!(journal.idempotent_result("tenant-1", "k", NOW + 10).await.unwrap().is_none());
        assert!(journal.idempotent_result("tenant-2", "k", NOW).await.unwrap().is_none());
        let later = Append { now: NOW + 10, ..with_key("b", "k", NOW + 20) };
        journal.append(later).await.unwrap();
        assert_eq!(journal.idempotent_result("tenant-1", "k", NOW + 11).await.unwrap().unwrap().result, b"b");

        let rejected = journal.append(with_key("a", "other", NOW + 10)).await;
        assert!(matches!(rejected, Err(AppendError::Conflict)));
        assert!(journal.idempotent_result("tenant-1", "other", NOW).await.unwrap().is_none());

        assert_eq!(journal.purge_expired(NOW + 15).await.unwrap(), 0);
        assert_eq!(journal.purge_expired(NOW + 20).await.unwrap(), 1);
        read_dense(&journal).await;
    }
}

#[tokio::test]
async fn a_claim_has_one_holder() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(with_claims("a", &[("x@y", "a", ClaimAction::Take)])).await.unwrap();
        journal.append(with_claims("a2", &[("x@y", "a", ClaimAction::Take)])).await.unwrap();
        let taken = journal
            .append(with_claims("b", &[("free", "b", ClaimAction::Take), ("x@y", "b", ClaimAction::Take)]))
            .await;
        assert!(matches!(&taken, Err(AppendError::ClaimTaken { name }) if name == "x@y"), "{taken:?}");
        journal.append(with_claims("c", &[("free", "c", ClaimAction::Take)])).await.unwrap();
        // Somebody else's release changes nothing.
        journal.append(with_claims("d", &[("x@y", "d", ClaimAction::Release)])).await.unwrap();
        assert!(journal.append(with_claims("e", &[("x@y", "e", ClaimAction::Take)])).await.is_err());
        let hand_over = [("x@y", "e", ClaimAction::Take), ("x@y", "a", ClaimAction::Release)];
        journal.append(with_claims("e", &hand_over)).await.unwrap();
        assert!(journal.append(with_claims("f", &[("x@y", "a", ClaimAction::Take)])).await.is_err());
        journal.append(with_claims("g", &[("x@y", "e", ClaimAction::Release)])).await.unwrap();
        journal.append(with_claims("h", &[("x@y", "h", ClaimAction::Take)])).await.unwrap();
        read_dense(&journal).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_parallel_takes_fill_a_quota_exactly() {
    for test in databases().await {
        let journals = [open(test.database.clone()).await, open(test.reconnect().await).await];
        let appends = (0..100).map(|number: usize| {
            let journal = journals[number % 2].clone();
            let id = format!("key-{number}");
            tokio::spawn(async move { journal.append(with_slots(&id, &[(&id, take(20))])).await })
        });
        let outcomes: Vec<_> =
            futures::future::join_all(appends).await.into_iter().map(|outcome| outcome.unwrap()).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
        assert_eq!(outcomes.iter().filter(|outcome| is_full(outcome)).count(), 80);
        assert_eq!(read_dense(&journals[0]).await.len(), 20);
    }
}

#[tokio::test]
async fn slots_run_out_are_extended_and_released() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let until = |limit, at| SlotAction::Take { limit, expires_at: Some(at) };
        let extend = |limit, at| SlotAction::Extend { limit, expires_at: at };
        let at = |now, append: Append| Append { now, ..append };

        journal.append(with_slots("1", &[("a", until(2, NOW + 10)), ("b", take(2))])).await.unwrap();
        let full = journal.append(with_slots("2", &[("c", take(2))])).await;
        assert!(matches!(full, Err(AppendError::QuotaExceeded { limit: 2, .. })), "{full:?}");
        // Held places are not taken anew, not even over a limit that was lowered.
        journal.append(with_slots("3", &[("b", take(1)), ("a", extend(1, Some(NOW + 20)))])).await.unwrap();
        assert!(is_full(&journal.append(at(NOW + 19, with_slots("4", &[("c", take(2))]))).await));
        journal.append(at(NOW + 20, with_slots("5", &[("c", take(2))]))).await.unwrap();
        // a has run out, so extending it would be a third.
        assert!(is_full(&journal.append(at(NOW + 20, with_slots("6", &[("a", extend(2, None))]))).await));
        // Replacing one in the same command is no third.
        let replace = [("a", extend(2, None)), ("c", SlotAction::Release)];
        journal.append(at(NOW + 20, with_slots("7", &replace))).await.unwrap();
        // Ending one now frees it.
        journal.append(at(NOW + 21, with_slots("8", &[("a", extend(2, Some(NOW + 21)))]))).await.unwrap();
        let last = [("d", take(2))];
        journal.append(at(NOW + 21, with_slots("9", &last))).await.unwrap();
        assert!(is_full(&journal.append(at(NOW + 21, with_slots("10", &[("e", take(2))]))).await));
        assert_eq!(journal.purge_expired(NOW + 21).await.unwrap(), 1);
        read_dense(&journal).await;
    }
}

#[tokio::test]
async fn many_commands_with_conditions_share_a_batch() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(with_claims("z", &[("name-7", "z", ClaimAction::Take)])).await.unwrap();
        let appends = (0..120).map(|number| {
            let journal = journal.clone();
            async move {
                let id = format!("a-{number}");
                let name = format!("name-{number}");
                let quota = format!("quota-{number}");
                // 7 meets a claim, 8 a quota of none; both carry a key that must not stay.
                let slot = Slot { quota, holder: id.clone(), action: take(u32::from(number != 8)) };
                let append = Append {
                    slots: vec![slot],
                    claims: with_claims(&id, &[(&name, &id, ClaimAction::Take)]).claims,
                    ..with_key(&id, &id, NOW + 1)
                };
                (number, journal.append(append).await)
            }
        });
        for (number, outcome) in futures::future::join_all(appends).await {
            match number {
                7 => assert!(
                    matches!(&outcome, Err(AppendError::ClaimTaken { name }) if name == "name-7"),
                    "{outcome:?}"
                ),
                8 => {
                    let full = matches!(&outcome, Err(AppendError::QuotaExceeded { quota, limit: 0 }) if quota == "quota-8");
                    assert!(full, "{outcome:?}");
                }
                _ => assert!(outcome.is_ok(), "{outcome:?}"),
            }
            let stored = journal.idempotent_result("tenant-1", &format!("a-{number}"), NOW).await.unwrap();
            assert_eq!(stored.is_some(), outcome.is_ok());
        }
        assert_eq!(read_dense(&journal).await.len(), 119);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_condition_that_many_share_holds_for_all_that_come_before_the_change() {
    for test in databases().await {
        let journals = [open(test.database.clone()).await, open(test.reconnect().await).await];
        journals[0].append(new("guard")).await.unwrap();
        let guarded = |id: String| Append {
            streams: vec![stream("guard", Expected::Exactly(1), 0), stream(&id, Expected::Exactly(0), 1)],
            now: NOW,
            ..Append::default()
        };
        let appends = (0..200usize).map(|number| {
            let journal = journals[number % 2].clone();
            let change = append("guard", Expected::Exactly(1), 1);
            let append = if number == 100 { change } else { guarded(format!("a-{number}")) };
            tokio::spawn(async move { journal.append(append).await })
        });
        let outcomes: Vec<_> =
            futures::future::join_all(appends).await.into_iter().map(Result::unwrap).collect();
        let changed = outcomes[100].as_ref().unwrap().first;
        for outcome in &outcomes {
            match outcome {
                Ok(appended) => assert!(appended.last <= changed, "{appended:?} behind {changed}"),
                Err(error) => assert!(matches!(error, AppendError::Conflict), "{error:?}"),
            }
        }
        let late = journals[0].append(guarded("late".to_owned())).await;
        assert!(matches!(late, Err(AppendError::Conflict)), "{late:?}");
        assert_eq!(read_dense(&journals[0]).await.len() as u64, changed);
    }
}
