//! A store that does not answer: callers are told in time, and long work goes on.

use std::time::Duration;

use nexus_domain::key::Key;

use super::*;
use crate::database::ANSWERS_WITHIN;

/// What callers may wait, with some time for a busy machine.
const TOLD_WITHIN: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_locked_table_is_told_and_a_long_transaction_is_not_cut() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let journal = open(test.database.clone()).await;
    let keys: JournalStore<Key> = JournalStore::new(journal.clone());
    // A lock stands for a server that stands still; its holder does long work meanwhile.
    let mut holder = test.reconnect().await.begin().await.unwrap();
    holder.execute_batch("LOCK TABLE events, log_head, claim IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let long = ANSWERS_WITHIN + Duration::from_secs(3);
    let long = tokio::spawn(async move {
        holder.query("SELECT 1 FROM pg_sleep($1)", &[i64::try_from(long.as_secs()).unwrap().into()]).await?;
        holder.commit().await
    });

    let database = &test.database;
    let asked = async {
        let outcomes = tokio::join!(
            database.query("SELECT name FROM claim", &[]),
            database.execute("DELETE FROM claim", &[]),
            journal.head(),
            journal.read(0, 1),
            keys.load("key-1"),
            journal.append(new("a")),
            journal.append(new("b")),
        );
        let transient = |error: DatabaseError| error.is_transient();
        assert!(outcomes.0.is_err_and(transient) && outcomes.1.is_err_and(transient));
        assert!(outcomes.2.is_err_and(transient) && outcomes.3.is_err_and(transient));
        assert!(outcomes.4.is_err_and(transient));
        for appended in [outcomes.5, outcomes.6] {
            assert!(matches!(appended, Err(AppendError::Unavailable(_))), "{appended:?}");
        }
    };
    tokio::time::timeout(TOLD_WITHIN, asked).await.expect("an answer in time");
    long.await.unwrap().expect("the long transaction is whole");
    assert!(journal.append(new("c")).await.is_ok());
    assert_eq!(keys.load("key-1").await.unwrap().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_the_writer_of_a_file_is_told_and_a_long_transaction_is_not_cut() {
    let test = TestDatabase::sqlite().await;
    let options = JournalOptions { append_timeout: Duration::from_millis(500) };
    let journal = Journal::open(test.database.clone(), options).await.unwrap();
    // The process's own writer is busy with something long; then the file is locked by another process.
    for holder in [test.database.clone(), test.reconnect().await] {
        let mut holder = holder.begin().await.unwrap();
        holder
            .execute("INSERT INTO claim VALUES ('long', 'work') ON CONFLICT DO NOTHING", &[])
            .await
            .unwrap();
        let asked = async { tokio::join!(journal.append(new("a")), journal.append(new("b"))) };
        let (one, other) =
            tokio::time::timeout(Duration::from_secs(3), asked).await.expect("an answer in time");
        for appended in [one, other] {
            assert!(matches!(appended, Err(AppendError::Unavailable(_))), "{appended:?}");
        }
        holder.commit().await.expect("the long transaction is whole");
    }
    // What was given up has left nothing open. It may stand in the log all the same, once.
    let appended = async {
        loop {
            match journal.append(new("c")).await {
                Err(AppendError::Unavailable(_)) => {}
                outcome => return outcome.unwrap(),
            }
        }
    };
    let appended =
        tokio::time::timeout(Duration::from_secs(10), appended).await.expect("the writer comes back");
    let log = read_dense(&journal).await;
    assert_eq!(
        log.last().map(|last| (last.position, last.aggregate_id.as_str())),
        Some((appended.first, "c"))
    );
    assert!(log.iter().all(|event| event.sequence == 1), "{log:?}");
}
