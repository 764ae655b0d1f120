//! What is appended: events to one stream or several, with the conditions and side records that hold or fall with them.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use nexus_domain::validity::DialectEntry;

use super::json::Json;
use crate::database::DatabaseError;

/// Longest name of a stream, scope, key, claim, quota or holder, in bytes: two of them fit an index entry of PostgreSQL.
pub const MAX_NAME: usize = 512;

/// How a stream is expected to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Its last sequence is this one; 0 for a stream that does not exist yet.
    Exactly(u64),
    /// The events go behind whatever is there.
    Any,
}

/// Events for one stream, oldest first. With no events and [`Expected::Exactly`] it is a condition only.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// The aggregate's type, such as `key`.
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: String,
    /// How the stream must stand.
    pub expected: Expected,
    /// What is appended.
    pub events: Vec<NewEvent>,
}

/// An event that has no place in the log yet.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event's type, such as `KeyRevoked`.
    pub event_type: String,
    /// The version of its schema.
    pub event_version: String,
    /// The event itself.
    pub payload: Json,
    /// Tenant, actor, request and causation.
    pub metadata: Json,
}

/// Makes a repeated request recognisable: the key is free, or the append fails with [`AppendError::IdempotencyTaken`].
#[derive(Clone)]
pub struct Idempotency {
    /// Whose keys these are, such as a tenant and an operation.
    pub scope: String,
    /// The key that the client chose.
    pub key: String,
    /// SHA-256 of the request, to tell a repetition from a reuse of the key.
    pub fingerprint: Vec<u8>,
    /// The answer to give to a repetition, encrypted by the caller.
    pub result: Vec<u8>,
    /// From when on the key is free again, in unix microseconds.
    pub expires_at: i64,
}

impl std::fmt::Debug for Idempotency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Idempotency")
            .field("scope", &self.scope)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A name that one holder has at a time: a client id, an e-mail address.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The name, with a prefix for its kind.
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// What is done with it.
    pub action: ClaimAction,
}

/// See [`Claim`]. In one append the releases come before the takes, so a name can be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimAction {
    /// The holder takes it, or has it already; else the append fails with [`AppendError::ClaimTaken`].
    Take,
    /// The holder gives it back, if it has it.
    Release,
}

/// A place in a quota: at most a number of holders whose time has not run out.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The quota, such as `active-keys/` and a tenant.
    pub quota: String,
    /// Who holds the place.
    pub holder: String,
    /// What is done with it.
    pub action: SlotAction,
}

/// See [`Slot`]. A quota is judged by what it would hold after the whole append, at [`Append::now`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotAction {
    /// Takes a place, or sets the expiry of the one that is held.
    Take {
        /// Most holders at once.
        limit: u32,
        /// When the place frees itself, in unix microseconds; without one, when it is released.
        expires_at: Option<i64>,
    },
    /// Changes the expiry of a place; it counts as a take when the place had run out.
    Extend {
        /// Most holders at once, if it counts as a take.
        limit: u32,
        /// When the place frees itself, in unix microseconds; without one, when it is released.
        expires_at: Option<i64>,
    },
    /// Gives the place back, if it is held.
    Release,
}

/// A command's outcome, committed as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// One aggregate or several; none twice.
    pub streams: Vec<StreamAppend>,
    /// The request's idempotency key.
    pub idempotency: Option<Idempotency>,
    /// Unique names taken and released.
    pub claims: Vec<Claim>,
    /// Places in quotas taken, extended and released; none twice.
    pub slots: Vec<Slot>,
    /// The time of the command in unix microseconds: stamped on the events, compared with expiries.
    pub now: i64,
    /// What validating nodes are to know of the first stream's aggregate once the events stand, where whoever appends has worked
    /// it out: readers in this process need not load it then. Only with [`Expected::Exactly`]; it is stored nowhere.
    pub shows: Option<Arc<DialectEntry>>,
}

/// Where an append stands in the log. An append without events has the head in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first event.
    pub first: u64,
    /// Position of the last event.
    pub last: u64,
}

/// Why nothing was appended (with [`AppendError::Unavailable`]: perhaps).
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A stream does not stand where it was expected: load, decide and append again.
    #[error("a stream has moved on")]
    Conflict,
    /// The idempotency key is in use: its result can be read with [`super::Journal::idempotent_result`].
    #[error("the idempotency key is taken")]
    IdempotencyTaken,
    /// Another holder has the name.
    #[error("the name {name} is taken")]
    ClaimTaken {
        /// The claim's name.
        name: String,
    },
    /// The quota has no free place.
    #[error("the quota {quota} of {limit} is used up")]
    QuotaExceeded {
        /// The slot's quota.
        quota: String,
        /// The limit that was asked for.
        limit: u32,
    },
    /// The database did not say that it has committed. It may have: an append with an idempotency key can be repeated safely,
    /// and so can one that expects exact sequences, which a first success turns into a conflict.
    #[error("the log is not available")]
    Unavailable(#[source] DatabaseError),
    /// The append can never be committed as it is.
    #[error("the append is not valid: {0}")]
    Invalid(String),
    /// The journal is closing.
    #[error("the journal is closed")]
    Closed,
}

