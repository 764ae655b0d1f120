//! What the look-up table takes, counted by an allocator of its own in a process of its own, `nexus-bench-memory`, so that
//! counting slows down nothing else.

use serde::{Deserialize, Serialize};

use crate::report::{Row, size};
use crate::sizes::Sizes;
use crate::{Failure, process};

/// What `nexus-bench-memory KEYS` counted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Counted {
    /// Bytes that are allocated once the table is filled, and were not before.
    pub bytes: i64,
    /// By how many bytes the process has grown meanwhile, which counts what the allocator keeps for itself too.
    pub resident: i64,
    /// Allocations while every key was accepted once.
    pub allocations: u64,
}

/// Fills a table in a process of its own.
pub(crate) fn in_a_process(keys: u32) -> Result<Counted, Failure> {
    let program = process::beside("nexus-bench-memory")?;
    let output = std::process::Command::new(program).arg(keys.to_string()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(crate) fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let [few, many] = sizes.keys;
    let (small, large) = (in_a_process(few)?, in_a_process(many)?);
    let each = |bytes: i64, keys: u32| bytes as f64 / f64::from(keys);
    Ok(vec![Row {
        what: format!("memory: look-up table of {} keys", size(many)),
        ours: format!(
            "{:.0} bytes a key ({:.0} resident)",
            each(large.bytes, many),
            each(large.resident, many)
        ),
        baseline: "–".to_owned(),
        ratio: None,
        target: "≤ 160 bytes",
        growth: format!(
            "{}→{} keys: {:.0}→{:.0} bytes a key",
            size(few),
            size(many),
            each(small.bytes, few),
            each(large.bytes, many)
        ),
    }])
}
