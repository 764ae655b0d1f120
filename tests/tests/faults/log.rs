//! The log as `GET /v1/events` shows it.

use std::collections::BTreeMap;

use nexus_tests::Client;
use serde_json::Value;

/// All events. Fails where the positions are not 1, 2, 3 and so on, or an event id comes twice.
pub(crate) fn events(client: &Client) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let page = client.get(&format!("/v1/events?limit=200&after={}", events.len())).expect(200).json();
        let data = page["data"].as_array().expect("a page has data");
        if data.is_empty() {
            break;
        }
        for event in data {
            assert_eq!(position(event), events.len() as u64 + 1, "positions are dense");
            events.push(event.clone());
        }
    }
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), events.len(), "no event id comes twice");
    events
}

pub(crate) fn position(event: &Value) -> u64 {
    event["position"].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{event}"))
}

/// How often each subject has an event of a type such as `nexus.key.revoked.v1`.
pub(crate) fn count<'a>(
    events: &'a [Value],
    kind: &str,
    subject: impl Fn(&'a Value) -> &'a Value,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events.iter().filter(|event| event["type"] == kind) {
        *counts.entry(subject(event).as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

/// Fails unless each key that was created, revoked or rotated by these commands was so exactly once.
pub(crate) fn check_once(client: &Client, sent: &[crate::commands::Sent]) {
    use crate::commands::Kind;
    let events = events(client);
    let issued = count(&events, "nexus.key.issued.v1", |event| &event["data"]["name"]);
    let revoked = count(&events, "nexus.key.revoked.v1", |event| &event["subject"]);
    let rotated = count(&events, "nexus.key.rotated.v1", |event| &event["subject"]);
    for sent in sent {
        let (counts, subject) = match &sent.command.kind {
            Kind::Create => (&issued, &sent.command.name),
            Kind::Revoke(key) => (&revoked, &key.id),
            Kind::Rotate(key) => (&rotated, &key.id),
        };
        assert_eq!(counts.get(subject), Some(&1), "{:?} happens exactly once", sent.command);
    }
}
