//! Errors of the token endpoint and its neighbours (RFC 6749 section 5.2).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use nexus_domain::token::TokenRefusal;
use nexus_infrastructure::gate::{GateError, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use super::authorize_request::Wrong;
use super::unstored;
use crate::authentication_limits::Limited;
use crate::problem::{Problem, with_sources};
use nexus_domain::grant::GrantRefusal;

/// An error as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OauthError)]
pub struct ErrorBody {
    /// The kind, for machines.
    #[schema(example = "invalid_grant")]
    pub error: &'static str,
    /// What is wrong and what to do, for people who write clients.
    #[schema(example = "the code or token has expired; send the person to the authorization endpoint again")]
    pub error_description: String,
}

/// A request that is refused.
#[derive(Debug)]
pub struct OauthError {
    status: StatusCode,
    kind: &'static str,
    description: String,
    limited: Option<Box<Limited>>,
    /// Whether somebody tried what is not theirs, which counts as a failed attempt.
    pub(super) failed_attempt: bool,
}

impl OauthError {
    fn new(status: StatusCode, kind: &'static str, description: impl Into<String>) -> Self {
        Self { status, kind, description: description.into(), limited: None, failed_attempt: false }
    }

    /// The request is not as it must be.
    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// The client did not prove who it is. The same whether it is unknown, revoked, or its secret wrong.
    pub(super) fn invalid_client() -> Self {
        let description = "the client is unknown or revoked, or did not prove who it is in the way that it was registered with";
        Self { failed_attempt: true, ..Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description) }
    }

    /// The code or refresh token is not good.
    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self { failed_attempt: true, ..Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description) }
    }

    /// The proof of possession is none for this request (RFC 9449 section 5).
    pub(super) fn invalid_dpop_proof(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", description)
    }

    /// The client is not of the type that may do this.
    pub(super) fn unauthorized_client(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", description)
    }

    /// A grant that is not offered.
    pub(super) fn unsupported_grant_type() -> Self {
        let description = "grant_type must be authorization_code, refresh_token or client_credentials";
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description)
    }

    /// A scope that cannot be had.
    pub(super) fn invalid_scope(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    /// No answer is possible just now.
    pub(super) fn unavailable(description: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
    }

    /// A mistake of ours; the cause goes to the log alone.
    pub(super) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "an OAuth request failed");
        let description = "the server failed; its log has the cause under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
    }

    /// The kind, for machines.
    #[cfg(test)]
    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is wrong.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The answer.
    pub(super) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status)
            .json(ErrorBody { error: self.kind, error_description: ascii(&self.description) });
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(limited) = &self.limited {
            limited.insert_into(response.headers_mut());
        }
        unstored(response)
    }
}

/// Descriptions hold printable ASCII without quotes and backslashes alone (RFC 6749 section 5.2), whatever was quoted in them.
fn ascii(text: &str) -> String {
    let shown = |c: char| match c {
        '"' | '`' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().map(shown).collect()
}

impl From<Wrong> for OauthError {
    fn from(wrong: Wrong) -> Self {
        Self::new(StatusCode::BAD_REQUEST, wrong.kind, wrong.why)
    }
}

impl From<Limited> for OauthError {
    fn from(limited: Limited) -> Self {
        let description = limited.to_string();
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", description);
        Self { limited: Some(Box::new(limited)), ..error }
    }
}

impl From<GateError> for OauthError {
    fn from(error: GateError) -> Self {
        match &error {
            GateError::Refused(Refusal::Grant(refusal)) => match refusal {
                GrantRefusal::InvalidScope { .. } => Self::invalid_scope(refusal.to_string()),
                GrantRefusal::NotFound
                | GrantRefusal::Revoked
                | GrantRefusal::Expired
                | GrantRefusal::RedirectMismatch
                | GrantRefusal::VerifierMismatch
                | GrantRefusal::ProofMismatch
                | GrantRefusal::VerifierWithoutChallenge => Self::invalid_grant(refusal.to_string()),
                GrantRefusal::AlreadyGranted => Self::internal(&refusal.to_string()),
            },
            GateError::Refused(Refusal::Token(refusal)) => match refusal {
                TokenRefusal::InvalidScope { .. } | TokenRefusal::TooLong => {
                    Self::invalid_scope(refusal.to_string())
                }
                TokenRefusal::UnauthorizedClient | TokenRefusal::TenantSuspended => {
                    Self::unauthorized_client(refusal.to_string())
                }
                TokenRefusal::ProofRequired => Self::invalid_request(refusal.to_string()),
                TokenRefusal::ClientRevoked => Self::invalid_client(),
                TokenRefusal::NotFound => Self::invalid_grant(refusal.to_string()),
                TokenRefusal::AlreadyIssued => Self::internal(&refusal.to_string()),
            },
            GateError::Unavailable(_) | GateError::Contended | GateError::Stopping | GateError::InFlight => {
                tracing::warn!(cause = with_sources(&error), "an OAuth request was not answered");
                Self::unavailable("the server cannot answer just now; send the request again")
            }
            _ => Self::internal(&with_sources(&error)),
        }
    }
}

impl From<Problem> for OauthError {
    fn from(problem: Problem) -> Self {
        if problem.kind().status == 503 {
            return Self::unavailable("the server cannot answer just now; send the request again");
        }
        Self::internal(problem.cause().unwrap_or(problem.kind().code))
    }
}
