//! The tables: a row for the folded state of each thing that nodes know.

use nexus_infrastructure::database::ColumnType::{self, Int, Text};

use crate::projection::Table;

pub(super) const TENANTS: &str = "credential_lookup_tenant";
pub(super) const TENANT_COLUMNS: &[(&str, ColumnType)] = &[("tenant_id", Text), ("state", Text)];
pub(super) const REPLACE_TENANT: &str = "ON CONFLICT (tenant_id) DO UPDATE SET state = excluded.state";
pub(super) const AGENTS: &str = "credential_lookup_agent";
pub(super) const AGENT_COLUMNS: &[(&str, ColumnType)] = &[("agent_id", Text), ("state", Text)];
pub(super) const REPLACE_AGENT: &str = "ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state";
pub(super) const INTEGRATIONS: &str = "credential_lookup_integration";
pub(super) const INTEGRATION_COLUMNS: &[(&str, ColumnType)] = &[("integration_id", Text), ("state", Text)];
pub(super) const REPLACE_INTEGRATION: &str =
    "ON CONFLICT (integration_id) DO UPDATE SET state = excluded.state";
pub(super) const KEYS: &str = "credential_lookup_key";
pub(super) const KEY_COLUMNS: &[(&str, ColumnType)] = &[("key_id", Text), ("state", Text)];
pub(super) const REPLACE_KEY: &str = "ON CONFLICT (key_id) DO UPDATE SET state = excluded.state";

pub(super) const SIGNING_KEYS: &str = "credential_lookup_signing_key";
pub(super) const SIGNING_KEY_COLUMNS: &[(&str, ColumnType)] = &[("kid", Text), ("state", Text)];
pub(super) const REPLACE_SIGNING_KEY: &str = "ON CONFLICT (kid) DO UPDATE SET state = excluded.state";
pub(super) const JWT_SECRETS: &str = "credential_lookup_jwt_secret";
pub(super) const JWT_SECRET_COLUMNS: &[(&str, ColumnType)] =
    &[("secret_id", Text), ("tenant_id", Text), ("state", Text)];
pub(super) const REPLACE_JWT_SECRET: &str = "ON CONFLICT (secret_id) DO UPDATE SET state = excluded.state";

pub(super) const CLIENTS: &str = "credential_lookup_client";
pub(super) const CLIENT_COLUMNS: &[(&str, ColumnType)] = &[("key_id", Text), ("state", Text)];
pub(super) const REPLACE_CLIENT: &str = "ON CONFLICT (key_id) DO UPDATE SET state = excluded.state";
/// Access tokens and grants that were revoked.
pub(super) const REVOKED: &str = "credential_lookup_revoked";
pub(super) const REVOKED_COLUMNS: &[(&str, ColumnType)] = &[("id", Text), ("until", Int), ("state", Text)];
pub(super) const REPLACE_REVOKED: &str =
    "ON CONFLICT (id) DO UPDATE SET until = excluded.until, state = excluded.state";

/// All of them.
pub(super) const ALL: &[Table] = &[
    Table {
        name: KEYS,
        columns: "key_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: TENANTS,
        columns: "tenant_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: AGENTS,
        columns: "agent_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: SIGNING_KEYS,
        columns: "kid TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: INTEGRATIONS,
        columns: "integration_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: JWT_SECRETS,
        columns: "secret_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, state TEXT NOT NULL",
        indexes: &[("tenant", "(tenant_id, secret_id)")],
        sums: None,
    },
    Table {
        name: CLIENTS,
        columns: "key_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
        indexes: &[],
        sums: None,
    },
    Table {
        name: REVOKED,
        columns: "id TEXT NOT NULL PRIMARY KEY, until BIGINT NOT NULL, state TEXT NOT NULL",
        indexes: &[("until", "(until)")],
        sums: None,
    },
];
