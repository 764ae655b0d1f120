//! The limits by a clock of their own.

use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::ResponseError as _;
use actix_web::http::header::HeaderMap;
use chrono::DateTime;
use futures::FutureExt as _;
use nexus_domain::ids::{GrantId, KeyId};
use nexus_infrastructure::clock::ManualClock;

use super::*;
use crate::problem::Problem;

const CONFIG: AuthenticationConfig = AuthenticationConfig {
    requests_per_minute: 100,
    failures_per_minute: 10,
    account_failures_per_hour: 20,
    client_tokens_per_minute: 6,
    grant_refreshes_per_hour: 4,
};

struct Limits {
    limits: AuthenticationLimits,
    clock: Arc<ManualClock>,
    nodes: Arc<AtomicU32>,
}

fn limits() -> Limits {
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp_nanos(0)));
    let nodes = Arc::new(AtomicU32::new(1));
    let counted = Arc::clone(&nodes);
    let limits = AuthenticationLimits::new(CONFIG, clock.clone(), move || counted.load(Ordering::Relaxed));
    Limits { limits, clock, nodes }
}

impl Limits {
    /// Tries, where it need not wait for others.
    fn admit(&self, address: &str) -> Result<Attempt, Limited> {
        let admitted = self.limits.admit(Some(address.parse().unwrap()));
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(async { admitted.now_or_never().expect("nothing to wait for") })
    }

    fn fail(&self, address: &str) -> Result<(), Limited> {
        self.admit(address).map(Attempt::failed)
    }

