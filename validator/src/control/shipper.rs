//! The way of a node's usage to the API nodes: over a stream of its own, so that no batch stands in front of a revocation's
//! acknowledgement.

use std::time::Duration;

use super::client::receive;
use super::link::{Dial, Frame, Link as _, LinkError};
use super::message::ToNode;
use crate::usage_journal::{Batch, Taker};

/// How long an API node may take to put a batch into the log.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// How long a stream may take to open.
const OPENS_WITHIN: Duration = Duration::from_secs(3);

/// Sends batches. A stream is kept from one batch to the next, and another API node is tried after a failure.
pub struct Shipper<D: Dial> {
    dial: D,
    api: usize,
    link: Option<D::Link>,
}

/// A batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotShipped {
    /// Nobody could be asked.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The API node did not want it just now.
    #[error("the API node did not take it; its log says why")]
    Refused,
}

impl<D: Dial> Shipper<D> {
    /// A shipper that has not dialled yet.
    pub const fn new(dial: D) -> Self {
        Self { dial, api: 0, link: None }
    }

    async fn ship(&mut self, batch: &Batch) -> Result<bool, LinkError> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => tokio::time::timeout(OPENS_WITHIN, self.dial.dial(self.api))
                .await
                .unwrap_or(Err(LinkError::Silent))?,
        };
        let sending = async {
            link.send(Frame::Bytes(parcel(batch))).await?;
            loop {
                match receive(&mut link).await? {
                    ToNode::Taken { number } if number == batch.number => return Ok(true),
                    ToNode::NotTaken { number } if number == batch.number => return Ok(false),
                    ToNode::Refused { detail, .. } => return Err(LinkError::Lost(detail)),
                    // An answer to a batch that was given up.
                    _ => {}
                }
            }
        };
        let taken = tokio::time::timeout(TAKEN_WITHIN, sending).await.unwrap_or(Err(LinkError::Silent))?;
        self.link = Some(link);
        Ok(taken)
    }
}

/// Node, number, segment.
fn parcel(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24 + batch.bytes().len());
    bytes.extend_from_slice(batch.node_id().as_bytes());
    bytes.extend_from_slice(&batch.number.to_be_bytes());
    bytes.extend_from_slice(batch.bytes());
    bytes
}

impl<D: Dial> Taker for Shipper<D> {
    type Error = NotShipped;

    async fn take(&mut self, batch: &Batch) -> Result<usize, NotShipped> {
        // A stream that was kept may have been ended meanwhile, for being silent.
        let kept = self.link.is_some();
        let mut shipped = self.ship(batch).await;
        if kept && shipped.is_err() {
            shipped = self.ship(batch).await;
        }
        match shipped {
            Ok(true) => Ok(batch.groups()),
            Ok(false) => Err(NotShipped::Refused),
            Err(error) => {
                self.api = (self.api + 1) % self.dial.count().max(1);
                Err(error.into())
            }
        }
    }
}
