use std::sync::Arc;

use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::ids::TenantId;
use nexus_domain::validity::{Entry, TenantEntry};

use super::*;

fn validator(name: &str) -> Validator {
    let text = include_str!("../../../dialects/nexus.toml").replacen(
        "name = \"nexus\"",
        &format!("name = \"{name}\""),
        1,
    );
    Validator::new(Arc::new(Dialects::new([Dialect::parse("d.toml", &text).unwrap()]).unwrap()))
}

fn tenant(number: u128, suspended: bool) -> Entry {
    let tenant_id = TenantId::new(Uuid::from_u128(number));
    Entry::Tenant(TenantEntry { tenant_id, dialect: "nexus".into(), suspended })
}

fn log() -> Uuid {
    Uuid::from_u128(7)
}

fn text(message: &ToNode) -> String {
    serde_json::to_string(message).unwrap()
}

fn delta(from: u64, to: u64) -> String {
    text(&ToNode::Delta(Delta { from, to, entries: vec![tenant(u128::from(to), false)] }))
}

/// A cache of a snapshot at 5 with two deltas, of 6 and of 9.
fn written(folder: &Path) {
    let (mut cache, found) = DiskCache::open(folder, &validator("nexus"));
    assert_eq!(found, None);
    cache.loading(log());
    cache.message(&text(&ToNode::Snapshot { entries: vec![tenant(1, true)], complete: None }), 0);
    cache.message(&text(&ToNode::Snapshot { entries: Vec::new(), complete: Some(5) }), 5);
    cache.loaded();
    cache.message(&delta(5, 6), 6);
    cache.message(&delta(6, 9), 9);
}

fn opened(folder: &Path) -> (u64, Option<Uuid>, DiskCache) {
    let validator = validator("nexus");
    let (cache, found) = DiskCache::open(folder, &validator);
    (validator.applied(), found, cache)
}

#[test]
fn what_came_is_there_after_a_restart_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (applied, found, mut cache) = opened(folder.path());
    assert_eq!((applied, found), (9, Some(log())));
    cache.message(&delta(9, 12), 12);
    drop(cache);
    assert_eq!(opened(folder.path()).0, 12);
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_a_beginning_of_it_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let whole = fs::read(folder.path().join(FILE)).unwrap();
    for length in 0..whole.len() {
        fs::write(folder.path().join(FILE), &whole[..length]).unwrap();
        let (applied, found, mut cache) = opened(folder.path());
        assert!([0, 5, 6].contains(&applied), "{length}: {applied}");
        assert_eq!(found.is_some(), applied > 0);
        if found.is_some() {
            cache.message(&delta(applied, 20), 20);
            drop(cache);
            assert_eq!(opened(folder.path()).0, 20, "{length}");
        }
    }
}

#[test]
fn a_flipped_bit_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let whole = fs::read(folder.path().join(FILE)).unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(folder.path().join(FILE), &damaged).unwrap();
        let (applied, _, _) = opened(folder.path());
        assert!([0, 5, 6].contains(&applied), "{place}: {applied}");
    }
}

#[test]
fn other_dialects_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let other = validator("other");
    let (_, found) = DiskCache::open(folder.path(), &other);
    assert_eq!((found, other.applied()), (None, 0));
}

#[test]
fn a_snapshot_that_was_not_finished_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (_, _, mut cache) = opened(folder.path());
    cache.loading(Uuid::from_u128(8));
    cache.message(&text(&ToNode::Snapshot { entries: vec![tenant(3, false)], complete: None }), 0);
    drop(cache);
    assert_eq!(opened(folder.path()).1, Some(log()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_nothing_costs_the_cache_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join(DRAFT)).unwrap();
    let (mut cache, _) = DiskCache::open(folder.path(), &validator("nexus"));
    cache.loading(log());
    cache.message(&delta(5, 6), 6);
    cache.loaded();
    assert!(matches!(cache.state, State::Nothing));
}
