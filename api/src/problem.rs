//! The one map from failures to HTTP: RFC 9457 problem details.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use nexus_domain::agent::AgentRefusal;
use nexus_domain::client::ClientRefusal;
use nexus_domain::integration::IntegrationRefusal;
use nexus_domain::jwt_secret::JwtSecretRefusal;
use nexus_domain::key::KeyRefusal;
use nexus_domain::member::MemberRefusal;
use nexus_domain::session::SessionRefusal;
use nexus_domain::tenant::TenantRefusal;
use nexus_infrastructure::bus::UnreadableEvent;
use nexus_infrastructure::database::DatabaseError;
use nexus_infrastructure::gate::{GateError, Refusal};
use nexus_projections::{FoldError, QueryError, RebuildError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::authentication_limits::Limited;

/// One thing that is wrong with a request body or query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, such as `body.scopes[2]`.
    #[schema(example = "body.scopes[2]")]
    pub location: String,
    /// What is wrong.
    #[schema(example = "not a text")]
    pub message: String,
    /// What to write instead.
    #[schema(example = "write it as \"…\"")]
    pub fix: String,
}

/// A failed request, as the outside sees it. What insiders need stands in the log under the same
/// request id.
#[derive(Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    errors: Vec<FieldError>,
    allow: Option<String>,
    limited: Option<Box<Limited>>,
    cause: Option<String>,
}

