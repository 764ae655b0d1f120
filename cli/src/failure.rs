//! Why a command did not do what it was asked to, and what the program says and returns then.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::output;
use crate::text::one_line;

/// The command failed. [`Failure::report`] ends the program with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for is refused or went wrong; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The server refused, or there was none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Something could not be read or written.
    #[error("cannot {doing}")]
    Io {
        /// What was tried, such as `write to stdout`.
        doing: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Whoever read our output has stopped, as `head` does. Nobody needs to be told.
    #[error("nobody reads the output any more")]
    PipeClosed,
}

impl Failure {
    /// A failed reading or writing; `doing` completes "cannot …". A closed pipe is told apart.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::Io { doing: doing.into(), source },
        }
    }

    /// Says why on stderr, in one line, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::PipeClosed => ExitCode::SUCCESS,
            Self::Usage(_) => {
                output::note(&format!("error: {}", self.line()));
                ExitCode::from(2)
            }
            Self::Refused(_) | Self::Client(_) | Self::Io { .. } => {
                output::note(&format!("error: {}", self.line()));
                ExitCode::FAILURE
            }
        }
    }

    /// The failure and its causes in one line that is safe to show on a terminal.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            source = cause.source();
        }
        one_line(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_in_the_same_line() {
        let failure = Failure::io("write to F", io::Error::other("disk\nfull"));
        assert_eq!(failure.line(), "cannot write to F: disk full");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::io("write to stdout", io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(failure, Failure::PipeClosed));
        assert_eq!(failure.report(), ExitCode::SUCCESS);
    }
}