    fn guess(&self, address: &str, account: &str) -> Result<(), Limited> {
        let mut attempt = self.admit(address)?;
        attempt.on_account(account, false)?;
        attempt.failed();
        Ok(())
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[test]
fn an_address_has_a_hundred_requests_in_every_minute() {
    let limits = limits();
    for number in 0..100 {
        assert!(limits.admit("192.0.2.1").is_ok(), "{number}");
        limits.clock.advance(Duration::from_millis(300));
    }
    let limited = limits.admit("192.0.2.1").err().expect("the hundred and first");
    assert_eq!((limited.limit, limited.quota, limited.window), (Limit::Requests, 100, MINUTE));
    assert!(limits.admit("192.0.2.2").is_ok(), "another address");
    // Half a minute has passed, and the next one fits when the first has slid out.
    assert!((30..=32).contains(&limited.retry_after.as_secs()), "{limited:?}");
    limits.clock.advance(limited.retry_after);
    assert!(limits.admit("192.0.2.1").is_ok(), "what was told holds");
    assert_eq!(limits.limits.state().origins.at(Place::Own(Origin::of(None))).running, 0);
}

#[test]
fn an_address_has_ten_failures_in_every_minute() {
    let limits = limits();
    for _ in 0..10 {
        limits.fail("192.0.2.1").unwrap();
    }
    let limited = limits.fail("192.0.2.1").unwrap_err();
    assert_eq!((limited.limit, limited.quota), (Limit::Failures, 10));
    limits.fail("192.0.2.2").unwrap();
    limits.pass(59);
    assert!(limits.fail("192.0.2.1").is_err());
    limits.pass(2);
    limits.fail("192.0.2.1").unwrap();
}

#[test]
fn what_succeeds_or_is_no_attempt_is_no_failure() {
    let limits = limits();
    for _ in 0..50 {
        limits.admit("192.0.2.1").unwrap().succeeded();
        drop(limits.admit("192.0.2.1").unwrap());
        limits.pass(2);
    }
    limits.fail("192.0.2.1").unwrap();
}

#[test]
fn case_34_hopping_within_a_64_and_other_spellings_gain_nothing() {
    let limits = limits();
    for host in 0..10 {
        limits.fail(&format!("2001:db8:1:2::{host:x}:1")).unwrap();
    }
    assert!(limits.fail("2001:db8:1:2:ffff:ffff:ffff:ffff").is_err());
    limits.fail("2001:db8:1:3::1").unwrap();
    for number in 0..10 {
        limits.fail(["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"][number % 3]).unwrap();
    }
    assert!(limits.fail("203.0.113.7").is_err());
    assert!(limits.fail("::ffff:203.0.113.7").is_err());
}

#[tokio::test]
async fn many_at_once_are_no_way_to_more_failures() {
    let limits = limits().limits;
    let address = Some([192, 0, 2, 1].into());
    let tried = futures::future::join_all((0..50).map(|_| async {
        let attempt = limits.admit(address).await?;
        // Others get to run while this one is checked.
        tokio::task::yield_now().await;
        attempt.failed();
        Ok::<_, Limited>(())
    }));
    let outcomes = tried.await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
}

#[tokio::test]
async fn many_at_once_that_succeed_wait_for_each_other_and_are_admitted() {
    let limits = limits().limits;
    let address = Some([192, 0, 2, 1].into());
    let tried = futures::future::join_all((0..100).map(|_| async {
        let attempt = limits.admit(address).await?;
        tokio::task::yield_now().await;
        attempt.succeeded();
        Ok::<_, Limited>(())
    }));
    assert!(tried.await.iter().all(Result::is_ok));
}

#[test]
fn api_nodes_divide_a_limit() {
    let limits = limits();
    limits.nodes.store(3, Ordering::Relaxed);
    for _ in 0..3 {
        limits.fail("192.0.2.1").unwrap();
    }
    let limited = limits.fail("192.0.2.1").unwrap_err();
    assert_eq!(limited.quota, 10, "what holds for all together");
    limits.nodes.store(2, Ordering::Relaxed);
    limits.fail("192.0.2.1").unwrap();
    limits.nodes.store(1_000, Ordering::Relaxed);
    limits.fail("192.0.2.2").unwrap();
    assert!(limits.fail("192.0.2.2").is_err(), "one each at the least");
}

#[test]
fn strangers_are_slowed_on_an_account_wherever_they_come_from() {
    let limits = limits();
    for number in 0..20 {
        limits.guess(&format!("198.51.100.{number}"), "ada@example.com").unwrap();
    }
    let limited = limits.guess("198.51.100.99", "ada@example.com").unwrap_err();
    assert_eq!((limited.limit, limited.quota, limited.window), (Limit::Account, 20, HOUR));
    limits.guess("198.51.100.99", "bob@example.com").unwrap();
    limits.pass(3_700);
    limits.guess("198.51.100.99", "ada@example.com").unwrap();
}

#[test]
fn strangers_do_not_keep_an_owner_out() {
    let limits = limits();
    let mut home = limits.admit("192.0.2.1").unwrap();
    home.on_account("ada@example.com", false).unwrap();
    home.succeeded();
    for number in 0..20 {
        limits.guess(&format!("198.51.100.{number}"), "ada@example.com").unwrap();
    }
    assert!(limits.guess("198.51.100.99", "ada@example.com").is_err());
    limits.guess("192.0.2.1", "ada@example.com").unwrap();
    let mut elsewhere = limits.admit("192.0.2.9").unwrap();
    assert!(elsewhere.on_account("ada@example.com", false).is_err());
    elsewhere.on_account("ada@example.com", true).unwrap();
}

#[test]
fn guesses_under_way_count_until_they_end() {
    let limits = limits();
    let under_way: Vec<_> = (0..20)
        .map(|number| {
            let mut attempt = limits.admit(&format!("198.51.100.{number}")).unwrap();
            attempt.on_account("ada@example.com", false).unwrap();
            attempt.on_account("ada@example.com", false).unwrap();
            attempt
        })
        .collect();
    assert!(limits.guess("198.51.100.99", "ada@example.com").is_err());
    drop(under_way);
    limits.guess("198.51.100.99", "ada@example.com").unwrap();
}

#[test]
fn a_refusal_says_when_to_come_again() {
    let limited = Limited {
        limit: Limit::Failures,
        quota: 10,
        window: MINUTE,
        retry_after: Duration::from_millis(1_001),
    };
    let mut headers = HeaderMap::new();
    limited.insert_into(&mut headers);
    let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(text("retry-after"), "2");
    assert_eq!(text("ratelimit"), "\"failed-attempts\";r=0;t=2");
    assert_eq!(text("ratelimit-policy"), "\"failed-attempts\";q=10;w=60");
    let response = Problem::from(limited).error_response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers().get("retry-after").unwrap(), "2");
}

#[test]
fn a_client_gets_so_many_tokens_a_minute_and_a_consent_so_many_refreshes_an_hour() {
    let limits = limits();
    let of = |client: u128, grant: Option<u128>| {
        let grant = grant.map(|grant| GrantId::new(Uuid::from_u128(grant)));
        limits.limits.admit_issuance(KeyId::new(Uuid::from_u128(client)), grant)
    };
    for _ in 0..20 {
        assert!(of(1, Some(9)).is_ok(), "what was not issued counts as nothing");
    }
    for _ in 0..4 {
        of(1, Some(7)).unwrap().issued();
    }
    let limited = of(1, Some(7)).err().unwrap();
    assert_eq!((limited.limit, limited.quota, limited.window), (Limit::GrantRefreshes, 4, HOUR));
    let under_way = [of(1, None).unwrap(), of(1, Some(8)).unwrap()];
    let limited = of(1, None).err().unwrap();
    assert_eq!((limited.limit, limited.quota, limited.window), (Limit::ClientTokens, 6, MINUTE));
    assert!(limited.to_string().contains("until it expires"), "{limited}");
    assert!(of(2, Some(6)).is_ok(), "another client");
    drop(under_way);
    of(1, None).unwrap().issued();
    limits.pass(61);
    assert!(of(1, None).is_ok(), "the minute is over");
    let limited = of(1, Some(7)).err().unwrap();
    limits.pass(limited.retry_after.as_secs() + 1);
    of(1, Some(7)).unwrap().issued();
    limits.nodes.store(2, Ordering::Relaxed);
    for _ in 0..2 {
        of(3, Some(5)).unwrap().issued();
    }
    assert!(of(3, Some(5)).is_err(), "a node of two admits half");
}
