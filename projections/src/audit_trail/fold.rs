//! The fold behind the audit trail: one row per event, with what is searched. Everything else is read from the log.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use ipnet::IpNet;
use nexus_domain::agent::{Agent, AgentEvent};
use nexus_domain::client::Client;
use nexus_domain::dialect::KeyType;
use nexus_domain::grant::Grant;
use nexus_domain::ids::{
    AgentId, IntegrationId, JwtSecretId, KeyId, MemberId, SessionId, SigningKeyId, TenantId,
};
use nexus_domain::integration::{Integration, IntegrationEvent, IntegrationType};
use nexus_domain::jwt::Algorithm;
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent};
use nexus_domain::key::{Change, Key, KeyEvent, RevocationReason};
use nexus_domain::member::{Member, MemberEvent, Role};
use nexus_domain::scope::ScopeSet;
use nexus_domain::session::{EndReason, Session, SessionEvent, SignInFailure, SignInMethod};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};
use nexus_domain::token::Token;
use nexus_domain::usage::{Counts, Usage, UsageEvent};
use nexus_domain::verification::{Code, Restrictions};
use nexus_infrastructure::database::ColumnType::{self, Blob, Int, Text};
use nexus_infrastructure::database::Value;
use serde::Serialize;

use crate::bulk;
use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::projection::{Projection, Rows, Stored, Table};

use super::NAME;
use super::oauth::{OauthDetails, client_details, grant_details, token_details};

const COLUMNS: &[(&str, ColumnType)] = &[
    ("position", Int),
    ("at", Int),
    ("tenant_id", Blob),
    ("actor", Text),
    ("action", Text),
    ("key_id", Blob),
    ("outcome", Text),
    ("details", Text),
];

/// The fold.
pub(crate) struct Fold;

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        2
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[Table {
                name: NAME,
                columns: "position BIGINT PRIMARY KEY, at BIGINT NOT NULL, tenant_id BLOB, actor TEXT, \
                          action TEXT NOT NULL, key_id BLOB, outcome TEXT NOT NULL, details TEXT",
                indexes: &[
                    ("tenant", "(tenant_id, position)"),
                    ("key", "(key_id, position) WHERE key_id IS NOT NULL"),
                    // Nodes report most of what is in the log, so that looking through it finds theirs soon enough.
                    ("actor", "(actor, position) WHERE substr(actor, 1, 5) <> 'node-'"),
                    ("action", "(action, position) WHERE action <> 'key.used'"),
                    ("outcome", "(outcome, position) WHERE outcome <> 'success'"),
                    ("at", "(at)"),
                ],
                sums: None,
            }]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
            Usage::TYPE,
            Member::TYPE,
            Session::TYPE,
            JwtSecret::TYPE,
            SigningKeys::TYPE,
            Agent::TYPE,
            Integration::TYPE,
        ]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[]
    }

    fn fold<'a>(&'a self, _: Stored<'a>, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        let entries = events.iter().filter_map(|event| Entry::of(event).map(|entry| row(event, entry)));
        let rows = entries.collect::<Result<_, _>>();
        let rows = rows.map(|rows| vec![Rows { table: NAME, columns: COLUMNS, rows, on_conflict: "" }]);
        std::future::ready(rows).boxed()
    }
}

fn row(event: &Event, entry: Entry<'_>) -> Result<Vec<Value>, FoldError> {
    let circumstances = &event.circumstances;
    // Most of a log is uses that were all accepted, and their particulars are numbers that nobody looks for.
    let is_told = entry.action != USED || entry.outcome != SUCCESS;
    let details = is_told.then(|| serde_json::to_string(&entry.details)).transpose()?;
    Ok(vec![
        event.position.into(),
        event.recorded_at.into(),
        entry.tenant_of(event).map_or(Value::Blob(None), |tenant| bulk::id(tenant.uuid())),
        circumstances.actor.as_ref().into(),
        entry.action.into(),
        entry.key.map_or(Value::Blob(None), |key| bulk::id(key.uuid())),
        entry.outcome.into(),
        details.into(),
    ])
}

/// What the trail says of an event.
pub(super) struct Entry<'a> {
    pub(super) action: &'static str,
    tenant: Option<TenantId>,
    pub(super) key: Option<KeyId>,
    pub(super) outcome: &'static str,
    pub(super) details: Details<'a>,
}

