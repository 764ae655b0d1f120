//! Tests of the whole journal: nothing lost, nothing doubled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::{UsageEvent, stream_of, unattributed_stream};
use nexus_domain::verification::Code;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::control::message::LONGEST_BATCH;

/// 2025-06-15T15:06:40Z.
const NOON: i64 = 1_750_000_000_000_000;
const SECOND: i64 = 1_000_000;
const NODE: Uuid = Uuid::from_u128(0xabc);

fn options() -> UsageJournalOptions {
    UsageJournalOptions::new(NODE)
}

fn open(dir: &Path) -> (UsageJournal, Segments) {
    UsageJournal::open(dir, &options()).unwrap()
}

fn key(number: u128) -> (KeyId, TenantId, u32) {
    (KeyId::new(Uuid::from_u128(number)), TenantId::new(Uuid::from_u128(1)), 2)
}

fn used(at: i64, key_number: u128) -> UsageRecord<'static> {
    UsageRecord {
        at,
        key: Some(key(key_number)),
        code: Code::Valid,
        method: Some("GET"),
        path: Some("/v1/users?secret=1"),
        ip: Some([192, 0, 2, 1].into()),
        request_id: Some("r-1"),
        client_version: Some("sdk/1.0"),
    }
}

fn refused(at: i64) -> UsageRecord<'static> {
    UsageRecord { key: None, code: Code::Unknown, ..used(at, 0) }
}

/// Takes every batch until the journal is empty.
fn drain(segments: &mut Segments) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = segments.next_up_to(BatchNumber::MAX).unwrap() {
        batches.push(batch.clone());
        segments.done(batch).unwrap();
    }
    batches
}

/// All that a batch holds, in the order in which it was recorded.
fn records(batch: &Batch) -> Vec<ReadBack<'_>> {
    batch.groups.places().filter_map(|place| batch.contents.at(place)).collect()
}

fn newest_file(dir: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "usage")).max().unwrap()
}

#[test]
fn a_record_comes_back_as_it_was() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    assert_eq!(segments.next_up_to(BatchNumber::MAX).unwrap(), None);
    journal.record(&used(NOON, 7));
    journal.record(&UsageRecord {
        ip: Some("2001:db8::1".parse().unwrap()),
        method: None,
        client_version: None,
        ..used(NOON + 1, 8)
    });
    let batch = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    assert_eq!((batch.node.as_str(), batch.number), (NODE.to_string().as_str(), 1));
    let expected = UsageRecord { path: Some("/v1/users"), ..used(NOON, 7) };
    let second = UsageRecord {
        at: NOON + 1,
        key: Some(key(8)),
        method: None,
        client_version: None,
        ip: Some("2001:db8::1".parse().unwrap()),
        ..expected
    };
    let whole = |decision| ReadBack { decision, counted_only: false };
    assert!(records(&batch) == [whole(expected), whole(second)], "{:?}", records(&batch));
    segments.done(batch.clone()).unwrap();
    segments.done(batch).unwrap();
    assert_eq!(segments.next_up_to(BatchNumber::MAX).unwrap(), None);
    assert_eq!((journal.alarm(), journal.dropped()), (None, 0));
}

#[test]
fn records_are_on_disk_soon_without_being_asked_for() {
    let dir = TempDir::new().unwrap();
    let (journal, _segments) = open(dir.path());
    let written = || fs::metadata(newest_file(dir.path())).unwrap().len();
    for round in 0..2 {
        let before = written();
        journal.record(&used(NOON, 7));
        let arrived = (0..2000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            written() > before
        });
        assert!(arrived, "round {round}");
        // Long enough for the writer to fall asleep.
        std::thread::sleep(Duration::from_millis(1500));
    }
}

