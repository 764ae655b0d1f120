//! What a validating node and an API node say to each other on the control stream: JSON texts, one message a frame. A frame of
//! bytes, from the node, is a batch of usage: the node's id in 16 bytes, the batch's number in 8 (big endian), then the segment as
//! it stands on disk.
//!
//! Positions are those of the log. `(from, to]` of a [`Delta`] says that nothing changes validity in that stretch but what is
//! in it, so that a node sees a gap by itself.

use nexus_domain::credential::Digest;
use nexus_domain::rate_limit::{Ask, Counted, Shares};
use nexus_domain::validity::Entry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::wanted::{TokenNames, Wanted};
use crate::tokens::SecretKeys;

/// The version of this protocol. A node that speaks another one is refused with [`Refusal::Version`].
pub const VERSION: u32 = 2;

/// The most bytes of a frame to a node.
pub const LONGEST_FRAME: usize = 64 << 20;

/// The most bytes of a frame from a node: a batch of usage, which is a segment of its journal. One of these is closed at 4 MiB,
/// and two buffers of 4 MiB at most may come on top.
pub const LONGEST_BATCH: usize = 16 << 20;

/// From a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNode {
    /// The first message of a stream that is to be followed.
    Hello(Hello),
    /// Asks for the right to answer.
    Renew {
        /// The node's own clock (nanoseconds, one that goes on in suspend), read before this was sent. It comes back in the
        /// grant and means nothing to anybody else.
        t0: u64,
        /// As in [`FromNode::Ack`].
        applied: u64,
    },
    /// Everything up to this position is visible to all look-ups of the node. Cumulative.
    Ack {
        /// The position.
        applied: u64,
    },
    /// Asks for one credential, while the node may not answer from its table.
    Lookup {
        /// Comes back in the answer.
        id: u64,
        /// SHA-256 of the secret.
        digest: Digest,
    },
    /// As [`FromNode::Lookup`], for what a token rests on.
    LookupToken {
        /// Comes back in the answer.
        id: u64,
        /// The names of it.
        names: Box<TokenNames>,
    },
    /// Asks for shares of rate limits.
    Budgets {
        /// One for each that are counted together, and no more than [`MOST_ASKS`].
        asks: Vec<BudgetAsk>,
    },
    /// The node answers nothing from its table any more: nobody needs to wait for it.
    Bye,
}

impl FromNode {
    /// The question for what is wanted.
    #[must_use]
    pub fn look_up(id: u64, wanted: Wanted) -> Self {
        match wanted {
            Wanted::Secret(digest) => Self::Lookup { id, digest },
            Wanted::Token(names) => Self::LookupToken { id, names },
        }
    }
}

/// The most asks in a message.
pub const MOST_ASKS: usize = 256;

/// A node's ask for those that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetAsk {
    /// Whose limits.
    #[serde(flatten)]
    pub counted: Counted,
    /// What is asked.
    pub ask: Ask,
}

/// A node's shares of the limits of those that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantShares {
    /// Whose limits.
    #[serde(flatten)]
    pub counted: Counted,
    /// What is given.
    pub shares: Shares,
}

/// Who a node is, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
    /// The node, as its folder has it. A copy of the folder is the same node, and another incarnation.
    pub node: Uuid,
    /// This run of the process: made anew at each start, and stored nowhere.
    pub incarnation: Uuid,
    /// The version of the program.
    pub program: String,
    /// The dialects that it serves.
    pub dialects: Vec<String>,
    /// What is in its table already.
    pub have: Option<Have>,
}

/// A table that is complete up to a position of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The log.
    pub log: Uuid,
    /// The position.
    pub position: u64,
}

/// To a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNode {
    /// The answer to [`Hello`].
    Welcome(Welcome),
    /// A piece of everything that there is.
    Snapshot {
        /// Tenants before their keys.
        entries: Vec<Entry>,
        /// With the last piece: the position of the log that the whole is exact for.
        complete: Option<u64>,
    },
    /// What changed.
    Delta(Delta),
    /// The right to answer.
    Grant(Grant),
    /// The answer to [`FromNode::Lookup`] and [`FromNode::LookupToken`].
    Found {
        /// That of the question.
        id: u64,
        /// The key with its tenant before it; nothing where no key has the secret. Of a token, what there is.
        entries: Vec<Entry>,
    },
    /// The API node cannot tell.
    NotFound {
        /// That of the question.
        id: u64,
    },
    /// Shares of rate limits. What was asked for and is not among them is not given just now.
    Shares {
        /// One for each that are counted together.
        shares: Vec<TenantShares>,
    },
    /// A batch of usage is in the log.
    Taken {
        /// Its number.
        number: u64,
    },
    /// A batch of usage is not in the log, and should be sent again later.
    NotTaken {
        /// Its number.
        number: u64,
    },
    /// The stream ends.
    Refused {
        /// Why.
        refusal: Refusal,
        /// For people.
        detail: String,
    },
}

