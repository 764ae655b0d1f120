//! What can go wrong, in the sets that callers treat differently: folding, asking, waiting, rebuilding.

use nexus_infrastructure::database::DatabaseError;

/// Why a projection did not move over an event. Nothing of the batch is applied then.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The store failed; the batch is tried again.
    #[error("the store failed")]
    Database(#[from] DatabaseError),
    /// This program cannot read an event, so it stops in front of it rather than passing over it.
    #[error("event {position} ({event_type}) cannot be read by this program ({reason}): run a newer nexus")]
    Undecodable {
        /// Its place in the log.
        position: u64,
        /// Its type, as the log says.
        event_type: String,
        /// What the decoder did not understand.
        reason: String,
    },
    /// An event of an aggregate that this program has never heard of.
    #[error(
        "event {position} is of the aggregate type `{aggregate_type}`, which this program does not know: run a newer nexus"
    )]
    UnknownAggregate {
        /// Its place in the log.
        position: u64,
        /// The type.
        aggregate_type: String,
    },
    /// An event about something whose beginning is not in the log.
    #[error("event {position} is about {aggregate_id}, whose beginning the log does not tell")]
    Orphan {
        /// Its place in the log.
        position: u64,
        /// What it is about.
        aggregate_id: String,
    },
    /// A row that this program wrote cannot be written or read back.
    #[error("a stored row is malformed: rebuild the projection")]
    Row(#[from] serde_json::Error),
}

impl FoldError {
    /// Whether the same fold may succeed in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Undecodable { .. } | Self::UnknownAggregate { .. } | Self::Orphan { .. } | Self::Row(_) => {
                false
            }
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store failed.
    #[error("the store failed")]
    Database(#[from] DatabaseError),
    /// The cursor is not one that this list gave out.
    #[error("the cursor is not valid: take it from `next_cursor` of the page before")]
    InvalidCursor,
    /// The question asks for more steps than anybody reads.
    #[error("the time span has more than {limit} steps")]
    TooManySteps {
        /// The most steps that are answered.
        limit: i64,
    },
    /// The projection is being built for the first time; the answer comes once it is.
    #[error("the projection `{0}` is still being built")]
    NotBuilt(&'static str),
    /// No projection has this name.
    #[error("there is no projection `{0}`")]
    UnknownProjection(String),
    /// A stored row cannot be read back.
    #[error("a stored row is malformed: rebuild the projection")]
    Row(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl QueryError {
    pub(crate) fn row(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Row(Box::new(error))
    }
}

/// A projection did not reach a position in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the projection `{name}` has not reached position {wanted}: it is at {checkpoint}")]
pub struct Lagging {
    /// The projection.
    pub name: String,
    /// The position that was waited for.
    pub wanted: u64,
    /// How far it is, as far as is known; 0 where it is not built or there is no such projection.
    pub checkpoint: u64,
}

/// Why a rebuild ended without the new tables in place. What was folded stays: another attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// No projection has this name.
    #[error("there is no projection `{0}`")]
    UnknownProjection(String),
    /// An event could not be folded.
    #[error("the rebuild of `{name}` stopped")]
    Fold {
        /// The projection.
        name: &'static str,
        /// Why.
        #[source]
        source: FoldError,
    },
    /// The log, or which builds there are, could not be read.
    #[error("the log could not be read")]
    Log(#[from] FoldError),
    /// The process is stopping; the next one resumes.
    #[error("the process is stopping; the rebuild goes on at the next start")]
    Stopped,
}
