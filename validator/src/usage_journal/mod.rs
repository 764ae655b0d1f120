//! The usage journal: every decision of this node on disk within milliseconds, handed out in
//! numbered batches until the log has them. The road from a decision to the log counts each once.
//!
//! [`UsageJournal::record`] is called on the request path and only fills a buffer. A thread of the
//! journal's own writes the buffers to the running segment. [`Segments`] is for the one who ships
//! them: it closes segments, reads them back as [`Batch`]es and deletes what the log has taken.

mod aggregate;
mod buffers;
mod drain;
mod frame;
mod journal;
mod record;
mod segment;
mod text;

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use self::aggregate::{Bounds, Groups};
pub use self::drain::{Taker, drain};
use self::frame::{Contents, Unreadable};
pub use self::journal::{UsageJournal, UsageJournalOptions};
#[cfg(test)]
use self::record::ReadBack;
pub use self::record::UsageRecord;
pub use self::segment::Segments;

/// The number of a batch: dense per node, and never given to another batch.
pub type BatchNumber = u64;

/// Decisions of a node that go to the log together. `(node, number)` tells a resend.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The node's id, made when its journal was first opened.
    pub node: String,
    /// The number.
    pub number: BatchNumber,
    contents: Contents,
    groups: Groups,
}

/// A segment that came from elsewhere is none of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the segment was written by another version of this program")]
pub struct UnreadableSegment;

impl Batch {
    /// A batch that another node's journal handed out, from its [`Batch::bytes`]. Not more of it than a journal puts into one:
    /// see [`Batch::left_out`].
    ///
    /// # Errors
    /// [`UnreadableSegment`]
    pub fn received(node: Uuid, number: BatchNumber, bytes: Vec<u8>) -> Result<Self, UnreadableSegment> {
        Self::read(node.to_string(), number, bytes, Bounds::RECEIVED).map_err(|Unreadable| UnreadableSegment)
    }

    fn read(node: String, number: BatchNumber, bytes: Vec<u8>, bounds: Bounds) -> Result<Self, Unreadable> {
        let mut groups = Groups::of(bytes.len(), bounds);
        let contents = Contents::read(bytes, |place, record| groups.add(place, &record))?;
        Ok(Self { node, number, contents, groups })
    }

    /// The node's id.
    #[must_use]
    pub fn node_id(&self) -> Uuid {
        // A journal's id is one.
        Uuid::parse_str(&self.node).unwrap_or_default()
    }

    /// What was decided and when, as it stands on disk: the same bytes each time the batch is handed out.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.contents.bytes()
    }
}

/// The journal cannot be opened or read. Recording never fails.
#[derive(Debug, thiserror::Error)]
pub enum UsageJournalError {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("{path} is in use: another nexus runs there; stop it, or give this one a folder of its own")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A segment is undamaged and not understood.
    #[error("{path} was written by another version of this program: start that one until it is sent")]
    Unreadable {
        /// The segment.
        path: PathBuf,
    },
    /// The node's id is missing while decisions of the node are waiting.
    #[error("{path} is missing or not a node's id: restore it, or move the segments beside it away")]
    NoNode {
        /// The file that holds the node's id.
        path: PathBuf,
    },
}

impl UsageJournalError {
    /// For `map_err`: what was tried, on what.
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests;
