use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::jwt::{Compact, PublicJwk};
use serde_json::json;

use super::*;
use crate::clock::{Clock, SharedClock};
use crate::entropy::SystemEntropy;
use crate::journal::{Journal, JournalOptions};
use crate::testing::{TestDatabase, databases};
use crate::vault::Vault;

/// A clock that is set by hand, in days.
struct Calendar(AtomicI64);

impl Clock for Calendar {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap() + TimeDelta::hours(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

async fn signer(test: &TestDatabase, calendar: &Arc<Calendar>, algorithms: &[Algorithm]) -> Signer {
    let journal = Journal::open(test.reconnect().await, JournalOptions::default()).await.unwrap();
    let dialects = Arc::new(crate::dialects::load(None).unwrap());
    let clock: SharedClock = Arc::clone(calendar) as SharedClock;
    let vault = Arc::new(Vault::from_key([7; 32]));
    let gate = Arc::new(Gate::new(journal, dialects, clock, SystemEntropy::shared(), vault));
    Signer::new(gate, "https://nexus.test", algorithms.to_vec())
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Whether a token's signature is right by what the key set shows.
fn holds(signer: &Signer, token: &str) -> bool {
    let token = Compact::read(token).unwrap();
    let kid = token.header().unwrap().kid.unwrap();
    let keys = signer.keys();
    let key = keys.published().find(|key| key.kid.to_string() == kid).unwrap();
    let (signed, signature) = (token.signed().as_bytes(), bytes(token.signature()));
    match &key.jwk {
        PublicJwk::Edwards { x, .. } => {
            UnparsedPublicKey::new(&ED25519, bytes(x)).verify(signed, &signature).is_ok()
        }
        PublicJwk::Elliptic { x, y, .. } => {
            let point = [vec![4], bytes(x), bytes(y)].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, &signature).is_ok()
        }
        PublicJwk::Rsa { n, e } => {
            let components = RsaPublicKeyComponents { n: bytes(n), e: bytes(e) };
            components.verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature).is_ok()
        }
    }
}

#[tokio::test]
async fn what_nobody_would_accept_for_its_length_is_not_issued() {
    let test = TestDatabase::sqlite().await;
    let signer = signer(&test, &Arc::new(Calendar(AtomicI64::new(0))), &[Algorithm::EdDsa]).await;
    signer.keep().await.unwrap();
    let sign = |length: usize| signer.sign("at+jwt", &json!({"sub": "x".repeat(length)}), None);
    assert!(sign(2_800).unwrap().len() < LONGEST_TOKEN - LONGEST_PREFIX);
    assert!(matches!(sign(2_900), Err(SigningError::TooLong)));
}

#[tokio::test]
async fn what_is_signed_with_each_algorithm_holds_by_the_published_keys() {
    let test = TestDatabase::sqlite().await;
    let calendar = Arc::new(Calendar(AtomicI64::new(0)));
    let signer = signer(&test, &calendar, &[Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256]).await;
    assert!(matches!(signer.sign("at+jwt", &json!({}), None), Err(SigningError::NoKey(Algorithm::EdDsa))));
    signer.keep().await.unwrap();
    for algorithm in [None, Some(Algorithm::Es256), Some(Algorithm::Rs256)] {
        let token = signer.sign("at+jwt", &json!({"sub": "x"}), algorithm).unwrap();
        let header = Compact::read(&token).unwrap().header().unwrap();
        assert_eq!(header.algorithm, algorithm.unwrap_or(Algorithm::EdDsa));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        assert!(holds(&signer, &token));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { 'B' } else { 'A' };
        assert!(!holds(&signer, &format!("{signed}.{other}{}", &signature[1..])));
    }
    assert!(matches!(signer.sign("x", &json!({}), Some(Algorithm::Hs256)), Err(SigningError::NoKey(_))));
}

#[tokio::test]
async fn keys_come_and_go_by_the_schedule_and_other_processes_use_the_same() {
    for test in databases().await {
        let calendar = Arc::new(Calendar(AtomicI64::new(0)));
        let (one, other) = tokio::join!(
            signer(&test, &calendar, &[Algorithm::EdDsa]),
            signer(&test, &calendar, &[Algorithm::EdDsa]),
        );
        let kid = |signer: &Signer| {
            let token = signer.sign("at+jwt", &json!({}), None).unwrap();
            Compact::read(&token).unwrap().header().unwrap().kid.unwrap()
        };
        // At once, as two API nodes that start on an empty store.
        let (first, second) = tokio::join!(one.keep(), other.keep());
        first.unwrap();
        second.unwrap();
        let old = kid(&one);
        assert_eq!(kid(&other), old);
        assert_eq!(one.keys().all().len(), 1);
        calendar.0.store(29 * 24, Ordering::SeqCst);
        one.keep().await.unwrap();
        assert_eq!((one.keys().published().count(), kid(&one)), (2, old.clone()), "known, and not used yet");
        calendar.0.store(30 * 24, Ordering::SeqCst);
        assert_ne!(kid(&one), old, "used when its time has come, from memory");
        other.keep().await.unwrap();
        assert_eq!(kid(&other), kid(&one));
        let stored = async || {
            let context = format!("signing-key/{old}");
            one.gate.sealed_secrets().get(&context).await.unwrap().is_some()
        };
        assert!(stored().await);
        calendar.0.store(32 * 24, Ordering::SeqCst);
        other.keep().await.unwrap();
        assert_eq!((other.keys().published().count(), other.keys().all().len()), (1, 2));
        assert!(!stored().await, "nothing signs with it any more");
        one.keep().await.unwrap();
        assert_eq!(kid(&one), kid(&other));
        // As a process leaves it behind that ends between the event and this.
        one.gate.sealed_secrets().keep(&format!("signing-key/{old}"), b"left behind").await.unwrap();
        other.keep().await.unwrap();
        assert!(!stored().await, "what was left behind is swept");
    }
}

#[tokio::test]
async fn no_private_key_stands_in_the_log_or_in_clear() {
    let test = TestDatabase::sqlite().await;
    let calendar = Arc::new(Calendar(AtomicI64::new(0)));
    let signer = signer(&test, &calendar, &[Algorithm::EdDsa]).await;
    signer.keep().await.unwrap();
    let kid = signer.keys().all()[0].kid;
    let clear = signer.gate.sealed_secrets().get(&context(kid)).await.unwrap().unwrap();
    // The seed stands at the end of a key without its public half, or in the middle of one with it.
    let seed = &clear[16..48];
    let rows = test.database.query("SELECT sealed FROM sealed_secret", &[]).await.unwrap();
    let sealed = bytes(rows[0].text(0).unwrap());
    assert!(!sealed.windows(8).any(|window| seed.windows(8).any(|part| part == window)));
    let events = test.database.query("SELECT payload FROM events", &[]).await.unwrap();
    assert_eq!(events.len(), 1);
    let payload = events[0].text(0).unwrap();
    assert!(!payload.contains(&URL_SAFE_NO_PAD.encode(seed)));
    assert!(payload.contains("\"jwk\""), "{payload}");
}
