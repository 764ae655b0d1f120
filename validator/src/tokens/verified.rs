//! What is known of a token whose signature is right, and what of it may have changed since.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_domain::credential::Digest;
use nexus_domain::ids::KeyId;
use nexus_domain::jwt::{LONGEST_LIFE, Times};
use nexus_domain::validity::{ClientEntry, JwtSecretEntry};
use nexus_domain::verification::{Code, Refused, Rights, SecretStatus};

use super::Tokens;
use super::name::Name;
use super::signature::VerifyingKey;
use crate::rows::Tenant;

/// What every token takes, in bytes, with what an allocator adds.
const LEAST_BYTES: usize = size_of::<Verified>() + 64;

/// A token. What each use reads fills the first cache line. Without `Debug`: what was signed is nobody's business.
#[repr(C, align(64))]
pub(crate) struct Verified {
    pub(super) name: Name,
    /// The count of changes at which all that it rests on was last looked at.
    seen: AtomicU64,
    /// When there is nothing to refuse in it, in Unix microseconds: never where it, its client or its secret is revoked.
    holds: Range<i64>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) rights: Arc<Rights>,
    /// The tenant that registered its client, where that is another one.
    registrar: Option<Arc<Tenant>>,
    times: Times,
    /// Its `jti`, and the consent that it rests on.
    ids: [Option<Box<str>>; 2],
    signer: Signer,
    /// SHA-256 of the key that whoever shows it must prove to hold (RFC 9449).
    pub(crate) jkt: Option<Digest>,
    /// Whether it or its consent was revoked when it was looked at. Such a one is not kept.
    revoked: bool,
    /// What it takes in memory.
    pub(super) bytes: usize,
}

/// Who signed a token.
pub(super) enum Signer {
    /// The server, for a client of a tenant.
    Server { key: Arc<VerifyingKey>, client: Arc<ClientEntry>, registrar: Arc<Tenant> },
    /// A tenant's service.
    Service { secret: Arc<JwtSecretEntry>, version: u32 },
}

/// What a signature speaks for.
pub(super) struct Signed {
    pub(super) tenant: Arc<Tenant>,
    pub(super) rights: Rights,
    pub(super) times: Times,
    /// The token's `jti`, and the consent that it rests on.
    pub(super) ids: [Option<Box<str>>; 2],
    pub(super) signer: Signer,
    /// The key that it is bound to (RFC 9449).
    pub(super) jkt: Option<Digest>,
}

impl Verified {
    /// A token as it was found at a count of changes that was read before.
    pub(super) fn of(signed: Signed, seen: u64, tokens: &Tokens) -> Self {
        let Signed { tenant, rights, times, ids, signer, jkt } = signed;
        let registrar = match &signer {
            Signer::Server { registrar, .. } if !Arc::ptr_eq(registrar, &tenant) => {
                Some(Arc::clone(registrar))
            }
            Signer::Server { .. } | Signer::Service { .. } => None,
        };
        let rights = tokens.shared_rights.of(rights);
        let held = ids.iter().flatten().map(|id| id.len()).sum::<usize>() + rights.bytes();
        let mut verified = Self {
            name: Name::default(),
            seen: AtomicU64::new(seen),
            holds: 0..0,
            tenant,
            rights,
            registrar,
            times,
            ids,
            signer,
            jkt,
            revoked: false,
            bytes: LEAST_BYTES + held,
        };
        verified.revoked = verified.is_revoked(tokens);
        verified.holds = verified.worked_out();
        verified
    }

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
    /// its consent is revoked. One look at a number where nothing was taken away or altered since.
    pub(super) fn stands(&self, tokens: &Tokens) -> bool {
        let changes = tokens.changes();
        self.seen.load(Ordering::Acquire) == changes || self.stands_still(tokens, changes)
    }

    #[cold]
    fn stands_still(&self, tokens: &Tokens, changes: u64) -> bool {
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
        let known = !self.is_revoked(tokens) && !tokens.has_forgotten(self.times.expires_at);
        let stands = same_signer && same_tenant && known;
        if stands {
            self.seen.fetch_max(changes, Ordering::AcqRel);
        }
        stands
    }

    pub(super) const fn revoked(&self) -> bool {
        self.revoked
    }

    fn is_revoked(&self, tokens: &Tokens) -> bool {
        self.ids.iter().flatten().any(|id| tokens.is_revoked(self.tenant.id, id))
    }

    /// Whether it lives: its key is not retired, neither it nor what it rests on is revoked, and its time is now. For a token that
    /// [`Tokens::verify`] gave for this request.
    pub(crate) fn lives(&self, now: i64) -> Result<(), Refused> {
        let registrar = self.registrar.as_ref().is_none_or(|registrar| !registrar.standing().suspended());
        if self.holds.contains(&now) && registrar { Ok(()) } else { self.refused(now) }
    }

    /// When [`Verified::refused`] finds nothing, apart from suspensions.
    fn worked_out(&self) -> Range<i64> {
        let until = match &self.signer {
            Signer::Server { client, .. } if client.revoked => i64::MIN,
            Signer::Server { key, .. } => key.entry.not_after,
            Signer::Service { secret, version } => {
                let version = secret.versions.iter().find(|known| known.version == *version);
                match version.map(|version| (version.status, version.not_after)) {
                    Some((SecretStatus::Current, _)) => i64::MAX,
                    Some((SecretStatus::Superseded, until)) => until,
                    Some((SecretStatus::Revoked, _)) | None => i64::MIN,
                }
            }
        };
        let until = if self.revoked { i64::MIN } else { until };
        let Range { start, end } = self.times.holds(LONGEST_LIFE);
        start..end.min(until)
    }

    /// What is to be refused in it, where there is something.
    #[cold]
    fn refused(&self, now: i64) -> Result<(), Refused> {
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

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Verified").field(&self.key_id()).finish()
    }
}
