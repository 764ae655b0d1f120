//! The list of members, without those who were removed. Their addresses are sealed: opaque here.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::{MemberId, TenantId};
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::{Member, MemberEvent, Role};
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::usage::Usage;
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::Row;

use crate::cursor::Page;
use crate::documents::{self, Document, Step};
use crate::error::{FoldError, QueryError};
use crate::event::{Body, Event};
use crate::newest_first::{NewestFirst, Part};
use crate::projection::{Projection, Rows, Stored, Table};
use crate::reader::Reader;

/// The projection's name.
pub const NAME: &str = "member_list";

const COLUMNS: &[(&str, ColumnType)] =
    &[("member_id", Text), ("tenant_id", Text), ("added_at", Int), ("removed", Int), ("state", Text)];
const REPLACE: &str =
    "ON CONFLICT (member_id) DO UPDATE SET removed = excluded.removed, state = excluded.state";

const NEWEST_FIRST: NewestFirst = NewestFirst { name: "members", at: "added_at", id: "member_id" };

/// The fold.
pub(crate) struct Fold;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberItem {
    /// The member.
    pub id: MemberId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The address, sealed.
    pub email: String,
    /// What the member may do.
    pub role: Role,
    /// Since when the password is the present one; absent: there is none.
    pub password_set_at: Option<DateTime<Utc>>,
    /// Since when.
    pub added_at: DateTime<Utc>,
}

impl Document for Member {
    type Id = MemberId;
    type Change = MemberEvent;

    fn apply(&mut self, _: &Event, change: &MemberEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[Table {
                name: NAME,
                columns: "member_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, added_at BIGINT NOT NULL, \
                          removed BIGINT NOT NULL, state TEXT NOT NULL",
                indexes: &[("tenant", "(tenant_id, added_at, member_id) WHERE removed = 0")],
                sums: None,
            }]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Member::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Session::TYPE,
            Tenant::TYPE,
            Agent::TYPE,
            Integration::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
            JwtSecret::TYPE,
            SigningKeys::TYPE,
            Usage::TYPE,
        ]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let members =
                documents::fold::<Member>(stored, NAME, "member_id", "state", steps(events)).await?;
            let rows = members.rows(NAME, COLUMNS, REPLACE, |id, member| {
                let state = member.state();
                let tenant_id = state.map(|state| state.tenant_id.to_string()).unwrap_or_default();
                let added_at = state.map_or(0, |state| state.added_at.timestamp_micros());
                let removed = member.present().is_none();
                let document = serde_json::to_string(member)?;
                Ok(vec![
                    id.to_string().into(),
                    tenant_id.into(),
                    added_at.into(),
                    removed.into(),
                    document.into(),
                ])
            })?;
            Ok(rows.into())
        }
        .boxed()
    }
}

fn steps(events: &[Event]) -> Vec<Step<'_, Member>> {
    let steps = events.iter().filter_map(|event| match &event.body {
        Body::Member(member, change) => {
            let first = matches!(change, MemberEvent::MemberAdded(_));
            Some(Step { id: *member, first, event, change })
        }
        Body::Key(..)
        | Body::Tenant(..)
        | Body::Session(..)
        | Body::Agent(..)
        | Body::Integration(..)
        | Body::Client(..)
        | Body::Grant(..)
        | Body::Token(..)
        | Body::JwtSecret(..)
        | Body::SigningKey(_)
        | Body::Usage(_)
        | Body::Foreign
        | Body::Undecodable(_) => None,
    });
    steps.collect()
}

/// Asks for members.
#[derive(Clone)]
pub struct MemberList {
    reader: Reader,
}

impl MemberList {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of a tenant's members, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<MemberItem>, QueryError> {
        let part = Part { cursor, limit };
        let select = |build| format!("SELECT member_id, state FROM member_list_{build}");
        let (condition, args) = ("tenant_id = $1 AND removed = 0", vec![tenant.to_string().into()]);
        let rows = NEWEST_FIRST.rows(&self.reader, select, condition, args, part).await?;
        let items: Vec<Option<MemberItem>> = rows.iter().map(item).collect::<Result<_, _>>()?;
        let items = items.into_iter().flatten().collect();
        Ok(NEWEST_FIRST.page(items, part, |last: &MemberItem| (last.added_at, last.id.to_string())))
    }
}

fn item(row: &Row) -> Result<Option<MemberItem>, QueryError> {
    let member: Member = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
    let id = row.text(0)?.parse().map_err(QueryError::row)?;
    Ok(member.present().map(|state| MemberItem {
        id,
        tenant_id: state.tenant_id,
        email: state.email.clone(),
        role: state.role,
        password_set_at: state.password_set_at,
        added_at: state.added_at,
    }))
}
