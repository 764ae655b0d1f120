//! Appending: order, conflicts, atomicity, batches.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn positions_are_dense_under_eight_journals_with_conflicts() {
    for test in databases().await {
        let mut tasks = Vec::new();
        for writer in 0..8 {
            let journal = open(test.reconnect().await).await;
            tasks.push(tokio::spawn(async move {
                let mut accepted = 0u64;
                let mut conflicts = 0u64;
                // All writers fight over a few streams, each assuming that it is alone.
                for round in 0..60u64 {
                    let id = format!("shared-{}", round % 3);
                    let outcome =
                        journal.append(append(&id, Expected::Exactly(round / 3), 1 + writer % 3)).await;
                    match outcome {
                        Ok(_) => accepted += 1 + writer % 3,
                        Err(AppendError::Conflict) => conflicts += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                    journal.append(new(&format!("own-{writer}-{round}"))).await.unwrap();
                    accepted += 1;
                }
                (accepted, conflicts)
            }));
        }
        let (mut accepted, mut conflicts) = (0, 0);
        for task in tasks {
            let (a, c) = task.await.unwrap();
            accepted += a;
            conflicts += c;
        }
        assert!(conflicts > 0, "the writers met");
        let events = read_dense(&open(test.reconnect().await).await).await;
        assert_eq!(events.len() as u64, accepted);
    }
}

#[tokio::test]
async fn an_event_is_read_as_it_was_appended() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let appended = journal.append(append("a", Expected::Exactly(0), 2)).await.unwrap();
        assert_eq!(appended, Appended { first: 1, last: 2 });
        let events = journal.read(0, 10).await.unwrap();
        assert_eq!(
            events[1],
            RecordedEvent {
                position: 2,
                aggregate_type: "counter".to_owned(),
                aggregate_id: "a".to_owned(),
                sequence: 2,
                event_type: "Counted".to_owned(),
                event_version: "1.0".to_owned(),
                payload: event(2).payload,
                metadata: event(2).metadata,
                created_at: NOW,
            }
        );
        assert_eq!(journal.read(0, 1).await.unwrap().len(), 1);
        assert_eq!(*journal.watch().borrow(), 2);
    }
}

#[tokio::test]
async fn events_are_found_by_their_positions_a_few_at_a_time() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(append("a", Expected::Exactly(0), 3)).await.unwrap();
        let turn = journal.at(&[3, 1, 7]).await.unwrap();
        assert_eq!(turn.events.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 3]);
        assert!(turn.at_end, "the log has no more of them");
        let mut big = append("b", Expected::Exactly(0), 3);
        for event in &mut big.streams[0].events {
            event.payload = json!({ "text": "x".repeat(9 << 20) }).into();
        }
        journal.append(big).await.unwrap();
        let turn = journal.at(&[1, 4, 5, 6]).await.unwrap();
        assert_eq!(turn.events.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 4, 5]);
        assert!(!turn.at_end);
        let turn = journal.read_turn(3, 100).await.unwrap();
        assert_eq!((turn.events.len(), turn.at_end), (2, false));
        assert!(journal.at(&[6]).await.unwrap().at_end);
    }
}

#[tokio::test]
async fn a_rejected_append_leaves_no_gap_and_no_trace() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(append("a", Expected::Exactly(0), 3)).await.unwrap();
        for wrong in [0, 2, 4] {
            let outcome = journal.append(append("a", Expected::Exactly(wrong), 1)).await;
            assert!(matches!(outcome, Err(AppendError::Conflict)), "{outcome:?}");
        }
        let next = journal.append(append("a", Expected::Exactly(3), 1)).await.unwrap();
        assert_eq!(next, Appended { first: 4, last: 4 });
        read_dense(&journal).await;
    }
}

#[tokio::test]
async fn rejected_neighbours_in_one_batch_do_not_matter() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(new("taken")).await.unwrap();
        // Polled together, so that they arrive while the lane is busy with the first and share a batch.
        let appends = (0..200).map(|number| {
            let id = if number % 3 == 0 { "taken".to_owned() } else { format!("free-{number}") };
            let journal = journal.clone();
            async move { (number, journal.append(new(&id)).await) }
        });
        let outcomes = futures::future::join_all(appends).await;
        for (number, outcome) in outcomes {
            match number % 3 {
                0 => assert!(matches!(outcome, Err(AppendError::Conflict))),
                _ => {
                    let place = outcome.unwrap();
                    let found = journal.read(place.first - 1, 1).await.unwrap();
                    assert_eq!(
                        found[0].aggregate_id,
                        format!("free-{number}"),
                        "the answer names the event's position"
                    );
                }
            }
        }
        read_dense(&journal).await;
    }
}

#[tokio::test]
async fn several_streams_are_appended_together_or_not_at_all() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(new("b")).await.unwrap();
        let both = |expected_b| Append {
            streams: vec![
                stream("a", Expected::Exactly(0), 2),
                stream("b", Expected::Exactly(expected_b), 1),
            ],
            now: NOW,
            ..Append::default()
        };
        assert!(matches!(journal.append(both(0)).await, Err(AppendError::Conflict)));
        assert_eq!(journal.head().await.unwrap(), 1);
        assert_eq!(journal.append(both(1)).await.unwrap(), Appended { first: 2, last: 4 });
        read_dense(&journal).await;
    }
}