#[test]
fn concurrent_records_are_counted_once_while_segments_rotate() {
    const THREADS: u128 = 8;
    const EACH: i64 = 10_000;
    let dir = TempDir::new().unwrap();
    let small = UsageJournalOptions { segment: 64 << 10, ..options() };
    let (journal, mut segments) = UsageJournal::open(dir.path(), &small).unwrap();
    // All stop half-way once, so that there are two segments however slow the machine is.
    let half = Arc::new(Barrier::new(usize::try_from(THREADS).unwrap() + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (journal, half) = (journal.clone(), Arc::clone(&half));
            std::thread::spawn(move || {
                for at in 0..EACH {
                    if at == EACH / 2 {
                        half.wait();
                        half.wait();
                    }
                    journal.record(&used(NOON + at, thread));
                }
            })
        })
        .collect();
    half.wait();
    let mut batches = drain(&mut segments);
    half.wait();
    while threads.iter().any(|thread| !thread.is_finished()) {
        batches.extend(drain(&mut segments));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    journal.close();
    batches.extend(drain(&mut segments));

    assert!(
        batches.iter().map(|batch| batch.number).eq(1..=u64::try_from(batches.len()).unwrap()),
        "numbers are dense"
    );
    assert!(batches.len() > 1);
    let mut seen: BTreeMap<(KeyId, i64), u32> = BTreeMap::new();
    for ReadBack { decision, .. } in batches.iter().flat_map(records) {
        *seen.entry((decision.key.unwrap().0, decision.at)).or_default() += 1;
    }
    assert_eq!(seen.len(), 80_000);
    assert!(seen.values().all(|times| *times == 1));
    assert_eq!(journal.dropped(), 0);
}

#[test]
fn numbers_go_on_after_a_restart_and_what_was_not_done_is_sent_again() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    journal.record(&used(NOON, 1));
    let first = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    segments.done(first).unwrap();
    journal.record(&used(NOON, 2));
    let second = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    assert_eq!(
        segments.next_up_to(BatchNumber::MAX).unwrap().as_ref(),
        Some(&second),
        "the same one until it is done"
    );
    journal.record(&used(NOON, 3));
    drop((journal, segments));

    let (journal, mut segments) =
        UsageJournal::open(dir.path(), &UsageJournalOptions::new(Uuid::from_u128(9))).unwrap();
    assert_eq!(segments.waiting(), 2);
    assert_eq!(segments.next_up_to(BatchNumber::MAX).unwrap(), Some(second.clone()));
    segments.done(second).unwrap();
    let third = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    assert_eq!(
        (third.number, third.node.as_str(), records(&third)[0].decision.key),
        (3, NODE.to_string().as_str(), Some(key(3)))
    );
    segments.done(third).unwrap();
    drop((journal, segments));

    for _ in 0..3 {
        drop(open(dir.path()));
    }
    let (journal, mut segments) = open(dir.path());
    journal.record(&used(NOON, 4));
    assert_eq!(
        segments.next_up_to(BatchNumber::MAX).unwrap().unwrap().number,
        4,
        "empty segments use up no number"
    );
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_frame() {
    let dir = TempDir::new().unwrap();
    let (journal, segments) = open(dir.path());
    journal.record(&used(NOON, 1));
    journal.close();
    let file = newest_file(dir.path());
    let whole = fs::read(&file).unwrap();
    drop((journal, segments));
    for torn in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&whole[..torn]);
        check_tail(&bytes, 1);
    }
    for zeros in [1, 8, 9, 4096] {
        check_tail(&[whole.as_slice(), vec![0; zeros].as_slice()].concat(), 1);
    }
    let mut flipped = [whole.as_slice(), whole.as_slice()].concat();
    *flipped.last_mut().unwrap() ^= 1;
    check_tail(&flipped, 1);
    check_tail(&whole[..whole.len() - 1], 0);
    check_tail(&[whole.as_slice(), whole.as_slice()].concat(), 2);
}

/// A segment that holds these bytes after a crash delivers so many records, and the journal goes on.
fn check_tail(bytes: &[u8], count: usize) {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    fs::write(newest_file(dir.path()), bytes).unwrap();
    let (journal, mut segments) = open(dir.path());
    journal.record(&used(NOON, 5));
    let batches = drain(&mut segments);
    let lengths: Vec<usize> = batches.iter().map(|batch| records(batch).len()).collect();
    let expected: &[usize] = if count == 0 { &[1] } else { &[count, 1] };
    assert_eq!(lengths, expected, "{} bytes", bytes.len());
}

#[test]
fn a_segment_of_another_version_is_kept() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(dir.path());
    journal.record(&used(NOON, 1));
    drop(journal);
    let file = newest_file(dir.path());
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] += 1;
    let checksum = crc32fast::hash(&bytes[8..]).to_le_bytes();
    bytes[4..8].copy_from_slice(&checksum);
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(UsageJournal::open(dir.path(), &options()), Err(UsageJournalError::Unreadable { .. })));
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_folder_belongs_to_one_process_and_one_node() {
    let dir = TempDir::new().unwrap();
    let (journal, segments) = open(dir.path());
    assert!(matches!(UsageJournal::open(dir.path(), &options()), Err(UsageJournalError::InUse { .. })));
    drop((journal, segments));
    fs::remove_file(dir.path().join("node")).unwrap();
    assert!(matches!(UsageJournal::open(dir.path(), &options()), Err(UsageJournalError::NoNode { .. })));
}

