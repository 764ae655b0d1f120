//! What becomes of failures to follow API nodes: how loudly the log tells of them, and how long the node pauses before it tries
//! another one. A node tries for ever, since an operator may mend the other side; its log is not to be full of one sentence.

use std::time::Duration;

use tokio::time::Instant;

use super::client::Ended;
use super::follower::Violation;
use super::link::LinkError;
use super::message::Refusal;

/// The pause after all API nodes have failed once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause while one of them may come back at any moment.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause after all of them have refused the node once.
const FIRST_PAUSE_REFUSED: Duration = Duration::from_secs(1);
/// The longest pause of a node that all refuse: only a person can change that.
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_secs(30);
/// How often an API node's failure is told that stays the same.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How far a stream came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    /// It never began.
    Nothing,
    /// The API node was followed.
    Log,
    /// It gave the right to answer.
    Right,
}

/// How loudly to tell of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// It was told before.
    Quiet,
    /// It is news.
    Aloud,
    /// It is news that there is no API node left that lets the node in.
    RefusedByAll,
}

/// The failures since a stream last gave the right to answer.
#[derive(Debug)]
pub(super) struct Failures {
    last: Vec<Option<Failure>>,
    in_a_row: u32,
    /// Since all API nodes refuse the node, that one included.
    refused: u32,
    /// Whether the last stream had given the right to answer.
    served: bool,
}

#[derive(Debug)]
struct Failure {
    text: String,
    refused: bool,
    told: Instant,
}

impl Failures {
    pub(super) fn new(apis: usize) -> Self {
        let last = std::iter::repeat_with(|| None).take(apis).collect();
        Self { last, in_a_row: 0, refused: 0, served: false }
    }

    /// Notes how a stream ended.
    pub(super) fn note(&mut self, api: usize, reached: Reached, ended: &Ended, now: Instant) -> Telling {
        self.served = reached == Reached::Right;
        if self.served {
            *self = Self { served: true, ..Self::new(self.last.len()) };
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let (text, refused) = (ended.to_string(), is_refusal(ended));
        let Some(last) = self.last.get_mut(api) else { return Telling::Aloud };
        let told = last.take().filter(|before| before.text == text).map(|before| before.told);
        let old = told.filter(|told| now.duration_since(*told) < TOLD_EVERY);
        *last = Some(Failure { text, refused, told: old.unwrap_or(now) });
        let by_all = self.last.iter().all(|last| last.as_ref().is_some_and(|failure| failure.refused));
        self.refused = if by_all { self.refused.saturating_add(1) } else { 0 };
        match old {
            _ if self.refused == 1 => Telling::RefusedByAll,
            Some(_) => Telling::Quiet,
            None => Telling::Aloud,
        }
    }

    /// How long to wait before the next stream; zero: not at all.
    pub(super) fn pause(&self) -> Duration {
        if self.refused > 0 {
            return doubled(FIRST_PAUSE_REFUSED, self.refused - 1).min(LONGEST_PAUSE_REFUSED);
        }
        // The next one is tried at once until all have failed, and where one has served until now.
        if self.served || (self.in_a_row as usize) < self.last.len() {
            return Duration::ZERO;
        }
        doubled(FIRST_PAUSE, self.in_a_row).min(LONGEST_PAUSE)
    }
}

/// Whether the API node does not let the node in, whatever comes: another one would not either, unless it knows better.
fn is_refusal(ended: &Ended) -> bool {
    match ended {
        Ended::Link(LinkError::Refused { status, .. }) => matches!(status, 401 | 403),
        Ended::Violation(Violation::Refused { refusal, .. }) => {
            matches!(refusal, Refusal::Forbidden | Refusal::Version)
        }
        Ended::Link(_) | Ended::Violation(_) => false,
    }
}

fn doubled(pause: Duration, times: u32) -> Duration {
    pause.saturating_mul(1 << times.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Ended = Ended::Link(LinkError::Refused { status: 401, advice: "make one" });
    const SILENT: Ended = Ended::Link(LinkError::Silent);

    fn forbidden() -> Ended {
        Violation::Refused { refusal: Refusal::Forbidden, detail: "no".to_owned() }.into()
    }

    #[test]
    fn a_failure_that_stays_the_same_is_told_once_a_minute() {
        let (mut failures, began) = (Failures::new(1), Instant::now());
        let mut note = |ended: &Ended, seconds: u64| {
            failures.note(0, Reached::Nothing, ended, began + Duration::from_secs(seconds))
        };
        assert_eq!(note(&SILENT, 0), Telling::Aloud);
        assert_eq!(note(&SILENT, 1), Telling::Quiet);
        assert_eq!(note(&SILENT, 59), Telling::Quiet);
        assert_eq!(note(&SILENT, 60), Telling::Aloud);
        assert_eq!(note(&SILENT, 61), Telling::Quiet);
        assert_eq!(note(&Ended::Link(LinkError::Lost("it".to_owned())), 62), Telling::Aloud, "another one");
        assert_eq!(note(&SILENT, 63), Telling::Aloud);
    }

    #[test]
    fn a_node_that_all_refuse_is_told_so_once_and_waits_longer_and_longer() {
        let (mut failures, now) = (Failures::new(2), Instant::now());
        assert_eq!(failures.note(0, Reached::Right, &forbidden(), now), Telling::Aloud);
        assert_eq!(failures.note(1, Reached::Nothing, &SILENT, now), Telling::Aloud);
        assert_eq!(failures.note(0, Reached::Nothing, &REFUSED, now), Telling::Aloud, "one of them");
        assert!(failures.pause() <= LONGEST_PAUSE);
        assert_eq!(failures.note(1, Reached::Nothing, &REFUSED, now), Telling::RefusedByAll);
        let mut pauses = vec![failures.pause().as_secs()];
        for round in 0..6 {
            assert_eq!(failures.note(round % 2, Reached::Nothing, &REFUSED, now), Telling::Quiet);
            pauses.push(failures.pause().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(failures.note(0, Reached::Nothing, &SILENT, now), Telling::Aloud);
        assert!(failures.pause() <= LONGEST_PAUSE, "one of them may come back at any moment");
        assert_eq!(failures.note(0, Reached::Nothing, &REFUSED, now), Telling::RefusedByAll);
    }

    #[test]
    fn whoever_served_is_followed_by_the_next_one_at_once() {
        let (mut failures, now) = (Failures::new(1), Instant::now());
        for _ in 0..9 {
            failures.note(0, Reached::Log, &SILENT, now);
        }
        assert_eq!(failures.pause(), LONGEST_PAUSE);
        assert_eq!(failures.note(0, Reached::Right, &SILENT, now), Telling::Aloud);
        assert_eq!(failures.pause(), Duration::ZERO);
        failures.note(0, Reached::Nothing, &SILENT, now);
        assert!(failures.pause() > Duration::ZERO);
    }
}