/// A kind of problem. Each has a page at its `type` address.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// HTTP status.
    pub status: u16,
    /// The machine's word for it, and the last part of its `type`.
    pub code: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// What it means and what to do, for the page.
    pub meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: Kind = Kind { status: $status, code: $code, title: $title, meaning: $meaning };
        )*
        /// All kinds, for their pages.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    INVALID_REQUEST = 400 "invalid_request" "The request is not valid" "`errors` lists everything that is wrong, with its place and what to write instead.";
    HTTPS_REQUIRED = 400 "https_required" "HTTPS is required" "Plain HTTP is refused here, and not redirected: what a client sends first would be readable on the way every time. Write `https://`. Replace a credential that was sent.";
    UNAUTHORIZED = 401 "unauthorized" "A valid credential is required" "Send a management credential as `Authorization: Bearer …`. It may be missing, mistyped, expired or revoked.";
    FORBIDDEN = 403 "forbidden" "The credential may not do this" "The management credential lacks the scope that `detail` names. Ask whoever manages credentials for one that has it.";
    NOT_FOUND = 404 "not_found" "There is no such thing" "The address is wrong, or the credential does not see the tenant it belongs to.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The method is not offered here" "See the documentation at `/docs` for the methods of this address.";
    REQUEST_TIMEOUT = 408 "request_timeout" "The request took too long" "Send the whole body without pauses. What was asked for may have happened: repeat it with the same idempotency key.";
    ROTATION_UNSUPPORTED = 409 "rotation_unsupported" "This dialect does not rotate keys in place" "Create a new key, update whoever uses the old one, verify, then revoke the old one.";
    KEY_REVOKED = 409 "key_revoked" "The key is revoked" "Revocation is final. Create another key.";
    CLIENT_REVOKED = 409 "client_revoked" "The client is revoked" "Revocation is final. Register another client.";
    NO_CLIENT_SECRET = 409 "no_client_secret" "The client has no secret" "It proves who it is with keys of its own, or not at all. There is nothing to rotate.";
    KEY_EXPIRED = 409 "key_expired" "The key has expired" "Create another key.";
    SECRET_REVOKED = 409 "secret_revoked" "The secret is revoked" "Revocation is final. Create another secret.";
    NOT_OFFERED = 409 "not_offered" "The tenant's dialect does not offer this" "`detail` says what it has instead.";
    TENANT_SUSPENDED = 409 "tenant_suspended" "The tenant is suspended" "Resume the tenant first.";
    INTEGRATION_DISABLED = 409 "integration_disabled" "The integration is disabled" "Enable the integration first: a key of it would be refused.";
    QUOTA_EXCEEDED = 409 "quota_exceeded" "The tenant has as many of these as it may" "Revoke one that is no longer needed.";
    EMAIL_TAKEN = 409 "email_taken" "A member has this e-mail address already" "An address is one member's on the whole installation. Use another one, or remove that member first.";
    MEMBER_PRESENT = 409 "member_present" "The member is one still" "Remove the member first.";
    REQUEST_IN_FLIGHT = 409 "request_in_flight" "The same request is still running" "Ask again in a moment with the same idempotency key.";
    CONTENDED = 409 "contended" "Too many writers at once" "Send the request again.";
    TOO_LARGE = 413 "too_large" "The request is too large" "Bodies may have at most 64 KiB.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be JSON" "Send `Content-Type: application/json`, without a content encoding.";
    IDEMPOTENCY_MISMATCH = 422 "idempotency_mismatch" "The idempotency key was used for another request" "Use a new idempotency key for a new request.";
    IDEMPOTENCY_UNREADABLE = 409 "idempotency_unreadable" "The first answer cannot be read any more" "The idempotency key was used with another version of the server. Nothing happened again: look whether what you ask for has happened, and send it with a new key only where it has not.";
    TOO_MANY_REQUESTS = 429 "too_many_requests" "Too many requests" "Wait as long as `Retry-After` says. `RateLimit-Policy` tells what is limited: the requests of an address, its failed attempts to authenticate, those of strangers on one account, the tokens of a client, or the refreshes of one consent.";
    INTERNAL = 500 "internal" "Something went wrong here" "The log has more under the request id.";
    TOO_MANY_STREAMS = 503 "too_many_streams" "Validating nodes have as many streams here as they may" "A node has three: let each follow one API node, give groups of nodes credentials of their own, or raise the setting that `detail` names.";
    UNAVAILABLE = 503 "unavailable" "This node cannot answer just now" "An API node does not reach its store, or a validating node has no right to answer and reaches no API node: `detail` says which. Nothing is lost. Send the request again in a moment; with an idempotency key it cannot happen twice.";
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), allow: None, limited: None, cause: None }
    }

    /// With the headers that say when there is room again.
    #[must_use]
    pub(crate) fn limited(self, limited: Limited) -> Self {
        Self { limited: Some(Box::new(limited)), ..self }
    }

    /// Everything that is wrong with a request, at once.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}; {}", only.location, only.message, only.fix),
            several => format!("{} things are wrong with the request", several.len()),
        };
        Self { errors, ..Self::new(&INVALID_REQUEST, detail) }
    }

    /// One thing that is wrong with a request.
    pub fn invalid_field(location: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            location: location.to_owned(),
            message: message.into(),
            fix: fix.into(),
        }])
    }

    /// The same answer for what does not exist and what the caller may not see.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(&NOT_FOUND, "there is no such thing, or not for this credential")
    }

    /// The address offers other methods, which are named as `Allow` wants them (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn method_not_allowed(asked: &str, allow: &str) -> Self {
        let detail = format!("{asked} is not offered here, but {allow}");
        Self { allow: Some(allow.to_owned()), ..Self::new(&METHOD_NOT_ALLOWED, detail) }
    }

    /// A mistake of ours; the cause goes to the log alone.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(&INTERNAL, "the server failed; its log has the cause under this request id")
        }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// This occurrence, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the log is told.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// What is sent, with the id under which the log has more.
    #[must_use]
    pub fn document(&self, request_id: &str) -> Document {
        Document {
            kind: format!("/problems/{}", self.kind.code),
            title: self.kind.title.to_owned(),
            status: self.kind.status,
            detail: self.detail.clone(),
            code: self.kind.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }

    /// The response, with the id under which the log has more.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let body = self.document(request_id);
        let mut response = HttpResponse::build(self.status_code());
        if self.kind.status == 401 {
            response.insert_header(("www-authenticate", "Bearer realm=\"nexus-management\""));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        if self.kind.status == 503 {
            response.insert_header((RETRY_AFTER, "1"));
        }
        let mut response = response.json(body);
        if let Some(limited) = &self.limited {
            limited.insert_into(response.headers_mut());
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// A problem as it is sent (RFC 9457 section 3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// Address of a page about this kind of problem, on this server.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_request")]
    pub kind: String,
    /// The kind, for people.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// This occurrence, for people.
    #[schema(example = "body.scopes[2]: not a text; write it as \"…\"")]
    pub detail: String,
    /// The kind, for machines.
    #[schema(example = "invalid_request")]
    pub code: String,
    /// The request's id.
    #[schema(example = "01a202bb-0a57-7cd9-b5c6-a71ac6755173")]
    pub request_id: String,
    /// What is wrong with the request's fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self {
            cause: Some(with_sources(&error)),
            ..Self::new(&UNAVAILABLE, "the store did not answer; try again")
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        let detail = error.to_string();
        let cause = with_sources(&error);
        match error {
            GateError::Refused(Refusal::Key(refusal)) => key_refusal(&refusal),
            GateError::Refused(Refusal::Tenant(refusal)) => tenant_refusal(&refusal),
            GateError::Refused(Refusal::Client(refusal)) => client_refusal(&refusal),
            // Over REST they are revoked and nothing else, which no decision refuses that finds them.
            GateError::Refused(Refusal::Grant(_) | Refusal::Token(_)) => Self::not_found(),
            GateError::Refused(Refusal::Member(refusal)) => member_refusal(&refusal),
            GateError::Refused(Refusal::Session(SessionRefusal::NotFound)) => Self::not_found(),
            GateError::Refused(Refusal::Session(SessionRefusal::AlreadyBegun)) => Self::internal(detail),
            GateError::Refused(Refusal::Agent(refusal)) => agent_refusal(refusal),
            GateError::Refused(Refusal::Integration(refusal)) => integration_refusal(refusal),
            GateError::Refused(Refusal::JwtSecret(refusal)) => jwt_secret_refusal(&refusal),
            GateError::ConfinedToNothing(_) => {
                Self::invalid_field("body.restrictions.tenant", detail, "write the id of a tenant")
            }
            GateError::Forbidden(_) | GateError::Escalation(_) | GateError::PlatformFixed => {
                Self::new(&FORBIDDEN, detail)
            }
            GateError::TenantNotFound => Self::not_found(),
            GateError::UnknownDialect { .. } => {
                refused_field("body.dialect", &detail, "choose one of those named")
            }
            GateError::QuotaExceeded { .. } => Self::new(&QUOTA_EXCEEDED, detail),
            GateError::IdempotencyMismatch => Self::new(&IDEMPOTENCY_MISMATCH, detail),
            GateError::AnswerUnreadable(_) => {
                Self { cause: Some(cause), ..Self::new(&IDEMPOTENCY_UNREADABLE, detail) }
            }
            GateError::InFlight => Self::new(&REQUEST_IN_FLIGHT, detail),
            GateError::EmailTaken => Self::new(&EMAIL_TAKEN, detail),
            GateError::Stopping | GateError::Busy => Self::new(&UNAVAILABLE, detail),
            GateError::Contended => Self::new(&CONTENDED, detail),
            GateError::Unavailable(_) => Self { cause: Some(cause), ..Self::new(&UNAVAILABLE, detail) },
            GateError::DialectNotServed(_) | GateError::Internal(_) => Self::internal(cause),
        }
    }
}

impl From<UnreadableEvent> for Problem {
    fn from(error: UnreadableEvent) -> Self {
        Self { cause: Some(with_sources(&error)), ..Self::new(&INTERNAL, error.to_string()) }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::InvalidCursor => Self::invalid_field(
                "query.cursor",
                "not a cursor of this list",
                "take it from `next_cursor` of the page before",
            ),
            QueryError::TooManySteps { .. } => {
                Self::invalid_field("query.step", error.to_string(), "choose a longer step or a shorter span")
            }
            QueryError::UnknownProjection(_) => Self::not_found(),
            QueryError::Database(_) | QueryError::NotBuilt(_) => Self {
                cause: Some(with_sources(&error)),
                ..Self::new(&UNAVAILABLE, "the lists cannot be read just now; try again")
            },
            QueryError::Row(_) => Self::internal(with_sources(&error)),
        }
    }
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::UnknownProjection(_) => Self::not_found(),
            RebuildError::Log(FoldError::Database(cause)) => cause.into(),
            error @ (RebuildError::Log(_) | RebuildError::Fold { .. } | RebuildError::Stopped) => {
                Self::internal(with_sources(&error))
            }
        }
    }
}

