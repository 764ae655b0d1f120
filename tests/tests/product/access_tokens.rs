//! Access tokens from the real signer to the verdict of a table, without the endpoints that hand them out.

use std::sync::Arc;
use std::time::Duration;

use nexus_domain::dialect::{Dialects, built_in};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::jwt::Algorithm;
use nexus_domain::token::{ACCESS_TOKEN, AccessClaims};
use nexus_domain::validity::{ClientEntry, DialectEntry, Entry, RevokedTokenEntry, TenantEntry};
use nexus_domain::verification::{Code, Question};
use nexus_infrastructure::clock::SystemClock;
use nexus_infrastructure::database::{Database, DatabaseOptions};
use nexus_infrastructure::entropy::SystemEntropy;
use nexus_infrastructure::gate::Gate;
use nexus_infrastructure::journal::{Journal, JournalOptions};
use nexus_infrastructure::signing::Signer;
use nexus_infrastructure::vault::Vault;
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};
use uuid::Uuid;

/// When everything is asked, in Unix seconds.
const NOW: i64 = 1_750_000_000;
const ISSUER: &str = "https://nexus.test";
const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

async fn signer(folder: &std::path::Path) -> Signer {
    let url = format!("sqlite://{}/nexus.db", folder.display());
    let database = Database::connect(&url, &DatabaseOptions::default()).await.unwrap();
    database.migrate().await.unwrap();
    let journal = Journal::open(database, JournalOptions::default()).await.unwrap();
    let vault = Arc::new(Vault::from_key([7; 32]));
    let (clock, entropy) = (SystemClock::shared(), SystemEntropy::shared());
    let gate = Gate::new(journal, Arc::new(built_in()), clock, entropy, vault);
    let signer = Signer::new(Arc::new(gate), ISSUER, ALGORITHMS.to_vec());
    signer.keep().await.unwrap();
    signer
}

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn client() -> ClientEntry {
    ClientEntry {
        id: KeyId::new(Uuid::from_u128(7)),
        client_id: "nxc_1".into(),
        tenant_id: tenant(),
        name: "Billing".into(),
        environment: "live".into(),
        scopes: ["read:users".parse().unwrap()].into(),
        restrictions: Default::default(),
        ip_allowlist: Vec::new(),
        revoked: false,
    }
}

/// A table that has the signer's public keys.
fn validator(signer: &Signer) -> Validator {
    let dialects: Dialects = built_in();
    let validator = Validator::new(Arc::new(dialects));
    let tenant = TenantEntry { tenant_id: tenant(), dialect: "nexus".into(), suspended: false };
    let entries = [
        Entry::Tenant(tenant),
        DialectEntry::of_signing_keys(&signer.keys()).entry,
        Entry::Client(Box::new(client())),
    ];
    validator.apply(entries, 3);
    validator
}

fn claims(id: &str) -> AccessClaims {
    AccessClaims {
        iss: ISSUER.into(),
        sub: "nxc_1".into(),
        aud: ISSUER.into(),
        exp: NOW + 3600,
        iat: NOW,
        jti: id.into(),
        client_id: "nxc_1".into(),
        scope: "read:users".into(),
        tenant_id: tenant(),
        environment: "live".into(),
        grant_id: None,
        cnf: None,
        restrictions: Default::default(),
    }
}

fn code(validator: &Validator, token: &str) -> Code {
    let lease = Lease::new();
    lease.extend(LENGTH);
    let sight = lease.holds(Duration::ZERO).unwrap().into();
    validator.verify_credential(&sight, None, token, &Question::default(), NOW * 1_000_000).unwrap().code()
}

#[tokio::test]
async fn what_the_server_signs_is_accepted_by_each_algorithm_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path()).await;
    let validator = validator(&signer);
    let mut position = 3;
    for algorithm in ALGORITHMS {
        let token = signer.sign(ACCESS_TOKEN, &claims(algorithm.as_str()), Some(algorithm)).unwrap();
        assert_eq!(code(&validator, &token), Code::Valid, "{algorithm}");
        let other = signer.sign("JWT", &claims("other"), Some(algorithm)).unwrap();
        assert_eq!(code(&validator, &other), Code::Malformed, "case 12: {algorithm}");
        position += 1;
        let revoked =
            RevokedTokenEntry { tenant_id: tenant(), id: algorithm.as_str().into(), until: i64::MAX };
        validator.apply([Entry::RevokedToken(revoked)], position);
        assert_eq!(code(&validator, &token), Code::Revoked, "case 14: {algorithm}");
    }
}

#[tokio::test]
async fn another_deployments_tokens_are_nobodys() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (signer(folder.path()).await, signer(elsewhere.path()).await);
    let validator = validator(&here);
    for algorithm in ALGORITHMS {
        let token = there.sign(ACCESS_TOKEN, &claims("t"), Some(algorithm)).unwrap();
        assert_eq!(code(&validator, &token), Code::Unknown, "{algorithm}");
        // Its claims under a header that names our key.
        let ours = here.sign(ACCESS_TOKEN, &claims("t"), Some(algorithm)).unwrap();
        let (header, _) = ours.split_once('.').unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        assert_eq!(code(&validator, &format!("{header}.{rest}")), Code::Unknown, "{algorithm}");
    }
}