#[cfg(unix)]
#[test]
fn segments_are_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::new().unwrap();
    let _journal = open(dir.path());
    assert_eq!(fs::metadata(newest_file(dir.path())).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_raises_an_alarm_and_drops_are_counted() {
    let dir = TempDir::new().unwrap();
    let small = UsageJournalOptions { memory: 512 << 10, ..options() };
    let (journal, mut segments) = UsageJournal::open(dir.path(), &small).unwrap();
    segments.fill_disk();
    const RECORDS: u64 = 20_000;
    for at in 0..RECORDS {
        journal.record(&used(NOON + i64::try_from(at).unwrap(), 1));
    }
    assert!(segments.next_up_to(BatchNumber::MAX).unwrap().is_none());
    let alarm = journal.alarm().unwrap();
    assert!(alarm.contains("usage journal: cannot ") && alarm.contains("were not recorded"), "{alarm}");
    segments.free_disk();
    let kept: usize = drain(&mut segments).iter().map(|batch| records(batch).len()).sum();
    assert_eq!(u64::try_from(kept).unwrap() + journal.dropped(), RECORDS);
    assert!(kept > 100 && journal.dropped() > 100);
    journal.record(&used(NOON, 1));
    assert_eq!(drain(&mut segments).len(), 1);
    assert_eq!(journal.alarm(), None);
}

#[test]
fn batches_become_events_per_key_and_minute() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    let day = 86_400 * SECOND;
    journal.record(&used(NOON + 5, 7));
    journal.record(&UsageRecord { code: Code::Revoked, ..used(NOON, 7) });
    journal.record(&used(NOON + 60 * SECOND, 7));
    journal.record(&used(NOON + day, 7));
    journal.record(&used(NOON, 8));
    let batch = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    let events = batch.events(|tenant, ip| Some(format!("{}|{ip}", tenant.unwrap()))).collect::<Vec<_>>();
    let date = |text: &str| text.parse().unwrap();
    let streams: Vec<&str> = events.iter().map(|(stream, _)| stream.as_str()).collect();
    let seven = key(7).0;
    assert_eq!(
        streams,
        [
            stream_of(seven, date("2025-06-15")),
            stream_of(seven, date("2025-06-15")),
            stream_of(seven, date("2025-06-16")),
            stream_of(key(8).0, date("2025-06-15"))
        ]
    );
    let UsageEvent::KeyUsed(event) = &events[0].1 else { panic!("{events:?}") };
    assert_eq!(
        (event.key_id, event.tenant_id, event.node.as_str()),
        (seven, key(7).1, NODE.to_string().as_str())
    );
    assert_eq!(event.counts, [(Code::Valid, 1), (Code::Revoked, 1)].into());
    assert_eq!((event.from.timestamp_micros(), event.to.timestamp_micros()), (NOON, NOON + 5));
    assert_eq!(event.last_accepted, [(2, event.to)].into());
    let requests = event.requests.in_order();
    let codes: Vec<Code> = requests.iter().map(|request| request.code).collect();
    assert_eq!(codes, [Code::Revoked, Code::Valid]);
    assert_eq!(requests[0].ip, Some(format!("{}|192.0.2.1", key(7).1).as_str()));
    assert_eq!(requests[0].version, Some(2));
}

#[test]
fn a_flood_of_strangers_is_counted_and_not_listed() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    for at in 0..1000 {
        journal.record(&refused(NOON + at));
    }
    for at in 0..250 {
        journal.record(&refused(NOON + SECOND + at));
    }
    // Late for its second, which is over.
    journal.record(&refused(NOON));
    let batch = segments.next_up_to(BatchNumber::MAX).unwrap().unwrap();
    let events = batch.events(|tenant, _| tenant.map(|_| String::new())).collect::<Vec<_>>();
    let mut refused = Vec::new();
    let mut requests = 0;
    for (stream, event) in events {
        assert_eq!(stream, unattributed_stream(&NODE.to_string(), "2025-06-15".parse().unwrap()));
        let UsageEvent::UnattributedRefusals(event) = event else { panic!("{event:?}") };
        refused.push(event.counts[&Code::Unknown]);
        let listed = event.requests.in_order();
        assert!(listed.iter().all(|request| request.ip.is_none() && request.path.is_some()));
        requests += listed.len();
    }
    assert_eq!(refused, [1251], "what only counts makes no further event");
    assert_eq!(requests, 200);
}