/// The particulars, without digests.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Details<'a> {
    Issued {
        name: &'a str,
        #[serde(rename = "type")]
        key_type: KeyType,
        environment: &'a str,
        scopes: &'a ScopeSet,
        ip_allowlist: &'a [IpNet],
        restrictions: &'a Restrictions,
        expires_at: Option<DateTime<Utc>>,
        client_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        integration_id: Option<IntegrationId>,
        prefix: &'a str,
    },
    Changed {
        changes: &'a [Change],
    },
    Rotated {
        version: u32,
        prefix: &'a str,
        previous_valid_until: DateTime<Utc>,
    },
    Revoked {
        reason: RevocationReason,
        note: Option<&'a str>,
    },
    Expired {
        expired_at: DateTime<Utc>,
    },
    SecretIssued {
        secret_id: JwtSecretId,
        name: &'a str,
        environment: &'a str,
        scopes: &'a ScopeSet,
    },
    SecretRotated {
        secret_id: JwtSecretId,
        version: u32,
        previous_valid_until: DateTime<Utc>,
    },
    SecretRevoked {
        secret_id: JwtSecretId,
        reason: RevocationReason,
        note: Option<&'a str>,
    },
    SigningKeyIntroduced {
        kid: SigningKeyId,
        algorithm: Algorithm,
        issuer: &'a str,
        signs_from: DateTime<Utc>,
    },
    SigningKeyRetired {
        kid: SigningKeyId,
    },
    Created {
        name: &'a str,
        dialect: &'a str,
    },
    Renamed {
        name: &'a str,
    },
    Suspended {
        note: Option<&'a str>,
    },
    Resumed {},
    Oauth(OauthDetails<'a>),
    MemberAdded {
        member_id: MemberId,
        role: Role,
    },
    MemberChanged {
        member_id: MemberId,
    },
    SignedIn {
        session_id: SessionId,
        method: SignInMethod,
        ends_at: DateTime<Utc>,
    },
    SignInFailed {
        member_id: Option<MemberId>,
        unrecorded: u64,
    },
    SessionEnded {
        session_id: SessionId,
        member_id: MemberId,
        reason: EndReason,
    },
    Agent {
        agent_id: AgentId,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    Integrated {
        integration_id: IntegrationId,
        name: &'a str,
        #[serde(rename = "type")]
        integration_type: IntegrationType,
        agent_id: Option<AgentId>,
    },
    Integration {
        integration_id: IntegrationId,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent_id: Option<AgentId>,
    },
    Used {
        node: &'a str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        counts: &'a Counts,
    },
}

/// The outcome of what was not refused.
pub const SUCCESS: &str = "success";
pub(super) const USED: &str = "key.used";
pub(super) const REFUSED: &str = "credential.refused";

/// The outcomes that are neither a success nor the code of a verdict.
pub const FAILURES: &[&str] = &[SignInFailure::UnknownEmail.as_str(), SignInFailure::WrongPassword.as_str()];

/// What the trail calls what was done.
pub const ACTIONS: &[&str] = &[
    "agent.created",
    "agent.released",
    "agent.renamed",
    "agent.restricted",
    "client.changed",
    "client.registered",
    "client.revoked",
    "client.secret_rotated",
    REFUSED,
    "grant.code_redeemed",
    "grant.consent_granted",
    "grant.refresh_reuse_detected",
    "grant.revoked",
    "grant.token_refreshed",
    "integration.connected",
    "integration.created",
    "integration.disabled",
    "integration.enabled",
    "integration.renamed",
    "jwt_secret.issued",
    "jwt_secret.revoked",
    "jwt_secret.rotated",
    "key.changed",
    "key.expired",
    "key.issued",
    "key.revoked",
    "key.rotated",
    USED,
    "member.added",
    "member.erased",
    "member.password_set",
    "member.removed",
    "session.ended",
    "session.sign_in_failed",
    "session.signed_in",
    "signing_key.introduced",
    "signing_key.retired",
    "tenant.created",
    "tenant.renamed",
    "tenant.resumed",
    "tenant.suspended",
    "token.issued",
    "token.revoked",
];

impl<'a> Entry<'a> {
    /// Whose trail it belongs to: what the event itself says comes first.
    pub(super) fn tenant_of(&self, event: &Event) -> Option<TenantId> {
        self.tenant.or_else(|| event.circumstances.tenant_id.as_deref()?.parse().ok())
    }

    /// Nothing for what is in the log and not in the trail.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        match &event.body {
            Body::Key(key, change) => {
                let (action, details) = key_details(change);
                Some(Self {
                    action,
                    tenant: Some(change.tenant_id()),
                    key: Some(*key),
                    outcome: SUCCESS,
                    details,
                })
            }
            Body::Tenant(tenant, change) => {
                let (action, details) = tenant_details(change);
                Some(Self { action, tenant: Some(*tenant), key: None, outcome: SUCCESS, details })
            }
            Body::Member(member, change) => {
                let (action, details) = member_details(*member, change);
                Some(Self { action, tenant: Some(change.tenant_id()), key: None, outcome: SUCCESS, details })
            }
            Body::Session(session, change) => {
                let (action, outcome, details) = session_details(*session, change);
                Some(Self { action, tenant: Some(change.tenant_id()), key: None, outcome, details })
            }
            // Whose they are stands in the event's circumstances.
            Body::Agent(agent, change) => {
                let (action, details) = agent_details(*agent, change);
                Some(Self { action, tenant: None, key: None, outcome: SUCCESS, details })
            }
            Body::Integration(integration, change) => {
                let (action, details) = integration_details(*integration, change);
                Some(Self { action, tenant: None, key: None, outcome: SUCCESS, details })
            }
            Body::JwtSecret(secret, change) => {
                let (action, details) = secret_details(*secret, change);
                let (tenant, key) = (Some(change.tenant_id()), Some(secret.key_id()));
                Some(Self { action, tenant, key, outcome: SUCCESS, details })
            }
            Body::SigningKey(change) => {
                let (action, details) = signing_key_details(change);
                Some(Self { action, tenant: None, key: None, outcome: SUCCESS, details })
            }
            Body::Usage(UsageEvent::KeyUsed(used)) => Some(Self {
                action: USED,
                tenant: Some(used.tenant_id),
                key: Some(used.key_id),
                outcome: outcome(&used.counts),
                details: Details::Used {
                    node: &used.node,
                    from: used.from,
                    to: used.to,
                    counts: &used.counts,
                },
            }),
            Body::Usage(UsageEvent::UnattributedRefusals(refused)) => Some(Self {
                action: REFUSED,
                tenant: None,
                key: None,
                outcome: outcome(&refused.counts),
                details: Details::Used {
                    node: &refused.node,
                    from: refused.from,
                    to: refused.to,
                    counts: &refused.counts,
                },
            }),
            Body::Client(key, change) => {
                Some(Self::of_client(change.tenant_id(), *key, client_details(change)))
            }
            Body::Grant(grant, change) => {
                Some(Self::of_client(change.tenant_id(), change.key_id(), grant_details(*grant, change)))
            }
            Body::Token(token, change) => {
                Some(Self::of_client(change.tenant_id(), change.key_id(), token_details(*token, change)))
            }
            Body::Foreign | Body::Undecodable(_) => None,
        }
    }
}

