//! What was decided, and about whose credential.

use std::fmt;
use std::sync::Arc;

use nexus_domain::dialect::Dialect;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::verification::{Code, Refused, Rights, SecretStatus};

use crate::limits::Limits;
use crate::rows::Tenant;
use crate::table::Found;
use crate::tokens::Seen;

/// What was decided, and what the answer and the usage journal need to know.
#[derive(Debug, Clone)]
pub struct Decision<'v> {
    /// The verdict.
    pub outcome: Result<(), Refused>,
    /// The dialect; absent when none was named and the credential has no prefix of one that is served.
    pub dialect: Option<&'v Arc<Dialect>>,
    /// The key, when the credential is one's, also when it is refused.
    pub subject: Option<Subject>,
    /// How it stands to the dialect's limits. See [`Decision::within_limits`].
    pub limits: Limits,
}

impl<'v> Decision<'v> {
    /// A refusal in a dialect's terms, of nobody's key.
    #[must_use]
    pub const fn refused(refused: Refused, dialect: &'v Arc<Dialect>) -> Self {
        Self { outcome: Err(refused), dialect: Some(dialect), subject: None, limits: Limits::NotCounted }
    }

    /// Whether the credential may do what was asked.
    #[must_use]
    pub const fn accepted(&self) -> bool {
        self.outcome.is_ok()
    }

    /// The outcome as a code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.outcome.as_ref().map_or_else(|refused| refused.code, |()| Code::Valid)
    }
}

/// Whose credential it is, a key or a token, as it was when the decision was made.
#[derive(Debug, Clone)]
pub struct Subject(pub(super) Holder);

#[derive(Clone)]
pub(super) enum Holder {
    Key(Found),
    Token(Seen),
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(found) => f.debug_tuple("Key").field(&found.key_id()).finish(),
            Self::Token(token) => f.debug_tuple("Token").field(&token.key_id()).finish(),
        }
    }
}

impl Subject {
    /// The key; of a token, the id under which uses of its client, or of the secret that it was signed with, are counted.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        match &self.0 {
            Holder::Key(found) => found.key_id(),
            Holder::Token(token) => token.key_id(),
        }
    }

    fn tenant(&self) -> &Tenant {
        match &self.0 {
            Holder::Key(found) => &found.slot().tenant,
            Holder::Token(token) => &token.tenant,
        }
    }

    /// Its owner.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant().id
    }

    /// Whether its owner's credentials are refused for now.
    #[must_use]
    pub fn tenant_suspended(&self) -> bool {
        self.tenant().standing().suspended()
    }

    /// Which of its secrets was presented, or signed the token; 1 for the first.
    #[must_use]
    pub fn version(&self) -> u32 {
        match &self.0 {
            Holder::Key(found) => found.slot().version,
            Holder::Token(token) => token.version(),
        }
    }

    /// Whether that secret can be used, apart from time. Of a token, the verdict tells.
    #[must_use]
    pub fn status(&self) -> SecretStatus {
        match &self.0 {
            Holder::Key(found) => found.slot().status,
            Holder::Token(_) => SecretStatus::Current,
        }
    }

    /// Unix time in microseconds from which it is refused: the key's expiry, or the end of the grace of a superseded secret
    /// where that is sooner, or the end that a token names; `i64::MAX`: never.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        match &self.0 {
            Holder::Key(found) => found.slot().not_after,
            Holder::Token(token) => token.expires_at(),
        }
    }

    /// The name of the key, of the token's client, or of the secret that it was signed with.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Holder::Key(found) => found.name(),
            Holder::Token(token) => token.holder(),
        }
    }

    /// `secret` or `publishable` for a key, `access_token` or `service` for a token.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.0 {
            Holder::Key(found) => found.slot().rights.key_type.as_str(),
            Holder::Token(token) => token.kind(),
        }
    }

    /// What it may do.
    #[must_use]
    pub fn rights(&self) -> &Arc<Rights> {
        match &self.0 {
            Holder::Key(found) => &found.slot().rights,
            Holder::Token(token) => &token.rights,
        }
    }

    /// Key, tenant and secret version, as [`crate::usage_journal::UsageRecord::key`] takes them.
    #[must_use]
    pub fn used(&self) -> (KeyId, TenantId, u32) {
        (self.key_id(), self.tenant_id(), self.version())
    }
}
