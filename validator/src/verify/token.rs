//! Deciding on tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nexus_domain::credential::LONGEST_SECRET;
use nexus_domain::dialect::Dialect;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::jwt::Compact;
use nexus_domain::verification::{Code, Facts, Question, Refused, SecretStatus, verdict_where};

use super::decision::Holder;
use super::sight::loading;
use super::{Decision, Fetched, Sight, Subject, Validator};
use crate::limits::Limits;
use crate::tokens::{Seen, Unverified};

impl Validator {
    /// Decides on a token. Without a dialect, its tenant tells which one it is.
    pub(super) fn verify_token<'v>(
        &'v self,
        sight: &Sight,
        dialect: Option<&'v Arc<Dialect>>,
        token: Compact<'_>,
        question: &Question<'_>,
        now: i64,
    ) -> Decision<'v> {
        let verified = match self.seen_token(sight, token, question.ip, now) {
            Ok(verified) => verified,
            Err(unverified) => {
                // Of a bare token, another process may know what this one was not sent.
                let elsewhere = dialect.is_none() && self.dialects.elsewhere().next().is_some();
                let limits = unverified.limits();
                let outcome = Err(unverified.refused(elsewhere));
                return Decision { outcome, dialect, subject: None, limits };
            }
        };
        if dialect.is_some_and(|dialect| !Arc::ptr_eq(&verified.tenant.dialect, dialect)) {
            let outcome = Err(Refused::new(Code::Unknown, "the token is of another dialect"));
            return Decision { outcome, dialect, subject: None, limits: Limits::NotCounted };
        }
        self.decide_on_token(verified, token.text(), question, now)
    }

    /// Decides on a bare token that was seen before, in the dialect that is named. Nothing where it was not, or may be a key's.
    pub(super) fn verify_seen<'v>(
        &'v self,
        sight: &Sight,
        dialect: Option<&Arc<Dialect>>,
        credential: &str,
        question: &Question<'_>,
        now: i64,
    ) -> Option<Decision<'v>> {
        let is_prefixed = self.prefixes.begin_with(*credential.as_bytes().first()?);
        if is_prefixed || credential.len() <= LONGEST_SECRET || matches!(sight, Sight::Fetched(_)) {
            return None;
        }
        let before = self.fillings.load(Ordering::Acquire);
        let seen = self.table.tokens.seen(credential)?;
        let whole = before.is_multiple_of(2) && self.fillings.load(Ordering::Acquire) == before;
        let its_own = dialect.is_none_or(|dialect| Arc::ptr_eq(&seen.tenant.dialect, dialect));
        (whole && its_own).then(|| self.decide_on_token(seen, credential, question, now))
    }

    /// The verdict on a token whose signature is right, which stands in `text`.
    fn decide_on_token<'v>(
        &'v self,
        token: Seen,
        text: &str,
        question: &Question<'_>,
        now: i64,
    ) -> Decision<'v> {
        let own = &token.tenant.dialect;
        let facts = Facts {
            tenant: token.tenant.id,
            tenant_suspended: token.tenant.standing().suspended(),
            switched_off: None,
            status: SecretStatus::Current,
            not_after: i64::MAX,
            rights: &token.rights,
            dialect: own,
        };
        let outcome = verdict_where(facts, || token.lives(now), question)
            .and_then(|()| self.proofs.check(token.jkt, text, question, now));
        // The same object: tenants have theirs from there.
        let dialect = self.dialects.iter().find(|dialect| Arc::ptr_eq(dialect, own));
        Decision {
            outcome,
            dialect,
            subject: Some(Subject(Holder::Token(token))),
            limits: Limits::NotCounted,
        }
    }

    /// What is known of a token by what may be seen, as [`Validator::find`] has it of a secret.
    fn seen_token(
        &self,
        sight: &Sight,
        token: Compact<'_>,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Seen, Unverified> {
        if let Sight::Fetched(Fetched(table)) = sight {
            return table.tokens.verify(token, address, now);
        }
        let before = self.fillings.load(Ordering::Acquire);
        let verified = self.table.tokens.verify(token, address, now);
        if before.is_multiple_of(2) && self.fillings.load(Ordering::Acquire) == before {
            return verified;
        }
        Err(loading().into())
    }

    /// A client by its public id, and the tenant that registered it.
    #[must_use]
    pub fn client_of(&self, client_id: &str) -> Option<(KeyId, TenantId)> {
        self.table.tokens.owner_of(client_id)
    }

    /// The tenant of the client, or of the secret for service JWTs, under whose id uses of tokens are counted.
    #[must_use]
    pub fn owner_of_tokens(&self, id: KeyId) -> Option<TenantId> {
        self.table.tokens.holder(id)
    }
}
