//! The fold behind the lists of OAuth clients and tokens: a row per client, per access token and per grant.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::{Client, ClientEvent};
use nexus_domain::grant::{ConsentGranted, Grant, GrantEvent};
use nexus_domain::ids::{GrantId, KeyId, TokenId};
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::{Token, TokenEvent};
use nexus_domain::usage::Usage;
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::Value;
use serde::{Deserialize, Serialize};

use super::NAME;
use crate::documents::{self, Document, Step};
use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::projection::{Projection, Rows, Stored, Table};

const CLIENTS: &str = "oauth_client";
const TOKENS: &str = "oauth_token";
/// The kind of a row that is an access token.
pub(super) const ACCESS: &str = "access";
/// The kind of a row that is a grant with its refresh token.
pub(super) const REFRESH: &str = "refresh";

const CLIENT_COLUMNS: &[(&str, ColumnType)] =
    &[("key_id", Text), ("tenant_id", Text), ("registered_at", Int), ("revoked_at", Int), ("document", Text)];
const REPLACE_CLIENT: &str =
    "ON CONFLICT (key_id) DO UPDATE SET revoked_at = excluded.revoked_at, document = excluded.document";
const TOKEN_COLUMNS: &[(&str, ColumnType)] = &[
    ("id", Text),
    ("tenant_id", Text),
    ("kind", Text),
    ("key_id", Text),
    ("grant_id", Text),
    ("issued_at", Int),
    ("expires_at", Int),
    ("revoked_at", Int),
    ("subject", Text),
    ("document", Text),
];
const REPLACE_TOKEN: &str = "ON CONFLICT (id) DO UPDATE SET issued_at = excluded.issued_at, \
                             revoked_at = excluded.revoked_at, document = excluded.document";

/// The fold.
pub(crate) struct Fold;

/// What is stored of a client: its folded state, and what its events say beyond it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ClientDocument {
    pub(super) client: Client,
    pub(super) created_by: Option<String>,
    pub(super) note: Option<String>,
}

/// What is stored of a grant. Its own state has every refresh token that was ever spent, which no list shows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct GrantDocument {
    pub(super) granted: Option<ConsentGranted>,
    /// When its present refresh token was issued; absent: it has none.
    pub(super) refresh_issued_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
}

impl Document for ClientDocument {
    type Id = KeyId;
    type Change = ClientEvent;

    fn apply(&mut self, event: &Event, change: &ClientEvent) {
        match change {
            ClientEvent::ClientRegistered(_) => self.created_by.clone_from(&event.circumstances.actor),
            ClientEvent::ClientRevoked(revoked) => self.note.clone_from(&revoked.note),
            ClientEvent::ClientChanged(_) | ClientEvent::ClientSecretRotated(_) => {}
        }
        Aggregate::apply(&mut self.client, change.clone());
    }
}

impl Document for Token {
    type Id = TokenId;
    type Change = TokenEvent;

