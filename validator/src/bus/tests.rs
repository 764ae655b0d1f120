//! What a node takes from a bus that everybody may write to, and what it leaves alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::ids::TenantId;
use nexus_domain::validity::{Entry, TenantEntry};
use proptest::prelude::*;
use tokio::sync::watch;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::ear::{Ear, Heard};
use super::open::{Opener, Unopened};
use super::seal::{Sealer, Unsealable};
use super::*;
use crate::Validator;
use crate::clock::Clock;
use crate::control::client::Connection;
use crate::control::follower::{Follower, Identity};
use crate::control::message::{BusKeys, Delta, Start, ToNode, Welcome};
use crate::control::observer::Unobserved;
use crate::lease::Lease;

const NOW: i64 = 1_750_000_000_000_000;
const LOG: Uuid = Uuid::from_u128(7);
const SALT: [u8; KEY_BYTES] = [9; KEY_BYTES];

fn sealer(seed: u8) -> Sealer {
    let key = |byte: u8| Zeroizing::new([byte; KEY_BYTES]);
    let dialects = [("nexus".to_owned(), key(1)), ("nexpay".to_owned(), key(2))];
    Sealer::new(&[seed; KEY_BYTES], dialects).unwrap()
}

fn tenant(number: u128, dialect: &str) -> Entry {
    let tenant_id = TenantId::new(Uuid::from_u128(number));
    Entry::Tenant(TenantEntry { tenant_id, dialect: dialect.to_owned(), suspended: false })
}

fn header(from: u64, to: u64) -> Header {
    Header { log: LOG, from, to, at: NOW }
}

/// One entry of each dialect.
fn message(sealer: &Sealer, header: Header) -> Vec<u8> {
    let entries = [("nexpay", tenant(2, "nexpay")), ("nexus", tenant(1, "nexus"))];
    sealer.seal(header, &SALT, entries.iter().map(|(dialect, entry)| (*dialect, entry))).unwrap()
}

fn opener(keys: &BusKeys, served: &[&str]) -> Opener {
    Opener::new(keys, served.iter().map(|name| (*name).to_owned()).collect()).unwrap()
}

fn keys(dialects: &[&str]) -> BusKeys {
    sealer(3).keys(|name| dialects.contains(&name))
}

#[test]
fn a_node_opens_what_it_serves_and_takes_the_rest_for_empty() {
    let sent = message(&sealer(3), header(4, 6));
    for (served, entries) in [
        (vec!["nexus", "nexpay"], vec![tenant(2, "nexpay"), tenant(1, "nexus")]),
        (vec!["nexus"], vec![tenant(1, "nexus")]),
        (vec!["other"], vec![]),
    ] {
        let opened = opener(&keys(&served), &served).open(&sent).unwrap();
        assert_eq!(opened, (header(4, 6), Delta { from: 4, to: 6, entries }));
    }
    let text = String::from_utf8_lossy(&sent).into_owned();
    assert!(!text.contains("suspended"), "nothing of an entry is in clear: {text}");
}

#[test]
fn the_entries_of_a_dialect_keep_their_order() {
    let entries: Vec<Entry> = (0..50).map(|number| tenant(50 - number, "nexus")).collect();
    let sent = sealer(3).seal(header(0, 1), &SALT, entries.iter().map(|entry| ("nexus", entry))).unwrap();
    assert_eq!(opener(&keys(&["nexus"]), &["nexus"]).open(&sent).unwrap().1.entries, entries);
}

#[test]
fn a_part_without_its_key_is_not_taken_for_empty() {
    let sent = message(&sealer(3), header(4, 6));
    assert_eq!(opener(&keys(&["nexpay"]), &["nexus"]).open(&sent), Err(Unopened::Sealed));
    let mut wrong = keys(&["nexus", "nexpay"]);
    let other = wrong.dialects["nexpay"].clone();
    wrong.dialects.insert("nexus".to_owned(), other);
    assert_eq!(opener(&wrong, &["nexus"]).open(&sent), Err(Unopened::Sealed));
}

