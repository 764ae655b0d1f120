//! What the targets ask: a validating node, and one that checks tokens. Both are in the process, and the same with every run.

pub mod node;
pub mod tokens;

/// The headers in a text, of which each line is one, `name: value`.
#[must_use]
pub fn headers_of(text: &str) -> Vec<(&str, &str)> {
    text.split('\n').filter_map(|line| line.split_once(": ")).collect()
}
