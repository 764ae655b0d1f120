//! Why an operation did not happen.

use nexus_domain::agent::AgentRefusal;
use nexus_domain::client::ClientRefusal;
use nexus_domain::grant::GrantRefusal;
use nexus_domain::integration::IntegrationRefusal;
use nexus_domain::jwt_secret::JwtSecretRefusal;
use nexus_domain::key::KeyRefusal;
use nexus_domain::member::MemberRefusal;
use nexus_domain::session::SessionRefusal;
use nexus_domain::signing_key::SigningKeyRefusal;
use nexus_domain::tenant::TenantRefusal;
use nexus_domain::token::TokenRefusal;
use nexus_domain::usage::UsageRefusal;

use crate::database::DatabaseError;
use crate::gate::call::Excess;
use crate::gate::members::EMAIL_CLAIM;
use crate::gate::quota::counted;
use crate::journal::AppendError;
use crate::passwords::PasswordsError;
use crate::personal_data::PersonalDataError;
use crate::pushed_requests::PushedRequestError;
use crate::sealed_secrets::SealedSecretError;

/// A decision of the domain against the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// About a key.
    #[error("{0}")]
    Key(#[from] KeyRefusal),
    /// About a tenant.
    #[error("{0}")]
    Tenant(#[from] TenantRefusal),
    /// About an OAuth client.
    #[error("{0}")]
    Client(#[from] ClientRefusal),
    /// About a grant.
    #[error("{0}")]
    Grant(#[from] GrantRefusal),
    /// About an access token.
    #[error("{0}")]
    Token(#[from] TokenRefusal),
    /// About a member.
    #[error("{0}")]
    Member(#[from] MemberRefusal),
    /// About a session.
    #[error("{0}")]
    Session(#[from] SessionRefusal),
    /// About an agent.
    #[error("{0}")]
    Agent(#[from] AgentRefusal),
    /// About an integration.
    #[error("{0}")]
    Integration(#[from] IntegrationRefusal),
    /// About a secret for service JWTs.
    #[error("{0}")]
    JwtSecret(#[from] JwtSecretRefusal),
}

impl From<SigningKeyRefusal> for Refusal {
    fn from(never: SigningKeyRefusal) -> Self {
        match never {}
    }
}

impl From<UsageRefusal> for Refusal {
    fn from(never: UsageRefusal) -> Self {
        match never {}
    }
}

/// An operation failed, and nothing of it happened unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The caller lacks a scope.
    #[error("the credential lacks the scope `{0}`")]
    Forbidden(&'static str),
    /// The caller would hand out powers that it does not have.
    #[error("{0}")]
    Escalation(Excess),
    /// A management credential is to be confined to what is no tenant's id.
    #[error("`{0}` is not a tenant id, which a management credential can be confined to")]
    ConfinedToNothing(String),
    /// The platform's own tenant is asked to be suspended or renamed, or to have integrations.
    #[error("the platform's own tenant cannot be changed: its keys are the management credentials")]
    PlatformFixed,
    /// No such tenant, as far as the caller can tell.
    #[error("there is no such tenant")]
    TenantNotFound,
    /// The tenant's dialect is not among those that this process serves.
    #[error("the dialect `{0}` is not served here; add its file to `dialects.path`")]
    DialectNotServed(String),
    /// The dialect that was named does not exist.
    #[error("there is no dialect `{asked}`; choose one of {known}")]
    UnknownDialect {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// The domain decided against it.
    #[error("{0}")]
    Refused(Refusal),
    /// The tenant has as many as it may.
    #[error("the tenant has {limit} {of}, the most its dialect allows; revoke one first")]
    QuotaExceeded {
        /// Of what.
        of: &'static str,
        /// The most.
        limit: u32,
    },
    /// Another member has the address.
    #[error("a member has this e-mail address already; use another one, or remove that member first")]
    EmailTaken,
    /// Too many passwords are being looked at. Nothing happened.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request; use a new one")]
    IdempotencyMismatch,
    /// What a request with this idempotency key came to is stored, and cannot be read: another version of the program wrote
    /// it, or it is damaged. Nothing happened a second time.
    #[error(
        "this idempotency key was used before, and its answer cannot be read any more: look whether what you ask for has \
         happened, and send it with a new key only where it has not"
    )]
    AnswerUnreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The same request is still running.
    #[error("a request with this idempotency key is still running; ask again in a moment")]
    InFlight,
    /// Other writers were faster each time.
    #[error("too many writers at once; try again")]
    Contended,
    /// The store did not answer. Whether the operation happened is not known; with an idempotency
    /// key it can be repeated safely.
    #[error("the store is not available; try again")]
    Unavailable(#[source] DatabaseError),
    /// The process is stopping. Nothing happened.
    #[error("the server is stopping; try again")]
    Stopping,
    /// A mistake of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl GateError {
    pub(super) fn append(error: AppendError) -> Self {
        match error {
            AppendError::QuotaExceeded { quota, limit } => Self::QuotaExceeded { of: counted(&quota), limit },
            AppendError::Unavailable(cause) => Self::Unavailable(cause),
            AppendError::Conflict => Self::Contended,
            AppendError::IdempotencyTaken => Self::InFlight,
            AppendError::Closed => Self::Stopping,
            AppendError::ClaimTaken { name } if name.starts_with(EMAIL_CLAIM) => Self::EmailTaken,
            error @ (AppendError::ClaimTaken { .. } | AppendError::Invalid(_)) => {
                Self::Internal(Box::new(error))
            }
        }
    }

    pub(super) fn encode(error: serde_json::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<SealedSecretError> for GateError {
    fn from(error: SealedSecretError) -> Self {
        match error {
            SealedSecretError::Store(cause) => Self::Unavailable(cause),
            SealedSecretError::Vault(cause) => Self::Internal(Box::new(cause)),
        }
    }
}

impl From<PushedRequestError> for GateError {
    fn from(error: PushedRequestError) -> Self {
        match error {
            PushedRequestError::Store(cause) => Self::Unavailable(cause),
            PushedRequestError::Vault(cause) => Self::Internal(Box::new(cause)),
            PushedRequestError::Text(cause) => Self::Internal(Box::new(cause)),
        }
    }
}

impl From<PersonalDataError> for GateError {
    fn from(error: PersonalDataError) -> Self {
        match error {
            PersonalDataError::Store(cause) => Self::Unavailable(cause),
            PersonalDataError::Vault(cause) => Self::Internal(Box::new(cause)),
        }
    }
}

impl From<PasswordsError> for GateError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Self::Busy,
            PasswordsError::Stopping => Self::Stopping,
            PasswordsError::Hash(_) => Self::Internal(Box::new(error)),
        }
    }
}
