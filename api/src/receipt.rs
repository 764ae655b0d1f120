//! Receipts: how far a change that takes something away has come when it is answered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::nodes::barrier::Confirmation;
use crate::nodes::settle::Settled;

/// How far a change that takes something away has come when it is answered: `confirmed` and `lapsed` are all `nodes`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"position": 41, "nodes": 2, "confirmed": 2, "lapsed": 0, "elapsed_ms": 3}))]
pub struct Receipt {
    /// The position of the log that the nodes have applied.
    pub position: u64,
    /// Validating nodes that could have answered without the change when it was made, API nodes among them. One that had gone to
    /// another API node less than three seconds before has a right to answer from each, and counts twice.
    pub nodes: u32,
    /// Those that confirmed that they answer by it.
    pub confirmed: u32,
    /// Those that did not, and have lost the right to accept anything instead.
    pub lapsed: u32,
    /// How long it took from the commit until the last of them, in milliseconds.
    pub elapsed_ms: u64,
}

impl From<&Settled> for Receipt {
    fn from(settled: &Settled) -> Self {
        let Confirmation { nodes, confirmed, lapsed, held_after } = settled.confirmation;
        let elapsed_ms = u64::try_from(held_after.as_millis()).unwrap_or(u64::MAX);
        Self { position: settled.position, nodes, confirmed, lapsed, elapsed_ms }
    }
}
