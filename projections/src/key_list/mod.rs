//! The list of a tenant's keys, with their versions and when each was last used. Whether a key is active or expired is worked
//! out when it is asked for, from the asker's time.

mod fold;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{IntegrationId, KeyId, TenantId};
use nexus_domain::key::{KeyState, RevocationReason, SecretVersion};
use nexus_domain::scope::ScopeSet;
use nexus_domain::verification::Restrictions;
use nexus_infrastructure::database::{Row, Value};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use self::fold::Fold;
use self::fold::KeyDocument;
use crate::bulk;
use crate::cursor::Page;
use crate::error::QueryError;
use crate::newest_first::{NewestFirst, Part};
use crate::reader::{Reader, instant};

/// The projection's name.
pub const NAME: &str = "key_list";

const NEWEST_FIRST: NewestFirst = NewestFirst { name: "keys", at: "created_at", id: "key_id" };

/// What a key's life is like. Revoked comes before expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// It can be used.
    Active,
    /// It was revoked.
    Revoked,
    /// Its lifetime is over.
    Expired,
}

/// Which keys to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// Those that can be used.
    Active,
    /// Those that were revoked.
    Revoked,
    /// Those whose lifetime is over and that were not revoked.
    Expired,
    /// All.
    #[default]
    All,
}

/// Which keys to list, by more than their status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// What their lives are like.
    pub status: StatusFilter,
    /// The integration that they belong to; absent: any, or none.
    pub integration: Option<IntegrationId>,
}

impl From<StatusFilter> for KeyFilter {
    fn from(status: StatusFilter) -> Self {
        Self { status, integration: None }
    }
}

/// A key, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyItem {
    /// The key.
    pub id: KeyId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// The first characters of its newest secret.
    pub prefix: String,
    /// Secret or publishable.
    #[serde(rename = "type")]
    pub key_type: KeyType,
    /// The environment's name.
    pub environment: String,
    /// What its life is like at the asker's time.
    pub status: KeyStatus,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// Its public client id.
    pub client_id: Option<String>,
    /// The integration that it belongs to.
    pub integration_id: Option<IntegrationId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Who created it.
    pub created_by: Option<String>,
    /// When it was last accepted anywhere, as far as nodes have reported.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends; absent: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    pub revocation_reason: Option<RevocationReason>,
    /// What was noted when it was revoked.
    pub revocation_note: Option<String>,
    /// Its secrets, oldest first.
    pub versions: Vec<VersionItem>,
}

/// One secret of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionItem {
    /// 1 for the first.
    pub number: u32,
    /// Its first characters.
    pub prefix: String,
    /// When it was minted.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; absent: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
    /// When it was last accepted anywhere, as far as nodes have said which version it was.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key whose lifetime is over and not yet on record as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueKey {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The key.
    pub key_id: KeyId,
    /// When its lifetime ended.
    pub expires_at: DateTime<Utc>,
}

/// Asks for keys.
#[derive(Clone)]
pub struct KeyList {
    reader: Reader,
}

impl KeyList {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of a tenant's keys, or of those of one integration, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(
        &self,
        tenant: TenantId,
        filter: impl Into<KeyFilter>,
        cursor: Option<&str>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Page<KeyItem>, QueryError> {
        let KeyFilter { status, integration } = filter.into();
        let part = Part { cursor, limit };
        let of = if integration.is_some() { "integration_id = $3" } else { "$3 = $3" };
        let condition = format!("tenant_id = $1 AND {} AND {of}", status.condition());
        let select = |build| format!("SELECT key_id, document FROM key_list_{build}");
        let args = vec![
            tenant.to_string().into(),
            now.timestamp_micros().into(),
            integration.map_or_else(String::new, |id| id.to_string()).into(),
        ];
        let rows = NEWEST_FIRST.rows(&self.reader, select, &condition, args, part).await?;
        let items = self.items(&rows, now).await?;
        Ok(NEWEST_FIRST.page(items, part, |last: &KeyItem| (last.created_at, last.id.to_string())))
    }

