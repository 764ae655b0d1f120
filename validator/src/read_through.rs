//! Asking an API node for single credentials, for a node whose right to answer has ended: what an API node reads of the log after
//! a request began may be answered from for that request, and for no later one.
//!
//! Requests for one credential share a question, but never one that was under way when they began.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_domain::validity::Entry;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::control::client::{receive, send};
use crate::control::link::{Dial, LinkError};
use crate::control::message::{FromNode, ToNode};
use crate::control::wanted::Wanted;
use crate::{Sight, Validator};

/// How long a request waits for its answer, in all.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long an API node may take to open a stream, or to say anything, before another one is asked.
const SPEAKS_WITHIN: Duration = Duration::from_millis(400);
/// Requests that wait at most. A node that cannot answer is not to bury the API nodes as well.
const MOST_WAITING: usize = 1024;
/// The pause after all API nodes have failed.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a stream is kept that is not used.
const KEPT: Duration = Duration::from_secs(30);

/// A credential, or what a token rests on, as an API node read it; nothing: no key has the secret.
type Found = Arc<Vec<Entry>>;

struct Wish {
    wanted: Wanted,
    answer: oneshot::Sender<Found>,
}

/// Asks API nodes for credentials.
#[derive(Debug, Clone)]
pub struct ReadThrough {
    wishes: mpsc::Sender<Wish>,
    /// One for each request that waits, wherever what it wishes for stands.
    places: Arc<Semaphore>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Nobody could tell in time.
    #[error("no API node answers")]
    Silent,
    /// So many requests wait that this one was not begun.
    #[error("too many requests wait for an API node")]
    Crowded,
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish").finish_non_exhaustive()
    }
}

impl ReadThrough {
    /// A handle to ask by, and the task that asks, until `stop` turns true.
    pub fn new<D: Dial>(
        dial: D,
        stop: watch::Receiver<bool>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (wishes, wished) = mpsc::channel(MOST_WAITING);
        let asker =
            Asker { dial, api: 0, next_id: 0, flights: HashMap::new(), asked: HashMap::new(), wished, stop };
        (Self { wishes, places: Arc::new(Semaphore::new(MOST_WAITING)) }, asker.run())
    }

    /// What a request may be decided by that began before this call. `wanted` is what its credential is told by; what has no form
    /// of one is refused without asking anybody.
    ///
    /// # Errors
    /// [`Unanswered`], after a second at the latest.
    pub async fn sight(&self, validator: &Validator, wanted: Option<Wanted>) -> Result<Sight, Unanswered> {
        let Some(wanted) = wanted else { return Ok(Sight::Fetched(validator.fetched([]))) };
        let entries = self.entries(wanted).await?;
        Ok(Sight::Fetched(validator.fetched(entries.iter().cloned())))
    }

    /// The key that has a secret with its tenant before it, or what a token rests on, as it is at some instant after this call.
    ///
    /// # Errors
    /// [`Unanswered`], after a second at the latest, and at once where too many wait.
    pub async fn entries(&self, wanted: Wanted) -> Result<Found, Unanswered> {
        metrics::counter!("nexus_read_throughs_total").increment(1);
        let Ok(_place) = self.places.try_acquire() else {
            metrics::counter!("nexus_read_throughs_crowded_total").increment(1);
            return Err(Unanswered::Crowded);
        };
        let (answer, found) = oneshot::channel();
        // What is full here is full of those who have gone.
        self.wishes.try_send(Wish { wanted, answer }).map_err(|_| Unanswered::Silent)?;
        match tokio::time::timeout(ANSWERS_WITHIN, found).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) | Err(_) => Err(Unanswered::Silent),
        }
    }
}

/// A question under way, and who waits for it and for the one after it.
#[derive(Debug)]
struct Flight {
    id: u64,
    waiting: Vec<oneshot::Sender<Found>>,
    /// They began when the question was under way already.
    next: Vec<oneshot::Sender<Found>>,
}

struct Asker<D> {
    dial: D,
    api: usize,
    next_id: u64,
    flights: HashMap<Wanted, Flight>,
    /// Which question is under which id.
    asked: HashMap<u64, Wanted>,
    wished: mpsc::Receiver<Wish>,
    stop: watch::Receiver<bool>,
}