#[test]
fn a_turn_ends_though_records_keep_coming() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    journal.record(&used(NOON, 1));
    let newest = segments.running();
    let first = segments.next_up_to(newest).unwrap().unwrap();
    assert_eq!((first.number, records(&first).len()), (newest, 1));
    journal.record(&used(NOON, 2));
    segments.done(first).unwrap();
    assert_eq!(segments.next_up_to(newest).unwrap(), None);
    assert_eq!(records(&segments.next_up_to(segments.running()).unwrap().unwrap()).len(), 1);
}

#[test]
fn many_requests_become_several_events() {
    let dir = TempDir::new().unwrap();
    let (journal, mut segments) = open(dir.path());
    for at in 0..1001 {
        journal.record(&used(NOON + at, 7));
        journal.count(&used(NOON + at, 7));
    }
    let events =
        segments.next_up_to(BatchNumber::MAX).unwrap().unwrap().events(|_, _| None).collect::<Vec<_>>();
    let sizes = events.iter().map(|(_, event)| match event {
        UsageEvent::KeyUsed(used) => (used.counts[&Code::Valid], used.requests.len()),
        UsageEvent::UnattributedRefusals(refused) => panic!("{refused:?}"),
    });
    let sizes: Vec<_> = sizes.collect();
    assert_eq!(sizes.iter().map(|(count, _)| count).sum::<u64>(), 2002);
    assert_eq!(sizes.iter().map(|(_, listed)| *listed).collect::<Vec<_>>(), [500, 500, 1]);
}

#[test]
fn of_a_segment_that_came_from_elsewhere_no_more_is_taken_than_a_journal_writes() {
    let mut frame = frame::Frame::new();
    let minute = 60 * SECOND;
    let decisions = [(NOON, 1), (NOON, 1), (NOON + minute, 1), (NOON, 2), (NOON, 1), (NOON, 1)];
    for (at, key) in decisions {
        let mut record = Vec::new();
        used(at, key).encode(false, &mut record);
        frame.push(&record);
    }
    let mut read = |records, groups| {
        let bounds = Bounds { records, groups };
        let batch = Batch::read(NODE.to_string(), 1, frame.seal().to_vec(), bounds).unwrap();
        let counted = batch.owners().map(|(_, _, decisions)| decisions).sum::<usize>();
        (batch.groups(), counted, batch.left_out())
    };
    assert_eq!(read(6, 3), (3, 6, 0));
    assert_eq!(read(5, 3), (3, 5, 1), "one record too many");
    assert_eq!(read(6, 2), (2, 5, 1), "what is one more of a known key and minute is taken");
    assert_eq!(read(6, 1), (1, 4, 2));
}

#[test]
fn what_gathered_while_the_disk_stood_still_is_no_longer_than_a_batch_may_be() {
    const EACH: i64 = 40_000;
    let dir = TempDir::new().unwrap();
    let options =
        UsageJournalOptions { interval: Duration::from_secs(3600), ..UsageJournalOptions::new(NODE) };
    let (journal, mut segments) = UsageJournal::open(dir.path(), &options).unwrap();
    // The writer looks again in an hour: as if the disk stood still until the journal is closed.
    let threads: Vec<_> = (0..16)
        .map(|thread| {
            let journal = journal.clone();
            std::thread::spawn(move || (0..EACH).for_each(|at| journal.record(&used(NOON + at, thread))))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    journal.close();
    let kept = 16 * EACH - i64::try_from(journal.dropped()).unwrap();
    let batches = drain(&mut segments);
    let sizes: Vec<usize> = batches.iter().map(|batch| batch.bytes().len()).collect();
    assert!(sizes.iter().sum::<usize>() > LONGEST_BATCH, "it would not have gone into one: {sizes:?}");
    assert!(sizes.iter().all(|size| *size < LONGEST_BATCH), "{sizes:?}");
    let counted: usize = batches.iter().map(|batch| records(batch).len()).sum();
    assert_eq!(i64::try_from(counted).unwrap(), kept);
}