    /// A tenant's key; nothing where the key is another tenant's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn get(
        &self,
        tenant: TenantId,
        key: KeyId,
        now: DateTime<Utc>,
    ) -> Result<Option<KeyItem>, QueryError> {
        let sql = |build| {
            format!("SELECT key_id, document FROM key_list_{build} WHERE key_id = $1 AND tenant_id = $2")
        };
        let rows = self.reader.query(sql, &[key.to_string().into(), tenant.to_string().into()]).await?;
        Ok(self.items(&rows, now).await?.pop())
    }

    /// The names of those of these keys that are the tenant's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn names(
        &self,
        tenant: TenantId,
        keys: &HashSet<KeyId>,
    ) -> Result<HashMap<KeyId, String>, QueryError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let among = bulk::one_of(self.reader.database().is_postgres(), "key_id", 2);
        let sql =
            |build| format!("SELECT key_id, document FROM key_list_{build} WHERE tenant_id = $1 AND {among}");
        let mut names = HashMap::with_capacity(keys.len());
        for row in self.reader.query(sql, &[tenant.to_string().into(), bulk::list(keys)]).await? {
            let id: KeyId = row.text(0)?.parse().map_err(QueryError::row)?;
            let document: KeyDocument = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
            let key = document.key.state().ok_or_else(|| QueryError::row(Empty(id)))?;
            names.insert(id, key.name.clone());
        }
        Ok(names)
    }

    /// Whose each of these keys is. Those that there are not are left out.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn owners(&self, keys: &[KeyId]) -> Result<HashMap<KeyId, TenantId>, QueryError> {
        let among = bulk::one_of(self.reader.database().is_postgres(), "key_id", 1);
        let sql = |build| format!("SELECT key_id, tenant_id FROM key_list_{build} WHERE {among}");
        let owner = |row: &Row| {
            let (key, tenant) = (row.text(0)?.parse(), row.text(1)?.parse());
            Ok((key.map_err(QueryError::row)?, tenant.map_err(QueryError::row)?))
        };
        self.reader.query(sql, &[bulk::list(keys)]).await?.iter().map(owner).collect()
    }

    /// Keys whose lifetime is over at `now`, neither revoked nor on record as expired; those that ended first come first.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn due_for_expiry(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<DueKey>, QueryError> {
        let sql = |build| {
            format!(
                "SELECT tenant_id, key_id, expires_at FROM key_list_{build} \
                 WHERE expires_at IS NOT NULL AND revoked_at IS NULL AND expiry_recorded = 0 AND expires_at <= $1 \
                 ORDER BY expires_at, key_id LIMIT $2"
            )
        };
        let rows = self.reader.query(sql, &[now.timestamp_micros().into(), limit.into()]).await?;
        let due = |row: &Row| {
            Ok(DueKey {
                tenant_id: row.text(0)?.parse().map_err(QueryError::row)?,
                key_id: row.text(1)?.parse().map_err(QueryError::row)?,
                expires_at: instant(row.int(2)?)?,
            })
        };
        rows.iter().map(due).collect()
    }

    async fn items(&self, rows: &[Row], now: DateTime<Utc>) -> Result<Vec<KeyItem>, QueryError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = rows.iter().map(|row| row.text(0)?.parse().map_err(QueryError::row));
        let ids: Vec<KeyId> = ids.collect::<Result<_, QueryError>>()?;
        let uses = self.uses(&ids).await?;
        let none = HashMap::new();
        rows.iter()
            .zip(ids)
            .map(|(row, id)| {
                let document: KeyDocument = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
                item(id, document, uses.get(&id).unwrap_or(&none), now)
            })
            .collect()
    }

    /// When keys were last used, by the key's id and then by version.
    async fn uses(&self, ids: &[KeyId]) -> Result<HashMap<KeyId, HashMap<u32, DateTime<Utc>>>, QueryError> {
        let among = bulk::one_of_ids(self.reader.database().is_postgres(), "key_id", 1);
        let sql = |build| format!("SELECT key_id, version, used_at FROM key_list_used_{build} WHERE {among}");
        let args: [Value; 1] = [bulk::list(ids.iter().map(|id| id.uuid().simple()))];
        let mut uses: HashMap<KeyId, HashMap<u32, DateTime<Utc>>> = HashMap::new();
        for row in self.reader.query(sql, &args).await? {
            let version = u32::try_from(row.int(1)?).map_err(QueryError::row)?;
            let key = Uuid::from_slice(row.blob(0)?).map(KeyId::new).map_err(QueryError::row)?;
            uses.entry(key).or_default().insert(version, instant(row.int(2)?)?);
        }
        Ok(uses)
    }
}

impl StatusFilter {
    /// The condition in SQL, with the asker's time in `$2`, which it always mentions.
    const fn condition(self) -> &'static str {
        match self {
            Self::Active => "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
            Self::Revoked => "revoked_at IS NOT NULL AND $2 = $2",
            Self::Expired => "revoked_at IS NULL AND expires_at <= $2",
            Self::All => "$2 = $2",
        }
    }
}

fn item(
    id: KeyId,
    document: KeyDocument,
    uses: &HashMap<u32, DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<KeyItem, QueryError> {
    let key: &KeyState = document.key.state().ok_or_else(|| QueryError::row(Empty(id)))?;
    let version = |version: &SecretVersion| VersionItem {
        number: version.number,
        prefix: version.hint.clone(),
        created_at: version.created_at,
        superseded_until: version.superseded_until,
        last_used_at: uses.get(&version.number).copied(),
    };
    let status = match key.revoked {
        Some(_) => KeyStatus::Revoked,
        None if key.expired(now) => KeyStatus::Expired,
        None => KeyStatus::Active,
    };
    Ok(KeyItem {
        id,
        tenant_id: key.tenant_id,
        name: key.name.clone(),
        prefix: key.versions.last().map(|newest| newest.hint.clone()).unwrap_or_default(),
        key_type: key.key_type,
        environment: key.environment.clone(),
        status,
        scopes: key.scopes.clone(),
        ip_allowlist: key.ip_allowlist.clone(),
        restrictions: key.restrictions.clone(),
        client_id: key.client_id.clone(),
        integration_id: key.integration_id,
        created_at: key.issued_at,
        created_by: document.created_by.clone(),
        last_used_at: uses.values().max().copied(),
        expires_at: key.expires_at,
        revoked_at: key.revoked.map(|(at, _)| at),
        revocation_reason: key.revoked.map(|(_, reason)| reason),
        revocation_note: document.note.clone(),
        versions: key.versions.iter().map(version).collect(),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the document of {0} is empty")]
struct Empty(KeyId);
