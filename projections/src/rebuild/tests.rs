//! What one build does where another one is at the same tables.

use nexus_infrastructure::database::Database;
use nexus_infrastructure::journal::{Append, Expected, Journal, JournalOptions, NewEvent, StreamAppend};
use nexus_infrastructure::testing::databases;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::feed::Feed;

async fn usage(database: &Database) -> (Arc<Shared>, Arc<Slot>) {
    let journal = Journal::open(database.clone(), JournalOptions::default()).await.unwrap();
    let slot = Arc::new(Slot::new(Arc::new(crate::usage::Fold)));
    let (slots, stopping) = (vec![slot.clone()], watch::Sender::new(false));
    (Arc::new(Shared { journal, feed: Feed::default(), slots, running: false, stopping }), slot)
}

#[tokio::test]
async fn what_somebody_else_has_brought_together_or_switched_is_left_alone() {
    for database in databases().await {
        let (shared, slot) = usage(&database.database).await;
        let mut first = unfinished(&shared, &slot).await.unwrap().unwrap();
        let mut second = unfinished(&shared, &slot).await.unwrap().unwrap();
        assert_eq!(first.build, second.build);
        assert!(first.index().await.unwrap());
        assert!(second.loading);
        assert!(second.index().await.unwrap(), "there is nothing left to do");
        assert!(first.switch().await.unwrap());
        assert!(!second.index().await.unwrap(), "it is not being filled any more");
    }
}

#[tokio::test]
async fn events_too_big_to_be_read_at_once_are_not_taken_for_the_end_of_the_log() {
    for database in databases().await {
        let (shared, slot) = usage(&database.database).await;
        let event = |_| NewEvent {
            event_type: "KeyIssued".to_owned(),
            event_version: "1.0".to_owned(),
            payload: json!("x".repeat(9 << 20)).into(),
            metadata: json!({}).into(),
        };
        let stream = StreamAppend {
            aggregate_type: "key".to_owned(),
            aggregate_id: "passed over".to_owned(),
            expected: Expected::Any,
            events: (0..3).map(event).collect(),
        };
        shared.journal.append(Append { streams: vec![stream], ..Append::default() }).await.unwrap();
        let mut target = unfinished(&shared, &slot).await.unwrap().unwrap();
        assert!(target.index().await.unwrap());
        assert!(!target.switch().await.unwrap());
        assert_eq!(target.checkpoint, 2);
        assert!(target.switch().await.unwrap());
        assert_eq!(target.checkpoint, 3);
    }
}
