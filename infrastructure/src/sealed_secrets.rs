//! Secrets that must be had again to be used: the private halves of signing keys, and tenants' secrets for service JWTs. They
//! stand in a table of their own and never in an event, sealed, so that they can go when nothing needs them any more.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::database::{Database, DatabaseError};
use crate::entropy::SharedEntropy;
use crate::vault::{KEY_BYTES, Vault, VaultError};

/// The longest list of contexts that is asked for at once.
const AT_ONCE: usize = 500;

/// A secret cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum SealedSecretError {
    /// The store did not answer.
    #[error("the sealed secret cannot be read or written")]
    Store(#[from] DatabaseError),
    /// It is damaged, or belongs to another master key.
    #[error("the sealed secret cannot be opened")]
    Vault(#[from] VaultError),
}

/// The table of sealed secrets.
#[derive(Clone)]
pub struct SealedSecrets {
    database: Database,
    vault: Arc<Vault>,
    entropy: SharedEntropy,
}

impl SealedSecrets {
    /// The table in `database`, sealed by `vault`.
    #[must_use]
    pub const fn new(database: Database, vault: Arc<Vault>, entropy: SharedEntropy) -> Self {
        Self { database, vault, entropy }
    }

    /// Keeps a secret that the API nodes alone use.
    ///
    /// # Errors
    /// [`SealedSecretError`]
    pub async fn keep(&self, context: &str, secret: &[u8]) -> Result<(), SealedSecretError> {
        let sealed = URL_SAFE_NO_PAD.encode(self.vault.seal(context.as_bytes(), secret)?);
        self.insert(context, sealed).await
    }

    /// A secret that [`SealedSecrets::keep`] kept.
    ///
    /// # Errors
    /// [`SealedSecretError`]
    pub async fn get(&self, context: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SealedSecretError> {
        let Some(sealed) = self.sealed(context).await? else { return Ok(None) };
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::UnknownFormat)?;
        Ok(Some(self.vault.open(context.as_bytes(), &sealed)?))
    }

    /// Keeps a secret that a dialect's nodes use: sealed as they get it, under the key of [`SealedSecrets::node_key`].
    ///
    /// # Errors
    /// [`SealedSecretError`]
    pub async fn keep_for_nodes(
        &self,
        context: &str,
        dialect: &str,
        secret: &[u8],
    ) -> Result<(), SealedSecretError> {
        let sealed = self.seal_for_nodes(context, dialect, secret)?;
        self.insert(context, sealed).await
    }

    /// What opens the secrets of a dialect, the same in every process that has the master key. Nodes are told it, and keep it in
    /// memory alone.
    #[must_use]
    pub fn node_key(vault: &Vault, dialect: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        vault.derive(&format!("nexus.jwt-secret dialect {dialect}"))
    }

    /// A nonce of 12 bytes, then the secret under AES-256-GCM with the context as associated data; base64url.
    fn seal_for_nodes(&self, context: &str, dialect: &str, secret: &[u8]) -> Result<String, VaultError> {
        let key = Self::node_key(&self.vault, dialect);
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| VaultError::UnknownFormat)?;
        let nonce = self.entropy.array::<NONCE_LEN>();
        let mut buffer = Zeroizing::new(secret.to_vec());
        let tag = LessSafeKey::new(key)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut buffer,
            )
            .map_err(|_| VaultError::TooLarge)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &buffer, tag.as_ref()].concat()))
    }

    /// Secrets as they are stored, of those contexts that there are.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn stored(&self, contexts: &[String]) -> Result<Vec<(String, String)>, DatabaseError> {
        let mut found = Vec::new();
        for some in contexts.chunks(AT_ONCE) {
            let places: Vec<String> = (1..=some.len()).map(|number| format!("${number}")).collect();
            let sql =
                format!("SELECT context, sealed FROM sealed_secret WHERE context IN ({})", places.join(", "));
            let contexts: Vec<_> = some.iter().map(|context| context.as_str().into()).collect();
            for row in self.database.query(&sql, &contexts).await? {
                found.push((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
            }
        }
        Ok(found)
    }

    /// Forgets a secret, which is gone for good.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn forget(&self, context: &str) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM sealed_secret WHERE context = $1";
        self.database.execute(sql, &[context.into()]).await.map(drop)
    }

    async fn sealed(&self, context: &str) -> Result<Option<String>, DatabaseError> {
        let sql = "SELECT sealed FROM sealed_secret WHERE context = $1";
        let rows = self.database.query(sql, &[context.into()]).await?;
        rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()
    }

    async fn insert(&self, context: &str, sealed: String) -> Result<(), SealedSecretError> {
        let sql = "INSERT INTO sealed_secret (context, sealed) VALUES ($1, $2)";
        self.database.execute(sql, &[context.into(), sealed.into()]).await?;
        Ok(())
    }
}

impl std::fmt::Debug for SealedSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedSecrets(…)")
    }
}