#[tokio::test]
async fn a_stream_without_events_is_a_condition() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(new("guard")).await.unwrap();
        let guarded = |expected, id: &str| Append {
            streams: vec![
                stream("guard", Expected::Exactly(expected), 0),
                stream(id, Expected::Exactly(0), 1),
            ],
            now: NOW,
            ..Append::default()
        };
        assert!(matches!(journal.append(guarded(0, "a")).await, Err(AppendError::Conflict)));
        assert_eq!(journal.append(guarded(1, "a")).await.unwrap(), Appended { first: 2, last: 2 });
        let nothing = append("guard", Expected::Exactly(1), 0);
        assert_eq!(journal.append(nothing).await.unwrap(), Appended { first: 2, last: 2 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expected_any_appends_behind_whatever_is_there() {
    for test in databases().await {
        let journals = [open(test.database.clone()).await, open(test.reconnect().await).await];
        let appends = (0..100).map(|number: usize| {
            let journal = journals[number % 2].clone();
            tokio::spawn(async move { journal.append(append("log", Expected::Any, 2)).await.unwrap() })
        });
        futures::future::join_all(appends).await;
        let events = read_dense(&journals[0]).await;
        assert_eq!(events.len(), 200);
        assert_eq!(events.last().unwrap().sequence, 200);
    }
}

#[tokio::test]
async fn a_poisonous_append_does_not_fail_its_neighbours() {
    for test in databases().await {
        if test.database.is_postgres() {
            let trigger = "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN IF new.aggregate_id LIKE 'poison%' THEN RAISE EXCEPTION 'poison'; END IF; RETURN new; END $$; \
                CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION poison();";
            test.database.execute_batch(trigger).await.unwrap();
        } else {
            let trigger = "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.aggregate_id LIKE 'poison%' \
                BEGIN SELECT RAISE(ABORT, 'poison'); END;";
            test.database.execute_batch(trigger).await.unwrap();
        }
        let journal = open(test.database.clone()).await;
        let appends = (0..100).map(|number| {
            let id = if number == 17 || number == 60 {
                format!("poison-{number}")
            } else {
                format!("good-{number}")
            };
            let journal = journal.clone();
            async move { (number, journal.append(new(&id)).await) }
        });
        for (number, outcome) in futures::future::join_all(appends).await {
            match number {
                17 | 60 => assert!(matches!(outcome, Err(AppendError::Invalid(_))), "{outcome:?}"),
                _ => assert!(outcome.is_ok(), "{outcome:?}"),
            }
        }
        assert_eq!(read_dense(&journal).await.len(), 98);
    }
}

#[tokio::test]
async fn what_no_store_could_hold_is_refused_before_the_lane() {
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    let mut nul = new("a");
    nul.streams[0].events[0].payload = json!({ "name": "a\0b" }).into();
    let twice = Append {
        streams: vec![stream("a", Expected::Any, 1), stream("a", Expected::Any, 1)],
        now: NOW,
        ..Append::default()
    };
    let endless = new(&"x".repeat(MAX_NAME + 1));
    let beyond = append("a", Expected::Exactly(u64::MAX), 1);
    for bad in [nul, twice, endless, beyond, new(""), Append::default()] {
        let outcome = journal.append(bad).await;
        assert!(matches!(outcome, Err(AppendError::Invalid(_))), "{outcome:?}");
    }
    assert_eq!(journal.head().await.unwrap(), 0);
}

#[tokio::test]
async fn closing_commits_what_is_queued() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let queued: Vec<_> = (0..50)
            .map(|number| {
                let journal = journal.clone();
                tokio::spawn(async move { journal.append(new(&format!("a-{number}"))).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let other = journal.clone();
        journal.close().await;
        let mut committed = 0;
        for task in queued {
            match task.await.unwrap() {
                Ok(_) => committed += 1,
                Err(AppendError::Closed) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(committed > 0);
        assert_eq!(read_dense(&other).await.len(), committed);
        assert!(matches!(other.append(new("late")).await, Err(AppendError::Closed)));
    }
}

#[tokio::test]
async fn commands_of_one_stream_keep_their_order_among_many_others() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let others = (0..600).map(|number| append(&format!("other {number}"), Expected::Exactly(0), 1));
        let stream = (0..60).map(|before| append("stream", Expected::Exactly(before), 1));
        // Each is sent before any is answered, ten others in front of one of the stream.
        let mut others = others.into_iter();
        let commands: Vec<Append> =
            stream.flat_map(|one| others.by_ref().take(10).chain([one]).collect::<Vec<_>>()).collect();
        let appending = futures::future::join_all(commands.into_iter().map(|one| journal.append(one)));
        // Else some would be set back behind others for having done enough in their turn.
        let outcomes = tokio::task::unconstrained(appending).await;
        assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|outcome| outcome.is_err()));
        assert_eq!(read_dense(&journal).await.len(), 660);
    }
}

#[tokio::test]
async fn the_lane_outlives_its_connections() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let journal = open(test.database.clone()).await;
    // One after the other they take turns, so that both are open.
    for id in ["before-1", "before-2"] {
        journal.append(new(id)).await.unwrap();
    }
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    test.database.query(kill, &[]).await.unwrap();
    // The first one meets a dead connection and is told so. Nobody else does: what it met is not tried again on the other.
    let mut failures = 0;
    for id in ["after-1", "after-2", "after-3", "after-4"] {
        match journal.append(new(id)).await {
            Ok(_) => {}
            Err(AppendError::Unavailable(DatabaseError::Transient(_))) => failures += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(failures <= 1, "{failures}");
    read_dense(&journal).await;
}
