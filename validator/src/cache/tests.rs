use std::fs;
use std::io::Read as _;
use std::sync::Mutex;

use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::ids::TenantId;
use nexus_domain::validity::{Entry, TenantEntry};
use proptest::prelude::*;
use proptest::sample::Index;

use super::writer::{DRAFT, FILE};
use super::*;
use crate::control::follower::{Follower, Identity};
use crate::control::message::{Delta, Start, ToNode, Welcome};
use crate::lease::Lease;

/// A clock that moves when it is told to.
#[derive(Debug, Default)]
struct Hand(Mutex<Duration>);

impl Hand {
    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for Hand {
    fn boottime(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn unix_micros(&self) -> i64 {
        0
    }
}

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

fn open(folder: &Path, validator: &Validator) -> (DiskCache, Option<Uuid>) {
    DiskCache::open(folder, validator, Arc::new(Hand::default()))
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
    let (mut cache, found) = open(folder, &validator("nexus"));
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
    let (cache, found) = open(folder, &validator);
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
    let (_, found) = open(folder.path(), &other);
    assert_eq!((found, other.applied()), (None, 0));
}

#[test]
fn what_is_to_be_forgotten_does_not_come_back_with_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (_, found, mut cache) = opened(folder.path());
    assert_eq!(found, Some(log()));
    // As where the process ends before the thread hears of anything, and where it has no thread.
    let unheard = cache.work.take();
    cache.loading(log());
    cache.message(&text(&ToNode::Snapshot { entries: vec![tenant(3, false)], complete: None }), 0);
    let (applied, found, _) = opened(folder.path());
    assert_eq!((applied, found), (0, None));
    drop(unheard);
}

#[test]
fn a_snapshot_that_the_disk_finishes_after_it_was_forgotten_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), vec!["nexus".to_owned()]);
    let kept = Arc::clone(writer.kept());
    let whole = text(&ToNode::Snapshot { entries: vec![tenant(1, false)], complete: Some(5) });
    let mut snapshot = |forgotten_behind: bool| {
        writer.take(Work::Begin { log: log(), forgotten: kept.forget() });
        writer.take(Work::Message { text: whole.clone(), reached: 5 });
        if forgotten_behind {
            kept.forget();
        }
        writer.take(Work::Whole);
        writer.take(Work::Message { text: delta(5, 6), reached: 6 });
        folder.path().join(FILE).exists()
    };
    assert!(!snapshot(true));
    assert!(snapshot(false), "the next one does");
}

#[test]
fn a_part_of_a_snapshot_is_no_cache() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (_, _, mut cache) = opened(folder.path());
    cache.loading(log());
    cache.message(&text(&ToNode::Snapshot { entries: vec![tenant(3, false)], complete: None }), 0);
    drop(cache);
    let (applied, found, _) = opened(folder.path());
    assert_eq!((applied, found), (0, None));
}

#[test]
fn a_log_that_moves_without_a_change_is_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (_, _, mut cache) = opened(folder.path());
    // As after a grant, and from an API node whose list begins at the log's end.
    cache.reached(14);
    cache.message(&delta(14, 15), 15);
    drop(cache);
    let (applied, found, _) = opened(folder.path());
    assert_eq!((applied, found), (15, Some(log())));
}

#[test]
fn how_far_a_quiet_log_has_come_is_noted_now_and_then_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let clock = Arc::new(Hand::default());
    let validator = validator("nexus");
    let (mut cache, _) = DiskCache::open(folder.path(), &validator, Arc::clone(&clock) as Arc<dyn Clock>);
    cache.reached(20);
    assert_eq!(cache.told, 9, "it can wait");
    clock.advance(REACHED_EVERY);
    cache.reached(21);
    assert_eq!(cache.told, 21);
    cache.reached(22);
    drop(cache);
    assert_eq!(opened(folder.path()).0, 22);
}

#[test]
fn pages_that_a_power_failure_left_empty_are_the_end() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let mut file = fs::read(folder.path().join(FILE)).unwrap();
    file.extend([0; 4096]);
    fs::write(folder.path().join(FILE), file).unwrap();
    assert_eq!(opened(folder.path()).0, 9);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_nothing_costs_the_cache_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join(DRAFT)).unwrap();
    let mut writer = Writer::new(folder.path(), vec!["nexus".to_owned()]);
    writer.take(Work::Begin { log: log(), forgotten: 0 });
    writer.take(Work::Message { text: delta(5, 6), reached: 6 });
    writer.take(Work::Whole);
    assert!(writer.is_idle());
    assert!(!folder.path().join(FILE).exists());
}

