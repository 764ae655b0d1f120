//! The claims of an access token (RFC 9068 section 2.2).

use serde::{Deserialize, Serialize};

use crate::credential::Digest;
use crate::ids::TenantId;
use crate::verification::Restrictions;

/// The `typ` of an access token's header (RFC 9068 section 2.1): no other token is taken for one.
pub const ACCESS_TOKEN: &str = "at+jwt";

/// The key that a token is bound to (RFC 7800, RFC 9449 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// SHA-256 of the key, as RFC 7638 writes it.
    pub jkt: Digest,
}

/// What is signed into an access token. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: `server.public_url`.
    pub iss: String,
    /// For whom the client acts; the client itself where nobody consented.
    pub sub: String,
    /// Who may accept it: the issuer's nodes.
    pub aud: String,
    /// From when on it is refused.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// The token's own id, by which it is revoked.
    pub jti: String,
    /// The public id of the client that it was issued to.
    pub client_id: String,
    /// What it may do, with a space between two scopes (RFC 6749 section 3.3).
    pub scope: String,
    /// Whose data it opens: its client's owner, or who agreed to it.
    pub tenant_id: TenantId,
    /// The environment's name.
    pub environment: String,
    /// The consent that it rests on, by which it is revoked with all others; absent for a client's own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The key that whoever shows it must prove to hold; absent: whoever has it may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// To what it is restricted, beside what its client is restricted to.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
}
