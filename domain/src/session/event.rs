//! What can happen when somebody signs in, and to the session that comes of it.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::credential::Digest;
use crate::ids::{MemberId, TenantId};

/// An event in the life of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEvent {
    /// A member signed in: the session began.
    SignedIn(SignedIn),
    /// Somebody could not sign in: there is no session.
    SignInFailed(SignInFailed),
    /// The session was ended before its time.
    SessionEnded(SessionEnded),
}

/// A member signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Who.
    pub member_id: MemberId,
    /// The member's epoch: the session ends when the member has another one.
    pub epoch: u32,
    /// How the member was recognised.
    pub method: SignInMethod,
    /// SHA-256 of the session's secret.
    pub digest: Digest,
    /// When the session ends, whatever happens in it.
    pub ends_at: DateTime<Utc>,
    /// When.
    pub signed_in_at: DateTime<Utc>,
}

/// Somebody could not sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInFailed {
    /// The tenant of the member; the platform's own where there is no such member.
    pub tenant_id: TenantId,
    /// The member that was meant; absent: no member has the address that was given, which is not kept.
    pub member_id: Option<MemberId>,
    /// Why.
    pub reason: SignInFailure,
    /// How many more like it came since the last one that was recorded.
    pub unrecorded: u64,
    /// When.
    pub failed_at: DateTime<Utc>,
}

/// A session was ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Whose session.
    pub member_id: MemberId,
    /// How it came.
    pub reason: EndReason,
    /// When.
    pub ended_at: DateTime<Utc>,
}

/// How a member is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// By the password alone.
    Password,
}

/// Why somebody could not sign in. Outwardly all of them are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInFailure {
    /// No member has the address.
    UnknownEmail,
    /// The password is another one, or the member has none.
    WrongPassword,
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The member signed out.
    SignedOut,
    /// The member signed in anew in the same browser.
    Replaced,
    /// Somebody ended it from outside.
    Revoked,
}

impl SignInMethod {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }
}

impl SignInFailure {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownEmail => "unknown_email",
            Self::WrongPassword => "wrong_password",
        }
    }
}

impl SessionEvent {
    /// The tenant whose trail it belongs to.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::SignedIn(event) => event.tenant_id,
            Self::SignInFailed(event) => event.tenant_id,
            Self::SessionEnded(event) => event.tenant_id,
        }
    }
}

impl DomainEvent for SessionEvent {
    fn event_type(&self) -> String {
        match self {
            Self::SignedIn(_) => "SignedIn",
            Self::SignInFailed(_) => "SignInFailed",
            Self::SessionEnded(_) => "SessionEnded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
