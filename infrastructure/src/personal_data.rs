//! Personal data in events: encrypted with a key per subject, so that erasing a subject's key makes
//! it unreadable everywhere, in backups too, while the log stays whole.
//!
//! A sealed text reads `subject:base64url`; the subject is an id and no personal data itself.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::SharedClock;
use crate::database::{Database, DatabaseError, Row, Value};
use crate::entropy::SharedEntropy;
use crate::vault::{DataKey, Vault, VaultError};

/// How many subjects' keys are kept in memory.
const KEPT: usize = 10_000;
/// How long a subject's key is kept in memory without a look at the store, where it may have been destroyed meanwhile.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Personal data cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum PersonalDataError {
    /// The store of subject keys did not answer.
    #[error("the subject's key cannot be fetched")]
    Store(#[from] DatabaseError),
    /// The key or the text is damaged, or belongs to another master key.
    #[error("the subject's data cannot be decrypted")]
    Vault(#[from] VaultError),
}

/// Encryption of personal data, a key per subject.
#[derive(Clone)]
pub struct PersonalData {
    database: Database,
    vault: Arc<Vault>,
    entropy: SharedEntropy,
    clock: SharedClock,
    /// With the reading of the clock from which on the store is asked again.
    keys: Arc<RwLock<HashMap<String, (Cipher, Duration)>>>,
}

/// The key of a subject as it is stored.
#[derive(Debug)]
pub struct WrappedKey {
    subject: String,
    wrapped: Vec<u8>,
}

/// Seals for one subject.
#[derive(Debug, Clone)]
pub struct Cipher {
    subject: Arc<str>,
    key: DataKey,
    vault: Arc<Vault>,
}

impl Cipher {
    /// Encrypts a text.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`]
    pub fn seal(&self, text: &str) -> Result<String, VaultError> {
        let sealed = self.vault.seal_with(&self.key, self.subject.as_bytes(), text.as_bytes())?;
        Ok(format!("{}:{}", self.subject, URL_SAFE_NO_PAD.encode(sealed)))
    }

    fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let clear = self.vault.open_with(&self.key, self.subject.as_bytes(), &bytes).ok()?;
        String::from_utf8(clear.to_vec()).ok()
    }
}

impl PersonalData {
    /// Encryption with keys kept in `database`, wrapped by `vault`.
    #[must_use]
    pub fn new(database: Database, vault: Arc<Vault>, entropy: SharedEntropy, clock: SharedClock) -> Self {
        Self { database, vault, entropy, clock, keys: Arc::default() }
    }

    /// One of the keys of subjects that are stored, which only their master key opens; none in a new database.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn any_key(database: &Database) -> Result<Option<WrappedKey>, DatabaseError> {
        let rows = database
            .query("SELECT subject, wrapped FROM subject_key WHERE length(wrapped) > 0 LIMIT 1", &[])
            .await?;
        let wrapped =
            |row: &Row| Ok(WrappedKey { subject: row.text(0)?.to_owned(), wrapped: row.blob(1)?.to_vec() });
        rows.first().map(wrapped).transpose()
    }

    /// Makes sure that the vault has the master key that the stored keys were wrapped with, by what
    /// [`PersonalData::any_key`] found. In a new database one is stored, so that the next start can tell.
    ///
    /// # Errors
    /// [`PersonalDataError::Vault`] where it is another one.
    pub async fn prove_master_key(&self, found: Option<WrappedKey>) -> Result<(), PersonalDataError> {
        match found {
            Some(WrappedKey { subject, wrapped }) => {
                self.vault.unwrap_key(subject.as_bytes(), &wrapped)?;
                Ok(())
            }
            None => self.cipher("master key").await.map(drop),
        }
    }

    /// The cipher of a subject, whose key is made where it has none yet.
    ///
    /// # Errors
    /// [`PersonalDataError`]
    pub async fn cipher(&self, subject: &str) -> Result<Cipher, PersonalDataError> {
        if let Some(cipher) = self.cached(subject) {
            return Ok(cipher);
        }
        if let Some(cipher) = self.fetch(subject).await? {
            return Ok(cipher);
        }
        let key = DataKey::generate(&*self.entropy);
        let wrapped = self.vault.wrap_key(subject.as_bytes(), &key)?;
        // Another node may have been faster: the row that is there counts.
        self.database
            .execute(
                "INSERT INTO subject_key (subject, wrapped) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING",
                &[Value::from(subject), Value::from(wrapped)],
            )
            .await?;
        let stored = self.fetch(subject).await?;
        // Of somebody who was erased, this is the key: kept nowhere, so that what is sealed with it can be read by nobody.
        Ok(stored.unwrap_or_else(|| Cipher { subject: subject.into(), key, vault: Arc::clone(&self.vault) }))
    }

    /// Destroys a subject's key: what was sealed with it can be read by nobody any more, here at once and in every other process
    /// within a minute. No other key is ever made for the subject. May be repeated.
    ///
    /// # Errors
    /// [`PersonalDataError::Store`]
    pub async fn erase(&self, subject: &str) -> Result<(), PersonalDataError> {
        // The empty row stays, so that nobody makes another key for whoever was erased.
        let sql = "INSERT INTO subject_key (subject, wrapped) VALUES ($1, $2) \
                   ON CONFLICT (subject) DO UPDATE SET wrapped = excluded.wrapped";
        self.database.execute(sql, &[Value::from(subject), Value::from(Vec::new())]).await?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(subject);
        Ok(())
    }

    /// Encrypts a text for a subject.
    ///
    /// # Errors
    /// [`PersonalDataError`]
    pub async fn seal(&self, subject: &str, text: &str) -> Result<String, PersonalDataError> {
        Ok(self.cipher(subject).await?.seal(text)?)
    }

    /// Decrypts a sealed text; `None` where the subject was erased or the text is none of ours.
    ///
    /// # Errors
    /// [`PersonalDataError`]
    pub async fn open(&self, sealed: &str) -> Result<Option<String>, PersonalDataError> {
        let Some((subject, text)) = sealed.rsplit_once(':') else {
            return Ok(None);
        };
        let cipher = match self.cached(subject) {
            Some(cipher) => Some(cipher),
            None => self.fetch(subject).await?,
        };
        Ok(cipher.and_then(|cipher| cipher.open(text)))
    }

    fn cached(&self, subject: &str) -> Option<Cipher> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let (cipher, until) = keys.get(subject)?;
        (self.clock.monotonic() < *until).then(|| cipher.clone())
    }

    async fn fetch(&self, subject: &str) -> Result<Option<Cipher>, PersonalDataError> {
        // Before the look: it may be destroyed right behind it.
        let until = self.clock.monotonic() + KEPT_FOR;
        let rows = self
            .database
            .query("SELECT wrapped FROM subject_key WHERE subject = $1", &[Value::from(subject)])
            .await?;
        let wrapped = rows.first().map(|row| row.blob(0)).transpose()?;
        let Some(wrapped) = wrapped.filter(|wrapped| !wrapped.is_empty()) else {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(subject);
            return Ok(None);
        };
        let key = self.vault.unwrap_key(subject.as_bytes(), wrapped)?;
        let cipher = Cipher { subject: subject.into(), key, vault: Arc::clone(&self.vault) };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEPT {
            keys.clear();
        }
        keys.insert(subject.to_owned(), (cipher.clone(), until));
        Ok(Some(cipher))
    }
}
