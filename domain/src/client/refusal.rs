//! Why a decision about a client is refused. Where a text goes on behind a semicolon, that is what to do about it.

use chrono::TimeDelta;

use crate::client::{InvalidJwk, InvalidRedirect};
use crate::duration;
use crate::key::{InvalidName, KeyRefusal};

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefusal {
    /// No client of this id belongs to the tenant.
    #[error("there is no such client")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("a client with this id exists already")]
    AlreadyRegistered,
    /// Revoked clients get no new secret.
    #[error("the client is revoked, which is final; register another one")]
    Revoked,
    /// Revoked clients stay as they were.
    #[error("the client is revoked, which is final; nothing about it can be changed")]
    ChangeOfRevoked,
    /// Nothing was named.
    #[error("there is nothing to change")]
    NothingToChange,
    /// The tenant is suspended.
    #[error("the tenant is suspended; resume it first")]
    TenantSuspended,
    /// The dialect has no OAuth, or none for this type of client.
    #[error("this dialect has no OAuth clients of type {asked}; {instead}")]
    Unsupported {
        /// What was asked for.
        asked: &'static str,
        /// What there is.
        instead: &'static str,
    },
    /// The name is empty, too long, or holds characters that would deceive a reader.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// The same of the note about a revocation.
    #[error("the note {0}")]
    InvalidNote(InvalidName),
    /// Environment, scopes or restrictions are not the dialect's.
    #[error("{0}")]
    Terms(KeyRefusal),
    /// A list of no scopes.
    #[error(
        "a client without scopes could ask for nothing; list what it needs, or leave `scopes` out for all"
    )]
    NoScopes,
    /// An app without a place to send codes to.
    #[error("an app needs at least one redirect URI; add the address where it takes codes")]
    NoRedirect,
    /// A server with one.
    #[error(
        "a server gets tokens for itself and is sent no codes; leave redirect_uris out, or register an app"
    )]
    RedirectOfServer,
    /// More than there may be.
    #[error("at most 20 redirect URIs; register fewer")]
    TooManyRedirects,
    /// A code must not be sent there.
    #[error("{why}")]
    InvalidRedirect {
        /// Which one, from 0.
        at: usize,
        /// Why.
        why: InvalidRedirect,
    },
    /// A server that does not prove who it is.
    #[error("a server proves who it is; use client_secret or private_key_jwt")]
    PublicServer,
    /// Codes of a client that cannot prove who it is would be anybody's.
    #[error("an app that does not prove who it is needs PKCE (RFC 7636); leave requires_pkce out")]
    PkceRequired,
    /// Keys where none are used, or none where they are.
    #[error("keys go with private_key_jwt, and that with 1 to 10 keys; give both or neither")]
    KeysMismatch,
    /// A key cannot be used.
    #[error("{why}")]
    InvalidKey {
        /// Which one, from 0.
        at: usize,
        /// Why.
        why: InvalidJwk,
    },
    /// A client that has no secret.
    #[error("the client has no secret to rotate; it proves who it is in another way")]
    NoSecret,
    /// The grace is longer than the dialect allows.
    #[error("the grace may be at most {}", duration::text(*longest))]
    GraceTooLong {
        /// The longest one.
        longest: TimeDelta,
    },
}