#[test]
fn nobody_else_makes_a_message_not_even_an_empty_one() {
    let opener = opener(&keys(&["nexus"]), &["nexus"]);
    // Somebody with the dialects' keys, as every node has them, and another signing key.
    let forger = sealer(4);
    assert_eq!(opener.open(&message(&forger, header(4, 6))), Err(Unopened::Forged));
    assert_eq!(opener.open(&forger.seal(header(4, 6), &SALT, []).unwrap()), Err(Unopened::Forged));
    // A part left out of a genuine message.
    let own = sealer(3);
    let (whole, empty) = (message(&own, header(4, 6)), own.seal(header(4, 6), &SALT, []).unwrap());
    let mut cut = empty[..empty.len() - SIGNATURE_BYTES].to_vec();
    cut.extend_from_slice(&whole[whole.len() - SIGNATURE_BYTES..]);
    assert_eq!(opener.open(&cut), Err(Unopened::Forged));
    for junk in [vec![], vec![0; 63], vec![0; 64], vec![0; 65], vec![255; 4096]] {
        assert_eq!(opener.open(&junk), Err(Unopened::Forged));
    }
}

#[test]
fn no_message_survives_a_cut_or_a_changed_bit() {
    let opener = opener(&keys(&["nexus", "nexpay"]), &["nexus", "nexpay"]);
    let sent = message(&sealer(3), header(4, 6));
    for at in 0..sent.len() {
        assert_eq!(opener.open(&sent[..at]), Err(Unopened::Forged), "cut at {at}");
        for bit in 0..8 {
            let mut changed = sent.clone();
            changed[at] ^= 1 << bit;
            assert_eq!(opener.open(&changed), Err(Unopened::Forged), "bit {bit} of byte {at}");
        }
    }
    let mut longer = sent;
    longer.push(0);
    assert_eq!(opener.open(&longer), Err(Unopened::Forged));
}

#[test]
fn what_is_too_large_is_neither_made_nor_read() {
    let entry = tenant(1, &"x".repeat(LONGEST_MESSAGE / 16));
    let sealer = sealer(3);
    let seal = |count| sealer.seal(header(0, 1), &SALT, std::iter::repeat_n(("nexus", &entry), count));
    let opener = opener(&keys(&["nexus"]), &["nexus"]);
    let largest = seal(15).unwrap();
    assert!(largest.len() <= LONGEST_MESSAGE);
    assert_eq!(opener.open(&largest).unwrap().1.entries.len(), 15);
    assert!(matches!(seal(16), Err(Unsealable::TooLarge)));
    assert_eq!(opener.open(&vec![0; LONGEST_MESSAGE + 1]), Err(Unopened::TooLarge));
}

#[test]
fn a_dialect_without_a_key_is_not_left_out() {
    let entry = tenant(1, "other");
    let sealed = sealer(3).seal(header(0, 1), &SALT, [("other", &entry)]);
    assert!(matches!(sealed, Err(Unsealable::NoKey(name)) if name == "other"));
}

#[test]
fn secrets_are_not_shown_and_nonsense_is_no_key() {
    let keys = keys(&["nexus"]);
    let shown = format!("{keys:?} {:?} {:?}", sealer(3), opener(&keys, &["nexus"]));
    assert!(!shown.contains(&keys.dialects["nexus"]), "{shown}");
    for nonsense in ["", "AAAA", "not base64!"] {
        let mut verifying = keys.clone();
        verifying.verifying = nonsense.to_owned();
        let mut dialect = keys.clone();
        dialect.dialects.insert("nexus".to_owned(), nonsense.to_owned());
        assert!(Opener::new(&verifying, Default::default()).is_err());
        assert!(Opener::new(&dialect, Default::default()).is_err());
    }
}

proptest! {
    #[test]
    fn signed_bytes_that_make_no_sense_bring_no_entries(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let signing = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[3; KEY_BYTES]).unwrap();
        let opener = opener(&keys(&["nexus"]), &["nexus"]);
        for start in [vec![], message(&sealer(3), header(4, 6))[..200].to_vec()] {
            let mut message = [start, body.clone()].concat();
            let signature = signing.sign(&message);
            message.extend_from_slice(signature.as_ref());
            prop_assert!(opener.open(&message).map_or(true, |(_, delta)| delta.entries.is_empty()));
        }
    }
}

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn boottime(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_micros(&self) -> i64 {
        NOW
    }
}

