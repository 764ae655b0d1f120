//! The validator: takes the feed's entries and answers whether a credential may do something.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_domain::credential::{Digest, LONGEST_SECRET};
use nexus_domain::dialect::{Dialect, Dialects, Prefix, Presented, ShownToken};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::jwt::Compact;
use nexus_domain::validity::Entry;
use nexus_domain::verification::{
    Code, Facts, Question, Refused, Rights, SecretStatus, verdict, verdict_where,
};
use tokio::sync::watch;

use crate::control::wanted::{TokenNames, Wanted};
use crate::dpop::{Proofs, check_bearer};
use crate::intake::Intake;
use crate::lease::Permit;
use crate::limits::Limits;
use crate::rows::{Slot, Tenant};
use crate::table::{Found, Table};
use crate::tokens::{SecretKeys, Seen, Unverified};

/// All credentials of a process's dialects, in memory. Shared by `Arc` among all threads: readers
/// wait for nobody.
#[derive(Debug)]
pub struct Validator {
    dialects: Arc<Dialects>,
    /// The prefixes of all dialects, also those of other processes, the longest first.
    prefixes: Box<[(Prefix, Home)]>,
    /// The bytes that they begin with, a bit for each.
    first_bytes: [u64; 4],
    table: Table,
    /// The proofs of possession that came lately.
    proofs: Proofs,
    /// How often the table was emptied and was whole again: odd while it is filled anew.
    fillings: AtomicU64,
    intake: Mutex<Intake>,
    applied: AtomicU64,
    position: watch::Sender<u64>,
}

/// Whose credentials begin with a prefix.
#[derive(Debug)]
enum Home {
    Here(Arc<Dialect>),
    Elsewhere(Arc<Dialect>),
}

/// What a request may be decided by.
#[derive(Debug)]
pub enum Sight {
    /// The node's own table, for the lease held when the request began.
    Table(Permit),
    /// What an API node read of the log after the request began, for a node whose lease does not hold.
    Fetched(Fetched),
}

/// A few entries, apart from the node's table.
#[derive(Debug)]
pub struct Fetched(Box<Table>);

impl From<Permit> for Sight {
    fn from(permit: Permit) -> Self {
        Self::Table(permit)
    }
}

/// No dialect that is served has the name that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no dialect that is served here is named `{0}`")]
pub struct UnknownDialect(pub String);

/// What was decided, and what the answer and the usage journal need to know.
#[derive(Debug, Clone)]
pub struct Decision<'v> {
    /// The verdict.
    pub outcome: Result<(), Refused>,
    /// The dialect; absent when none was named and the credential has no prefix of one that is served.
    pub dialect: Option<&'v Arc<Dialect>>,
    /// The key, when the credential is one's, also when it is refused.
    pub subject: Option<Subject>,
    /// How it stands to the dialect's limits. See [`Decision::within_limits`].
    pub limits: Limits,
}

impl<'v> Decision<'v> {
    /// A refusal in a dialect's terms, of nobody's key.
    #[must_use]
    pub const fn refused(refused: Refused, dialect: &'v Arc<Dialect>) -> Self {
        Self { outcome: Err(refused), dialect: Some(dialect), subject: None, limits: Limits::NotCounted }
    }

    /// Whether the credential may do what was asked.
    #[must_use]
    pub const fn accepted(&self) -> bool {
        self.outcome.is_ok()
    }

    /// The outcome as a code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.outcome.as_ref().map_or_else(|refused| refused.code, |()| Code::Valid)
    }
}

/// Whose credential it is, a key or a token, as it was when the decision was made.
#[derive(Debug, Clone)]
pub struct Subject(Holder);

#[derive(Clone)]
enum Holder {
    Key(Found),
    Token(Seen),
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(found) => f.debug_tuple("Key").field(&found.key_id()).finish(),
            Self::Token(token) => f.debug_tuple("Token").field(&token.key_id()).finish(),
        }
    }
}

