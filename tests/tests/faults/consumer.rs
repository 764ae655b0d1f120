//! A consumer that is not written in Rust: `python/amqp_consumer.py` with a durable queue, and what must be true of what it got.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nexus_tests::{Process, until};
use serde_json::Value;
use tempfile::TempDir;

use crate::log;

/// Running, until it is dropped.
pub(crate) struct Consumer {
    _process: Process,
    file: PathBuf,
    _folder: TempDir,
}

impl Consumer {
    /// Binds a durable queue to all events and consumes it, where `NEXUS_TEST_PYTHON` has pika.
    pub(crate) fn start(test: &str, url: &str) -> Option<Self> {
        let python = std::env::var("NEXUS_TEST_PYTHON").ok().filter(|python| !python.is_empty());
        let Some(python) = python else {
            eprintln!("{test}: skipped, NEXUS_TEST_PYTHON is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("messages");
        let queue = format!("faults-{}", folder.path().file_name().unwrap().to_string_lossy());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/amqp_consumer.py");
        let mut command = Command::new(python);
        command.arg(script).args([url, &queue]).arg(&file);
        // It ends when the test does.
        command.args(["--count", "1000000000", "--seconds", "600"]);
        let process = Process::start("the consumer", &mut command);
        let ready = process.find_on_stdout(Duration::from_secs(30), |line| (line == "ready").then_some(()));
        ready.expect("the consumer binds its queue");
        Some(Self { _process: process, file, _folder: folder })
    }

    /// Waits until every one of these events came, and checks what came of them: each tenant's in order, numbered without
    /// a gap, copies like their originals. Returns how many copies there were.
    pub(crate) fn check(&self, events: &[Value], within: Duration) -> usize {
        let wanted: HashMap<&str, &Value> =
            events.iter().map(|event| (event["id"].as_str().expect("an id"), event)).collect();
        let all_there = || first_arrivals(&self.messages(&wanted)).len() == wanted.len();
        until(within, all_there);
        let messages = self.messages(&wanted);
        let first = first_arrivals(&messages);
        let missing: Vec<u64> = events
            .iter()
            .filter(|event| !first.iter().any(|message| message["message_id"] == event["id"]))
            .map(log::position)
            .collect();
        assert!(missing.is_empty(), "of {} events did not come those at {missing:?}", events.len());
        let mut numbers: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for message in &first {
            let event = wanted[message["message_id"].as_str().expect("an id")];
            let tenant = event["tenantid"].as_str().expect("a tenant");
            let header = |name: &str| message["headers"][name].as_u64().expect("a number");
            assert_eq!(header("position"), log::position(event), "{message}");
            assert!(message["routing_key"].as_str().is_some_and(|key| key.starts_with(tenant)), "{message}");
            let (position, number) = numbers.entry(tenant).or_default();
            assert!(
                log::position(event) > *position,
                "{tenant}: {} came behind {position}",
                log::position(event)
            );
            assert_eq!(header("tenant_sequence"), *number + 1, "{tenant}: numbers have no gap");
            (*position, *number) = (log::position(event), *number + 1);
        }
        messages.len() - first.len()
    }

    /// What came of these events so far. The consumer may be in the middle of writing the last line.
    fn messages(&self, wanted: &HashMap<&str, &Value>) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("the consumer writes JSON"))
            .filter(|message| message["message_id"].as_str().is_some_and(|id| wanted.contains_key(id)))
            .collect()
    }
}

/// Copies differ from their originals in nothing but the mark of redelivery.
fn first_arrivals(messages: &[Value]) -> Vec<&Value> {
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut first = Vec::new();
    for message in messages {
        let id = message["message_id"].as_str().expect("an id");
        match seen.get(id) {
            Some(original) => {
                for part in ["body", "headers", "routing_key"] {
                    assert_eq!(message[part], original[part], "a copy of {id} differs in its {part}");
                }
            }
            None => {
                seen.insert(id, message);
                first.push(message);
            }
        }
    }
    first
}