impl<D: Dial> Asker<D> {
    async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.ask_for_ever() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn ask_for_ever(&mut self) {
        loop {
            // A stream is opened for somebody who wants to know something.
            if self.flights.is_empty() {
                let Some(wish) = self.wished.recv().await else { return };
                self.take(wish);
            }
            if let Err(error) = self.talk().await {
                tracing::debug!(%error, api = self.dial.name(self.api), "a credential cannot be asked for here");
                self.api = (self.api + 1) % self.dial.count().max(1);
                self.ask_anew();
                if self.api == 0 {
                    // All have failed once: a moment later one may be there again.
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Asks one API node until it fails, or nobody has asked for long.
    async fn talk(&mut self) -> Result<(), LinkError> {
        let dialled = tokio::time::timeout(SPEAKS_WITHIN, self.dial.dial(self.api)).await;
        let mut link = dialled.unwrap_or(Err(LinkError::Silent))?;
        let open: Vec<(u64, Wanted)> =
            self.flights.iter().map(|(wanted, flight)| (flight.id, wanted.clone())).collect();
        for (id, wanted) in open {
            send(&mut link, &FromNode::look_up(id, wanted)).await?;
        }
        let mut heard = Instant::now();
        loop {
            let patience = if self.flights.is_empty() { KEPT } else { SPEAKS_WITHIN };
            tokio::select! {
                wish = self.wished.recv() => {
                    let Some(wish) = wish else { return Ok(()) };
                    if self.flights.is_empty() {
                        heard = Instant::now();
                    }
                    if let Some((id, wanted)) = self.take(wish) {
                        send(&mut link, &FromNode::look_up(id, wanted)).await?;
                    }
                }
                message = receive(&mut link) => {
                    heard = Instant::now();
                    match message? {
                        ToNode::Found { id, entries } => {
                            if let Some((id, wanted)) = self.found(id, entries) {
                                send(&mut link, &FromNode::look_up(id, wanted)).await?;
                            }
                        }
                        ToNode::NotFound { .. } => return Err(LinkError::Lost("it cannot tell".to_owned())),
                        ToNode::Refused { detail, .. } => return Err(LinkError::Lost(detail)),
                        _ => {}
                    }
                }
                () = tokio::time::sleep_until(heard + patience) => {
                    return if self.flights.is_empty() { Ok(()) } else { Err(LinkError::Silent) };
                }
            }
        }
    }

    /// Notes a wish, and tells what to ask for it now. What is too much has no answer.
    fn take(&mut self, wish: Wish) -> Option<(u64, Wanted)> {
        if self.flights.len() >= MOST_WAITING {
            self.forget_the_gone();
            if self.flights.len() >= MOST_WAITING {
                return None;
            }
        }
        match self.flights.get_mut(&wish.wanted) {
            // What is under way may have been read before this request began.
            Some(flight) => {
                // Those who wait are bounded; those who have gone are not, where this question alone has no answer.
                if flight.next.len() >= MOST_WAITING {
                    flight.next.retain(|waiting| !waiting.is_closed());
                }
                flight.next.push(wish.answer);
                None
            }
            None => Some((self.begin(wish.wanted.clone(), vec![wish.answer]), wish.wanted)),
        }
    }

    fn begin(&mut self, wanted: Wanted, waiting: Vec<oneshot::Sender<Found>>) -> u64 {
        self.next_id += 1;
        self.flights.insert(wanted.clone(), Flight { id: self.next_id, waiting, next: Vec::new() });
        self.asked.insert(self.next_id, wanted);
        self.next_id
    }

    /// Answers those who waited, and tells what to ask for those who came meanwhile.
    fn found(&mut self, id: u64, entries: Vec<Entry>) -> Option<(u64, Wanted)> {
        let wanted = self.asked.remove(&id)?;
        let flight = self.flights.remove(&wanted)?;
        let found = Arc::new(entries);
        for waiting in flight.waiting {
            // Whoever waited too long has gone.
            let _gone = waiting.send(Arc::clone(&found));
        }
        (!flight.next.is_empty()).then(|| (self.begin(wanted.clone(), flight.next), wanted))
    }

    /// Once the stream is gone no question is under way: the next one will be asked behind all who wait by now.
    fn ask_anew(&mut self) {
        for flight in self.flights.values_mut() {
            flight.waiting.append(&mut flight.next);
        }
        self.forget_the_gone();
    }

    /// Forgets those who have gone, and questions for which nobody waits any more. An answer to one of these may still come, and
    /// is nobody's.
    fn forget_the_gone(&mut self) {
        for flight in self.flights.values_mut() {
            flight.waiting.retain(|waiting| !waiting.is_closed());
            flight.next.retain(|waiting| !waiting.is_closed());
        }
        self.flights.retain(|_, flight| !flight.waiting.is_empty() || !flight.next.is_empty());
        let flights = &self.flights;
        self.asked.retain(|id, wanted| flights.get(wanted).is_some_and(|flight| flight.id == *id));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use nexus_domain::credential::Digest;

    use super::*;
    use crate::control::link::{Frame, Link};

    /// API nodes that are never reached.
    struct Nowhere;

    impl Dial for Nowhere {
        type Link = NoLink;

        fn count(&self) -> usize {
            1
        }

        fn name(&self, _: usize) -> String {
            "nowhere".to_owned()
        }

        async fn dial(&self, _: usize) -> Result<NoLink, LinkError> {
            std::future::pending().await
        }
    }

    enum NoLink {}

    impl Link for NoLink {
        async fn send(&mut self, _: Frame) -> Result<(), LinkError> {
            match *self {}
        }

        async fn receive(&mut self) -> Result<Frame, LinkError> {
            match *self {}
        }
    }

    fn secret(text: &str) -> Wanted {
        Wanted::Secret(Digest::of(text))
    }

    fn asker() -> (ReadThrough, impl Future<Output = ()> + Send + 'static) {
        ReadThrough::new(Nowhere, watch::channel(false).1)
    }

    #[tokio::test]
    async fn a_request_that_finds_too_many_waiting_is_told_so_at_once() {
        let (read_through, _asks) = asker();
        let wanted = secret("one");
        let all = read_through.places.acquire_many(u32::try_from(MOST_WAITING).unwrap()).await.unwrap();
        let crowded = read_through.entries(wanted.clone()).now_or_never();
        assert_eq!(crowded, Some(Err(Unanswered::Crowded)));
        drop(all);
        let mut waiting = Box::pin(read_through.entries(wanted.clone()));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(read_through.places.available_permits(), MOST_WAITING - 1);
        drop(waiting);
        assert_eq!(read_through.places.available_permits(), MOST_WAITING, "whoever goes makes room");
    }

    /// One that has asked nothing yet.
    fn idle() -> Asker<Nowhere> {
        let (_, wished) = mpsc::channel(1);
        let stop = watch::channel(false).1;
        let (flights, asked) = Default::default();
        Asker { dial: Nowhere, api: 0, next_id: 0, flights, asked, wished, stop }
    }

    /// Somebody who wants to know of a credential, and what that is asked by, where it is asked at once.
    fn wish(asker: &mut Asker<Nowhere>, wanted: Wanted) -> (oneshot::Receiver<Found>, Option<(u64, Wanted)>) {
        let (answer, found) = oneshot::channel();
        let asked = asker.take(Wish { wanted, answer });
        (found, asked)
    }

    /// As many questions as there may be, the one for `wanted` among them and the first; nobody waits for the others any more.
    fn crowd(asker: &mut Asker<Nowhere>, wanted: Wanted) -> (oneshot::Receiver<Found>, u64) {
        let (found, asked) = wish(asker, wanted);
        for other in 1..MOST_WAITING {
            let (_gone, asked) = wish(asker, secret(&other.to_string()));
            assert!(asked.is_some());
        }
        assert_eq!(asker.flights.len(), MOST_WAITING);
        (found, asked.unwrap().0)
    }

    #[test]
    fn a_question_that_was_under_way_answers_nobody_who_came_later_in_a_crowd_either() {
        let (mut asker, wanted) = (idle(), secret("one"));
        let (mut early, first) = crowd(&mut asker, wanted.clone());
        let (mut late, asked) = wish(&mut asker, wanted.clone());
        assert_eq!(asked, None, "a question for it is under way");
        let (_another, asked) = wish(&mut asker, secret("another"));
        assert!(asked.is_some(), "those who have gone made room");
        let (next, _) = asker.found(first, Vec::new()).unwrap();
        assert!(early.try_recv().is_ok());
        assert_eq!(late.try_recv(), Err(oneshot::error::TryRecvError::Empty), "it began behind the question");
        assert_eq!(asker.found(next, Vec::new()), None);
        assert!(late.try_recv().is_ok());
    }

    #[test]
    fn a_question_whose_first_asker_has_gone_is_asked_again_for_the_one_behind() {
        let (mut asker, wanted) = (idle(), secret("one"));
        let (early, first) = crowd(&mut asker, wanted.clone());
        let (mut late, _) = wish(&mut asker, wanted.clone());
        drop(early);
        asker.forget_the_gone();
        let (next, _) = asker.found(first, Vec::new()).unwrap();
        assert_eq!(late.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(late);
        asker.forget_the_gone();
        assert!(asker.flights.is_empty() && asker.asked.is_empty());
        let (mut anew, asked) = wish(&mut asker, wanted.clone());
        assert_eq!(asker.found(next, Vec::new()), None, "an answer to a question that was forgotten");
        assert_eq!(anew.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert_eq!(asker.found(asked.unwrap().0, Vec::new()), None);
        assert!(anew.try_recv().is_ok());
    }

    #[test]
    fn a_new_stream_asks_once_for_all_who_wait() {
        let (mut asker, wanted) = (idle(), secret("one"));
        let (mut early, asked) = wish(&mut asker, wanted.clone());
        let (mut late, _) = wish(&mut asker, wanted.clone());
        asker.ask_anew();
        assert_eq!(asker.found(asked.unwrap().0, Vec::new()), None);
        assert!(early.try_recv().is_ok() && late.try_recv().is_ok());
    }

    #[test]
    fn those_who_have_gone_are_not_kept_for_a_question_without_an_answer() {
        let (mut asker, wanted) = (idle(), secret("one"));
        for _ in 0..10 * MOST_WAITING {
            asker.take(Wish { wanted: wanted.clone(), answer: oneshot::channel().0 });
        }
        assert!(asker.flights[&wanted].next.len() <= MOST_WAITING);
        assert_eq!(asker.asked.len(), 1);
    }
}