impl Subject {
    /// The key; of a token, the id under which uses of its client, or of the secret that it was signed with, are counted.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        match &self.0 {
            Holder::Key(found) => found.key_id(),
            Holder::Token(token) => token.key_id(),
        }
    }

    fn tenant(&self) -> &Tenant {
        match &self.0 {
            Holder::Key(found) => &found.slot().tenant,
            Holder::Token(token) => &token.tenant,
        }
    }

    /// Its owner.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant().id
    }

    /// Whether its owner's credentials are refused for now.
    #[must_use]
    pub fn tenant_suspended(&self) -> bool {
        self.tenant().standing().suspended()
    }

    /// Which of its secrets was presented, or signed the token; 1 for the first.
    #[must_use]
    pub fn version(&self) -> u32 {
        match &self.0 {
            Holder::Key(found) => found.slot().version,
            Holder::Token(token) => token.version(),
        }
    }

    /// Whether that secret can be used, apart from time. Of a token, the verdict tells.
    #[must_use]
    pub fn status(&self) -> SecretStatus {
        match &self.0 {
            Holder::Key(found) => found.slot().status,
            Holder::Token(_) => SecretStatus::Current,
        }
    }

    /// Unix time in microseconds from which it is refused: the key's expiry, or the end of the grace of a superseded secret
    /// where that is sooner, or the end that a token names; `i64::MAX`: never.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        match &self.0 {
            Holder::Key(found) => found.slot().not_after,
            Holder::Token(token) => token.expires_at(),
        }
    }

    /// The name of the key, of the token's client, or of the secret that it was signed with.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Holder::Key(found) => found.name(),
            Holder::Token(token) => token.holder(),
        }
    }

    /// `secret` or `publishable` for a key, `access_token` or `service` for a token.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.0 {
            Holder::Key(found) => found.slot().rights.key_type.as_str(),
            Holder::Token(token) => token.kind(),
        }
    }

    /// What it may do.
    #[must_use]
    pub fn rights(&self) -> &Arc<Rights> {
        match &self.0 {
            Holder::Key(found) => &found.slot().rights,
            Holder::Token(token) => &token.rights,
        }
    }

    /// Key, tenant and secret version, as [`crate::usage_journal::UsageRecord::key`] takes them.
    #[must_use]
    pub fn used(&self) -> (KeyId, TenantId, u32) {
        (self.key_id(), self.tenant_id(), self.version())
    }
}

