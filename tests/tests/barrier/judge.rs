//! What must hold of what the observer saw.
//!
//! Correctness has no allowance: an accept is wrong however busy the machine is. Bounds on time have one: a fixed part for what
//! the promise leaves out, the request itself and its commit, and a part that grows with how long a loop that does nothing was
//! left standing meanwhile, for every process that takes part may have been left standing as long.

use std::time::{Duration, Instant};

use nexus_tests::observer::{Observer, Seen, Sight};
use nexus_tests::{Verdict, eventually};

use crate::cluster::{DOOMED, Revoked, STAYS};

/// How long a node may answer after it last asked for the right to.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// The promise: no revocation waits longer than this for anybody.
const PROMISED: Duration = Duration::from_millis(3100);
/// A creation waits for nobody longer than this.
const CREATED: Duration = Duration::from_secs(1);
/// For the request, its commit, and what it reads for its answer, in programs that are not optimised and two at a time: two
/// tenths of a second too little was seen once on a machine with seven times as much to do as it has cores. Whoever waited for
/// another lease would take three seconds more.
const HANDLING: Duration = Duration::from_millis(1500);
/// Hops of a revocation between processes: the client, both API nodes, the store, and a validating node, there and back.
const HOPS: u32 = 10;
/// What a healthy node's lease bears: it is renewed more than two seconds before it ends.
const BORNE: Duration = Duration::from_millis(500);
/// How long before a question a stall may have been that explains its answer.
const BEFORE: Duration = Duration::from_secs(4);

/// Nobody accepts the key in answer to a question that was asked after `at`, and every one of these nodes was asked then.
pub(crate) fn never_accepted(seen: &Seen, at: Instant, nodes: &[String]) {
    let wrong = seen.accepted_after(DOOMED, at);
    let late: Vec<String> = wrong.iter().map(|sight| describe(sight, at)).collect();
    assert!(late.is_empty(), "accepted after the revocation was answered:\n{}", late.join("\n"));
    for node in nodes {
        assert!(was_asked(seen, at, node), "{node} was asked after the revocation was answered");
    }
}

/// Ends the observer when every one of these nodes has answered a question about the key that was asked after `at`.
pub(crate) fn finish(observer: Observer, at: Instant, nodes: &[String]) -> Seen {
    eventually("all are asked once more", || {
        let seen = observer.so_far();
        nodes.iter().all(|node| was_asked(&seen, at, node)).then_some(())
    });
    observer.finish()
}

fn was_asked(seen: &Seen, at: Instant, node: &str) -> bool {
    let mut asked = seen.about(DOOMED).filter(|sight| sight.node == node && sight.began > at);
    asked.any(|sight| !matches!(sight.verdict, Verdict::Failed(_)))
}

fn describe(sight: &Sight, at: Instant) -> String {
    let (began, took) = (sight.began - at, sight.ended - sight.began);
    format!("{}: asked {began:?} behind the answer, {took:?} until {:?}", sight.node, sight.verdict)
}

/// The revocation was answered in the time that is promised.
pub(crate) fn in_time(seen: &Seen, revoked: &Revoked) {
    let stall = seen.longest_stall(revoked.called, revoked.answered);
    let bound = PROMISED + HANDLING + HOPS * stall;
    let took = revoked.took();
    eprintln!("the revocation took {took:?} (longest stall {stall:?}): {}", revoked.receipt);
    assert!(took < bound, "the revocation took {took:?}, longer than {bound:?}");
}

/// A creation was answered in the time that is promised, whoever stood still.
pub(crate) fn added_in_time(seen: &Seen, called: Instant, answered: Instant) {
    let bound = CREATED + HANDLING + HOPS * seen.longest_stall(called, answered);
    let took = answered - called;
    assert!(took < bound, "the creation took {took:?}, longer than {bound:?}");
}

/// These nodes accepted the other key throughout, between two instants. Where the machine stood still for longer than a lease
/// bears, nothing can be said.
pub(crate) fn served(seen: &Seen, nodes: &[String], from: Instant, to: Instant) {
    let mut excused = 0;
    for sight in seen.about(STAYS).filter(|sight| sight.began >= from && sight.ended <= to) {
        if !nodes.contains(&sight.node) || sight.verdict == Verdict::Accepted {
            continue;
        }
        let stalled = seen.stalled(sight.began.checked_sub(BEFORE).unwrap_or(from), sight.ended);
        assert!(
            stalled > BORNE,
            "{} did not serve {:?} into the disturbance, while the machine stood still for {stalled:?}: {:?}",
            sight.node,
            sight.began - from,
            sight.verdict
        );
        excused += 1;
    }
    if excused > 0 {
        eprintln!("{excused} answers are excused by a machine that stood still");
    }
    for node in nodes {
        assert!(
            seen.about(STAYS).any(|sight| sight.node == *node && sight.began >= from),
            "{node} was asked"
        );
    }
}

/// These nodes accepted nothing at all in answer to what was asked between two instants.
pub(crate) fn silent(seen: &Seen, nodes: &[String], from: Instant, to: Instant) {
    let between = |sight: &&Sight| sight.began > from && sight.ended < to && nodes.contains(&sight.node);
    let accepted = [DOOMED, STAYS].map(|about| seen.accepted_after(about, from));
    let wrong: Vec<String> =
        accepted.into_iter().flatten().filter(between).map(|sight| describe(sight, from)).collect();
    assert!(wrong.is_empty(), "accepted by whoever has no right to:\n{}", wrong.join("\n"));
}