/// What is wrong, and what to do: what the text of an error advises behind its last semicolon, or else `fix`. What somebody
/// wrote stands in front of that, whatever it holds.
pub(crate) fn advised(error: &str, fix: &str) -> (String, String) {
    let (message, fix) = error.rsplit_once("; ").unwrap_or((error, fix));
    (message.to_owned(), fix.to_owned())
}

/// A field that a decision refused. What its text advises is the fix, so that nothing is said twice.
fn refused_field(location: &str, refusal: &str, otherwise: &str) -> Problem {
    let (message, fix) = advised(refusal, otherwise);
    Problem::invalid_field(location, message, &fix)
}

fn tenant_refusal(refusal: &TenantRefusal) -> Problem {
    let field = |location: &str| refused_field(location, &refusal.to_string(), "write something else");
    match refusal {
        TenantRefusal::NotFound => Problem::not_found(),
        TenantRefusal::AlreadyCreated => Problem::internal(refusal),
        TenantRefusal::InvalidName(_) => field("body.name"),
        TenantRefusal::InvalidNote(_) => field("body.note"),
    }
}

fn member_refusal(refusal: &MemberRefusal) -> Problem {
    match refusal {
        MemberRefusal::NotFound => Problem::not_found(),
        MemberRefusal::AlreadyAdded => Problem::internal(refusal),
        MemberRefusal::StillPresent => Problem::new(&MEMBER_PRESENT, refusal.to_string()),
        MemberRefusal::InvalidPassword(_) => {
            refused_field("body.password", &refusal.to_string(), "choose another one")
        }
    }
}