impl Validator {
    /// A validator that knows no credential yet, at position 0.
    #[must_use]
    pub fn new(dialects: Arc<Dialects>) -> Self {
        let here = dialects.iter().flat_map(|dialect| {
            dialect.prefixes.iter().map(|prefix| (prefix.clone(), Home::Here(Arc::clone(dialect))))
        });
        let elsewhere = dialects.elsewhere().flat_map(|dialect| {
            dialect.prefixes.iter().map(|prefix| (prefix.clone(), Home::Elsewhere(Arc::clone(dialect))))
        });
        let mut prefixes: Vec<_> = here.chain(elsewhere).collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.text.len()));
        Self {
            intake: Mutex::new(Intake::new(Arc::clone(&dialects))),
            first_bytes: first_bytes(&prefixes),
            prefixes: prefixes.into(),
            dialects,
            table: Table::new(),
            proofs: Proofs::default(),
            fillings: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            position: watch::Sender::new(0),
        }
    }

    /// Applies the entries that lead to `position` in the log, in order. They are visible to every
    /// thread before [`Validator::applied`] moves. For one writer, the feed; a second one waits.
    ///
    /// An entry is a whole state: the last one of a key or tenant counts, except that a revoked
    /// secret stays revoked. Keys that come before their tenant wait for it.
    pub fn apply(&self, entries: impl IntoIterator<Item = Entry>, position: u64) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.take(entries, &self.table);
        self.reach(position);
    }

    fn reach(&self, position: u64) {
        self.applied.fetch_max(position, Ordering::AcqRel);
        self.position.send_if_modified(|at| {
            let moved = position > *at;
            *at = position.max(*at);
            moved
        });
    }

    /// Takes in a piece of a snapshot. With the last one comes the position that the whole is exact for; until then some of it
    /// may not be visible. That makes the table whole again after [`Validator::clear`].
    pub fn load(&self, entries: impl IntoIterator<Item = Entry>, complete: Option<u64>) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.gather(entries, &self.table);
        let Some(position) = complete else { return };
        intake.take([], &self.table);
        if !self.fillings.load(Ordering::Relaxed).is_multiple_of(2) {
            self.fillings.fetch_add(1, Ordering::Release);
        }
        self.reach(position);
    }

    /// Forgets everything, for a table that is to be filled anew. No lease may hold: see [`crate::lease::Lease::end`]. Requests
    /// that took their permit before are answered `UNAVAILABLE` until the table is whole: what is missing from it is not unknown.
    pub fn clear(&self) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        *intake = Intake::new(Arc::clone(&self.dialects));
        // Before anything is missing, so that whoever misses it sees this.
        if self.fillings.load(Ordering::Relaxed).is_multiple_of(2) {
            self.fillings.fetch_add(1, Ordering::AcqRel);
        }
        self.table.clear();
        self.applied.store(0, Ordering::Release);
        self.position.send_replace(0);
    }

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

    /// What an API node is asked by for the credential in a request's headers, where there is one in the form that the dialect
    /// expects.
    pub fn wanted_in_headers<'h>(
        &self,
        dialect: &Dialect,
        headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
    ) -> Option<Wanted> {
        match dialect.extract(headers.clone()) {
            Ok(presented) => Some(Wanted::Secret(Digest::of(presented.secret))),
            Err(_) => {
                let shown = dialect.extract_token(headers)?.ok()?;
                TokenNames::of(shown.token).map(Box::new).map(Wanted::Token)
            }
        }
    }

    /// As [`Validator::wanted_in_headers`], for a bare credential whose form and checksum are right.
    #[must_use]
    pub fn wanted_in_credential(&self, dialect: Option<&str>, credential: &str) -> Option<Wanted> {
        let home = match dialect {
            Some(name) => Ok(self.dialect(name).ok()?),
            None => self.home_of(credential),
        };
        let may_be_token = match home {
            Ok(dialect) => match dialect.read_credential(credential) {
                Ok(unchecked) => {
                    let presented = unchecked.checked().ok()?;
                    return Some(Wanted::Secret(Digest::of(presented.secret)));
                }
                Err(_) => dialect.accepts_tokens(),
            },
            Err(refused) => refused.code == Code::Malformed,
        };
        let token = Compact::read(credential).filter(|_| may_be_token)?;
        TokenNames::of(token).map(Box::new).map(Wanted::Token)
    }

    /// A few entries that were asked for one request, to decide on it by them alone. See [`Sight::Fetched`].
    #[must_use]
    pub fn fetched(&self, entries: impl IntoIterator<Item = Entry>) -> Fetched {
        let table = Table::beside(&self.table);
        Intake::new(Arc::clone(&self.dialects)).take(entries, &table);
        Fetched(Box::new(table))
    }

    /// The secret in what may be seen, where it is whole. A permit may be older than what became of the table.
    fn find(&self, sight: &Sight, digest: &Digest) -> Result<Option<Found>, Refused> {
        let table = match sight {
            Sight::Table(_) => &self.table,
            Sight::Fetched(Fetched(table)) => return Ok(table.find(digest)),
        };
        let before = self.fillings.load(Ordering::Acquire);
        let found = table.find(digest);
        if before.is_multiple_of(2) && self.fillings.load(Ordering::Acquire) == before {
            return Ok(found);
        }
        Err(loading())
    }

    /// The dialect of a tenant that is known.
    #[must_use]
    pub fn dialect_of_tenant(&self, tenant: TenantId) -> Option<Arc<Dialect>> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).dialect_of(tenant)
    }

    /// The key that has this secret, whether or not it may be used.
    #[must_use]
    pub fn key_of(&self, digest: &Digest) -> Option<Subject> {
        self.table.find(digest).map(|found| Subject(Holder::Key(found)))
    }

    /// The position in the log up to which entries are visible. Goes back in [`Validator::clear`] alone.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Follows [`Validator::applied`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// How many secrets are held, also those that are no longer valid.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no secret is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dialects that are served.
    #[must_use]
    pub fn dialects(&self) -> &Arc<Dialects> {
        &self.dialects
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

    /// Decides on a token. Without a dialect, its tenant tells which one it is.
    fn verify_token<'v>(
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
    fn verify_seen<'v>(
        &'v self,
        sight: &Sight,
        dialect: Option<&Arc<Dialect>>,
        credential: &str,
        question: &Question<'_>,
        now: i64,
    ) -> Option<Decision<'v>> {
        let first = *credential.as_bytes().first()?;
        let is_prefixed = has_bit(&self.first_bytes, first);
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

    /// Takes what opens tenants' secrets for service JWTs.
    pub fn learn_secret_keys(&self, keys: &SecretKeys) {
        self.table.tokens.learn(keys);
    }

    /// The dialect of a name.
    ///
    /// # Errors
    /// [`UnknownDialect`]
    pub fn dialect(&self, name: &str) -> Result<&Arc<Dialect>, UnknownDialect> {
        self.dialects.get(name).ok_or_else(|| UnknownDialect(name.to_owned()))
    }

    /// The dialect in whose terms a bare credential is answered: the one that is named, or else the one that its prefix tells.
    ///
    /// # Errors
    /// [`UnknownDialect`] when the name given is none.
    pub fn dialect_for(
        &self,
        named: Option<&str>,
        credential: &str,
    ) -> Result<Option<&Arc<Dialect>>, UnknownDialect> {
        match named {
            Some(name) => self.dialect(name).map(Some),
            None => Ok(self.home_of(credential).ok()),
        }
    }

    /// The dialect that a bare credential's prefix tells. Whose keys another process holds is not this one's to refuse.
    fn home_of(&self, credential: &str) -> Result<&Arc<Dialect>, Refused> {
        let home = self.home_of_secret(credential).or_else(|| {
            let (_, secret) = credential.split_once(':')?;
            self.home_of_secret(secret).filter(|home| {
                let (Home::Here(dialect) | Home::Elsewhere(dialect)) = home;
                dialect.presentation.client_id
            })
        });
        match home {
            Some(Home::Here(dialect)) => Ok(dialect),
            Some(Home::Elsewhere(dialect)) => {
                let detail =
                    format!("this node does not serve the dialect `{}`; ask another one", dialect.name);
                Err(Refused::new(Code::Unavailable, detail))
            }
            None => Err(Refused::malformed("the credential does not begin with a prefix of any dialect")),
        }
    }

    /// As [`Dialects::of_secret`], with the order of the prefixes worked out once.
    fn home_of_secret(&self, secret: &str) -> Option<&Home> {
        self.prefixes.iter().find(|(prefix, _)| prefix.begins(secret)).map(|(_, home)| home)
    }

    #[cfg(test)]
    pub(crate) const fn tokens(&self) -> &crate::tokens::Tokens {
        &self.table.tokens
    }

    #[cfg(test)]
    pub(crate) fn revoked_tokens(&self) -> usize {
        self.table.tokens.revoked_count()
    }

    #[cfg(test)]
    fn rights(&self) -> usize {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).rights()
    }
}

fn loading() -> Refused {
    Refused::new(Code::Unavailable, "this node is loading all credentials anew; try another one")
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

/// The first bytes of prefixes, a bit for each.
fn first_bytes(prefixes: &[(Prefix, Home)]) -> [u64; 4] {
    let mut bytes = [0; 4];
    for first in prefixes.iter().filter_map(|(prefix, _)| prefix.text.bytes().next()) {
        if let Some(word) = bytes.get_mut(usize::from(first >> 6)) {
            *word |= 1 << (first & 63);
        }
    }
    bytes
}

fn has_bit(bytes: &[u64; 4], byte: u8) -> bool {
    bytes.get(usize::from(byte >> 6)).is_some_and(|word| word & 1 << (byte & 63) != 0)
}

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && other.is_some() && one != other
}

#[cfg(test)]
mod tests;
