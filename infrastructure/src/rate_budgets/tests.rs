//! Ledgers in both stores, settled by several API nodes at once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_domain::rate_limit::{RateLimit, WindowAsk};

use super::*;
use crate::clock::ManualClock;
use crate::testing::{TestDatabase, databases};

const MINUTE: u32 = 60_000;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(DateTime::<Utc>::from_timestamp(1_700_000_000, 0).unwrap()))
}

fn request(subject: &str, node: &str, number: u64, held: u32, needed: u32) -> BudgetRequest {
    let limit = RateLimit::new(600, Duration::from_secs(60)).unwrap();
    BudgetRequest {
        subject: subject.to_owned(),
        holder: Holder::new(node, 1),
        ask: Ask { number, windows: vec![WindowAsk { limit, held, needed }] },
    }
}

fn share(answer: &Result<Shares, Unsettled>) -> u32 {
    answer.as_ref().unwrap().windows[0].share
}

async fn ledger(database: &Database, subject: &str) -> Ledger {
    let rows = database.query("SELECT ledger FROM rate_budget WHERE subject = $1", &[subject.into()]).await;
    serde_json::from_str(rows.unwrap()[0].text(0).unwrap()).unwrap()
}

#[tokio::test]
async fn asks_are_answered_in_their_order_and_remembered() {
    for TestDatabase { database, .. } in &databases().await {
        let budgets = RateBudgets::new(database.clone(), clock());
        let answers = budgets
            .settle(&[
                request("b", "one", 1, 0, 600),
                request("a", "one", 2, 0, 4),
                request("b", "two", 1, 0, 600),
                request("a", "one", 1, 0, 4),
            ])
            .await
            .unwrap();
        assert_eq!(answers[..3].iter().map(share).collect::<Vec<_>>(), [600, 302, 0]);
        assert_eq!(answers[3], Err(Unsettled::Declined(Declined::Overtaken)));
        assert!(budgets.settle(&[]).await.unwrap().is_empty());

        let other = RateBudgets::new(database.clone(), clock());
        let answers =
            other.settle(&[request("a", "two", 1, 0, 4), request("b", "one", 2, 100, 4)]).await.unwrap();
        assert_eq!(share(&answers[0]), 201);
        assert_eq!(ledger(database, "b").await.held(MINUTE), u64::from(share(&answers[1])).max(100));
    }
}

#[tokio::test]
async fn api_nodes_that_settle_at_once_give_no_more_than_there_is() {
    for test in &databases().await {
        let mut tasks = Vec::new();
        for node in 0..4 {
            let budgets = RateBudgets::new(test.reconnect().await, clock());
            tasks.push(tokio::spawn(async move {
                let node = node.to_string();
                let mut held = vec![0; 20];
                for number in 1..=15 {
                    // Each in another order, and now and then a subject that is new.
                    let mut subjects: Vec<usize> = (0..10 + number.min(10)).collect();
                    subjects.rotate_left(number * 7 % 10);
                    let ask = |subject: &usize| {
                        request(&format!("subject {subject}"), &node, number as u64, held[*subject], 300)
                    };
                    let asks: Vec<_> = subjects.iter().map(ask).collect();
                    let answers = budgets.settle(&asks).await.unwrap();
                    for (subject, answer) in subjects.into_iter().zip(&answers) {
                        held[subject] = share(answer);
                    }
                }
                held
            }));
        }
        let mut sums = vec![0; 20];
        for task in tasks {
            sums.iter_mut().zip(task.await.unwrap()).for_each(|(sum, share)| *sum += share);
        }
        for (subject, sum) in sums.into_iter().enumerate() {
            let held = ledger(&test.database, &format!("subject {subject}")).await.held(MINUTE);
            assert!(sum <= 600 && held <= 600, "{subject}: {sum} {held}");
        }
    }
}

#[tokio::test]
async fn more_than_fit_a_transaction_are_settled_in_several() {
    for TestDatabase { database, .. } in &databases().await {
        let budgets = RateBudgets::new(database.clone(), clock());
        let asks: Vec<_> = (0..AT_ONCE + 3).map(|n| request(&format!("{n:04}"), "one", 1, 0, 600)).collect();
        let answers = budgets.settle(&asks).await.unwrap();
        assert!(answers.len() == asks.len() && answers.iter().all(|answer| share(answer) == 600));
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_stands_in_the_way_of_no_other() {
    for TestDatabase { database, .. } in &databases().await {
        let insert = "INSERT INTO rate_budget (subject, ledger, changed) VALUES ('a', '{\"later\":1}', 5)";
        database.execute(insert, &[]).await.unwrap();
        let budgets = RateBudgets::new(database.clone(), clock());
        let answers =
            budgets.settle(&[request("a", "one", 1, 0, 4), request("b", "one", 2, 0, 4)]).await.unwrap();
        assert_eq!(answers[0], Err(Unsettled::Unreadable));
        assert_eq!(share(&answers[1]), 302);
        let rows = database.query("SELECT ledger FROM rate_budget WHERE subject = 'a'", &[]).await.unwrap();
        assert_eq!(rows[0].text(0).unwrap(), "{\"later\":1}", "it stays as it is");
    }
}

#[tokio::test]
async fn what_lapsed_long_ago_is_pruned_and_nothing_else() {
    for TestDatabase { database, .. } in &databases().await {
        let budgets = RateBudgets::new(database.clone(), clock());
        budgets.settle(&[request("old", "one", 1, 0, 4), request("new", "one", 2, 0, 4)]).await.unwrap();
        let age = "UPDATE rate_budget SET changed = changed - $1 WHERE subject = 'old'";
        assert_eq!(budgets.prune().await.unwrap(), 0);
        database.execute(age, &[7_000_000_000i64.into()]).await.unwrap();
        assert_eq!(budgets.prune().await.unwrap(), 0);
        database.execute(age, &[300_000_000i64.into()]).await.unwrap();
        assert_eq!(budgets.prune().await.unwrap(), 1);
        ledger(database, "new").await;
    }
}

#[tokio::test]
async fn time_is_this_processs_on_sqlite_and_the_databases_on_postgres() {
    for TestDatabase { database, .. } in &databases().await {
        let clock = clock();
        let budgets = RateBudgets::new(database.clone(), Arc::clone(&clock) as SharedClock);
        budgets.settle(&[request("a", "one", 1, 0, 600)]).await.unwrap();
        clock.advance(Duration::from_secs(90));
        let answers = budgets.settle(&[request("a", "two", 1, 0, 600)]).await.unwrap();
        assert_eq!(share(&answers[0]), if database.is_postgres() { 0 } else { 600 });
    }
}
