//! The one place that writes to stdout and stderr. Results go to stdout; notes, progress and errors to stderr, so that a
//! pipe carries results alone.

use std::io::{self, Write as _};

use crate::failure::Failure;
use crate::json;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    Table,
    /// The server's JSON, indented and otherwise untouched.
    Json,
}

/// Writes text and a line break to stdout.
///
/// # Errors
/// [`Failure::PipeClosed`] where nobody reads any more, [`Failure::Io`] otherwise.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::io("write to stdout", error))
}

/// Writes a line to stdout for a process that goes on in any case: a server does not stop because nobody listens to it.
pub(crate) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes a piece of a stream to stdout as it is.
///
/// # Errors
/// As [`print`].
pub(crate) fn bytes(piece: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(piece)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::io("write to stdout", error))
}

/// Writes JSON to stdout, indented.
///
/// # Errors
/// As [`print`].
pub(crate) fn json(raw: &str) -> Result<(), Failure> {
    print(&json::indent(raw))
}

/// Writes a secret to stdout, alone on its line after an empty one, and says on stderr that it is not shown again.
///
/// # Errors
/// As [`print`].
pub(crate) fn secret(secret: &str) -> Result<(), Failure> {
    print("")?;
    note("Store the secret now: it is shown this once and cannot be read again.");
    print(&crate::text::neutral(secret))
}

/// Writes a line to stderr. A stderr that is closed is no reason to fail.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
