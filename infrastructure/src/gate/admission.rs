//! Recognising repeated requests: a request with a known idempotency key gets the first answer.

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gate::idempotency::Running;
use crate::gate::{Call, Done, Gate, GateError};
use crate::journal::Idempotency;

/// How long an answer can be asked for again. It may hold a secret, so not longer than needed.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// Whether an operation has to run.
pub(super) enum Admission<T> {
    /// It ran before: this was the answer.
    Replay(Box<Done<T>>),
    /// It runs now, marked until the guard is dropped.
    Go(Option<Running>),
}

impl Gate {
    pub(super) async fn admit<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Admission<T>, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(Admission::Go(None));
        };
        let running =
            self.in_flight.start(&call.principal.actor, &idempotency.key).ok_or(GateError::InFlight)?;
        match self.replay(call).await? {
            Some(done) => Ok(Admission::Replay(Box::new(done))),
            None => Ok(Admission::Go(Some(running))),
        }
    }

    /// The answer that was given to this request before.
    pub(super) async fn replay<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Option<Done<T>>, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(None);
        };
        let scope = &call.principal.actor;
        let stored = self
            .journal
            .idempotent_result(scope, &idempotency.key, call.now.timestamp_micros())
            .await
            .map_err(GateError::Unavailable)?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        if stored.fingerprint != idempotency.fingerprint {
            return Err(GateError::IdempotencyMismatch);
        }
        let clear = self
            .vault
            .open(&context(scope, &idempotency.key), &stored.result)
            .map_err(|error| GateError::Internal(Box::new(error)))?;
        let answer = serde_json::from_slice(&clear).map_err(GateError::encode)?;
        Ok(Some(Done { answer, position: None }))
    }

    /// What is stored with the events so that the answer can be given again.
    pub(super) fn remember<T: Serialize>(
        &self,
        call: &Call<'_>,
        answer: &T,
    ) -> Result<Option<Idempotency>, GateError> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(None);
        };
        let scope = call.principal.actor.clone();
        let clear = zeroize::Zeroizing::new(serde_json::to_vec(answer).map_err(GateError::encode)?);
        let result = self
            .vault
            .seal(&context(&scope, &idempotency.key), &clear)
            .map_err(|error| GateError::Internal(Box::new(error)))?;
        Ok(Some(Idempotency {
            scope,
            key: idempotency.key.clone(),
            fingerprint: idempotency.fingerprint.to_vec(),
            result,
            expires_at: (call.now + REMEMBERED).timestamp_micros(),
        }))
    }
}

/// Associated data: a stored answer opens for its own scope and key alone.
fn context(scope: &str, key: &str) -> Vec<u8> {
    format!("idempotency\0{scope}\0{key}").into_bytes()
}
