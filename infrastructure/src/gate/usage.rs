//! Taking usage over from nodes into the log, each batch once.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::usage::{Usage, UsageEvent};
use serde_json::json;

use crate::gate::{Gate, GateError, PLATFORM_TENANT};
use crate::journal::{Append, AppendError, Expected, Idempotency, Json, NewEvent, StreamAppend};

/// How long a batch is recognised when a node sends it again.
const RECOGNISED: TimeDelta = TimeDelta::days(400);

impl Gate {
    /// Appends a node's batch or a part of it, all or nothing. One that is there already, recognised by
    /// its number and the fingerprint of what it holds, is left as it is: nothing is counted twice.
    /// The number alone would not do: a node whose folder was restored from a copy gives it out
    /// again, for other decisions. Events of one stream stand behind each other.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]: the batch must be sent again.
    pub async fn record_usage(
        &self,
        node: &str,
        number: u64,
        fingerprint: &str,
        events: impl IntoIterator<Item = (String, UsageEvent)>,
    ) -> Result<(), GateError> {
        let now = self.clock.now();
        let mut streams: Vec<StreamAppend> = Vec::new();
        for (stream, event) in events {
            let event = self.envelope(node, number, now, &event)?;
            match streams.last_mut().filter(|last| last.aggregate_id == stream) {
                Some(last) => last.events.push(event),
                None => streams.push(StreamAppend {
                    aggregate_type: Usage::TYPE.to_owned(),
                    aggregate_id: stream,
                    // Usage is not decided upon: it goes behind whatever is there, without a load.
                    expected: Expected::Any,
                    events: vec![event],
                }),
            }
        }
        if streams.is_empty() {
            return Ok(());
        }
        let append = Append {
            streams,
            idempotency: Some(Idempotency {
                scope: format!("usage/{node}"),
                key: format!("{number}-{fingerprint}"),
                fingerprint: Vec::new(),
                result: Vec::new(),
                expires_at: (now + RECOGNISED).timestamp_micros(),
            }),
            claims: Vec::new(),
            slots: Vec::new(),
            now: now.timestamp_micros(),
            shows: None,
        };
        match self.journal.append(append).await {
            Ok(_) | Err(AppendError::IdempotencyTaken) => Ok(()),
            Err(error) => Err(GateError::append(error)),
        }
    }

    fn envelope(
        &self,
        node: &str,
        number: u64,
        now: DateTime<Utc>,
        event: &UsageEvent,
    ) -> Result<NewEvent, GateError> {
        let tenant = match event {
            UsageEvent::KeyUsed(used) => used.tenant_id,
            UsageEvent::UnattributedRefusals(_) => PLATFORM_TENANT,
        };
        let metadata = json!({
            "event_id": self.entropy.uuid_v7(now).to_string(),
            "tenant_id": tenant.to_string(),
            "actor": format!("node-{node}"),
            "request_id": format!("usage-{number}"),
            "causation_id": format!("usage-{number}"),
            "time": now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        });
        Ok(NewEvent {
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: Json::of(event).map_err(GateError::encode)?,
            metadata: metadata.into(),
        })
    }
}
