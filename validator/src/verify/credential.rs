//! Deciding on keys: bare, and in a request's headers.

use std::sync::Arc;

use nexus_domain::credential::Digest;
use nexus_domain::dialect::{Dialect, Presented, ShownToken};
use nexus_domain::jwt::Compact;
use nexus_domain::verification::{Code, Facts, Question, Refused, verdict};

use super::decision::Holder;
use super::{Decision, Sight, Subject, UnknownDialect, Validator};
use crate::dpop::check_bearer;
use crate::limits::Limits;
use crate::rows::Slot;
use crate::table::Found;

impl Validator {
    /// Decides on a secret of a dialect of which the digest alone was kept. `now` is Unix time in microseconds.
    pub fn verify_digest<'v>(
        &'v self,
        sight: &Sight,
        dialect: &'v Arc<Dialect>,
        digest: &Digest,
        question: &Question<'_>,
        now: i64,
    ) -> Decision<'v> {
        let presented = Presented { secret: "", token: None, client_id: None, tenant: None };
        self.decide(dialect, Ok(presented), self.find(sight, digest), question, now)
    }

    /// Decides on a bare credential: a secret, or `client-id:secret` where the dialect has that.
    /// Without a dialect's name, the prefix of the secret tells which one it is. `now` is Unix time
    /// in microseconds, and what is seen is for this request. Does not allocate when it accepts.
    ///
    /// # Errors
    /// [`UnknownDialect`] when the name given is none.
    pub fn verify_credential(
        &self,
        sight: &Sight,
        dialect: Option<&str>,
        credential: &str,
        question: &Question<'_>,
        now: i64,
    ) -> Result<Decision<'_>, UnknownDialect> {
        let named = match dialect {
            Some(name) => Some(self.dialect(name)?),
            None => None,
        };
        if let Some(decision) = self.verify_seen(sight, named, credential, question, now) {
            return Ok(decision);
        }
        let dialect = match named.map_or_else(|| self.home_of(credential), Ok) {
            Ok(dialect) => dialect,
            Err(refused) => {
                // What begins with another process's prefix is that one's to judge, whatever its form.
                let nobodys = refused.code == Code::Malformed;
                if let Some(token) = Compact::read(credential).filter(|_| nobodys) {
                    return Ok(self.verify_token(sight, None, token, question, now));
                }
                let limits = Limits::NotCounted;
                return Ok(Decision { outcome: Err(refused), dialect: None, subject: None, limits });
            }
        };
        let unchecked = match dialect.read_credential(credential) {
            Ok(unchecked) => unchecked,
            Err(refused) => {
                return Ok(match Compact::read(credential).filter(|_| dialect.accepts_tokens()) {
                    Some(token) => self.verify_token(sight, Some(dialect), token, question, now),
                    None => Decision::refused(refused, dialect),
                });
            }
        };
        // The look-up first: it waits for memory, and the processor works out the checksum meanwhile.
        let found = self.find(sight, &Digest::of(unchecked.secret()));
        Ok(self.decide(dialect, unchecked.checked(), found, question, now))
    }

    /// Decides on a request of a dialect, one of [`Validator::dialects`], by its headers, given as pairs with names in
    /// lower case. What the headers claim must agree with what `question` claims. `now` is Unix time in microseconds, and
    /// what is seen is for this request.
    pub fn verify_headers<'v, 'h>(
        &'v self,
        sight: &Sight,
        dialect: &'v Arc<Dialect>,
        headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
        question: &Question<'_>,
        now: i64,
    ) -> Decision<'v> {
        let presented = match dialect.extract(headers.clone()) {
            Ok(presented) => presented,
            Err(refused) => {
                let ShownToken { token, tenant, possession } = match dialect.extract_token(headers) {
                    Some(Ok(extracted)) => extracted,
                    Some(Err(refused)) => return Decision::refused(refused, dialect),
                    None => return Decision::refused(refused, dialect),
                };
                if differ(tenant, question.tenant) {
                    let refused = Refused::new(Code::TenantMismatch, "the request names two tenants");
                    return Decision::refused(refused, dialect);
                }
                let question = Question { tenant: tenant.or(question.tenant), possession, ..*question };
                return self.verify_token(sight, Some(dialect), token, &question, now);
            }
        };
        let found = self.find(sight, &Digest::of(presented.secret));
        self.decide(dialect, Ok(presented), found, question, now)
    }

    fn decide<'v>(
        &self,
        dialect: &'v Arc<Dialect>,
        presented: Result<Presented<'_>, Refused>,
        found: Result<Option<Found>, Refused>,
        question: &Question<'_>,
        now: i64,
    ) -> Decision<'v> {
        let (presented, found) = match presented.and_then(|presented| Ok((presented, found?))) {
            Ok(both) => both,
            Err(refused) => return Decision::refused(refused, dialect),
        };
        // A secret of another dialect is unknown in this one, though its prefix may have been forged.
        let Some(found) = found.filter(|found| Arc::ptr_eq(&found.slot().tenant.dialect, dialect)) else {
            let refused = Refused::new(Code::Unknown, "no key has this secret");
            return Decision::refused(refused, dialect);
        };
        let mut outcome =
            check_bearer(question).and_then(|()| judge(found.slot(), dialect, &presented, question, now));
        if let (Ok(()), Some(token)) = (&outcome, presented.token) {
            outcome = self.table.tokens.check_key(&found.slot().digest, token, now);
        }
        let limits = Limits::NotCounted;
        Decision { outcome, dialect: Some(dialect), subject: Some(Subject(Holder::Key(found))), limits }
    }
}

/// The verdict on a secret that was found, for both what came with it and what is asked.
fn judge(
    slot: &Slot,
    dialect: &Dialect,
    presented: &Presented<'_>,
    question: &Question<'_>,
    now: i64,
) -> Result<(), Refused> {
    if differ(presented.tenant, question.tenant) {
        return Err(Refused::new(Code::TenantMismatch, "the request names two tenants"));
    }
    if differ(presented.client_id, question.client_id) {
        return Err(Refused::new(Code::Unknown, "the request names two client ids"));
    }
    let question = Question {
        tenant: presented.tenant.or(question.tenant),
        client_id: presented.client_id.or(question.client_id),
        ..*question
    };
    let standing = slot.tenant.standing();
    let facts = Facts {
        tenant: slot.tenant.id,
        tenant_suspended: standing.suspended(),
        switched_off: standing.switched_off(),
        status: slot.status,
        not_after: slot.not_after,
        rights: &slot.rights,
        dialect,
    };
    verdict(facts, &question, now)
}

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && other.is_some() && one != other
}
