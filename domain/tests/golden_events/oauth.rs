//! Samples of what OAuth clients, grants and access tokens leave in the log.

use std::collections::BTreeSet;

use nexus_domain::client::{
    ClientAuthentication, ClientChange, ClientChanged, ClientEvent, ClientRegistered, ClientRevoked,
    ClientSecretRotated, ClientType,
};
use nexus_domain::grant::{
    CodeRedeemed, ConsentGranted, GrantEnd, GrantEvent, GrantRevoked, RefreshReuseDetected, TokenRefreshed,
};
use nexus_domain::ids::{GrantId, TokenId};
use nexus_domain::token::{TokenEvent, TokenIssued, TokenRevoked};
use serde_json::json;

use super::*;

/// Compares all of them with their samples, and returns the samples' file names.
pub(crate) fn check_all() -> BTreeSet<String> {
    let mut files = check(&client_events());
    files.extend(check(&grant_events()));
    files.extend(check(&token_events()));
    files
}

fn client() -> KeyId {
    KeyId::new(Uuid::from_u128(7))
}

fn client_events() -> Vec<ClientEvent> {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let samples = vec![
        ClientEvent::ClientRegistered(Box::new(ClientRegistered {
            tenant_id: tenant(),
            dialect: "nexus".into(),
            name: "Calendar".into(),
            client_type: ClientType::App,
            client_id: "nx_client_00000000000000000000000000000007".into(),
            environment: "live".into(),
            authentication: ClientAuthentication::PrivateKeyJwt,
            requires_pkce: true,
            require_pushed_authorization_requests: true,
            dpop_bound_access_tokens: true,
            redirect_uris: vec!["https://app.example/callback".into()],
            scopes: scopes(&["read:users"]),
            ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()],
            restrictions: brands(),
            jwks: vec![jwk.as_object().unwrap().clone()],
            hint: Some("nx_secret_ab".into()),
            digest: Some(Digest::from_bytes([7; 32])),
            registered_at: at("11:00:00"),
        })),
        ClientEvent::ClientChanged(ClientChanged {
            tenant_id: tenant(),
            changes: vec![
                ClientChange::Name("Diary".into()),
                ClientChange::RedirectUris(vec!["https://diary.example/callback".into()]),
                ClientChange::Scopes(scopes(&["read:users"])),
                ClientChange::IpAllowlist(vec!["192.0.2.0/24".parse().unwrap()]),
                ClientChange::Restrictions(brands()),
            ],
            changed_at: at("11:10:00"),
        }),
        ClientEvent::ClientSecretRotated(ClientSecretRotated {
            tenant_id: tenant(),
            version: 2,
            hint: "nx_secret_cd".into(),
            digest: Digest::from_bytes([8; 32]),
            previous_valid_until: at("12:00:00"),
            rotated_at: at("11:20:00"),
        }),
        ClientEvent::ClientRevoked(ClientRevoked {
            tenant_id: tenant(),
            reason: RevocationReason::Compromised,
            note: Some("found in a public repository".into()),
            revoked_at: at("11:30:00"),
        }),
    ];
    for sample in &samples {
        match sample {
            ClientEvent::ClientRegistered(_)
            | ClientEvent::ClientChanged(_)
            | ClientEvent::ClientSecretRotated(_)
            | ClientEvent::ClientRevoked(_) => {}
        }
    }
    samples
}

fn grant_events() -> Vec<GrantEvent> {
    let (tenant_id, key_id, token_id) = (tenant(), client(), TokenId::new(Uuid::from_u128(9)));
    let samples = vec![
        GrantEvent::ConsentGranted(Box::new(ConsentGranted {
            tenant_id,
            dialect: "nexus".into(),
            key_id,
            client_id: "nx_client_00000000000000000000000000000007".into(),
            subject: "member_00000000000000000000000000000005".into(),
            scopes: scopes(&["read:users"]),
            redirect_uri: "https://app.example/callback".into(),
            digest: Digest::from_bytes([9; 32]),
            challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap()),
            dpop_jkt: Some(Digest::from_bytes([12; 32])),
            code_expires_at: at("11:01:00"),
            expires_at: at("12:00:00"),
            granted_at: at("11:00:00"),
        })),
        GrantEvent::CodeRedeemed(CodeRedeemed {
            tenant_id,
            key_id,
            token_id,
            token_expires_at: at("12:00:01"),
            digest: Some(Digest::from_bytes([10; 32])),
            jkt: Some(Digest::from_bytes([12; 32])),
            redeemed_at: at("11:00:01"),
        }),
        GrantEvent::TokenRefreshed(TokenRefreshed {
            tenant_id,
            key_id,
            token_id,
            token_expires_at: at("12:50:00"),
            digest: Digest::from_bytes([11; 32]),
            jkt: Some(Digest::from_bytes([12; 32])),
            refreshed_at: at("11:50:00"),
        }),
        GrantEvent::RefreshReuseDetected(RefreshReuseDetected {
            tenant_id,
            key_id,
            digest: Digest::from_bytes([10; 32]),
            detected_at: at("11:55:00"),
        }),
        GrantEvent::GrantRevoked(GrantRevoked {
            tenant_id,
            dialect: "nexus".into(),
            key_id,
            until: at("12:52:00"),
            reason: GrantEnd::RefreshTokenReused,
            revoked_at: at("11:55:00"),
        }),
    ];
    for sample in &samples {
        match sample {
            GrantEvent::ConsentGranted(_)
            | GrantEvent::CodeRedeemed(_)
            | GrantEvent::TokenRefreshed(_)
            | GrantEvent::RefreshReuseDetected(_)
            | GrantEvent::GrantRevoked(_) => {}
        }
    }
    samples
}

fn token_events() -> Vec<TokenEvent> {
    let samples = vec![
        TokenEvent::TokenIssued(TokenIssued {
            tenant_id: tenant(),
            dialect: "nexus".into(),
            key_id: client(),
            client_id: "nx_client_00000000000000000000000000000007".into(),
            grant_id: Some(GrantId::new(Uuid::from_u128(8))),
            subject: "member_00000000000000000000000000000005".into(),
            environment: "live".into(),
            scopes: scopes(&["read:users"]),
            jkt: Some(Digest::from_bytes([12; 32])),
            issued_at: at("11:00:01"),
            expires_at: at("12:00:01"),
        }),
        TokenEvent::TokenRevoked(TokenRevoked {
            tenant_id: tenant(),
            dialect: "nexus".into(),
            key_id: client(),
            until: at("12:02:01"),
            reason: RevocationReason::Compromised,
            revoked_at: at("11:30:00"),
        }),
    ];
    for sample in &samples {
        match sample {
            TokenEvent::TokenIssued(_) | TokenEvent::TokenRevoked(_) => {}
        }
    }
    samples
}
