//! What is over is neither kept nor sent to nodes.

use nexus_domain::ids::{JwtSecretId, TokenId};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent, JwtSecretIssued, JwtSecretRotated};
use nexus_domain::key::RevocationReason;
use nexus_domain::token::{Token, TokenEvent, TokenIssued, TokenRevoked};
use nexus_domain::validity::Entry;
use nexus_infrastructure::testing::databases;

use super::*;

fn token(number: u128) -> TokenId {
    TokenId::new(Uuid::from_u128(number))
}

async fn revoke(log: &mut Log, id: TokenId, until: DateTime<Utc>) -> u64 {
    let issued = TokenIssued {
        jkt: None,
        tenant_id: tenant(1),
        dialect: "nexus".to_owned(),
        key_id: key(70),
        client_id: "nxc_1".to_owned(),
        grant_id: None,
        subject: "nxc_1".to_owned(),
        environment: "live".to_owned(),
        scopes: Default::default(),
        issued_at: at(1),
        expires_at: until,
    };
    log.append::<Token>(id.to_string(), TokenEvent::TokenIssued(issued)).await;
    let revoked = TokenRevoked {
        tenant_id: tenant(1),
        dialect: "nexus".to_owned(),
        key_id: key(70),
        until,
        reason: RevocationReason::Compromised,
        revoked_at: at(2),
    };
    log.append::<Token>(id.to_string(), TokenEvent::TokenRevoked(revoked)).await
}

async fn entries(projections: &Projections) -> Vec<Entry> {
    let mut snapshot = projections.credential_lookup().snapshot().await.unwrap();
    let mut entries = Vec::new();
    while let Some(page) = snapshot.next().await.unwrap() {
        entries.extend(page.into_iter().map(|held| held.entry));
    }
    entries
}

/// Later than any clock.
fn far() -> DateTime<Utc> {
    "2999-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_forgotten_once_nobody_would_accept_it() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        log.tenant(tenant(1), created("Acme", 0)).await;
        revoke(&mut log, token(1), at(100)).await;
        revoke(&mut log, token(2), at(101)).await;
        let head = revoke(&mut log, token(3), far()).await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let lookup = projections.credential_lookup();
        assert_eq!(lookup.forget_ended(at(99)).await.unwrap(), 0);
        assert_eq!(lookup.forget_ended(at(100)).await.unwrap(), 1);
        assert_eq!(lookup.forget_ended(at(1_000)).await.unwrap(), 1);
        assert_eq!(lookup.forget_ended(at(1_000)).await.unwrap(), 0);
        let left: Vec<String> = entries(&projections)
            .await
            .into_iter()
            .filter_map(|entry| if let Entry::RevokedToken(entry) = entry { Some(entry.id) } else { None })
            .collect();
        assert_eq!(left, [token(3).to_string()]);
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_secret_whose_grace_is_over_are_not_in_the_snapshot() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        log.tenant(tenant(1), created("Acme", 0)).await;
        let id = JwtSecretId::new(Uuid::from_u128(0x51));
        let issued = JwtSecretIssued {
            tenant_id: tenant(1),
            dialect: "nexus".to_owned(),
            name: "Payments".to_owned(),
            environment: "live".to_owned(),
            scopes: Default::default(),
            sealed_id: Uuid::from_u128(1),
            issued_at: at(1),
        };
        log.append::<JwtSecret>(id.to_string(), JwtSecretEvent::JwtSecretIssued(issued)).await;
        let mut head = 0;
        for (version, until) in [(2, at(50)), (3, far())] {
            let rotated = JwtSecretRotated {
                tenant_id: tenant(1),
                version,
                sealed_id: Uuid::from_u128(version.into()),
                previous_valid_until: until,
                rotated_at: at(10),
            };
            head = log.append::<JwtSecret>(id.to_string(), JwtSecretEvent::JwtSecretRotated(rotated)).await;
        }
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let versions = entries(&projections).await.into_iter().find_map(|entry| {
            let Entry::JwtSecret(secret) = entry else { return None };
            Some(secret.versions.iter().map(|version| version.version).collect::<Vec<_>>())
        });
        assert_eq!(versions.unwrap(), [2, 3]);
        projections.stop().await;
    }
}
