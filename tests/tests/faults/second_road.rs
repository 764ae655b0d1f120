//! The API node that a validating node follows is frozen, and the message broker brings what another one has revoked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nexus_tests::validator::{Surroundings, Validator, node_credential};
use nexus_tests::{Client, Node, Options, Store, Tenant, eventually, patience, until, verify};
use serde_json::json;

const TEST: &str = "the second road";

/// Deltas that came first to a validating node, by their road.
fn deltas(client: &Client) -> BTreeMap<String, u64> {
    let text = client.get("/metrics").expect(200).text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("nexus_deltas_total{road=\""));
    let counts = lines.filter_map(|line| {
        let (road, count) = line.split_once("\"} ")?;
        Some((road.to_owned(), count.parse().ok()?))
    });
    counts.collect()
}

#[test]
fn a_revocation_comes_over_the_broker_while_the_stream_stands_still() {
    let Some(bus) = std::env::var("NEXUS_TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
        eprintln!("{TEST}: skipped, NEXUS_TEST_AMQP_URL is not set");
        return;
    };
    let Some(store) = Store::postgres_or_skip(TEST) else { return };
    let options = Options::default().bus(&bus);
    let followed = Node::serve(&store, &options);
    let other = Node::serve(&store, &options);
    let tenant = Tenant::create(&other.admin(), "nexus");
    let keys = tenant.keys(&other.admin());
    let key = keys.create(&json!({"name": "Revoked while the stream stands still"}));
    let surroundings =
        Surroundings { variables: vec![("NEXUS__BUS__URL".to_owned(), bus)], ..Surroundings::default() };
    let folder = store.folder().join("validator");
    let credential = node_credential(&other.admin()).secret;
    let validator = Validator::begin_in(surroundings, &folder, &credential, &[followed.url()]);
    validator.await_ready();
    validator
        .find_in_log(patience(), "listening to what changes validity")
        .expect("it listens to the broker");
    let client = validator.client().bearer(other.admin_token());
    assert_eq!(verify(&client, &key.secret), "VALID");
    eventually("the other API node publishes", || {
        let created = keys.create(&json!({"name": "Another"}));
        assert!(until(Duration::from_secs(5), || verify(&client, &created.secret) == "VALID"));
        let published =
            |line: &str| line.starts_with("nexus_validity_published_total ") && !line.ends_with(" 0");
        other.client().get("/metrics").expect(200).text().lines().any(published).then_some(())
    });

    let before = deltas(&client);
    followed.freeze();
    let began = Instant::now();
    let (revoked, shown) = std::thread::scope(|scope| {
        // It answers once nobody can accept the key any more, the frozen API node's nodes included.
        let revoking = scope.spawn(|| (keys.revoke(&key.id).expect(200), began.elapsed()));
        let shown = until(Duration::from_secs(3), || verify(&client, &key.secret) == "REVOKED");
        let shown = shown.then(|| began.elapsed());
        (revoking.join().unwrap(), shown)
    });
    let after = deltas(&client);
    eprintln!("shown after {shown:?}, answered after {:?}: {before:?} to {after:?}", revoked.1);
    let shown = shown.expect("the broker brings it before the right to answer ends");
    assert!(shown < revoked.1, "{shown:?} before {:?}", revoked.1);
    assert_eq!(after.get("stream"), before.get("stream"), "the stream stands still");
    assert!(after["bus"] > before.get("bus").copied().unwrap_or_default());
    let receipt = revoked.0.json()["receipt"].clone();
    assert!(receipt["elapsed_ms"].as_u64().unwrap() < 5_000, "{receipt}");
    followed.thaw();
    eventually("the stream goes on", || (verify(&client, &key.secret) == "REVOKED").then_some(()));
}
