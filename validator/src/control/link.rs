//! The way to API nodes as a port: a real one is a WebSocket, a simulated one whatever loses, delays and repeats.

use std::future::Future;
use std::sync::Arc;

/// One frame of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message, as JSON.
    Text(String),
    /// A batch of usage.
    Bytes(Vec<u8>),
}

/// A stream cannot be had, or is lost.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The API node refused the stream before it began, with this HTTP status.
    #[error("the API node answers {status}: {advice}")]
    Refused {
        /// The status.
        status: u16,
        /// What to do.
        advice: &'static str,
    },
    /// Nobody answers, or what answers speaks no WebSocket.
    #[error("the API node cannot be reached: {0}")]
    Unreachable(String),
    /// The stream was there, and is not any more.
    #[error("the stream broke off: {0}")]
    Lost(String),
    /// Nothing came in time.
    #[error("the API node did not answer in time")]
    Silent,
    /// What came is no message of this protocol.
    #[error("the API node sent what this program does not understand: {0}")]
    Unreadable(String),
}

/// The API nodes that there are, by number.
pub trait Dial: Send + Sync + 'static {
    /// What a call gives.
    type Link: Link;

    /// How many there are, at least one.
    fn count(&self) -> usize;

    /// What the log calls an API node.
    fn name(&self, api: usize) -> String;

    /// Opens a stream to one of them.
    fn dial(&self, api: usize) -> impl Future<Output = Result<Self::Link, LinkError>> + Send;
}

impl<D: Dial> Dial for Arc<D> {
    type Link = D::Link;

    fn count(&self) -> usize {
        D::count(self)
    }

    fn name(&self, api: usize) -> String {
        D::name(self, api)
    }

    fn dial(&self, api: usize) -> impl Future<Output = Result<Self::Link, LinkError>> + Send {
        D::dial(self, api)
    }
}

/// A stream to an API node. Frames come in the order in which they were sent, or the stream breaks.
pub trait Link: Send + 'static {
    /// Hands a frame over.
    fn send(&mut self, frame: Frame) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// The next frame. Dropping the future loses none.
    fn receive(&mut self) -> impl Future<Output = Result<Frame, LinkError>> + Send;
}
