//! Why a command about a secret for service JWTs is refused.

use chrono::{DateTime, TimeDelta, Utc};

use super::{LEAST_BYTES, MOST_BYTES, MOST_VERSIONS};
use crate::duration;
use crate::key::InvalidName;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtSecretRefusal {
    /// There is no such secret of this tenant.
    #[error("there is no such secret")]
    NotFound,
    /// The id is taken.
    #[error("the secret exists already")]
    AlreadyIssued,
    /// It is revoked.
    #[error("the secret is revoked, which is final; create another one")]
    Revoked,
    /// The tenant is suspended.
    #[error("the tenant is suspended; resume it first")]
    TenantSuspended,
    /// The dialect has no service JWTs.
    #[error("the dialect `{dialect}` accepts no service JWTs; its callers show keys")]
    NotOffered {
        /// The dialect.
        dialect: String,
    },
    /// The name cannot be shown.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// The note cannot be shown.
    #[error("the note {0}")]
    InvalidNote(InvalidName),
    /// No environment has this name.
    #[error("the environment `{asked}` does not exist; choose one of {known}")]
    UnknownEnvironment {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// No scope has this name.
    #[error("unknown scope `{scope}`; choose from {known}")]
    UnknownScope {
        /// What was asked for.
        scope: String,
        /// What there is.
        known: String,
    },
    /// The grace is longer than allowed.
    #[error("the grace may be at most {}", duration::text(*longest))]
    GraceTooLong {
        /// The longest one.
        longest: TimeDelta,
    },
    /// As many versions are valid as there may be.
    #[error(
        "{MOST_VERSIONS} versions of the secret are valid already; rotate it again from {} on, or without grace, which ends them at once",
        until.format("%FT%TZ")
    )]
    TooManyVersions {
        /// When the first of them ends.
        until: DateTime<Utc>,
    },
    /// A secret that was brought along can be guessed.
    #[error(
        "the secret is too weak: HS256 needs 256 random bits (RFC 7518 section 3.2); write {LEAST_BYTES} to {MOST_BYTES} \
         characters of ASCII, no few of them again and again, or leave it out to have one made"
    )]
    WeakSecret,
}
