//! Recognising repeated requests: a request with a known idempotency key gets the first answer, byte for byte.
//!
//! What a command came to is stored with its events, so that a crash loses both or neither. The answer itself is known only
//! afterwards (how long it took, what a list shows), and is added to the row before it goes out: an answer that somebody has
//! received is always there. A repetition that comes in between, or after a crash in between, answers anew from what is
//! stored; of several that do so, the first to add its answer speaks for all.

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::gate::idempotency::Running;
use crate::gate::{ATTEMPTS, Call, Done, Gate, GateError, IdempotencyKey};
use crate::journal::{Append, AppendError, Idempotency};

/// How long an answer can be asked for again. It may hold a secret, so not longer than needed.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// What a request is answered with. It may hold a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Whether a request has to be worked on.
#[derive(Debug)]
pub enum Begun {
    /// It was answered before, with this.
    Answered(Answer),
    /// It is worked on now, and a repetition is [`GateError::InFlight`] until this is dropped.
    Go(Option<Running>),
}

/// The content of an idempotency row, encrypted there.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    outcome: T,
    answer: Option<Answer>,
}

/// An idempotency row's content in clear, and as it stands in the store.
struct Opened {
    clear: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

fn parsed<'a, T: Deserialize<'a>>(clear: &'a [u8]) -> Result<Stored<T>, GateError> {
    serde_json::from_slice(clear).map_err(|error| GateError::AnswerUnreadable(Box::new(error)))
}

impl Gate {
    /// Begins a request: looks for its answer, and marks it as running.
    ///
    /// # Errors
    /// [`GateError::InFlight`], [`GateError::IdempotencyMismatch`], [`GateError::AnswerUnreadable`], [`GateError::Unavailable`]
    pub async fn begin(&self, call: &Call<'_>) -> Result<Begun, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(Begun::Go(None));
        };
        let running =
            self.in_flight.start(&call.principal.actor, &idempotency.key).ok_or(GateError::InFlight)?;
        // An unfinished row's outcome is read where the command is executed.
        let stored = self.stored::<serde::de::IgnoredAny>(call, idempotency).await?;
        Ok(match stored.and_then(|stored| stored.answer) {
            Some(answer) => Begun::Answered(answer),
            None => Begun::Go(Some(running)),
        })
    }

    /// Keeps an answer for repetitions, and gives the one that goes out: the first that was kept.
    ///
    /// # Errors
    /// [`GateError::Unavailable`], and the answer must not go out; it can be asked for again.
    /// [`GateError::AnswerUnreadable`]
    pub async fn keep_answer(&self, call: &Call<'_>, answer: Answer) -> Result<Answer, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(answer);
        };
        for _ in 0..ATTEMPTS {
            let kept = match self.opened(call, idempotency).await? {
                Some(Opened { clear, sealed }) => {
                    // The outcome may hold a secret: it is taken over where it stands, in memory that is wiped.
                    let stored: Stored<&RawValue> = parsed(&clear)?;
                    if let Some(first) = stored.answer {
                        return Ok(first);
                    }
                    let row =
                        self.row(call, idempotency, &Stored { answer: Some(answer.clone()), ..stored })?;
                    self.journal
                        .replace_idempotent_result(&row, &sealed)
                        .await
                        .map_err(GateError::Unavailable)?
                }
                // What was done left nothing in the log.
                None => self.keep_alone(call, idempotency, &answer).await?,
            };
            if kept {
                return Ok(answer);
            }
        }
        Err(GateError::Contended)
    }

    async fn keep_alone(
        &self,
        call: &Call<'_>,
        idempotency: &IdempotencyKey,
        answer: &Answer,
    ) -> Result<bool, GateError> {
        let row = self.row(call, idempotency, &Stored { outcome: (), answer: Some(answer.clone()) })?;
        let append = Append { idempotency: Some(row), now: call.now.timestamp_micros(), ..Append::default() };
        match self.journal.append(append).await {
            Ok(_) => Ok(true),
            Err(AppendError::IdempotencyTaken) => Ok(false),
            Err(error) => Err(GateError::append(error)),
        }
    }

    /// What this request came to before.
    pub(super) async fn replay<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Option<Done<T>>, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(None);
        };
        let stored = self.stored(call, idempotency).await?;
        Ok(stored.map(|stored| Done { answer: stored.outcome, position: None }))
    }

    /// What is stored with the events so that the request can be answered again.
    pub(super) fn remember<T: Serialize>(
        &self,
        call: &Call<'_>,
        outcome: &T,
    ) -> Result<Option<Idempotency>, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(None);
        };
        self.row(call, idempotency, &Stored { outcome, answer: None }).map(Some)
    }

    /// What is stored for this request.
    async fn stored<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        idempotency: &IdempotencyKey,
    ) -> Result<Option<Stored<T>>, GateError> {
        let opened = self.opened(call, idempotency).await?;
        opened.map(|opened| parsed(&opened.clear)).transpose()
    }

    /// What is stored for this request, decrypted and not parsed yet.
    async fn opened(
        &self,
        call: &Call<'_>,
        idempotency: &IdempotencyKey,
    ) -> Result<Option<Opened>, GateError> {
        let scope = &call.principal.actor;
        let row = self
            .journal
            .idempotent_result(scope, &idempotency.key, call.now.timestamp_micros())
            .await
            .map_err(GateError::Unavailable)?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.fingerprint != idempotency.fingerprint {
            return Err(GateError::IdempotencyMismatch);
        }
        let clear = self
            .vault
            .open(&context(scope, &idempotency.key), &row.result)
            .map_err(|error| GateError::AnswerUnreadable(Box::new(error)))?;
        Ok(Some(Opened { clear, sealed: row.result }))
    }

    fn row<T: Serialize>(
        &self,
        call: &Call<'_>,
        idempotency: &IdempotencyKey,
        stored: &Stored<T>,
    ) -> Result<Idempotency, GateError> {
        let scope = call.principal.actor.clone();
        let mut clear = Wiped::default();
        serde_json::to_writer(&mut clear, stored).map_err(GateError::encode)?;
        let result = self
            .vault
            .seal(&context(&scope, &idempotency.key), &clear.0)
            .map_err(|error| GateError::Internal(Box::new(error)))?;
        Ok(Idempotency {
            scope,
            key: idempotency.key.clone(),
            fingerprint: idempotency.fingerprint.to_vec(),
            result,
            expires_at: (call.now + REMEMBERED).timestamp_micros(),
        })
    }
}

/// Bytes of which no copy stays behind, also where they outgrow their place.
#[derive(Default)]
struct Wiped(Zeroizing<Vec<u8>>);

impl std::io::Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.capacity()).max(1024)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Associated data: a stored answer opens for its own scope and key alone.
fn context(scope: &str, key: &str) -> Vec<u8> {
    format!("idempotency\0{scope}\0{key}").into_bytes()
}
