//! A node's budgets by themselves, and many of them in simulated time.

mod faults;
mod healthy;
mod simulation;

use nexus_domain::ids::TenantId;
use nexus_domain::rate_limit::WindowShare;
use uuid::Uuid;

use super::*;

fn tenant(number: u128) -> Counted {
    TenantId::new(Uuid::from_u128(number)).into()
}

fn limit(limit: u32, seconds: u64) -> RateLimit {
    RateLimit::new(limit, Duration::from_secs(seconds)).unwrap()
}

fn nexuscore() -> Vec<RateLimit> {
    vec![limit(600, 60), limit(150, 10)]
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(1_000_000 + millis)
}

fn shares(number: u64, of: &[(u32, u32)]) -> Shares {
    let windows = of.iter().map(|(window_ms, share)| WindowShare { window_ms: *window_ms, share: *share });
    Shares { number, lease_ms: 20_000, contended: false, windows: windows.collect() }
}

/// Budgets that hold `share` of a limit of 100 in 10 s since 0.
fn with_share(share: u32) -> Budgets {
    with(share, false)
}

fn with(share: u32, contended: bool) -> Budgets {
    let budgets = Budgets::new();
    let refused = budgets.admit(tenant(1), &[limit(100, 10)], 1, at(0));
    assert_eq!(refused, Err(Refusal::NoShare { retry_after: Duration::from_millis(50) }));
    let asks = budgets.requests(at(0));
    assert_eq!(asks.len(), 1);
    let shares = Shares { contended, ..shares(asks[0].1.number, &[(10_000, share)]) };
    assert!(budgets.granted(tenant(1), &shares, at(5)));
    budgets
}

fn requests(remaining: &Remaining) -> Vec<u32> {
    remaining.iter().map(|left| left.requests).collect()
}

fn admit(budgets: &Budgets, millis: u64) -> Result<Vec<u32>, Refusal> {
    budgets.admit(tenant(1), &[limit(100, 10)], 1, at(millis)).map(|remaining| requests(&remaining))
}

#[test]
fn without_limits_everything_is_admitted_and_nothing_remembered() {
    let budgets = Budgets::new();
    assert_eq!(budgets.admit(tenant(1), &[], 1, at(0)), Ok(Remaining::default()));
    assert!(budgets.is_empty());
}

#[test]
fn a_share_is_used_up_and_slides_free() {
    let budgets = with(3, true);
    for left in [2, 1, 0] {
        assert_eq!(admit(&budgets, 10), Ok(vec![left]));
    }
    let refused = admit(&budgets, 20).unwrap_err();
    let Refusal::Exceeded { limit: of, retry_after } = refused else { panic!("{refused:?}") };
    assert_eq!(of, limit(100, 10));
    assert_eq!(retry_after, Duration::from_millis(10_001 + 10 - 10));
    assert_eq!(refused.to_string(), "more than 100 requests in 10 s");
    // What was refused counts nothing, however often it was tried.
    assert!((21..10_000).all(|millis| admit(&budgets, millis).is_err()));
    assert_eq!(admit(&budgets, 20 + 10_001), Ok(vec![2]));
}

#[test]
fn who_is_admitted_learns_when_there_is_room_for_more() {
    let budgets = with(3, true);
    let more_after = |millis| {
        let remaining = budgets.admit(tenant(1), &[limit(100, 10)], 1, at(millis)).unwrap();
        remaining.iter().next().unwrap().more_after
    };
    let window = Duration::from_micros(10_011_000);
    assert_eq!(more_after(10), window);
    assert_eq!(more_after(5_010), window - Duration::from_secs(5), "when the first slides out");
}

