//! Authorization requests that clients pushed (RFC 9126). They stand in the store, so that any API node shows what another one
//! took, sealed, and under the digest of the reference that the client got: what is in the table brings nobody a request.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::credential::{Digest, RANDOM_BYTES, Secret, is_well_formed};
use nexus_domain::ids::KeyId;
use zeroize::Zeroizing;

use crate::database::{Database, DatabaseError, Value};
use crate::entropy::SharedEntropy;
use crate::vault::{Vault, VaultError};

/// What every reference begins with (RFC 9126 section 2.2).
pub const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a client has to send somebody with its reference.
pub const PUSHED_LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// How long whoever came in time has to sign in and to decide.
pub const OPENED_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// A pushed request cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum PushedRequestError {
    /// The store did not answer.
    #[error("the pushed request cannot be read or written")]
    Store(#[from] DatabaseError),
    /// It is damaged, or belongs to another master key.
    #[error("the pushed request cannot be opened")]
    Vault(#[from] VaultError),
    /// It is no text.
    #[error("the pushed request is not UTF-8")]
    Text(#[from] std::str::Utf8Error),
}

/// The table of pushed requests.
#[derive(Clone)]
pub struct PushedRequests {
    database: Database,
    vault: Arc<Vault>,
    entropy: SharedEntropy,
}

impl PushedRequests {
    /// The table in `database`, sealed by `vault`.
    #[must_use]
    pub const fn new(database: Database, vault: Arc<Vault>, entropy: SharedEntropy) -> Self {
        Self { database, vault, entropy }
    }

    /// Keeps a client's request for [`PUSHED_LIFETIME`], and makes its reference.
    ///
    /// # Errors
    /// [`PushedRequestError`]
    pub async fn push(
        &self,
        client: KeyId,
        request: &str,
        now: DateTime<Utc>,
    ) -> Result<Secret, PushedRequestError> {
        let random = Zeroizing::new(self.entropy.array::<RANDOM_BYTES>());
        let reference = Secret::mint(REFERENCE, &random);
        let sealed = self.vault.seal(&context(client, &reference.digest()), request.as_bytes())?;
        let sql = "INSERT INTO pushed_request (reference, key_id, sealed, opened, expires_at) \
                   VALUES ($1, $2, $3, 0, $4)";
        let args = [
            reference.digest().to_string().into(),
            client.to_string().into(),
            sealed.as_slice().into(),
            (now + PUSHED_LIFETIME).timestamp_micros().into(),
        ];
        self.database.execute(sql, &args).await?;
        Ok(reference)
    }

    /// The request behind a reference of this client; nothing where it ran out or was decided on. Whoever opens it in time has
    /// [`OPENED_LIFETIME`] from then on, and may open it again: people sign in meanwhile, and load pages anew.
    ///
    /// # Errors
    /// [`PushedRequestError`]
    pub async fn open(
        &self,
        client: KeyId,
        reference: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Zeroizing<String>>, PushedRequestError> {
        if !is_well_formed(reference, REFERENCE) {
            return Ok(None);
        }
        let digest = Digest::of(reference);
        let sql = "SELECT sealed, opened FROM pushed_request \
                   WHERE reference = $1 AND key_id = $2 AND expires_at > $3";
        let (key, micros) = (digest.to_string(), now.timestamp_micros());
        let args = [key.as_str().into(), client.to_string().into(), micros.into()];
        let rows = self.database.query(sql, &args).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let request = self.vault.open(&context(client, &digest), row.blob(0)?)?;
        let request = Zeroizing::new(std::str::from_utf8(&request)?.to_owned());
        if row.int(1)? == 0 {
            let sql =
                "UPDATE pushed_request SET opened = 1, expires_at = $1 WHERE reference = $2 AND opened = 0";
            let until = (now + OPENED_LIFETIME).timestamp_micros();
            self.database.execute(sql, &[until.into(), Value::from(key.as_str())]).await?;
        }
        Ok(Some(request))
    }

    /// Takes a request away, and says whether it was there: of several who decide on one at once, one does.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn spend(
        &self,
        client: KeyId,
        reference: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, DatabaseError> {
        let sql = "DELETE FROM pushed_request WHERE reference = $1 AND key_id = $2 AND expires_at > $3";
        let args = [
            Digest::of(reference).to_string().into(),
            client.to_string().into(),
            now.timestamp_micros().into(),
        ];
        Ok(self.database.execute(sql, &args).await? > 0)
    }

    /// Removes requests that ran out; returns how many. Nothing depends on it but the size of the table.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn prune(&self, now: DateTime<Utc>) -> Result<u64, DatabaseError> {
        let sql = "DELETE FROM pushed_request WHERE expires_at <= $1";
        self.database.execute(sql, &[now.timestamp_micros().into()]).await
    }
}

fn context(client: KeyId, reference: &Digest) -> Vec<u8> {
    format!("pushed_request {client} {reference}").into_bytes()
}

impl std::fmt::Debug for PushedRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushedRequests(…)")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::testing::{TestDatabase, databases};
    use crate::vault::KEY_BYTES;

    const REQUEST: &str = "state=af0ifjsldkj";

    fn client(number: u128) -> KeyId {
        KeyId::new(Uuid::from_u128(number))
    }

    async fn process(test: &TestDatabase) -> PushedRequests {
        let vault = Arc::new(Vault::from_key([7; KEY_BYTES]));
        PushedRequests::new(test.reconnect().await, vault, SystemEntropy::shared())
    }

    #[tokio::test]
    async fn a_request_is_opened_by_its_client_alone_and_decided_on_once() {
        for test in databases().await {
            let (one, other, now) = (process(&test).await, process(&test).await, DateTime::UNIX_EPOCH);
            let reference = one.push(client(1), REQUEST, now).await.unwrap();
            assert!(reference.expose().starts_with(REFERENCE));
            let reference = reference.expose();
            for _ in 0..2 {
                let opened = other.open(client(1), reference, now).await.unwrap().unwrap();
                assert_eq!(*opened, REQUEST);
            }
            let mistyped = format!("{}x", &reference[..reference.len() - 1]);
            for (whose, what) in [(2, reference), (1, mistyped.as_str()), (1, REFERENCE), (1, "")] {
                assert!(one.open(client(whose), what, now).await.unwrap().is_none(), "{what}");
                assert!(!one.spend(client(whose), what, now).await.unwrap(), "{what}");
            }
            let (first, second) =
                tokio::join!(one.spend(client(1), reference, now), other.spend(client(1), reference, now));
            assert!(first.unwrap() != second.unwrap(), "one of both decides");
            assert!(one.open(client(1), reference, now).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_request_runs_out_and_later_once_somebody_came() {
        for test in databases().await {
            let (requests, begun) = (process(&test).await, DateTime::UNIX_EPOCH);
            let (late, opened) =
                (requests.push(client(1), REQUEST, begun), requests.push(client(1), REQUEST, begun));
            let (late, opened) = (late.await.unwrap(), opened.await.unwrap());
            let in_time = begun + PUSHED_LIFETIME - TimeDelta::microseconds(1);
            let has = async |reference: &Secret, at| {
                requests.open(client(1), reference.expose(), at).await.unwrap().is_some()
            };
            assert!(has(&opened, in_time).await);
            assert!(!has(&late, begun + PUSHED_LIFETIME).await);
            let end = in_time + OPENED_LIFETIME;
            assert_eq!(requests.prune(begun + PUSHED_LIFETIME).await.unwrap(), 1);
            // To open it again gives no more time.
            assert!(has(&opened, end - TimeDelta::microseconds(1)).await);
            assert!(!has(&opened, end).await);
            assert!(!requests.spend(client(1), opened.expose(), end).await.unwrap());
            assert_eq!(requests.prune(end).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn the_table_holds_neither_reference_nor_request() {
        for test in databases().await {
            let requests = process(&test).await;
            let reference = requests.push(client(1), REQUEST, DateTime::UNIX_EPOCH).await.unwrap();
            let rows =
                test.database.query("SELECT reference, sealed FROM pushed_request", &[]).await.unwrap();
            assert!(!reference.expose().contains(rows[0].text(0).unwrap()));
            let sealed = rows[0].blob(1).unwrap();
            assert!(!sealed.windows(REQUEST.len()).any(|window| window == REQUEST.as_bytes()));
        }
    }
}
