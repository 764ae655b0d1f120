//! What validating nodes are told.

use super::Token;
use crate::validity::{DialectEntry, Shown};

impl Shown for Token {
    fn shown(&self, _: &str) -> Option<DialectEntry> {
        None
    }
}
