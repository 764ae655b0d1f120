//! OAuth clients, and the tokens that can be used: access tokens one by one, refresh tokens by the grant that they belong to.
//! Whether a token is over, or has ended with its grant or client, is worked out when it is asked for.

mod fold;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use nexus_domain::client::ClientState;
use nexus_domain::ids::{GrantId, KeyId, TenantId};
use nexus_domain::scope::ScopeSet;
use nexus_domain::token::Token;
use nexus_infrastructure::database::Row;

use self::fold::{ClientDocument, GrantDocument};
pub(crate) use self::fold::{Fold, client_steps};
use crate::bulk;
use crate::cursor::Page;
use crate::error::QueryError;
use crate::newest_first::{NewestFirst, Part};
use crate::reader::{Reader, instant};

/// The projection's name.
pub const NAME: &str = "oauth";

const CLIENTS: NewestFirst = NewestFirst { name: "clients", at: "registered_at", id: "key_id" };
const TOKENS: NewestFirst = NewestFirst { name: "tokens", at: "t.issued_at", id: "t.id" };

/// A client, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientItem {
    /// The client.
    pub id: KeyId,
    /// What it is.
    pub client: ClientState,
    /// Who registered it.
    pub created_by: Option<String>,
    /// What was noted when it was revoked.
    pub note: Option<String>,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// For requests.
    Access,
    /// For further access tokens.
    Refresh,
}

/// What a token's life is like. Revoked comes before expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// It can be used.
    Active,
    /// It was revoked, or its grant or client was.
    Revoked,
    /// Its lifetime is over.
    Expired,
}

/// Which tokens to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenFilter {
    /// Those that can be used.
    #[default]
    Active,
    /// Those that were revoked.
    Revoked,
    /// Those whose lifetime is over and that were not revoked.
    Expired,
    /// All.
    All,
}

/// A token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenItem {
    /// The id of an access token, or of the grant that a refresh token belongs to.
    pub id: String,
    /// What it is good for.
    pub kind: TokenKind,
    /// The client that it was issued to.
    pub key_id: KeyId,
    /// Its public id.
    pub client_id: String,
    /// Its name.
    pub client_name: String,
    /// The grant of an access token; absent: the client's own credentials.
    pub grant_id: Option<String>,
    /// Who agreed to it, or the client itself.
    pub subject: String,
    /// What it allows.
    pub scopes: ScopeSet,
    /// When it was issued; a refresh token, when the present one was.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked, or its grant or client was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What its life is like at the asker's time.
    pub status: TokenStatus,
}

/// Asks for clients and tokens.
#[derive(Clone)]
pub struct OauthLists {
    reader: Reader,
}

impl OauthLists {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of a tenant's clients, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn clients(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ClientItem>, QueryError> {
        let part = Part { cursor, limit };
        let select = |build| format!("SELECT key_id, document FROM oauth_client_{build}");
        let args = vec![tenant.to_string().into()];
        let rows = CLIENTS.rows(&self.reader, select, "tenant_id = $1", args, part).await?;
        let items = rows.iter().map(client).collect::<Result<_, _>>()?;
        Ok(CLIENTS.page(items, part, |last: &ClientItem| (last.client.registered_at, last.id.to_string())))
    }

    /// A tenant's client; nothing where it is another tenant's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn client(&self, tenant: TenantId, id: KeyId) -> Result<Option<ClientItem>, QueryError> {
        let sql = |build| {
            format!("SELECT key_id, document FROM oauth_client_{build} WHERE key_id = $1 AND tenant_id = $2")
        };
        let rows = self.reader.query(sql, &[id.to_string().into(), tenant.to_string().into()]).await?;
        rows.first().map(client).transpose()
    }

    /// Whose each of these clients is. Those that there are not are left out.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn owners(&self, clients: &[KeyId]) -> Result<HashMap<KeyId, TenantId>, QueryError> {
        let among = bulk::one_of(self.reader.database().is_postgres(), "key_id", 1);
        let sql = |build| format!("SELECT key_id, tenant_id FROM oauth_client_{build} WHERE {among}");
        let owner = |row: &Row| {
            let (key, tenant) = (row.text(0)?.parse(), row.text(1)?.parse());
            Ok((key.map_err(QueryError::row)?, tenant.map_err(QueryError::row)?))
        };
        self.reader.query(sql, &[bulk::list(clients)]).await?.iter().map(owner).collect()
    }

    /// A page of the tokens that open a tenant's data, newest first; of one client alone where it is named. `limit` is held
    /// between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn tokens(
        &self,
        tenant: TenantId,
        filter: TokenFilter,
        of: Option<KeyId>,
        cursor: Option<&str>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Page<TokenItem>, QueryError> {
        let part = Part { cursor, limit };
        let condition = format!(
            "t.tenant_id = $1 AND t.issued_at IS NOT NULL AND {} AND ($3 = '' OR t.key_id = $3)",
            filter.condition()
        );
        let args = vec![
            tenant.to_string().into(),
            now.timestamp_micros().into(),
            of.map(|of| of.to_string()).unwrap_or_default().into(),
        ];
        let rows = TOKENS.rows(&self.reader, select, &condition, args, part).await?;
        let items = rows.iter().map(|row| token(row, now)).collect::<Result<_, _>>()?;
        Ok(TOKENS.page(items, part, |last: &TokenItem| (last.issued_at, last.id.clone())))
    }

    /// The grants that somebody agreed to and that nobody ended, whether or not the app ever took a token for them. Those that
    /// were over at `since` are left out.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn grants_of(&self, subject: &str, since: DateTime<Utc>) -> Result<Vec<GrantId>, QueryError> {
        let sql = |build| {
            format!(
                "SELECT id FROM oauth_token_{build} \
                 WHERE subject = $1 AND kind = $2 AND revoked_at IS NULL AND expires_at > $3 ORDER BY id"
            )
        };
        let args = [subject.into(), fold::REFRESH.into(), since.timestamp_micros().into()];
        let id = |row: &Row| row.text(0)?.parse().map_err(QueryError::row);
        self.reader.query(sql, &args).await?.iter().map(id).collect()
    }

    /// A token that opens a tenant's data.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn token(
        &self,
        tenant: TenantId,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<TokenItem>, QueryError> {
        let sql = |build| {
            format!("{} WHERE t.id = $1 AND t.tenant_id = $2 AND t.issued_at IS NOT NULL", select(build))
        };
        let rows = self.reader.query(sql, &[id.into(), tenant.to_string().into()]).await?;
        rows.first().map(|row| token(row, now)).transpose()
    }
}