/// A folder in which whoever begins to write a snapshot down waits, as for a disk that stands still.
fn standing_still() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join(DRAFT)).status().unwrap();
    assert!(made.success());
    folder
}

/// Lets the disk go on.
fn go_on(folder: &Path) -> JoinHandle<usize> {
    let pipe = folder.join(DRAFT);
    thread::spawn(move || fs::File::open(pipe).unwrap().read_to_end(&mut Vec::new()).unwrap())
}

#[test]
fn a_disk_that_stands_still_delays_no_acknowledgement() {
    let folder = standing_still();
    let validator = Arc::new(validator("nexus"));
    let (cache, have) = open(folder.path(), &validator);
    let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: "a test's".to_owned() };
    let mut follower = Follower::new(identity, validator, Arc::new(Lease::new()), have, Box::new(cache));
    let confirmed = follower.confirmed();
    let (done, told) = mpsc::channel();
    let following = thread::spawn(move || {
        follower.begin();
        let welcome = Welcome {
            log: log(),
            epoch: Uuid::nil(),
            start: Start::Snapshot,
            bus: None,
            secrets: Default::default(),
        };
        let piece = ToNode::Snapshot { entries: vec![tenant(1, false)], complete: Some(5) };
        let revoked = ToNode::Delta(Delta { from: 5, to: 6, entries: vec![tenant(1, true)] });
        for message in [ToNode::Welcome(welcome), piece, revoked] {
            let text = text(&message);
            follower.receive(message, &text).unwrap();
        }
        done.send(()).unwrap();
    });
    let in_time = told.recv_timeout(Duration::from_secs(10)).is_ok();
    assert!(in_time, "the node waits for its disk");
    assert_eq!(*confirmed.borrow(), 6);
    go_on(folder.path()).join().unwrap();
    following.join().unwrap();
}

#[test]
fn what_is_too_much_for_the_disk_costs_the_cache_until_the_next_snapshot() {
    let folder = standing_still();
    let (mut cache, _) = open(folder.path(), &validator("nexus"));
    let huge = "x".repeat(MOST_WAITING / 2);
    cache.loading(log());
    for _ in 0..2 {
        cache.message(&huge, 0);
        assert!(!cache.gave_up);
    }
    cache.message(&huge, 0);
    assert!(cache.gave_up);
    assert!(cache.waiting.load(Ordering::Acquire) <= MOST_WAITING);
    cache.loaded();
    cache.message(&delta(5, 6), 6);
    let taken = go_on(folder.path()).join().unwrap();
    assert!((MOST_WAITING..MOST_WAITING + 1024).contains(&taken), "{taken}");
    // Nothing of the snapshot that has a gap is there, and the next one is whole.
    cache.loading(log());
    cache.message(&text(&ToNode::Snapshot { entries: vec![tenant(1, true)], complete: Some(7) }), 7);
    cache.loaded();
    drop(cache);
    assert_eq!(opened(folder.path()).0, 7);
}

#[test]
fn what_the_disk_could_not_follow_ends_before_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let (_, _, mut cache) = opened(folder.path());
    cache.waiting.store(MOST_WAITING, Ordering::Release);
    cache.message(&delta(9, 10), 10);
    cache.waiting.store(0, Ordering::Release);
    cache.message(&delta(10, 11), 11);
    cache.reached(12);
    drop(cache);
    assert_eq!(opened(folder.path()).0, 9);
}

#[derive(Debug, Clone)]
enum Step {
    /// Everything is forgotten and comes anew, perhaps of another log, and perhaps not to its end.
    Snapshot { other: bool, whole: bool },
    /// Something changes.
    Change,
    /// The log moves, nothing changes, and a grant says so.
    Quiet { by: u64 },
    /// Time passes.
    Wait,
    /// The process stops, with everything on disk.
    Stop,
    /// It stops, and the end of the file is lost.
    Crash(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(other, whole)| Step::Snapshot { other, whole }),
        8 => Just(Step::Change),
        4 => (1..4u64).prop_map(|by| Step::Quiet { by }),
        2 => Just(Step::Wait),
        2 => Just(Step::Stop),
        4 => any::<Index>().prop_map(Step::Crash),
    ];
    prop::collection::vec(step, 1..40)
}

