//! Bounds of limits, and a ledger under every kind of ask.

use proptest::prelude::*;

use super::*;

const MINUTE: u32 = 60_000;
/// When a lease that was given at 0 has surely lapsed, and when its minute has slid out as well.
const LAPSED: u64 = 21_081;
const COOLED: u64 = LAPSED + 60_241;

fn per_minute(limit: u32) -> RateLimit {
    RateLimit::new(limit, Duration::from_secs(60)).unwrap()
}

fn holder(node: &str) -> Holder {
    Holder::new(node, 1)
}

fn ask(number: u64, limit: u32, held: u32, needed: u32) -> Ask {
    Ask { number, windows: vec![WindowAsk { limit: per_minute(limit), held, needed }] }
}

#[track_caller]
fn share(ledger: &mut Ledger, node: &str, ask: &Ask, now_ms: u64) -> u32 {
    ledger.ask(&holder(node), ask, now_ms).unwrap().windows[0].share
}

#[test]
fn limits_and_windows_have_bounds() {
    let new = |limit, seconds| RateLimit::new(limit, Duration::from_secs(seconds));
    assert!(new(1, 1).is_ok() && new(1_000_000, 3_600).is_ok());
    assert_eq!(new(0, 60), Err(InvalidRateLimit::Limit));
    assert_eq!(new(1_000_001, 60), Err(InvalidRateLimit::Limit));
    for window in
        [Duration::ZERO, Duration::from_micros(1_000_500), Duration::from_secs(3_601), Duration::MAX]
    {
        assert_eq!(RateLimit::new(1, window), Err(InvalidRateLimit::Window), "{window:?}");
    }
    let limit = per_minute(600);
    assert_eq!((limit.limit(), limit.window(), limit.window_ms()), (600, Duration::from_secs(60), MINUTE));
}

#[test]
fn a_limit_is_checked_when_it_is_read_from_a_message() {
    let text = serde_json::to_string(&per_minute(600)).unwrap();
    assert_eq!(text, r#"{"limit":600,"window_ms":60000}"#);
    assert_eq!(serde_json::from_str::<RateLimit>(&text).unwrap(), per_minute(600));
    for wrong in [r#"{"limit":0,"window_ms":60000}"#, r#"{"limit":600,"window_ms":1}"#] {
        assert!(serde_json::from_str::<RateLimit>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_first_gets_a_good_part_and_the_pool_keeps_one() {
    let mut ledger = Ledger::default();
    assert_eq!(share(&mut ledger, "a", &ask(1, 600, 0, 0), 0), 0, "who wants nothing gets nothing");
    assert_eq!(share(&mut ledger, "a", &ask(2, 600, 0, 4), 0), 302);
    assert_eq!(share(&mut ledger, "b", &ask(1, 600, 0, 4), 0), 201);
    assert_eq!(share(&mut ledger, "c", &ask(1, 600, 0, 600), 0), 97, "what is left");
    assert_eq!(ledger.held(MINUTE), 600);
}

#[test]
fn a_share_moves_only_as_far_as_its_holder_gives_it_back() {
    let mut ledger = Ledger::default();
    assert_eq!(share(&mut ledger, "a", &ask(1, 600, 0, 600), 0), 600);
    assert_eq!(share(&mut ledger, "b", &ask(1, 600, 0, 600), 100), 0);
    let told = ledger.ask(&holder("a"), &ask(2, 600, 600, 600), 200).unwrap();
    assert_eq!((told.windows[0].share, told.contended), (300, true));
    assert_eq!(share(&mut ledger, "b", &ask(2, 600, 0, 600), 300), 0, "a may have counted them all");
    assert_eq!(share(&mut ledger, "a", &ask(3, 600, 450, 600), 400), 300);
    assert_eq!(share(&mut ledger, "b", &ask(3, 600, 0, 600), 500), 150);
    assert_eq!(ledger.held(MINUTE), 600);
}

#[test]
fn a_holder_that_vanishes_withholds_its_share_until_its_last_request_has_slid_out() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(1, 600, 0, 600), 0);
    assert_eq!(share(&mut ledger, "b", &ask(1, 600, 0, 600), LAPSED), 0);
    assert_eq!(share(&mut ledger, "b", &ask(2, 600, 0, 600), COOLED - 1), 0);
    assert_eq!(share(&mut ledger, "b", &ask(3, 600, 0, 600), COOLED), 600);

    // Its next life is another holder, and the first may still be running.
    assert_eq!(ledger.ask(&Holder::new("b", 2), &ask(1, 600, 0, 600), COOLED).unwrap().windows[0].share, 0);
}

#[test]
fn a_holder_that_comes_back_knows_what_it_counted() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(1, 600, 0, 600), 0);
    assert_eq!(share(&mut ledger, "a", &ask(2, 600, 250, 600), LAPSED + 5), 600);
    // It was forgotten, and no window that is still to end has any of what it counted.
    let mut ledger = Ledger::default();
    share(&mut ledger, "b", &ask(1, 600, 0, 600), 0);
    assert_eq!(share(&mut ledger, "a", &ask(9, 600, 250, 600), 10), 0);
    assert_eq!(ledger.held(MINUTE), 600);
}

