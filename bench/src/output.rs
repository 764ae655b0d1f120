//! What the programs say: the table on stdout, progress on stderr.

use serde::Serialize;

/// A line of the result.
#[expect(clippy::print_stdout, reason = "this is the program's result")]
pub fn line(text: &str) {
    println!("{text}");
}

/// What is being done.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes, and people wonder")]
pub fn progress(text: &str) {
    eprintln!("bench: {text}");
}

/// A result for the program that started this one.
///
/// # Errors
/// Where the value has no form in JSON.
pub fn json(value: &impl Serialize) -> Result<(), serde_json::Error> {
    line(&serde_json::to_string(value)?);
    Ok(())
}
