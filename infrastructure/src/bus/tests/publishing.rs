//! Every event, in order, numbered without gaps, through crashes of the relay itself.

use super::inbox::Inbox;
use super::*;
use crate::testing::{TestDatabase, databases};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_comes_once_in_order_and_as_documented() {
    let Some(url) = amqp_url() else { return };
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let tenants = [new_tenant(), new_tenant()];
        let mut inboxes = vec![];
        for tenant in &tenants {
            inboxes.push(Inbox::open(&url, tenant).await);
        }
        append(&journal, &tenants[0], 1, 700, 100).await;
        let relay = Running::start(&journal, &url);
        tokio::join!(
            append(&journal, &tenants[0], 701, 1400, 20),
            append(&journal, &tenants[1], 1, 100, 1),
            inboxes[0].receive_all(1400)
        );
        inboxes[1].receive_all(100).await;
        relay.position(1500).await;
        relay.stop().await;
        assert_eq!((inboxes[0].check(1400), inboxes[1].check(100)), (0, 0), "nothing is sent twice");

        let message = &inboxes[0].messages[1];
        let tenant = &tenants[0];
        assert_eq!(message.id, format!("{tenant}/2"));
        assert_eq!(message.key, format!("{tenant}.key.revoked.v1"));
        assert_eq!((message.position, message.sequence, message.delivery_mode), (2, 2, 2));
        assert_eq!(message.content_type, "application/cloudevents+json");
        assert_eq!(message.timestamp, NOW.unsigned_abs() / 1_000_000);
        let event = &journal.read(1, 1).await.unwrap()[0];
        assert_eq!(
            message.body.to_string().into_bytes(),
            CloudEvent::new(event, PUBLIC_URL, 2).unwrap().body()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_and_not_stored_is_sent_again_with_the_same_numbers() {
    let Some(url) = amqp_url() else { return };
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    let tenant = new_tenant();
    let mut inbox = Inbox::open(&url, &tenant).await;
    append(&journal, &tenant, 1, 40, 40).await;
    let relay = Running::start(&journal, &url);
    relay.position(40).await;
    // From here on everything is confirmed and nothing can be stored.
    let block =
        "CREATE TRIGGER block BEFORE INSERT ON relay_tenant_sequence BEGIN SELECT RAISE(ABORT, 'full'); END";
    test.database.execute_batch(block).await.unwrap();
    append(&journal, &tenant, 41, 100, 20).await;
    inbox.until(|messages| messages.iter().filter(|message| message.sequence == 100).count() >= 3).await;
    assert_eq!(*relay.handle.position.borrow(), 40);
    let status = relay.status(|status| matches!(status, RelayStatus::Waiting { .. })).await;
    assert!(format!("{status:?}").contains("full"), "{status:?}");
    relay.stop().await;

    test.database.execute_batch("DROP TRIGGER block").await.unwrap();
    let relay = Running::start(&journal, &url);
    append(&journal, &tenant, 101, 120, 1).await;
    relay.position(120).await;
    inbox.receive_all(120).await;
    relay.stop().await;
    assert!(inbox.check(120) >= 120, "60 events came three times and more");
}

#[test]
fn a_process_that_dies_anywhere_loses_and_renumbers_nothing() {
    let Some(url) = amqp_url() else { return };
    let outer = tokio::runtime::Runtime::new().unwrap();
    let tenant = new_tenant();
    let (test, mut inbox) =
        outer.block_on(async { (TestDatabase::sqlite().await, Inbox::open(&url, &tenant).await) });
    for life in 0..6 {
        let inner =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        inner.block_on(async {
            let journal = open(test.reconnect().await).await;
            let _relay = Running::start(&journal, &url);
            append(&journal, &tenant, life * 400 + 1, life * 400 + 400, 20).await;
            tokio::time::sleep(Duration::from_millis(37 * life)).await;
        });
        // All tasks stop where they are.
        inner.shutdown_background();
    }
    outer.block_on(async {
        let journal = open(test.reconnect().await).await;
        let relay = Running::start(&journal, &url);
        relay.position(2400).await;
        inbox.receive_all(2400).await;
        relay.stop().await;
        println!("{} copies", inbox.check(2400));
    });
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_neither_sent_as_an_empty_one_nor_passed_over() {
    let Some(url) = amqp_url() else { return };
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    let tenant = new_tenant();
    let mut inbox = Inbox::open(&url, &tenant).await;
    append(&journal, &tenant, 1, 5, 5).await;
    let damage = "UPDATE events SET metadata = '{' WHERE sequence = 4";
    test.database.execute(damage, &[]).await.unwrap();
    let relay = Running::start(&journal, &url);
    let waiting = |status: &RelayStatus| matches!(status, RelayStatus::Waiting { reason } if reason.contains("position 4 cannot be read"));
    relay.status(waiting).await;
    inbox.receive_all(3).await;
    relay.position(3).await;

    let mend = "UPDATE events SET metadata = $1 WHERE sequence = 4";
    let metadata = format!("{{\"tenant_id\": \"{tenant}\", \"event_id\": \"{tenant}/4\"}}");
    test.database.execute(mend, &[metadata.into()]).await.unwrap();
    relay.position(5).await;
    relay.stop().await;
    inbox.receive_all(5).await;
    assert_eq!(inbox.check(5), 0, "nothing is sent twice");
}

#[tokio::test]
async fn a_gap_in_the_log_is_not_passed_over() {
    let Some(url) = amqp_url() else { return };
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    append(&journal, &new_tenant(), 1, 3, 3).await;
    test.database.execute("DELETE FROM event_log WHERE position = 2", &[]).await.unwrap();
    let relay = Running::start(&journal, &url);
    let waiting =
        |status: &RelayStatus| matches!(status, RelayStatus::Waiting { reason } if reason.contains("gap"));
    relay.status(waiting).await;
    relay.stop().await;
}