impl<'a> Entry<'a> {
    /// What happened to a client, or to what was issued to it.
    fn of_client(
        tenant: TenantId,
        client: KeyId,
        (action, details): (&'static str, OauthDetails<'a>),
    ) -> Self {
        let details = Details::Oauth(details);
        Self { action, tenant: Some(tenant), key: Some(client), outcome: SUCCESS, details }
    }
}

fn key_details(change: &KeyEvent) -> (&'static str, Details<'_>) {
    match change {
        KeyEvent::KeyIssued(issued) => (
            "key.issued",
            Details::Issued {
                name: &issued.name,
                key_type: issued.key_type,
                environment: &issued.environment,
                scopes: &issued.scopes,
                ip_allowlist: &issued.ip_allowlist,
                restrictions: &issued.restrictions,
                expires_at: issued.expires_at,
                client_id: issued.client_id.as_deref(),
                integration_id: issued.integration_id,
                prefix: &issued.hint,
            },
        ),
        KeyEvent::KeyChanged(changed) => ("key.changed", Details::Changed { changes: &changed.changes }),
        KeyEvent::KeyRotated(rotated) => (
            "key.rotated",
            Details::Rotated {
                version: rotated.version,
                prefix: &rotated.hint,
                previous_valid_until: rotated.previous_valid_until,
            },
        ),
        KeyEvent::KeyRevoked(revoked) => {
            ("key.revoked", Details::Revoked { reason: revoked.reason, note: revoked.note.as_deref() })
        }
        KeyEvent::KeyExpired(expired) => ("key.expired", Details::Expired { expired_at: expired.expired_at }),
    }
}

fn secret_details(secret_id: JwtSecretId, change: &JwtSecretEvent) -> (&'static str, Details<'_>) {
    match change {
        JwtSecretEvent::JwtSecretIssued(issued) => (
            "jwt_secret.issued",
            Details::SecretIssued {
                secret_id,
                name: &issued.name,
                environment: &issued.environment,
                scopes: &issued.scopes,
            },
        ),
        JwtSecretEvent::JwtSecretRotated(rotated) => (
            "jwt_secret.rotated",
            Details::SecretRotated {
                secret_id,
                version: rotated.version,
                previous_valid_until: rotated.previous_valid_until,
            },
        ),
        JwtSecretEvent::JwtSecretRevoked(revoked) => (
            "jwt_secret.revoked",
            Details::SecretRevoked { secret_id, reason: revoked.reason, note: revoked.note.as_deref() },
        ),
    }
}

