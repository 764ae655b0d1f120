//! What a dialect tells the outside when a credential is refused.

use std::collections::BTreeMap;

use crate::verification::Code;

/// An answer for the outside: status, headers and body, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutwardRefusal {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Headers, names in lower case; `content-type` is among them.
    pub headers: Vec<(String, String)>,
    /// The body as it is sent.
    pub body: String,
}

/// A refusal for each code. Complete by construction: a file that leaves a code out is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    answers: Vec<OutwardRefusal>,
    by_code: BTreeMap<Code, usize>,
    fallback: OutwardRefusal,
}

impl Refusals {
    /// `fallback` answers a code that is in no entry, which [`super::file`] rules out.
    pub(super) fn new(answers: Vec<OutwardRefusal>, by_code: BTreeMap<Code, usize>) -> Self {
        let fallback = OutwardRefusal { status: 401, headers: Vec::new(), body: String::new() };
        Self { answers, by_code, fallback }
    }

    /// What the outside is told of `code`.
    #[must_use]
    pub fn answer(&self, code: Code) -> &OutwardRefusal {
        self.by_code.get(&code).and_then(|at| self.answers.get(*at)).unwrap_or(&self.fallback)
    }
}
