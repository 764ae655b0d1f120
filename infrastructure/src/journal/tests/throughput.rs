//! Group commit against one-row transactions on the same server in the same run. Run it with
//! `cargo test --release -p nexus-infrastructure throughput -- --ignored --nocapture`.

use std::time::Duration;

use super::*;

const SPAN: Duration = Duration::from_secs(5);

/// Counts the appends of `tasks` tasks in [`SPAN`].
async fn rate<F: Future<Output = ()> + Send>(
    tasks: u64,
    one: impl Fn(u64, u64) -> F + Clone + Send + Sync + 'static,
) -> f64 {
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let one = one.clone();
            tokio::spawn(async move {
                let mut done = 0u64;
                let work = async {
                    loop {
                        one(task, done).await;
                        done += 1;
                    }
                };
                let _: Result<(), _> = tokio::time::timeout(SPAN, work).await;
                done
            })
        })
        .collect();
    let mut total = 0;
    for task in running {
        total += task.await.unwrap();
    }
    total as f64 / SPAN.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of some twenty seconds"]
async fn group_commit_against_single_rows() {
    for test in databases().await {
        let kind = if test.database.is_postgres() { "postgres" } else { "sqlite" };
        let options = crate::database::DatabaseOptions { max_connections: 64, ..Default::default() };
        let database = Database::connect(&test.url, &options).await.unwrap();
        let plain = "CREATE TABLE single (id TEXT NOT NULL, sequence BIGINT NOT NULL, payload TEXT NOT NULL, \
            metadata TEXT NOT NULL, PRIMARY KEY (id, sequence))";
        database.execute_batch(plain).await.unwrap();
        let payload = event(1).payload.to_string();
        let single = {
            let database = database.clone();
            rate(64, move |task, number| {
                let (database, payload) = (database.clone(), payload.clone());
                async move {
                    let id = format!("single-{task}-{number}");
                    let args = [Value::from(id), Value::from(1i64), payload.as_str().into(), payload.into()];
                    database.execute("INSERT INTO single VALUES ($1, $2, $3, $4)", &args).await.unwrap();
                }
            })
            .await
        };
        println!("{kind}: {single:.0} one-row transactions a second on 64 connections");
        let journal = open(database.clone()).await;
        for (name, keyed, tasks) in
            [("plain", false, 1024), ("with key and slot", true, 1024), ("plain", false, 1)]
        {
            let journal = journal.clone();
            let lane = rate(tasks, move |task, number| {
                let journal = journal.clone();
                async move {
                    let id = format!("{name}-{tasks}-{task}-{number}");
                    let mut append = new(&id);
                    if keyed {
                        append.idempotency = Some(Idempotency {
                            scope: "s".to_owned(),
                            key: id.clone(),
                            fingerprint: vec![0; 32],
                            result: vec![0; 200],
                            expires_at: NOW + 1,
                        });
                        let action = SlotAction::Take { limit: u32::MAX, expires_at: Some(NOW) };
                        append.slots.push(Slot { quota: format!("q-{task}"), holder: id, action });
                    }
                    journal.append(append).await.unwrap();
                }
            })
            .await;
            println!(
                "{kind}: {lane:.0} appends a second, {name}, {tasks} callers: {:.2} times",
                lane / single
            );
        }
        journal.close().await;
    }
}