/// What of tokens is read, and from where.
fn select(build: crate::projection::Build) -> String {
    format!(
        "SELECT t.id, t.kind, t.document, t.revoked_at, g.revoked_at, c.revoked_at, c.document \
         FROM oauth_token_{build} t JOIN oauth_client_{build} c ON c.key_id = t.key_id \
         LEFT JOIN oauth_token_{build} g ON g.id = t.grant_id"
    )
}

impl TokenFilter {
    /// The condition in SQL, with the asker's time in `$2`, which it always mentions.
    const fn condition(self) -> &'static str {
        match self {
            Self::Active => {
                "t.revoked_at IS NULL AND g.revoked_at IS NULL AND c.revoked_at IS NULL AND t.expires_at > $2"
            }
            Self::Revoked => {
                "(t.revoked_at IS NOT NULL OR g.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL) AND $2 = $2"
            }
            Self::Expired => {
                "t.revoked_at IS NULL AND g.revoked_at IS NULL AND c.revoked_at IS NULL AND t.expires_at <= $2"
            }
            Self::All => "$2 = $2",
        }
    }
}

fn client(row: &Row) -> Result<ClientItem, QueryError> {
    let id: KeyId = row.text(0)?.parse().map_err(QueryError::row)?;
    let ClientDocument { client, created_by, note } =
        serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
    let client = client.state().cloned().ok_or_else(|| QueryError::row(Empty(id.to_string())))?;
    Ok(ClientItem { id, client, created_by, note })
}

fn token(row: &Row, now: DateTime<Utc>) -> Result<TokenItem, QueryError> {
    let id = row.text(0)?.to_owned();
    let empty = || QueryError::row(Empty(id.clone()));
    let ends = [row.opt_int(3)?, row.opt_int(4)?, row.opt_int(5)?];
    let revoked_at = ends.into_iter().flatten().min().map(instant).transpose()?;
    let client: ClientDocument = serde_json::from_str(row.text(6)?).map_err(QueryError::row)?;
    let client_name = client.client.state().map(|client| client.name.clone()).unwrap_or_default();
    let status = |end: DateTime<Utc>| match revoked_at {
        Some(_) => TokenStatus::Revoked,
        None if now >= end => TokenStatus::Expired,
        None => TokenStatus::Active,
    };
    if row.text(1)? == fold::ACCESS {
        let token: Token = serde_json::from_str(row.text(2)?).map_err(QueryError::row)?;
        let token = token.state().cloned().ok_or_else(empty)?;
        return Ok(TokenItem {
            kind: TokenKind::Access,
            key_id: token.key_id,
            client_id: token.client_id,
            client_name,
            grant_id: token.grant_id.map(|grant| grant.to_string()),
            subject: token.subject,
            scopes: token.scopes,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            revoked_at,
            status: status(token.expires_at),
            id,
        });
    }
    let grant: GrantDocument = serde_json::from_str(row.text(2)?).map_err(QueryError::row)?;
    let granted = grant.granted.ok_or_else(empty)?;
    Ok(TokenItem {
        kind: TokenKind::Refresh,
        key_id: granted.key_id,
        client_id: granted.client_id,
        client_name,
        grant_id: None,
        subject: granted.subject,
        scopes: granted.scopes,
        issued_at: grant.refresh_issued_at.ok_or_else(empty)?,
        expires_at: granted.expires_at,
        revoked_at,
        status: status(granted.expires_at),
        id,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the document of {0} is empty")]
struct Empty(String);
