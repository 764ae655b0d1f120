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

/// Sends batches. A stream is kept from one batch to the next, and another API node is tried after one that failed or did not
/// take a batch.
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

    fn turn_to_the_next(&mut self) {
        self.link = None;
        self.api = (self.api + 1) % self.dial.count().max(1);
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
            Ok(false) => {
                // It may lack a dialect that another one serves, and would say the same for ever.
                self.turn_to_the_next();
                Err(NotShipped::Refused)
            }
            Err(error) => {
                self.turn_to_the_next();
                Err(error.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use nexus_domain::verification::Code;
    use uuid::Uuid;

    use super::super::link::Link;
    use super::*;
    use crate::usage_journal::{UsageJournal, UsageJournalOptions, UsageRecord};

    /// API nodes by whether they take what comes, and which of them were asked.
    struct Apis {
        take: Vec<bool>,
        asked: Arc<Mutex<Vec<usize>>>,
    }

    struct Stream {
        api: usize,
        takes: bool,
        asked: Arc<Mutex<Vec<usize>>>,
        number: Option<u64>,
    }

    impl Dial for Apis {
        type Link = Stream;

        fn count(&self) -> usize {
            self.take.len()
        }

        fn name(&self, api: usize) -> String {
            api.to_string()
        }

        async fn dial(&self, api: usize) -> Result<Stream, LinkError> {
            Ok(Stream { api, takes: self.take[api], asked: Arc::clone(&self.asked), number: None })
        }
    }

    impl Link for Stream {
        async fn send(&mut self, frame: Frame) -> Result<(), LinkError> {
            let Frame::Bytes(bytes) = frame else { panic!("no batch") };
            self.asked.lock().unwrap().push(self.api);
            self.number = Some(u64::from_be_bytes(bytes[16..24].try_into().unwrap()));
            Ok(())
        }

        async fn receive(&mut self) -> Result<Frame, LinkError> {
            let number = self.number.take().unwrap();
            let answer = if self.takes { ToNode::Taken { number } } else { ToNode::NotTaken { number } };
            Ok(Frame::Text(serde_json::to_string(&answer).unwrap()))
        }
    }

    #[tokio::test]
    async fn a_batch_that_one_api_node_does_not_take_is_offered_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let options = UsageJournalOptions::new(Uuid::from_u128(1));
        let (journal, mut segments) = UsageJournal::open(folder.path(), &options).unwrap();
        journal.record(&UsageRecord {
            at: 1_750_000_000_000_000,
            key: None,
            code: Code::Unknown,
            method: None,
            path: None,
            ip: None,
            request_id: None,
            client_version: None,
        });
        let batch = segments.next_up_to(u64::MAX).unwrap().unwrap();
        let asked = Arc::default();
        let mut shipper = Shipper::new(Apis { take: vec![false, true], asked: Arc::clone(&asked) });
        assert!(matches!(shipper.take(&batch).await, Err(NotShipped::Refused)));
        shipper.take(&batch).await.unwrap();
        shipper.take(&batch).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), [0, 1, 1], "and it stays with the one that takes");
    }
}