#[test]
fn a_request_is_admitted_by_all_limits_or_counts_against_none() {
    let budgets = Budgets::new();
    let limits = nexuscore();
    assert!(budgets.admit(tenant(1), &limits, 1, at(0)).is_err());
    let number = budgets.requests(at(0))[0].1.number;
    let shares = Shares { contended: true, ..shares(number, &[(60_000, 5), (10_000, 2)]) };
    budgets.granted(tenant(1), &shares, at(1));
    let remaining =
        |millis| budgets.admit(tenant(1), &limits, 1, at(millis)).map(|remaining| requests(&remaining));
    assert_eq!(remaining(2), Ok(vec![4, 1]));
    assert_eq!(remaining(3), Ok(vec![3, 0]));
    assert!((4..9_000).all(|millis| remaining(millis).is_err()));
    assert_eq!(remaining(10_100), Ok(vec![2, 1]));
    assert_eq!(
        budgets.admit(tenant(1), &limits, 3, at(10_200)),
        Err(Refusal::Exceeded { limit: limits[0], retry_after: Duration::from_micros(49_864_000) }),
        "the limit that has to be waited for longest"
    );
}

#[test]
fn while_others_need_nothing_the_share_grows_in_a_moment() {
    let budgets = with_share(1);
    assert_eq!(admit(&budgets, 10), Ok(vec![0]));
    let soon = Refusal::Exceeded { limit: limit(100, 10), retry_after: Duration::from_millis(50) };
    assert_eq!(admit(&budgets, 11), Err(soon));
    assert_eq!(admit(&with(0, true), 11), Err(Refusal::exceeded(limit(100, 10), 100_110)));
}

#[test]
fn shares_lapse_and_what_was_counted_is_still_known() {
    let budgets = with_share(100);
    assert_eq!(admit(&budgets, 19_000), Ok(vec![99]));
    // The lease runs since the ask was sent.
    assert_eq!(admit(&budgets, 19_999), Ok(vec![98]));
    assert!(matches!(admit(&budgets, 20_000), Err(Refusal::NoShare { .. })));
    let (_, ask) = budgets.requests(at(20_000)).remove(0);
    assert_eq!(ask.windows[0].held, 2);
    assert!(budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 3)]), at(20_001)));
    assert_eq!(admit(&budgets, 20_002), Ok(vec![0]));
}

#[test]
fn the_answer_to_an_ask_that_was_overtaken_is_not_taken() {
    let budgets = Budgets::new();
    assert!(admit(&budgets, 0).is_err());
    let (_, first) = budgets.requests(at(0)).remove(0);
    assert!(budgets.requests(at(249)).is_empty(), "it may still be answered");
    let (_, second) = budgets.requests(at(250)).remove(0);
    assert!(second.number > first.number);
    assert!(!budgets.granted(tenant(1), &shares(first.number, &[(10_000, 100)]), at(251)));
    assert!(!budgets.granted(tenant(2), &shares(second.number, &[(10_000, 100)]), at(251)));
    assert!(matches!(admit(&budgets, 252), Err(Refusal::NoShare { .. })));
    assert!(budgets.granted(tenant(1), &shares(second.number, &[(10_000, 100)]), at(253)));
    assert!(!budgets.granted(tenant(1), &shares(second.number, &[(10_000, 100)]), at(254)), "once");
    assert_eq!(admit(&budgets, 255), Ok(vec![99]));
}

#[test]
fn a_smaller_share_is_given_back_as_requests_slide_out() {
    let budgets = with_share(50);
    for millis in 100..140 {
        admit(&budgets, millis).unwrap();
    }
    let (_, ask) = budgets.requests(at(5_000)).remove(0);
    assert_eq!(ask.windows[0].held, 50);
    budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 10)]), at(5_001));
    assert!(admit(&budgets, 5_002).is_err());
    let (_, ask) = budgets.requests(at(10_050)).remove(0);
    assert_eq!(ask.windows[0].held, 40, "what is counted, and not the share of before");
    budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 10)]), at(10_051));
    assert!(admit(&budgets, 10_052).is_err());
    let (_, ask) = budgets.requests(at(15_100)).remove(0);
    assert_eq!(ask.windows[0].held, 10);
}