    fn apply(&mut self, _: &Event, change: &TokenEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for GrantDocument {
    type Id = GrantId;
    type Change = GrantEvent;

    fn apply(&mut self, _: &Event, change: &GrantEvent) {
        match change {
            GrantEvent::ConsentGranted(granted) => self.granted = Some((**granted).clone()),
            GrantEvent::CodeRedeemed(redeemed) => {
                self.refresh_issued_at = redeemed.digest.map(|_| redeemed.redeemed_at);
            }
            GrantEvent::TokenRefreshed(refreshed) => self.refresh_issued_at = Some(refreshed.refreshed_at),
            GrantEvent::GrantRevoked(revoked) => self.revoked_at = Some(revoked.revoked_at),
            GrantEvent::RefreshReuseDetected(_) => {}
        }
    }
}

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        2
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[
                Table {
                    name: CLIENTS,
                    columns: "key_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, registered_at BIGINT NOT NULL, \
                              revoked_at BIGINT, document TEXT NOT NULL",
                    indexes: &[("tenant", "(tenant_id, registered_at, key_id)")],
                    sums: None,
                },
                Table {
                    name: TOKENS,
                    columns: "id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, kind TEXT NOT NULL, \
                              key_id TEXT NOT NULL, grant_id TEXT, issued_at BIGINT, expires_at BIGINT NOT NULL, \
                              revoked_at BIGINT, subject TEXT, document TEXT NOT NULL",
                    indexes: &[("tenant", "(tenant_id, issued_at, id)"), ("subject", "(subject, id)")],
                    sums: None,
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Client::TYPE, Grant::TYPE, Token::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Agent::TYPE,
            Integration::TYPE,
            Member::TYPE,
            Session::TYPE,
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
            let clients = client_steps(events);
            let clients =
                documents::fold::<ClientDocument>(stored, CLIENTS, "key_id", "document", clients).await?;
            let clients = clients.rows(CLIENTS, CLIENT_COLUMNS, REPLACE_CLIENT, client_row)?;
            let grants = grant_steps(events);
            let grants = documents::fold::<GrantDocument>(stored, TOKENS, "id", "document", grants).await?;
            let grants = grants.rows(TOKENS, TOKEN_COLUMNS, REPLACE_TOKEN, grant_row)?;
            let tokens = token_steps(events);
            let tokens = documents::fold::<Token>(stored, TOKENS, "id", "document", tokens).await?;
            let tokens = tokens.rows(TOKENS, TOKEN_COLUMNS, REPLACE_TOKEN, token_row)?;
            Ok(clients.into_iter().chain(grants).chain(tokens).collect())
        }
        .boxed()
    }
}

/// The events of clients, in order.
pub(crate) fn client_steps<D: Document<Id = KeyId, Change = ClientEvent>>(
    events: &[Event],
) -> Vec<Step<'_, D>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Client(id, change) = &event.body else { return None };
        let first = matches!(change, ClientEvent::ClientRegistered(_));
        Some(Step { id: *id, first, event, change })
    });
    steps.collect()
}

/// The events of grants, in order.
fn grant_steps<D: Document<Id = GrantId, Change = GrantEvent>>(events: &[Event]) -> Vec<Step<'_, D>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Grant(id, change) = &event.body else { return None };
        let first = matches!(change, GrantEvent::ConsentGranted(_));
        Some(Step { id: *id, first, event, change })
    });
    steps.collect()
}

/// The events of access tokens, in order.
fn token_steps<D: Document<Id = TokenId, Change = TokenEvent>>(events: &[Event]) -> Vec<Step<'_, D>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Token(id, change) = &event.body else { return None };
        let first = matches!(change, TokenEvent::TokenIssued(_));
        Some(Step { id: *id, first, event, change })
    });
    steps.collect()
}

fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

fn client_row(id: KeyId, document: &ClientDocument) -> Result<Vec<Value>, FoldError> {
    let client = document.client.state();
    Ok(vec![
        id.to_string().into(),
        client.map(|client| client.tenant_id.to_string()).into(),
        client.map(|client| micros(client.registered_at)).into(),
        client.and_then(|client| client.revoked).map(|(at, _)| micros(at)).into(),
        serde_json::to_string(document)?.into(),
    ])
}

fn grant_row(id: GrantId, document: &GrantDocument) -> Result<Vec<Value>, FoldError> {
    let granted = document.granted.as_ref();
    Ok(vec![
        id.to_string().into(),
        granted.map(|granted| granted.tenant_id.to_string()).into(),
        REFRESH.into(),
        granted.map(|granted| granted.key_id.to_string()).into(),
        Value::Text(None),
        document.refresh_issued_at.map(micros).into(),
        granted.map(|granted| micros(granted.expires_at)).into(),
        document.revoked_at.map(micros).into(),
        granted.map(|granted| granted.subject.clone()).into(),
        serde_json::to_string(document)?.into(),
    ])
}

fn token_row(id: TokenId, token: &Token) -> Result<Vec<Value>, FoldError> {
    let state = token.state();
    Ok(vec![
        id.to_string().into(),
        state.map(|state| state.tenant_id.to_string()).into(),
        ACCESS.into(),
        state.map(|state| state.key_id.to_string()).into(),
        state.and_then(|state| state.grant_id).map(|grant| grant.to_string()).into(),
        state.map(|state| micros(state.issued_at)).into(),
        state.map(|state| micros(state.expires_at)).into(),
        state.and_then(|state| state.revoked).map(|(at, _)| micros(at)).into(),
        // Of access tokens nobody asks by it: they end with their grant.
        Value::Text(None),
        serde_json::to_string(token)?.into(),
    ])
}
