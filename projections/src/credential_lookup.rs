//! The credential lookup: the folded state of everything that nodes know, from which a validating node is filled.
//!
//! [`CredentialLookup::snapshot`] hands out everything as of one position of the log; the node then applies what the log
//! says behind it.

mod entries;
mod fold;
mod snapshot;
mod states;
mod steps;
mod tables;

use chrono::{DateTime, Utc};
use nexus_domain::ids::{JwtSecretId, KeyId, TenantId};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretState};
use nexus_domain::key::KeyState;
use nexus_domain::tenant::TenantState;

pub(crate) use self::fold::Fold;
pub use self::snapshot::Snapshot;
pub(crate) use self::steps::{agent_steps, integration_steps, key_steps, tenant_steps};
use self::tables::{JWT_SECRETS, REVOKED};
use crate::cursor::{self, Page};
use crate::error::QueryError;
use crate::reader::{Reader, is_missing_table};

/// The projection's name.
pub const NAME: &str = "credential_lookup";

/// Revoked tokens that are forgotten at once.
const AT_ONCE: i64 = 1000;

/// Asks for the state of keys and of what they belong to.
#[derive(Clone)]
pub struct CredentialLookup {
    reader: Reader,
}

impl CredentialLookup {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// The folded state of a key.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn key(&self, key: KeyId) -> Result<Option<KeyState>, QueryError> {
        let sql = |build| format!("SELECT state FROM credential_lookup_key_{build} WHERE key_id = $1");
        let rows = self.reader.query(sql, &[key.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        serde_json::from_str(row.text(0)?).map_err(QueryError::row)
    }

    /// The folded state of a tenant.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn tenant(&self, tenant: TenantId) -> Result<Option<TenantState>, QueryError> {
        let sql = |build| format!("SELECT state FROM credential_lookup_tenant_{build} WHERE tenant_id = $1");
        let rows = self.reader.query(sql, &[tenant.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        serde_json::from_str(row.text(0)?).map_err(QueryError::row)
    }

    /// A page of a tenant's secrets for service JWTs, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn jwt_secrets(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<(JwtSecretId, JwtSecretState)>, QueryError> {
        let limit = cursor::bounded(limit);
        let before = match cursor {
            Some(cursor) => {
                let [before] = cursor::read("jwt_secrets", cursor)?;
                before
            }
            // Behind every id.
            None => "k".to_owned(),
        };
        let sql = |build| {
            format!(
                "SELECT secret_id, state FROM {JWT_SECRETS}_{build} WHERE tenant_id = $1 AND secret_id < $2 \
                 ORDER BY secret_id DESC LIMIT $3"
            )
        };
        let args = [tenant.to_string().into(), before.into(), (limit + 1).into()];
        let mut found = Vec::new();
        for row in self.reader.query(sql, &args).await? {
            let secret: JwtSecret = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
            let id = row.text(0)?.parse().map_err(QueryError::row)?;
            found.extend(secret.state().cloned().map(|state| (id, state)));
        }
        Ok(Page::of(found, limit, |(last, _)| cursor::write("jwt_secrets", &[last])))
    }

    /// Forgets revoked tokens and grants of which nothing would be accepted at `now` anyway, at most 1000, and returns how many.
    /// Nothing depends on it but the size of the table.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn forget_ended(&self, now: DateTime<Utc>) -> Result<u64, QueryError> {
        let build = self.reader.live().await?.build;
        let database = self.reader.database();
        // A row that a fold is about to replace is skipped, so that neither waits for the other.
        let lock = if database.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "DELETE FROM {REVOKED}_{build} WHERE id IN \
             (SELECT id FROM {REVOKED}_{build} WHERE until <= $1 ORDER BY until LIMIT $2 {lock})"
        );
        Ok(database.execute(&sql, &[now.timestamp_micros().into(), AT_ONCE.into()]).await?)
    }

    /// Everything as of one position, in pages: all tenants first, then all else. It reads within one read-only
    /// transaction, so what is folded meanwhile does not show.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn snapshot(&self) -> Result<Snapshot, QueryError> {
        let live = self.reader.live().await?;
        match Snapshot::begin(self.reader.database(), live.build).await {
            // Replaced meanwhile.
            Ok(None) => {}
            Ok(Some(snapshot)) => return Ok(snapshot),
            Err(error) if is_missing_table(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let live = self.reader.reread().await?;
        Snapshot::begin(self.reader.database(), live.build).await?.ok_or(QueryError::NotBuilt(NAME))
    }
}