/// An append as the lane takes it: checked, JSON rendered, on the caller's thread and not on the lane's.
pub(super) struct Prepared {
    pub(super) streams: Vec<PreparedStream>,
    pub(super) idempotency: Option<Idempotency>,
    pub(super) claims: Vec<Claim>,
    pub(super) slots: Vec<Slot>,
    pub(super) now: i64,
    /// What the events are stamped with; the database's clock if there is none.
    pub(super) created_at: Option<i64>,
    /// See [`Append::shows`].
    pub(super) shows: Option<Arc<DialectEntry>>,
    /// Hashes of all that it changes, which no two appends under way may share. A collision only lets one wait for the other.
    pub(super) keys: Vec<u64>,
    /// Hashes of the streams that are conditions only: appends that change nothing of them may go together.
    pub(super) conditions: Vec<u64>,
    pub(super) event_count: usize,
    pub(super) bytes: usize,
}

pub(super) struct PreparedStream {
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: String,
    pub(super) expected: Option<i64>,
    pub(super) events: Vec<PreparedEvent>,
}

pub(super) struct PreparedEvent {
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) payload: Json,
    pub(super) metadata: Json,
}

impl Prepared {
    pub(super) fn new(append: Append) -> Result<Self, AppendError> {
        let (keys, conditions) = keys(&append)?;
        if keys.is_empty() && conditions.is_empty() {
            return Err(invalid("it is empty"));
        }
        let streams = append.streams.into_iter().map(prepare_stream).collect::<Result<Vec<_>, _>>()?;
        let events = || streams.iter().flat_map(|stream| &stream.events);
        Ok(Self {
            event_count: events().count(),
            bytes: events().map(|event| event.payload.as_str().len() + event.metadata.as_str().len()).sum(),
            streams,
            idempotency: append.idempotency,
            claims: append.claims,
            slots: append.slots,
            now: append.now,
            created_at: Some(append.now),
            shows: append.shows,
            keys,
            conditions,
        })
    }
}

fn prepare_stream(stream: StreamAppend) -> Result<PreparedStream, AppendError> {
    let expected = match stream.expected {
        Expected::Any => None,
        Expected::Exactly(sequence) => Some(
            i64::try_from(sequence)
                .ok()
                .filter(|sequence| *sequence <= i64::MAX / 2)
                .ok_or_else(|| invalid("the expected sequence is out of range"))?,
        ),
    };
    let events = stream.events.into_iter().map(prepare_event).collect::<Result<_, _>>()?;
    Ok(PreparedStream {
        aggregate_type: stream.aggregate_type,
        aggregate_id: stream.aggregate_id,
        expected,
        events,
    })
}

fn prepare_event(event: NewEvent) -> Result<PreparedEvent, AppendError> {
    check_name("event type", &event.event_type)?;
    check_name("event version", &event.event_version)?;
    // jsonb holds no NUL character. Refused here for both stores, so that a user's input cannot spoil a batch.
    if event.payload.has_nul() || event.metadata.has_nul() {
        return Err(invalid("a text holds a NUL character"));
    }
    Ok(PreparedEvent {
        payload: event.payload,
        metadata: event.metadata,
        event_type: event.event_type,
        event_version: event.event_version,
    })
}

/// Checks the names, refuses what is named twice, and hashes what the lane keeps apart: what is changed, and what is only
/// looked at.
fn keys(append: &Append) -> Result<(Vec<u64>, Vec<u64>), AppendError> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let (mut keys, mut conditions) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for stream in &append.streams {
        check_name("aggregate type", &stream.aggregate_type)?;
        check_name("aggregate id", &stream.aggregate_id)?;
        if !seen.insert(("stream", stream.aggregate_type.as_str(), stream.aggregate_id.as_str())) {
            return Err(invalid("it names a stream twice"));
        }
        let hash = hasher.hash_one(("stream", &stream.aggregate_type, &stream.aggregate_id));
        if stream.events.is_empty() { &mut conditions } else { &mut keys }.push(hash);
    }
    if let Some(idempotency) = &append.idempotency {
        check_name("idempotency scope", &idempotency.scope)?;
        check_name("idempotency key", &idempotency.key)?;
        keys.push(hasher.hash_one(("key", &idempotency.scope, &idempotency.key)));
    }
    for claim in &append.claims {
        check_name("claim", &claim.name)?;
        check_name("holder", &claim.holder)?;
        let action = match claim.action {
            ClaimAction::Take => "take",
            ClaimAction::Release => "release",
        };
        if !seen.insert(("claim", action, claim.name.as_str())) {
            return Err(invalid("it takes or releases a name twice"));
        }
        keys.push(hasher.hash_one(("claim", &claim.name)));
    }
    for slot in &append.slots {
        check_name("quota", &slot.quota)?;
        check_name("holder", &slot.holder)?;
        if !seen.insert(("slot", slot.quota.as_str(), slot.holder.as_str())) {
            return Err(invalid("it names a slot twice"));
        }
        keys.push(hasher.hash_one(("quota", &slot.quota)));
    }
    keys.sort_unstable();
    keys.dedup();
    Ok((keys, conditions))
}

fn check_name(what: &str, name: &str) -> Result<(), AppendError> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Err(invalid(&format!("{what} must have 1 to {MAX_NAME} bytes and no NUL character")));
    }
    Ok(())
}

fn invalid(reason: &str) -> AppendError {
    AppendError::Invalid(reason.to_owned())
}