/// How a stream begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The log.
    pub log: Uuid,
    /// The registration that the API node has just now.
    pub epoch: Uuid,
    /// What comes.
    pub start: Start,
    /// What opens messages of the bus; absent where there is none.
    pub bus: Option<BusKeys>,
    /// What opens tenants' secrets for service JWTs, of the dialects that the node serves.
    pub secrets: SecretKeys,
}

/// What comes first on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Deltas from where the node is.
    Resume,
    /// Everything, then deltas. What the node has is to be forgotten first, with the right to answer from it: it is too far
    /// behind, another log's, or of a future that this log lost. Laid over it, an older snapshot would bring back what was
    /// revoked since.
    Snapshot,
}

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Whoever is complete up to here, or further,
    pub from: u64,
    /// is complete up to here with the entries.
    pub to: u64,
    /// The state of everything in the stretch that changed, at `to` or later.
    pub entries: Vec<Entry>,
}

/// The right to answer from `t0` on, for [`crate::lease::LENGTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// That of the question.
    pub t0: u64,
    /// The registration under which it was given.
    pub epoch: Uuid,
    /// Nothing changed validity in `(from, tail]` but what was sent before.
    pub from: u64,
    /// The log's end, read behind the question. The right begins once everything up to here is visible.
    pub tail: u64,
}

/// Public keys and secrets for the bus, by dialect. See `nexus_validator::bus`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusKeys {
    /// Ed25519 (RFC 8032), base64url.
    pub verifying: String,
    /// AES-256-GCM, base64url, of the dialects that the node serves.
    pub dialects: std::collections::BTreeMap<String, String>,
}

impl std::fmt::Debug for BusKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusKeys").field("verifying", &self.verifying).finish_non_exhaustive()
    }
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Another version of the protocol.
    Version,
    /// The credential is not valid any more, or may not see a dialect that the node serves.
    Forbidden,
    /// A message that makes no sense.
    Protocol,
    /// The API node cannot serve just now; another one may.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_they_always_were() {
        let id = Uuid::nil();
        let hello = FromNode::Hello(Hello {
            version: VERSION,
            node: id,
            incarnation: id,
            program: "0.1.0".into(),
            dialects: vec!["nexus".into()],
            have: Some(Have { log: id, position: 7 }),
        });
        for (message, text) in [
            (
                hello,
                r#"{"hello":{"version":2,"node":"00000000-0000-0000-0000-000000000000","incarnation":"00000000-0000-0000-0000-000000000000","program":"0.1.0","dialects":["nexus"],"have":{"log":"00000000-0000-0000-0000-000000000000","position":7}}}"#,
            ),
            (FromNode::Renew { t0: 5, applied: 6 }, r#"{"renew":{"t0":5,"applied":6}}"#),
            (FromNode::Ack { applied: 6 }, r#"{"ack":{"applied":6}}"#),
            (FromNode::Bye, r#""bye""#),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
            assert_eq!(serde_json::from_str::<FromNode>(text).unwrap(), message);
        }
        for (message, text) in [
            (
                ToNode::Grant(Grant { t0: 5, epoch: id, from: 6, tail: 9 }),
                r#"{"grant":{"t0":5,"epoch":"00000000-0000-0000-0000-000000000000","from":6,"tail":9}}"#,
            ),
            (
                ToNode::Delta(Delta { from: 6, to: 9, entries: Vec::new() }),
                r#"{"delta":{"from":6,"to":9,"entries":[]}}"#,
            ),
            (
                ToNode::Refused { refusal: Refusal::Forbidden, detail: "no".into() },
                r#"{"refused":{"refusal":"forbidden","detail":"no"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
            assert_eq!(serde_json::from_str::<ToNode>(text).unwrap(), message);
        }
    }
}