fn agent_refusal(refusal: AgentRefusal) -> Problem {
    let field = |location: &str, fix: &str| refused_field(location, &refusal.to_string(), fix);
    match refusal {
        AgentRefusal::NotFound => Problem::not_found(),
        AgentRefusal::AlreadyCreated => Problem::internal(refusal),
        AgentRefusal::InvalidName(_) => field("body.name", "choose 1 to 100 visible characters"),
        AgentRefusal::NothingToChange => field("body", "name at least one property"),
    }
}

fn integration_refusal(refusal: IntegrationRefusal) -> Problem {
    let field = |location: &str, fix: &str| refused_field(location, &refusal.to_string(), fix);
    match refusal {
        IntegrationRefusal::NotFound => Problem::not_found(),
        IntegrationRefusal::AlreadyCreated => Problem::internal(refusal),
        IntegrationRefusal::InvalidName(_) => field("body.name", "choose 1 to 100 visible characters"),
        IntegrationRefusal::AgentMissing | IntegrationRefusal::UnknownAgent => {
            field("body.agent_id", "name an agent of the tenant")
        }
        IntegrationRefusal::NothingToChange => field("body", "name at least one property"),
    }
}

fn jwt_secret_refusal(refusal: &JwtSecretRefusal) -> Problem {
    let field = |location: &str, fix: &str| refused_field(location, &refusal.to_string(), fix);
    match refusal {
        JwtSecretRefusal::NotFound => Problem::not_found(),
        JwtSecretRefusal::AlreadyIssued => Problem::internal(refusal),
        JwtSecretRefusal::Revoked => Problem::new(&SECRET_REVOKED, refusal.to_string()),
        JwtSecretRefusal::TenantSuspended => Problem::new(&TENANT_SUSPENDED, refusal.to_string()),
        JwtSecretRefusal::NotOffered { .. } => Problem::new(&NOT_OFFERED, refusal.to_string()),
        JwtSecretRefusal::InvalidName(_) => field("body.name", "choose 1 to 100 visible characters"),
        JwtSecretRefusal::InvalidNote(_) => field("body.note", "choose up to 100 visible characters"),
        JwtSecretRefusal::UnknownEnvironment { .. } => field("body.environment", "choose one of those named"),
        JwtSecretRefusal::UnknownScope { .. } => field("body.scopes", "choose from those named"),
        JwtSecretRefusal::GraceTooLong { .. } => {
            field("body.grace", "choose a shorter grace, such as \"24h\"")
        }
        JwtSecretRefusal::TooManyVersions { .. } => {
            field("body.grace", "wait for the end of the first, or write \"0s\"")
        }
        JwtSecretRefusal::WeakSecret => field("body.secret", "write a longer one"),
    }
}

