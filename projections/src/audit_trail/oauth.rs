//! What the trail says of OAuth clients, grants and access tokens.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use nexus_domain::client::{ClientAuthentication, ClientChange, ClientEvent, ClientType};
use nexus_domain::grant::{GrantEnd, GrantEvent};
use nexus_domain::ids::{GrantId, TokenId};
use nexus_domain::key::RevocationReason;
use nexus_domain::scope::ScopeSet;
use nexus_domain::token::TokenEvent;
use nexus_domain::verification::Restrictions;
use serde::Serialize;

/// The particulars, without digests.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OauthDetails<'a> {
    Registered {
        name: &'a str,
        #[serde(rename = "type")]
        client_type: ClientType,
        client_id: &'a str,
        environment: &'a str,
        authentication: ClientAuthentication,
        redirect_uris: &'a [String],
        scopes: &'a ScopeSet,
        ip_allowlist: &'a [IpNet],
        restrictions: &'a Restrictions,
    },
    Changed {
        changes: &'a [ClientChange],
    },
    SecretRotated {
        version: u32,
        prefix: &'a str,
        previous_valid_until: DateTime<Utc>,
    },
    ClientRevoked {
        reason: RevocationReason,
        note: Option<&'a str>,
    },
    Consent {
        grant_id: GrantId,
        client_id: &'a str,
        subject: &'a str,
        scopes: &'a ScopeSet,
        redirect_uri: &'a str,
        expires_at: DateTime<Utc>,
    },
    Exchanged {
        grant_id: GrantId,
        token_id: TokenId,
    },
    Reused {
        grant_id: GrantId,
    },
    GrantRevoked {
        grant_id: GrantId,
        reason: GrantEnd,
    },
    Issued {
        token_id: TokenId,
        client_id: &'a str,
        grant_id: Option<GrantId>,
        subject: &'a str,
        scopes: &'a ScopeSet,
        expires_at: DateTime<Utc>,
    },
    TokenRevoked {
        token_id: TokenId,
        reason: RevocationReason,
    },
}

pub(super) fn client_details(change: &ClientEvent) -> (&'static str, OauthDetails<'_>) {
    match change {
        ClientEvent::ClientRegistered(registered) => (
            "client.registered",
            OauthDetails::Registered {
                name: &registered.name,
                client_type: registered.client_type,
                client_id: &registered.client_id,
                environment: &registered.environment,
                authentication: registered.authentication,
                redirect_uris: &registered.redirect_uris,
                scopes: &registered.scopes,
                ip_allowlist: &registered.ip_allowlist,
                restrictions: &registered.restrictions,
            },
        ),
        ClientEvent::ClientChanged(changed) => {
            ("client.changed", OauthDetails::Changed { changes: &changed.changes })
        }
        ClientEvent::ClientSecretRotated(rotated) => (
            "client.secret_rotated",
            OauthDetails::SecretRotated {
                version: rotated.version,
                prefix: &rotated.hint,
                previous_valid_until: rotated.previous_valid_until,
            },
        ),
        ClientEvent::ClientRevoked(revoked) => (
            "client.revoked",
            OauthDetails::ClientRevoked { reason: revoked.reason, note: revoked.note.as_deref() },
        ),
    }
}

pub(super) fn grant_details(grant_id: GrantId, change: &GrantEvent) -> (&'static str, OauthDetails<'_>) {
    match change {
        GrantEvent::ConsentGranted(granted) => (
            "grant.consent_granted",
            OauthDetails::Consent {
                grant_id,
                client_id: &granted.client_id,
                subject: &granted.subject,
                scopes: &granted.scopes,
                redirect_uri: &granted.redirect_uri,
                expires_at: granted.expires_at,
            },
        ),
        GrantEvent::CodeRedeemed(redeemed) => {
            ("grant.code_redeemed", OauthDetails::Exchanged { grant_id, token_id: redeemed.token_id })
        }
        GrantEvent::TokenRefreshed(refreshed) => {
            ("grant.token_refreshed", OauthDetails::Exchanged { grant_id, token_id: refreshed.token_id })
        }
        GrantEvent::RefreshReuseDetected(_) => {
            ("grant.refresh_reuse_detected", OauthDetails::Reused { grant_id })
        }
        GrantEvent::GrantRevoked(revoked) => {
            ("grant.revoked", OauthDetails::GrantRevoked { grant_id, reason: revoked.reason })
        }
    }
}

pub(super) fn token_details(token_id: TokenId, change: &TokenEvent) -> (&'static str, OauthDetails<'_>) {
    match change {
        TokenEvent::TokenIssued(issued) => (
            "token.issued",
            OauthDetails::Issued {
                token_id,
                client_id: &issued.client_id,
                grant_id: issued.grant_id,
                subject: &issued.subject,
                scopes: &issued.scopes,
                expires_at: issued.expires_at,
            },
        ),
        TokenEvent::TokenRevoked(revoked) => {
            ("token.revoked", OauthDetails::TokenRevoked { token_id, reason: revoked.reason })
        }
    }
}
