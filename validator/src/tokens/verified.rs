//! What is known of a token whose signature is right, and what of it may have changed since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_domain::credential::Digest;
use nexus_domain::ids::KeyId;
use nexus_domain::jwt::{LONGEST_LIFE, Times};
use nexus_domain::validity::{ClientEntry, JwtSecretEntry};
use nexus_domain::verification::{Code, Refused, Rights, SecretStatus};

use super::Tokens;
use super::cache::Name;
use super::signature::VerifyingKey;
use crate::rows::Tenant;

/// A token. Without `Debug`: what was signed is nobody's business.
pub(crate) struct Verified {
    pub(super) name: Name,
    pub(super) signed: Box<str>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) rights: Arc<Rights>,
    pub(super) times: Times,
    /// Its `jti`, and the consent that it rests on.
    pub(super) ids: [Option<Box<str>>; 2],
    pub(super) signer: Signer,
    /// SHA-256 of the key that whoever shows it must prove to hold (RFC 9449).
    pub(crate) jkt: Option<Digest>,
    /// Whether it or its consent was revoked when it was looked at. Such a one is not kept.
    pub(super) revoked: bool,
    /// The count of changes at which all that it rests on was last looked at.
    pub(super) seen: AtomicU64,
}

/// Who signed a token.
pub(super) enum Signer {
    /// The server, for a client.
    Server { key: Arc<VerifyingKey>, client: Arc<ClientEntry>, registrar: Arc<Tenant> },
    /// A tenant's service.
    Service { secret: Arc<JwtSecretEntry>, version: u32 },
}

impl Verified {
    /// The id under which its uses are counted.
    pub(crate) fn key_id(&self) -> KeyId {
        match &self.signer {
            Signer::Server { client, .. } => client.id,
            Signer::Service { secret, .. } => secret.id.key_id(),
        }
    }

    pub(crate) fn holder(&self) -> &str {
        match &self.signer {
            Signer::Server { client, .. } => &client.name,
            Signer::Service { secret, .. } => &secret.name,
        }
    }

    /// What kind of credential it is, in the words of the REST interface.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.signer {
            Signer::Server { .. } => "access_token",
            Signer::Service { .. } => "service",
        }
    }

    pub(crate) const fn version(&self) -> u32 {
        match &self.signer {
            Signer::Server { .. } => 1,
            Signer::Service { version, .. } => *version,
        }
    }

    /// Unix time in microseconds of its `exp`.
    pub(crate) const fn expires_at(&self) -> i64 {
        self.times.expires_at
    }

    /// Whether what it was worked out from is as it was: the key, the client or the secret, the tenant, and that neither it nor
    /// its consent is revoked. One look at a number where nothing has changed at all.
    pub(super) fn stands(&self, tokens: &Tokens) -> bool {
        let changes = tokens.changes();
        if self.seen.load(Ordering::Acquire) == changes {
            return true;
        }
        let same_signer = match &self.signer {
            Signer::Server { key, client, registrar } => {
                let same_key = tokens.key(key.entry.kid).is_some_and(|now| Arc::ptr_eq(&now, key));
                let now = tokens.client(&client.client_id);
                let registrar_now = tokens.tenant(registrar.id);
                same_key
                    && now.is_some_and(|now| Arc::ptr_eq(&now, client))
                    && registrar_now.is_some_and(|now| Arc::ptr_eq(&now, registrar))
            }
            Signer::Service { secret, .. } => {
                tokens.secret(secret.id).is_some_and(|now| Arc::ptr_eq(&now, secret))
            }
        };
        let same_tenant = tokens.tenant(self.tenant.id).is_some_and(|now| Arc::ptr_eq(&now, &self.tenant));
        let stands = same_signer && same_tenant && !self.is_revoked(tokens);
        if stands {
            self.seen.fetch_max(changes, Ordering::AcqRel);
        }
        stands
    }

    pub(super) fn is_revoked(&self, tokens: &Tokens) -> bool {
        self.ids.iter().flatten().any(|id| tokens.is_revoked(self.tenant.id, id))
    }

    /// Whether it lives: its key is not retired, neither it nor what it rests on is revoked, and its time is now. For a token that
    /// [`Tokens::verify`] gave for this request.
    pub(crate) fn lives(&self, now: i64) -> Result<(), Refused> {
        let revoked = |detail: &'static str| Err(Refused::new(Code::Revoked, detail));
        match &self.signer {
            Signer::Server { client, .. } if client.revoked => {
                return revoked("the client that the token was issued to is revoked");
            }
            Signer::Server { registrar, .. } if registrar.standing().suspended() => {
                let detail = "the tenant that registered the token's client is suspended";
                return Err(Refused::new(Code::TenantSuspended, detail));
            }
            Signer::Server { key, .. } if now >= key.entry.not_after => {
                return Err(Refused::new(Code::Unknown, "the token was signed with a key that is retired"));
            }
            Signer::Service { secret, version } => {
                let version = secret.versions.iter().find(|known| known.version == *version);
                match version.map(|version| (version.status, version.not_after)) {
                    Some((SecretStatus::Current, _)) => {}
                    Some((SecretStatus::Superseded, until)) if now < until => {}
                    Some((SecretStatus::Superseded, _)) => {
                        return revoked(
                            "the secret was replaced and its grace period is over; use the current one",
                        );
                    }
                    Some((SecretStatus::Revoked, _)) | None => {
                        return revoked("the secret that the token was signed with is revoked");
                    }
                }
            }
            Signer::Server { .. } => {}
        }
        if self.revoked {
            return revoked("the token is revoked, or the consent that it rests on");
        }
        self.times.check(LONGEST_LIFE, now)
    }
}