fn key_refusal(refusal: &KeyRefusal) -> Problem {
    let field = |location: &str, fix: &str| refused_field(location, &refusal.to_string(), fix);
    match refusal {
        KeyRefusal::NotFound => Problem::not_found(),
        KeyRefusal::AlreadyIssued => Problem::internal(refusal),
        KeyRefusal::Revoked => Problem::new(&KEY_REVOKED, refusal.to_string()),
        KeyRefusal::Expired => Problem::new(&KEY_EXPIRED, refusal.to_string()),
        KeyRefusal::TenantSuspended => Problem::new(&TENANT_SUSPENDED, refusal.to_string()),
        KeyRefusal::RotationUnsupported { .. } => Problem::new(&ROTATION_UNSUPPORTED, refusal.to_string()),
        KeyRefusal::InvalidName(_) => field("body.name", "choose 1 to 100 visible characters"),
        KeyRefusal::InvalidNote(_) => field("body.note", "choose up to 100 visible characters"),
        KeyRefusal::UnknownEnvironment { .. } => field("body.environment", "choose one of those named"),
        KeyRefusal::UnsupportedType { .. } => field("body.type", "choose \"secret\""),
        KeyRefusal::UnknownScope { .. } => field("body.scopes", "choose from those named"),
        KeyRefusal::TooLong => field("body.scopes", "choose fewer"),
        KeyRefusal::NotReadOnly { .. } => field("body.scopes", "leave it out, or make a secret key"),
        KeyRefusal::UnknownRestriction { .. } | KeyRefusal::EmptyRestriction { .. } => {
            field("body.restrictions", "use the restrictions that the dialect names, each with values")
        }
        KeyRefusal::ExpiryInPast => field("body.expires_at", "choose a later instant"),
        KeyRefusal::ExpiryInKey => field("body.expires_at", "choose a sooner one"),
        KeyRefusal::NoLifetime => field("body.expires_in", "choose a longer one"),
        KeyRefusal::UnsupportedLifetime { .. } => field("body.expires_in", "choose one of those named"),
        KeyRefusal::GraceTooLong { .. } => field("body.grace", "choose a shorter grace, such as \"24h\""),
        KeyRefusal::IntegrationMissing | KeyRefusal::UnknownIntegration => {
            field("body.integration_id", "name an integration of the tenant")
        }
        KeyRefusal::IntegrationDisabled => Problem::new(&INTEGRATION_DISABLED, refusal.to_string()),
        KeyRefusal::NothingToChange => field("body", "name at least one property"),
    }
}

fn client_refusal(refusal: &ClientRefusal) -> Problem {
    let field = |location: &str| refused_field(location, &refusal.to_string(), "write something else");
    match refusal {
        ClientRefusal::NotFound => Problem::not_found(),
        ClientRefusal::AlreadyRegistered => Problem::internal(refusal),
        ClientRefusal::Revoked | ClientRefusal::ChangeOfRevoked => {
            Problem::new(&CLIENT_REVOKED, refusal.to_string())
        }
        ClientRefusal::NothingToChange => {
            refused_field("body", &refusal.to_string(), "name at least one property")
        }
        ClientRefusal::TenantSuspended => Problem::new(&TENANT_SUSPENDED, refusal.to_string()),
        ClientRefusal::NoSecret => Problem::new(&NO_CLIENT_SECRET, refusal.to_string()),
        ClientRefusal::Terms(refusal) => key_refusal(refusal),
        ClientRefusal::Unsupported { .. } => field("body.type"),
        ClientRefusal::InvalidName(_) => field("body.name"),
        ClientRefusal::InvalidNote(_) => field("body.note"),
        ClientRefusal::NoScopes => field("body.scopes"),
        ClientRefusal::NoRedirect | ClientRefusal::RedirectOfServer | ClientRefusal::TooManyRedirects => {
            field("body.redirect_uris")
        }
        ClientRefusal::InvalidRedirect { at, .. } => field(&format!("body.redirect_uris[{at}]")),
        ClientRefusal::PublicServer => field("body.authentication"),
        ClientRefusal::PkceRequired => field("body.requires_pkce"),
        ClientRefusal::KeysMismatch => field("body.jwks"),
        ClientRefusal::InvalidKey { at, .. } => field(&format!("body.jwks.keys[{at}]")),
        ClientRefusal::GraceTooLong { .. } => {
            refused_field("body.grace", &refusal.to_string(), "choose a shorter grace, such as \"24h\"")
        }
    }
}

/// An error with its causes, as one text.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use nexus_domain::key::InvalidName;

    use super::*;

    #[test]
    fn what_is_wrong_and_what_to_do_are_said_once_each() {
        let unknown = KeyRefusal::UnknownScope { scope: "a".to_owned(), known: "b, c".to_owned() };
        let grace = KeyRefusal::GraceTooLong { longest: TimeDelta::days(30) };
        let note = KeyRefusal::InvalidNote(InvalidName::TooLong);
        for (refusal, location, message, fix) in [
            (unknown, "body.scopes", "unknown scope `a`", "choose from b, c"),
            (grace, "body.grace", "the grace may be at most 30d", "choose a shorter grace, such as \"24h\""),
            (note, "body.note", "the note is longer than 100 characters", "shorten it"),
        ] {
            let problem = key_refusal(&refusal);
            let error = &problem.errors[0];
            assert_eq!((&*error.location, &*error.message, &*error.fix), (location, message, fix));
            assert_eq!(problem.detail, format!("{location}: {message}; {fix}"));
        }
    }
}