/// A log in which each change brings a tenant of its own, and a node that follows it.
struct Followed {
    folder: tempfile::TempDir,
    clock: Arc<Hand>,
    cache: Option<DiskCache>,
    log: u128,
    head: u64,
    changes: Vec<u64>,
    /// How far the node is; absent: it holds nothing that can be continued.
    applied: Option<u64>,
}

impl Followed {
    fn tenant(&self, position: u64) -> u128 {
        self.log << 64 | u128::from(position)
    }

    fn changed(&self, from: u64, to: u64) -> Vec<Entry> {
        let changed = self.changes.iter().filter(|at| (from + 1..=to).contains(at));
        changed.map(|at| tenant(self.tenant(*at), false)).collect()
    }

    fn cache(&mut self) -> &mut DiskCache {
        self.cache.as_mut().unwrap()
    }

    fn snapshot(&mut self, whole: bool) {
        let (log, head, entries) = (Uuid::from_u128(self.log), self.head, self.changed(0, self.head));
        self.cache().loading(log);
        self.cache().message(&text(&ToNode::Snapshot { entries, complete: None }), 0);
        self.applied = None;
        if whole {
            let last = ToNode::Snapshot { entries: Vec::new(), complete: Some(head) };
            self.cache().message(&text(&last), head);
            self.cache().loaded();
            self.applied = Some(head);
        }
    }

    /// What an API node sends that knows where the node is.
    fn catch_up(&mut self) {
        let head = self.head;
        match self.applied {
            Some(from) if from < head => {
                let delta = ToNode::Delta(Delta { from, to: head, entries: self.changed(from, head) });
                self.cache().message(&text(&delta), head);
                self.applied = Some(head);
            }
            Some(_) => {}
            None => self.snapshot(true),
        }
    }

    fn restart(&mut self) {
        let validator = validator("nexus");
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let (cache, found) = DiskCache::open(self.folder.path(), &validator, clock);
        self.cache = Some(cache);
        self.applied = found.map(|_| validator.applied());
        let known = |number| validator.dialect_of_tenant(TenantId::new(Uuid::from_u128(number))).is_some();
        if let Some(log) = found {
            assert_eq!(log, Uuid::from_u128(self.log), "a log that was to be forgotten");
            let applied = validator.applied();
            assert!(applied <= self.head);
            for at in &self.changes {
                assert!(*at > applied || known(self.tenant(*at)), "it claims {applied} and lacks {at}");
            }
        } else {
            assert_eq!(validator.applied(), 0);
            assert!(self.changes.iter().all(|at| !known(self.tenant(*at))));
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Snapshot { other, whole } => {
                if other {
                    self.log += 1;
                    (self.head, self.changes) = (1, vec![1]);
                }
                self.snapshot(whole);
            }
            Step::Change => {
                self.catch_up();
                self.head += 1;
                self.changes.push(self.head);
                self.catch_up();
            }
            Step::Quiet { by } => {
                self.catch_up();
                self.head += by;
                let head = self.head;
                self.cache().reached(head);
                self.applied = Some(head);
            }
            Step::Wait => self.clock.advance(REACHED_EVERY),
            Step::Stop => {
                let before = self.applied;
                self.cache = None;
                self.restart();
                assert_eq!(self.applied, before, "nothing is lost when a node stops");
            }
            Step::Crash(cut) => {
                self.cache = None;
                for name in [FILE, DRAFT] {
                    let path = self.folder.path().join(name);
                    if let Ok(file) = fs::OpenOptions::new().write(true).open(path) {
                        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
                        file.set_len(cut.index(length + 1) as u64).unwrap();
                    }
                }
                self.restart();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_cache_never_claims_more_than_it_has(steps in steps()) {
        let mut followed = Followed {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::default(),
            cache: None,
            log: 1,
            head: 1,
            changes: vec![1],
            applied: None,
        };
        followed.restart();
        for step in steps {
            followed.take(step);
        }
        followed.take(Step::Stop);
    }
}