fn signing_key_details(change: &SigningKeyEvent) -> (&'static str, Details<'_>) {
    match change {
        SigningKeyEvent::SigningKeyIntroduced(introduced) => (
            "signing_key.introduced",
            Details::SigningKeyIntroduced {
                kid: introduced.kid,
                algorithm: introduced.algorithm,
                issuer: &introduced.issuer,
                signs_from: introduced.signs_from,
            },
        ),
        SigningKeyEvent::SigningKeyRetired(retired) => {
            ("signing_key.retired", Details::SigningKeyRetired { kid: retired.kid })
        }
    }
}

fn tenant_details(change: &TenantEvent) -> (&'static str, Details<'_>) {
    match change {
        TenantEvent::TenantCreated(created) => {
            ("tenant.created", Details::Created { name: &created.name, dialect: &created.dialect })
        }
        TenantEvent::TenantRenamed(renamed) => ("tenant.renamed", Details::Renamed { name: &renamed.name }),
        TenantEvent::TenantSuspended(suspended) => {
            ("tenant.suspended", Details::Suspended { note: suspended.note.as_deref() })
        }
        TenantEvent::TenantResumed(_) => ("tenant.resumed", Details::Resumed {}),
    }
}

fn member_details(member_id: MemberId, change: &MemberEvent) -> (&'static str, Details<'_>) {
    match change {
        MemberEvent::MemberAdded(added) => {
            ("member.added", Details::MemberAdded { member_id, role: added.role })
        }
        MemberEvent::PasswordSet(_) => ("member.password_set", Details::MemberChanged { member_id }),
        MemberEvent::MemberRemoved(_) => ("member.removed", Details::MemberChanged { member_id }),
        MemberEvent::MemberErased(_) => ("member.erased", Details::MemberChanged { member_id }),
    }
}

fn session_details(
    session_id: SessionId,
    change: &SessionEvent,
) -> (&'static str, &'static str, Details<'_>) {
    match change {
        SessionEvent::SignedIn(began) => (
            "session.signed_in",
            SUCCESS,
            Details::SignedIn { session_id, method: began.method, ends_at: began.ends_at },
        ),
        SessionEvent::SignInFailed(failed) => (
            "session.sign_in_failed",
            failed.reason.as_str(),
            Details::SignInFailed { member_id: failed.member_id, unrecorded: failed.unrecorded },
        ),
        SessionEvent::SessionEnded(ended) => (
            "session.ended",
            SUCCESS,
            Details::SessionEnded { session_id, member_id: ended.member_id, reason: ended.reason },
        ),
    }
}

fn agent_details(agent_id: AgentId, change: &AgentEvent) -> (&'static str, Details<'_>) {
    let (action, name) = match change {
        AgentEvent::AgentCreated(created) => ("agent.created", Some(created.name.as_str())),
        AgentEvent::AgentRenamed(renamed) => ("agent.renamed", Some(renamed.name.as_str())),
        AgentEvent::AgentRestricted(_) => ("agent.restricted", None),
        AgentEvent::AgentReleased(_) => ("agent.released", None),
    };
    (action, Details::Agent { agent_id, name })
}

fn integration_details(
    integration_id: IntegrationId,
    change: &IntegrationEvent,
) -> (&'static str, Details<'_>) {
    let (action, name, agent_id) = match change {
        IntegrationEvent::IntegrationCreated(created) => {
            let details = Details::Integrated {
                integration_id,
                name: &created.name,
                integration_type: created.integration_type,
                agent_id: created.agent_id,
            };
            return ("integration.created", details);
        }
        IntegrationEvent::IntegrationRenamed(renamed) => {
            ("integration.renamed", Some(renamed.name.as_str()), None)
        }
        IntegrationEvent::IntegrationConnected(connected) => {
            ("integration.connected", None, Some(connected.agent_id))
        }
        IntegrationEvent::IntegrationDisabled(_) => ("integration.disabled", None, None),
        IntegrationEvent::IntegrationEnabled(_) => ("integration.enabled", None, None),
    };
    (action, Details::Integration { integration_id, name, agent_id })
}

/// Success where every decision was one; else the refusal that most requests met, the first in the order of codes among equals.
fn outcome(counts: &Counts) -> &'static str {
    let mut most: Option<(Code, u64)> = None;
    for (code, count) in counts {
        let refused = *code != Code::Valid && *count > 0;
        if refused && most.is_none_or(|(_, highest)| *count > highest) {
            most = Some((*code, *count));
        }
    }
    most.map_or(SUCCESS, |(code, _)| code.as_str())
}