/// A node whose table is complete up to position 5 of the log.
fn node() -> (Ear, Arc<Validator>, watch::Sender<Connection>) {
    let text = include_str!("../../../dialects/nexus.toml");
    let dialects = Dialects::new([Dialect::parse("nexus.toml", text).unwrap()]).unwrap();
    let validator = Arc::new(Validator::new(Arc::new(dialects)));
    let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: "test".to_owned() };
    let mut follower =
        Follower::new(identity, Arc::clone(&validator), Arc::new(Lease::new()), None, Box::new(Unobserved));
    let _hello = follower.begin();
    let welcome = Welcome {
        log: LOG,
        epoch: Uuid::nil(),
        start: Start::Snapshot,
        bus: None,
        secrets: Default::default(),
    };
    follower.receive(ToNode::Welcome(welcome), "").unwrap();
    follower.receive(ToNode::Snapshot { entries: Vec::new(), complete: Some(5) }, "").unwrap();
    let connection = watch::Sender::new(Connection { api: None, bus: Some(keys(&["nexus"])) });
    let follower = Arc::new(Mutex::new(follower));
    let ear = Ear::new(follower, connection.subscribe(), ["nexus".to_owned()], Arc::new(Noon));
    (ear, validator, connection)
}

#[test]
fn a_node_applies_what_continues_its_table_once() {
    let (mut ear, validator, _connection) = node();
    let sealer = sealer(3);
    assert_eq!(ear.hear(&message(&sealer, header(6, 8))), Heard::Elsewhere);
    assert_eq!(validator.applied(), 5);
    let next = message(&sealer, header(4, 6));
    assert_eq!(ear.hear(&next), Heard::Shown);
    assert_eq!(validator.applied(), 6);
    assert!(validator.dialect_of_tenant(TenantId::new(Uuid::from_u128(1))).is_some());
    assert_eq!(ear.hear(&message(&sealer, header(6, 8))), Heard::Shown);
    // Again, or from another API node with other bounds.
    assert_eq!(ear.hear(&next), Heard::Shown);
    assert_eq!(ear.hear(&message(&sealer, header(2, 7))), Heard::Shown);
    assert_eq!(validator.applied(), 8);
}

#[test]
fn a_node_leaves_other_logs_other_times_and_forgeries_alone() {
    let (mut ear, validator, _connection) = node();
    let minutes = 60_000_000;
    let of = |log: u128, at: i64| Header { log: Uuid::from_u128(log), at, ..header(5, 9) };
    for (sealed_by, header, heard) in [
        (3, of(8, NOW), Heard::Elsewhere),
        (3, of(7, NOW - 2 * minutes), Heard::Stale),
        (3, of(7, NOW + 2 * minutes), Heard::Stale),
        (3, of(7, i64::MIN), Heard::Stale),
        (4, of(7, NOW), Heard::Unopened(Unopened::Forged)),
    ] {
        assert_eq!(ear.hear(&message(&sealer(sealed_by), header)), heard, "{header:?}");
    }
    assert_eq!(validator.applied(), 5);
}

#[test]
fn a_table_without_a_snapshot_takes_nothing_from_the_bus() {
    let (_, _, connection) = node();
    let text = include_str!("../../../dialects/nexus.toml");
    let dialects = Dialects::new([Dialect::parse("nexus.toml", text).unwrap()]).unwrap();
    let validator = Arc::new(Validator::new(Arc::new(dialects)));
    let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: "test".to_owned() };
    let lease = Arc::new(Lease::new());
    let follower = Follower::new(identity, Arc::clone(&validator), lease, None, Box::new(Unobserved));
    let follower = Arc::new(Mutex::new(follower));
    let mut ear = Ear::new(follower, connection.subscribe(), ["nexus".to_owned()], Arc::new(Noon));
    assert_eq!(ear.hear(&message(&sealer(3), header(0, 9))), Heard::Elsewhere);
    assert_eq!(validator.applied(), 0);
}

#[tokio::test]
async fn keys_stay_until_others_come() {
    let (mut ear, validator, connection) = node();
    connection.send_replace(Connection::default());
    assert_eq!(ear.hear(&message(&sealer(3), header(5, 6))), Heard::NoKeys);
    connection.send_replace(Connection { api: None, bus: Some(keys(&["nexus"])) });
    assert!(ear.has_keys().await);
    assert_eq!(ear.hear(&message(&sealer(3), header(5, 6))), Heard::Shown);
    // An API node without a bus.
    connection.send_replace(Connection::default());
    assert_eq!(ear.hear(&message(&sealer(3), header(6, 7))), Heard::Shown);
    connection.send_replace(Connection { api: None, bus: Some(sealer(4).keys(|_| true)) });
    assert_eq!(ear.hear(&message(&sealer(3), header(7, 8))), Heard::Unopened(Unopened::Forged));
    assert_eq!(ear.hear(&message(&sealer(4), header(7, 8))), Heard::Shown);
    assert_eq!(validator.applied(), 8);
    drop(connection);
    assert!(ear.has_keys().await, "those that were said last");
}
