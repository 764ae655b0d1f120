//! The API node that a validating node follows is frozen, and the message broker brings what another one has revoked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use nexus_tests::{Client, Node, Options, Process, Store, Tenant, eventually, patience, until, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

const TEST: &str = "the second road";

/// A running `nexus validator`.
struct Validator {
    client: Client,
    _process: Process,
    _folder: TempDir,
}

impl Validator {
    fn start(api: &Node, bus: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("validator.toml");
        let text = |text: &str| Value::from(text).to_string();
        let path = |path: &Path| text(&path.display().to_string());
        let settings = [
            ("server", "listen", text("127.0.0.1:0")),
            ("control", "urls", format!("[{}]", text(&api.url()))),
            ("control", "credential", text(api.admin_token())),
            ("bus", "url", text(bus)),
            ("node", "data", path(&folder.path().join("data"))),
        ];
        let lines = settings.map(|(section, key, value)| format!("{section}.{key} = {value}\n"));
        std::fs::write(&config, lines.concat()).unwrap();
        let mut command = nexus_tests::command::command();
        command.arg("validator").arg("--config").arg(&config);
        let process = Process::start("nexus validator", &mut command);
        let ready = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "ready").then(|| line["address"].as_str()?.parse::<SocketAddr>().ok())?
        };
        let address = process.find_on_stderr(patience(), ready).expect("nexus validator is ready");
        let hears = |line: &str| line.contains("listening to what changes validity").then_some(());
        process.find_on_stderr(patience(), hears).expect("it listens to the broker");
        Self {
            client: Client::new(&format!("http://{address}")).bearer(api.admin_token()),
            _process: process,
            _folder: folder,
        }
    }

    /// Deltas that came first, by their road.
    fn deltas(&self) -> BTreeMap<String, u64> {
        let text = self.client.get("/metrics").expect(200).text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("nexus_deltas_total{road=\""));
        let counts = lines.filter_map(|line| {
            let (road, count) = line.split_once("\"} ")?;
            Some((road.to_owned(), count.parse().ok()?))
        });
        counts.collect()
    }
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
    let validator = Validator::start(&followed, &bus);
    assert_eq!(verify(&validator.client, &key.secret), "VALID");
    eventually("the other API node publishes", || {
        let created = keys.create(&json!({"name": "Another"}));
        assert!(until(Duration::from_secs(5), || verify(&validator.client, &created.secret) == "VALID"));
        let published =
            |line: &str| line.starts_with("nexus_validity_published_total ") && !line.ends_with(" 0");
        other.client().get("/metrics").expect(200).text().lines().any(published).then_some(())
    });

    let before = validator.deltas();
    followed.freeze();
    let began = Instant::now();
    let (revoked, shown) = std::thread::scope(|scope| {
        // It answers once nobody can accept the key any more, the frozen API node's nodes included.
        let revoking = scope.spawn(|| (keys.revoke(&key.id).expect(200), began.elapsed()));
        let shown = until(Duration::from_secs(3), || verify(&validator.client, &key.secret) == "REVOKED");
        (revoking.join().unwrap(), shown.then(|| began.elapsed()))
    });
    let after = validator.deltas();
    eprintln!("shown after {shown:?}, answered after {:?}: {before:?} to {after:?}", revoked.1);
    let shown = shown.expect("the broker brings it before the right to answer ends");
    assert!(shown < revoked.1, "{shown:?} before {:?}", revoked.1);
    assert_eq!(after.get("stream"), before.get("stream"), "the stream stands still");
    assert!(after["bus"] > before.get("bus").copied().unwrap_or_default());
    let receipt = revoked.0.json()["receipt"].clone();
    assert!(receipt["elapsed_ms"].as_u64().unwrap() < 5_000, "{receipt}");
    followed.thaw();
    eventually("the stream goes on", || (verify(&validator.client, &key.secret) == "REVOKED").then_some(()));
}
