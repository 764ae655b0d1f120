//! Why a decision about a key is refused. Where a text goes on behind a semicolon, that is what to do about it.

use chrono::TimeDelta;

use crate::duration;
use crate::jwt::LONGEST_TOKEN;
use crate::key::InvalidName;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No key of this id belongs to the tenant.
    #[error("there is no such key")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("a key with this id exists already")]
    AlreadyIssued,
    /// Revoked keys are never changed or rotated.
    #[error("the key is revoked, which is final; create another one")]
    Revoked,
    /// Expired keys are never changed or rotated.
    #[error("the key has expired; create another one")]
    Expired,
    /// The tenant is suspended.
    #[error("the tenant is suspended; resume it first")]
    TenantSuspended,
    /// The name is empty, too long, or holds characters that would deceive a reader.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// The same of the note about a revocation.
    #[error("the note {0}")]
    InvalidNote(InvalidName),
    /// The dialect does not have this environment.
    #[error("the environment `{asked}` does not exist; choose one of {known}")]
    UnknownEnvironment {
        /// What was asked for.
        asked: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// The dialect has no keys of this type there.
    #[error("there are no {asked} keys in this dialect; choose secret")]
    UnsupportedType {
        /// What was asked for.
        asked: &'static str,
    },
    /// Scopes that the dialect does not have.
    #[error("unknown scope `{scope}`; choose from {known}")]
    UnknownScope {
        /// The first one.
        scope: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// A publishable key asked for more than reading.
    #[error("a publishable key may only hold read scopes, and `{scope}` is none")]
    NotReadOnly {
        /// The first scope that writes.
        scope: String,
    },
    /// A key that is a JWT would be longer than anybody takes one for, [`LONGEST_TOKEN`].
    #[error("the key would have more than {LONGEST_TOKEN} bytes, which nobody accepts; give it fewer scopes")]
    TooLong,
    /// The dialect does not know this restriction.
    #[error("unknown restriction `{name}`; this dialect has {known}")]
    UnknownRestriction {
        /// Its name.
        name: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// A restriction without values would be a key that can do nothing.
    #[error("the restriction `{name}` names nothing; list at least one value or leave it out")]
    EmptyRestriction {
        /// Its name.
        name: String,
    },
    /// The end lies in the past.
    #[error("the expiry must lie in the future")]
    ExpiryInPast,
    /// A life that is over when it begins.
    #[error("the lifetime must be more than nothing; choose one such as 30d")]
    NoLifetime,
    /// The key is a JWT, which says itself when it ends.
    #[error("the key says itself when it ends, and cannot end later; create another one")]
    ExpiryInKey,
    /// The dialect does not offer this lifetime.
    #[error("this dialect's keys live {choices}")]
    UnsupportedLifetime {
        /// What it offers.
        choices: String,
    },
    /// The dialect's keys belong to an integration.
    #[error("this dialect's keys belong to an integration; name one")]
    IntegrationMissing,
    /// No integration of this id belongs to the tenant.
    #[error("the tenant has no such integration; choose one of its own")]
    UnknownIntegration,
    /// A key that could not be used.
    #[error("the integration is disabled; enable it first")]
    IntegrationDisabled,
    /// The dialect replaces keys, not secrets.
    #[error("{advice}")]
    RotationUnsupported {
        /// What to do instead.
        advice: String,
    },
    /// The grace is longer than the dialect allows.
    #[error("the grace may be at most {}", duration::text(*longest))]
    GraceTooLong {
        /// The longest one.
        longest: TimeDelta,
    },
    /// A change that changes nothing was asked for.
    #[error("there is nothing to change")]
    NothingToChange,
}