#[test]
fn an_ask_that_comes_late_changes_nothing() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(2, 600, 0, 600), 0);
    let before = ledger.clone();
    for late in [ask(1, 600, 0, 0), ask(2, 600, 0, 0)] {
        assert_eq!(ledger.ask(&holder("a"), &late, 0), Err(Declined::Overtaken));
    }
    assert_eq!(ledger, before);
}

#[test]
fn a_clock_that_steps_back_frees_nothing_earlier() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(1, 600, 0, 600), 50_000);
    // Told at 10,000 by a clock that was wrong: it lapses as if it were still 50,000.
    share(&mut ledger, "a", &ask(2, 600, 600, 600), 10_000);
    assert_eq!(share(&mut ledger, "b", &ask(1, 600, 0, 600), 50_000 + COOLED - 1), 0);
    assert_eq!(share(&mut ledger, "b", &ask(2, 600, 0, 600), 50_000 + COOLED), 600);
}

#[test]
fn a_clock_that_stepped_back_and_forth_by_a_second_frees_nothing_earlier() {
    let mut ledger = Ledger::default();
    // It was 51,000, and the node may go on until 71,000 and a little, and be seen a minute long.
    share(&mut ledger, "a", &ask(1, 600, 0, 600), 50_000);
    assert_eq!(share(&mut ledger, "b", &ask(1, 600, 0, 600), 51_000 + 20_000 + 60_000 + 100), 0);
}

#[test]
fn a_lower_limit_is_kept_to_as_what_is_held_comes_back() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(1, 600, 0, 600), 0);
    assert_eq!(share(&mut ledger, "b", &ask(1, 300, 0, 300), 1), 0);
    assert_eq!(share(&mut ledger, "a", &ask(2, 300, 600, 300), 2), 150);
    assert_eq!(share(&mut ledger, "a", &ask(3, 300, 200, 300), 3), 150);
    assert_eq!(share(&mut ledger, "b", &ask(2, 300, 0, 300), 4), 100);
}

#[test]
fn what_is_no_ask_and_who_is_one_too_many() {
    let mut ledger = Ledger::default();
    let window = WindowAsk { limit: per_minute(600), held: 0, needed: 1 };
    for windows in [vec![], vec![window; 2], vec![window; 5]] {
        assert_eq!(ledger.ask(&holder("a"), &Ask { number: 1, windows }, 0), Err(Declined::Malformed));
    }
    assert!(ledger.is_empty());
    for node in 0..MOST_HOLDERS {
        share(&mut ledger, &node.to_string(), &ask(1, 600, 0, 1), 0);
    }
    assert_eq!(ledger.ask(&holder("one more"), &ask(1, 600, 0, 1), 0), Err(Declined::Full));
    ledger.expire(COOLED);
    assert!(ledger.is_empty());
}

#[test]
fn a_ledger_survives_being_written() {
    let mut ledger = Ledger::default();
    share(&mut ledger, "a", &ask(1, 600, 0, 4), 7);
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(
        text,
        r##"{"clock_ms":7,"holdings":[{"holder":"a#1","number":1,"until_ms":21088,"windows":[{"window_ms":60000,"held":302,"needed":4}]}]}"##
    );
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
}

proptest! {
    /// Whatever is asked, in whatever order and with whatever lies, and whatever the clock shows.
    #[test]
    fn shares_never_add_up_to_more_than_the_limit(
        limit in 1u32..700,
        steps in prop::collection::vec((0u8..6, 0u64..40, 0u32..900, 0u32..3_000, 0u64..200_000), 1..80),
    ) {
        let mut ledger = Ledger::default();
        for (node, number, held, needed, now_ms) in steps {
            let _ = ledger.ask(&holder(&node.to_string()), &ask(number, limit, held, needed), now_ms);
            prop_assert!(ledger.held(MINUTE) <= u64::from(limit), "{ledger:?}");
            let read: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
            prop_assert_eq!(&read, &ledger);
        }
    }
}
