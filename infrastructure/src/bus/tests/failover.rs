//! Several processes, one publisher.

use super::inbox::Inbox;
use super::*;
use crate::testing::TestDatabase;

const HOLDERS: &str = "FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
     (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_publishes_and_the_other_takes_over() {
    let Some(url) = amqp_url() else { return };
    let Some(test) = TestDatabase::postgres().await else {
        println!("skipped: NEXUS_TEST_DATABASE_URL names no server");
        return;
    };
    let tenant = new_tenant();
    let mut inbox = Inbox::open(&url, &tenant).await;
    let (one, other) = (open(test.reconnect().await).await, open(test.reconnect().await).await);
    let first = Running::start(&one, &url);
    first.status(|status| *status == RelayStatus::Connected).await;
    let second = Running::start(&other, &url);
    second.status(|status| *status == RelayStatus::Standby).await;

    append(&other, &tenant, 1, 200, 10).await;
    first.position(200).await;
    // The one that stands by knows as well.
    second.position(200).await;
    let rows = test.database.query(&format!("SELECT count(*) {HOLDERS}"), &[]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 1);

    tokio::join!(first.stop(), append(&other, &tenant, 201, 400, 5));
    second.status(|status| *status == RelayStatus::Connected).await;
    second.position(400).await;
    inbox.receive_all(400).await;
    assert_eq!(inbox.check(400), 0, "a takeover in good order sends nothing twice");

    // The lead is lost with its connection: either of the two may have it next.
    let third = Running::start(&one, &url);
    third.status(|status| *status == RelayStatus::Standby).await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM (SELECT pid {HOLDERS}) holders");
    tokio::join!(
        async { test.database.query(&cut, &[]).await.unwrap() },
        append(&other, &tenant, 401, 800, 5)
    );
    second.position(800).await;
    third.position(800).await;
    inbox.receive_all(800).await;
    inbox.check(800);
    append(&one, &tenant, 801, 900, 5).await;
    third.position(900).await;
    inbox.receive_all(900).await;
    inbox.check(900);
    let both = [second.handle.status.borrow().clone(), third.handle.status.borrow().clone()];
    assert_eq!(both.iter().filter(|status| **status == RelayStatus::Connected).count(), 1, "{both:?}");
    tokio::join!(second.stop(), third.stop());
}
