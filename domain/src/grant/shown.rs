//! What validating nodes are told.

use super::Grant;
use crate::validity::{DialectEntry, Shown};

impl Shown for Grant {
    fn shown(&self, _: &str) -> Option<DialectEntry> {
        None
    }
}
