//! Somebody who asks all nodes all the time, and writes down by one clock when each question was asked and how it was answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::Client;

/// The pause between two questions to the same node.
const PAUSE: Duration = Duration::from_millis(15);
/// The pause of the loop that does nothing but measure how long it is left standing.
const TICK: Duration = Duration::from_millis(2);
/// How long a question may take before it is given up.
const GIVEN_UP: Duration = Duration::from_secs(3);

/// What a node says about a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may do what was asked.
    Accepted,
    /// It may not, with the code where it was told.
    Refused(String),
    /// The node cannot tell.
    Unavailable,
    /// There was no answer, or one that makes no sense.
    Failed(String),
}

/// What is asked of one node about one credential.
#[derive(Clone)]
pub struct Target {
    node: String,
    about: String,
    client: Client,
    question: Value,
    forward_auth: bool,
}

impl Target {
    /// The node's name is for people and for [`Seen`]; `client` has a credential that may verify; `question` is the body of
    /// `POST /v1/verify`.
    #[must_use]
    pub fn verify(node: &str, about: &str, client: Client, question: Value) -> Self {
        let (node, about) = (node.to_owned(), about.to_owned());
        Self { node, about, client: client.within(GIVEN_UP), question, forward_auth: false }
    }

    /// As a gateway asks, with the credential in the caller's own header; `client` has none.
    #[must_use]
    pub fn forward_auth(node: &str, about: &str, client: Client, secret: &str) -> Self {
        let (node, about) = (node.to_owned(), about.to_owned());
        let client = client.bearer(secret).within(GIVEN_UP);
        Self { node, about, client, question: Value::Null, forward_auth: true }
    }

    /// The same with another bound on the time of an answer.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.client = self.client.within(time);
        self
    }

    /// The node's name.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Asks once.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one clock of the observer")]
    pub fn ask(&self) -> Sight {
        let began = Instant::now();
        let answer = if self.forward_auth {
            self.client.try_send("GET", "/v1/forward-auth/nexus", None)
        } else {
            self.client.try_send("POST", "/v1/verify", Some(self.question.to_string().as_bytes()))
        };
        let ended = Instant::now();
        let verdict = match answer {
            Err(error) => Verdict::Failed(error.to_string()),
            Ok(answer) if answer.status == 503 => Verdict::Unavailable,
            Ok(answer) if self.forward_auth => match answer.status {
                200 => Verdict::Accepted,
                401 | 403 => Verdict::Refused(String::new()),
                _ => Verdict::Failed(format!("{answer:?}")),
            },
            Ok(answer) if answer.status == 200 => match answer.json()["code"].as_str() {
                Some("VALID") => Verdict::Accepted,
                Some("UNAVAILABLE") => Verdict::Unavailable,
                Some(code) => Verdict::Refused(code.to_owned()),
                None => Verdict::Failed(format!("{answer:?}")),
            },
            Ok(answer) => Verdict::Failed(format!("{answer:?}")),
        };
        Sight { node: self.node.clone(), about: self.about.clone(), began, ended, verdict }
    }
}

/// One question and its answer.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Who was asked.
    pub node: String,
    /// About what.
    pub about: String,
    /// Read before anything was sent.
    pub began: Instant,
    /// Read after the answer was there, or given up.
    pub ended: Instant,
    /// The answer.
    pub verdict: Verdict,
}

/// A machine that left the observer standing.
#[derive(Debug, Clone, Copy)]
struct Stall {
    at: Instant,
    length: Duration,
}

#[derive(Default)]
struct Notes {
    over: AtomicBool,
    sights: Mutex<Vec<Sight>>,
    stalls: Mutex<Vec<Stall>>,
}

/// The observer: a thread for each target, and one that does nothing, by which the machine's own delays are known.
pub struct Observer {
    notes: Arc<Notes>,
    threads: Vec<JoinHandle<()>>,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    sights: Vec<Sight>,
    stalls: Vec<Stall>,
}

impl Observer {
    /// Begins to ask. Targets in the same list share a thread, and are asked in turn.
    #[must_use]
    pub fn start(targets: Vec<Vec<Target>>) -> Self {
        let notes = Arc::<Notes>::default();
        let idle = Arc::clone(&notes);
        let mut threads = vec![std::thread::spawn(move || measure(&idle))];
        for targets in targets {
            let notes = Arc::clone(&notes);
            threads.push(std::thread::spawn(move || {
                for target in targets.iter().cycle() {
                    if notes.over.load(Ordering::SeqCst) {
                        return;
                    }
                    let sight = target.ask();
                    notes.sights.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
                    std::thread::sleep(PAUSE);
                }
            }));
        }
        Self { notes, threads }
    }

    /// Asks a question at many times, each with much patience, beside the loop: those that a frozen process finds in its queue
    /// when it goes on. Returns at once.
    pub fn ask_aside(&mut self, target: &Target) {
        let (target, notes) = (target.clone(), Arc::clone(&self.notes));
        self.threads.push(std::thread::spawn(move || {
            let sight = target.ask();
            notes.sights.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
        }));
    }

    /// What was seen so far.
    #[must_use]
    pub fn so_far(&self) -> Seen {
        let sights = self.notes.sights.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stalls = self.notes.stalls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Seen { sights, stalls }
    }

    /// Ends, and tells what was seen.
    ///
    /// # Panics
    /// When a thread did.
    #[must_use]
    pub fn finish(mut self) -> Seen {
        self.notes.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread of the observer");
        }
        self.so_far()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.notes.over.store(true, Ordering::SeqCst);
    }
}

#[allow(clippy::disallowed_methods, reason = "the one clock of the observer")]
fn measure(notes: &Notes) {
    let mut last = Instant::now();
    while !notes.over.load(Ordering::SeqCst) {
        std::thread::sleep(TICK);
        let now = Instant::now();
        let length = (now - last).saturating_sub(TICK);
        if length > TICK {
            notes.stalls.lock().unwrap_or_else(PoisonError::into_inner).push(Stall { at: last, length });
        }
        last = now;
    }
}

impl Seen {
    /// All about one credential, in no particular order.
    pub fn about<'a>(&'a self, about: &'a str) -> impl Iterator<Item = &'a Sight> {
        self.sights.iter().filter(move |sight| sight.about == about)
    }

    /// Who accepted a credential in answer to a question that was asked after `at`.
    #[must_use]
    pub fn accepted_after<'a>(&'a self, about: &'a str, at: Instant) -> Vec<&'a Sight> {
        self.about(about).filter(|sight| sight.began > at && sight.verdict == Verdict::Accepted).collect()
    }

    /// The longest time between two instants for which a loop that does nothing was left standing.
    #[must_use]
    pub fn longest_stall(&self, from: Instant, to: Instant) -> Duration {
        let within = self.stalls.iter().filter(|stall| stall.at + stall.length >= from && stall.at <= to);
        within.map(|stall| stall.length).max().unwrap_or_default()
    }

    /// How long that was all in all.
    #[must_use]
    pub fn stalled(&self, from: Instant, to: Instant) -> Duration {
        let within = self.stalls.iter().filter(|stall| stall.at + stall.length >= from && stall.at <= to);
        within.map(|stall| stall.length).sum()
    }
}

/// The question whether a secret may do anything at all.
#[must_use]
pub fn simple(secret: &str) -> Value {
    json!({"credential": secret})
}