#[test]
fn more_is_asked_for_before_the_share_is_used_up() {
    let budgets = with_share(40);
    for millis in 200..229 {
        admit(&budgets, millis).unwrap();
        assert!(budgets.requests(at(millis)).is_empty(), "at {millis}");
    }
    assert_eq!(admit(&budgets, 229), Ok(vec![10]));
    let (_, ask) = budgets.requests(at(229)).remove(0);
    assert_eq!((ask.windows[0].held, ask.windows[0].needed), (40, 31 * 4));
    assert_eq!(admit(&budgets, 230), Ok(vec![9]), "nobody waits for the answer");
}

#[test]
fn a_tenant_that_nobody_tries_is_left_and_forgotten() {
    let budgets = with_share(40);
    admit(&budgets, 100).unwrap();
    for millis in (0..=10_000).step_by(100) {
        for (_, ask) in budgets.requests(at(millis)) {
            assert!(!ask.leaves());
            budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 40)]), at(millis));
        }
    }
    assert_eq!(budgets.len(), 1);
    let (_, ask) = budgets.requests(at(17_000)).remove(0);
    assert!(ask.leaves());
    assert!(budgets.is_empty());
    assert!(!budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 0)]), at(17_001)));
}

#[test]
fn limits_that_change_keep_what_was_counted() {
    let budgets = with_share(40);
    admit(&budgets, 100).unwrap();
    let lower = [limit(20, 10), limit(5, 1)];
    assert!(budgets.admit(tenant(1), &lower, 1, at(101)).is_err(), "there is no share of the new one");
    let (_, ask) = budgets.requests(at(400)).remove(0);
    assert_eq!(ask.windows.iter().map(|window| window.held).collect::<Vec<_>>(), [20, 0]);
    budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 20), (1_000, 5)]), at(401));
    let left = budgets.admit(tenant(1), &lower, 1, at(402)).unwrap();
    assert_eq!(requests(&left), [18, 4]);
}

#[test]
fn time_that_was_read_earlier_counts_as_now() {
    let budgets = with_share(2);
    admit(&budgets, 5_000).unwrap();
    admit(&budgets, 3_000).unwrap();
    assert!(admit(&budgets, 13_012).is_err(), "the second counts since 5,000");
    assert_eq!(admit(&budgets, 15_011), Ok(vec![1]));
}

#[test]
fn many_threads_share_one_budget() {
    let budgets = with_share(1_000);
    let admitted: usize = std::thread::scope(|scope| {
        let worker = || (0..1_000).filter(|millis| admit(&budgets, *millis).is_ok()).count();
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1_000);
}

#[tokio::test]
async fn who_waits_for_the_first_share_is_woken_by_it() {
    let budgets = std::sync::Arc::new(Budgets::new());
    budgets.first_share(tenant(1)).await;
    assert!(admit(&budgets, 0).is_err());
    budgets.due().await;
    let (_, ask) = budgets.requests(at(0)).remove(0);
    let waiting = tokio::spawn({
        let budgets = std::sync::Arc::clone(&budgets);
        async move { budgets.first_share(tenant(1)).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 10)]), at(1));
    waiting.await.unwrap();
    assert_eq!(admit(&budgets, 2), Ok(vec![9]));
}

#[tokio::test]
async fn who_waits_for_a_larger_share_is_woken_by_it() {
    let budgets = std::sync::Arc::new(with_share(4));
    budgets.larger_share(tenant(1)).await;
    for left in [3, 2, 1, 0] {
        assert_eq!(admit(&budgets, 40), Ok(vec![left]));
    }
    assert!(admit(&budgets, 41).is_err());
    let (_, ask) = budgets.requests(at(41)).remove(0);
    let waiting = tokio::spawn({
        let budgets = std::sync::Arc::clone(&budgets);
        async move { budgets.larger_share(tenant(1)).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    budgets.granted(tenant(1), &shares(ask.number, &[(10_000, 100)]), at(42));
    waiting.await.unwrap();
    assert_eq!(admit(&budgets, 43), Ok(vec![95]));
}
