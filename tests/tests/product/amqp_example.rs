//! `examples/amqp-consumer` as it stands, between the relay and whoever reads what it prints.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nexus_tests::{Node, Options, Process, Store, Tenant, eventually, patience, until};
use serde_json::json;

const EXAMPLE: &str = "../examples/amqp-consumer/consumer.py";

/// A variable of the tests that is set and not empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("the AMQP example: skipped, {name} is not set");
    }
    value
}

/// The example with these arguments, following a queue of its own that goes with the test's broker.
fn consumer(url: &str, tenant: &Tenant, arguments: &[&str]) -> Option<Process> {
    let mut command = Command::new(variable("NEXUS_TEST_PYTHON")?);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE));
    let queue = format!("example-{}-{}", tenant.id, arguments.len());
    command.args(["--url", url, "--queue", &queue, "--tenant", &tenant.id]).args(arguments);
    Some(Process::start("the example's consumer", &mut command))
}

/// Waits for a line about this event and gives its data.
fn line(consumer: &Process, event: &str, subject: &str) -> serde_json::Value {
    let found = consumer.find_on_stdout(patience(), |line| {
        let mut words = line.splitn(4, ' ');
        let (_time, kind, about) = (words.next()?, words.next()?, words.next()?);
        (kind == event && about == subject).then(|| words.next().unwrap_or_default().to_owned())
    });
    let data = found.unwrap_or_else(|| panic!("{event} {subject} in {:?}", consumer.stdout()));
    serde_json::from_str(&data).unwrap()
}

#[test]
fn the_examples_consumer_prints_what_happens() {
    let Some(url) = variable("NEXUS_TEST_AMQP_URL") else { return };
    let store = Store::postgres().unwrap_or_else(Store::sqlite);
    let node = Node::serve(&store, &Options::default().bus(&url));
    let admin = node.admin();
    let (tenant, stranger) = (Tenant::create(&admin, "nexus"), Tenant::create(&admin, "nexus"));
    let Some(everything) = consumer(&url, &tenant, &[]) else { return };
    let Some(revocations) = consumer(&url, &tenant, &["--event", "key.revoked.v1"]) else { return };

    // Their queues are there once the first key shows up in one and the first revocation in the other.
    let keys = tenant.keys(&admin);
    let shows = |consumer: &Process, id: &str| consumer.stdout().iter().any(|line| line.contains(id));
    eventually("both consumers follow", || {
        let key = keys.create(&json!({"name": "Followed"}));
        assert_eq!(keys.revoke(&key.id).status, 200);
        until(Duration::from_secs(2), || shows(&everything, &key.id) && shows(&revocations, &key.id))
            .then_some(())
    });

    let other = stranger.keys(&admin).create(&json!({"name": "Not theirs"}));
    let key = keys.create(&json!({"name": "Compromised"}));
    let revoke = json!({"reason": "compromised", "note": "found in a log"});
    let revoked = admin.post(&keys.path(&key.id, "/revoke"), &revoke);
    assert_eq!(revoked.status, 200);
    for consumer in [&everything, &revocations] {
        let data = line(consumer, "nexus.key.revoked.v1", &key.id);
        assert_eq!((&data["reason"], &data["note"]), (&revoke["reason"], &revoke["note"]), "{data}");
        assert!(!shows(consumer, &other.id), "another tenant's events go elsewhere");
        assert!(!shows(consumer, &key.secret), "no event holds a secret");
    }
    let data = line(&everything, "nexus.key.issued.v1", &key.id);
    assert_eq!(data["name"], "Compromised");
    assert!(!shows(&everything, "are missing"), "{:?}", everything.stdout());
    assert!(
        !revocations.stdout().iter().any(|line| line.contains("key.issued")),
        "{:?}",
        revocations.stdout()
    );
}
