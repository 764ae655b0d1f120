//! Why a server did not start, or had to stop, as one line that says what to do.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use nexus_validator::tasks::TaskEnded;

use crate::failure::Failure;

/// A start that failed, or a run that ended of itself. Prints as one line.
#[derive(Debug)]
pub(crate) struct StartFailure(String);

impl StartFailure {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into().replace('\n', " "))
    }

    pub(crate) fn port(address: SocketAddr, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "it is in use; stop what listens there, or choose another port (`server.listen`, `nexus dev --port`)"
            }
            std::io::ErrorKind::PermissionDenied => "this user may not; choose a port above 1023",
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine does not have the address; correct `server.listen`"
            }
            _ => "check `server.listen`",
        };
        Self::new(format!("cannot listen on {address}: {error}: {advice}"))
    }

    pub(crate) fn master_key_missing(file: &Path) -> Self {
        Self::new(format!(
            "{} does not exist, and this database was made with a master key: put that key there, or name its file in \
             `security.master_key_file`",
            file.display()
        ))
    }

    pub(crate) fn other_master_key(file: &Path) -> Self {
        Self::new(format!(
            "{} is not the master key that this database was made with: name that one in `security.master_key_file`",
            file.display()
        ))
    }

    pub(crate) fn not_caught_up() -> Self {
        Self::new("the credential table did not catch up with the log; check the database, then start again")
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The whole chain of causes in the line: the first alone would send the reader to the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> StartFailure {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    StartFailure::new(line)
}

impl From<TaskEnded> for StartFailure {
    fn from(ended: TaskEnded) -> Self {
        Self::new(format!("{ended}: this is a fault of the program, and starting it again is all that helps"))
    }
}

macro_rules! from {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for StartFailure {
            fn from(error: $error) -> Self {
                chain(&error)
            }
        })*
    };
}

from!(
    nexus_api::nodes::ports::StoreError,
    nexus_infrastructure::config::ConfigError,
    nexus_infrastructure::database::DatabaseError,
    nexus_infrastructure::dialects::DialectsError,
    nexus_infrastructure::gate::GateError,
    nexus_infrastructure::signing::SigningError,
    nexus_infrastructure::vault::VaultError,
    nexus_projections::Lagging,
    nexus_projections::QueryError,
    nexus_validator::node::NodeError,
    nexus_validator::usage_journal::UsageJournalError,
);

impl From<Failure> for StartFailure {
    fn from(failure: Failure) -> Self {
        chain(&failure)
    }
}
