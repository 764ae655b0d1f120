//! Keys are revoked again and again while whatever can be disturbed is disturbed, several things at a time: processes are
//! frozen, killed and started again, and validating nodes are cut off. What happens is the same in every run; when it happens
//! to whom is not.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nexus_tests::observer::{Sight, simple};
use nexus_tests::proxy::Way;
use nexus_tests::{Client, Keys, Proxy, Target, Verdict};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan};

/// How long it goes on.
const LASTS: Duration = Duration::from_secs(20);
/// How often something else begins.
const BEGINS_EVERY: Duration = Duration::from_millis(350);
/// How long a question waits for whoever stands still.
const PATIENCE: Duration = Duration::from_secs(12);

/// Something that is put right again.
enum Undo {
    ThawValidator(usize),
    ThawApi(usize),
    Heal(usize),
}

#[test]
fn whatever_happens_no_answered_revocation_is_followed_by_an_accept() {
    let plan = Plan { apis: 2, validators: 3, proxied: true, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("chaos", &plan) else { return };
    let nodes = cluster.nodes();
    let over = AtomicBool::new(false);
    let found = Found::default();
    let all_keys = [0, 1].map(|api| cluster.keys(api));
    thread::scope(|scope| {
        for number in 0..6 {
            let (nodes, over, found, all_keys) = (&nodes, &over, &found, &all_keys);
            scope.spawn(move || revoke_again_and_again(scope, all_keys, number, nodes, over, found));
        }
        disturb(&mut cluster);
        over.store(true, Ordering::SeqCst);
    });
    let (revoked, wrong) = (found.revoked.into_inner().unwrap(), found.wrong.into_inner().unwrap());
    eprintln!("{} revocations were answered while everything was disturbed", revoked.len());
    assert!(wrong.is_empty(), "accepted after the revocation was answered:\n{}", wrong.join("\n"));
    assert!(revoked.len() > 5, "revocations are answered: {}", revoked.len());
    let doomed = cluster.revoke(0);
    assert!(doomed.receipt.is_object());
    for (_, client) in &nodes {
        cluster.await_back(client);
        for secret in &revoked {
            let verdict = Target::verify("", "", client.clone(), simple(secret)).ask().verdict;
            assert_eq!(verdict, Verdict::Refused("REVOKED".to_owned()), "{}", client.url());
        }
    }
}

#[derive(Default)]
struct Found {
    /// Secrets whose revocation was answered.
    revoked: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
}

/// Makes keys and revokes them, by one API node or the other, and asks every node as soon as that is answered.
fn revoke_again_and_again<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    keys: &[Keys; 2],
    thread: usize,
    nodes: &'scope [(String, Client)],
    over: &AtomicBool,
    found: &'scope Found,
) {
    for round in thread.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let Some(made) = keys[round % 2].try_create(&json!({"name": format!("Chaos {round}")})) else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        // Known to whoever can tell, so that there is something to forget.
        let ask = |client: &Client| Target::verify("", DOOMED, client.clone(), simple(&made.secret));
        for (_, client) in nodes {
            let _told = ask(client).within(Duration::from_millis(100)).ask();
        }
        let revoking = Instant::now();
        let answered = (0..6).any(|attempt| keys[(round + attempt) % 2].try_revoke(&made.id));
        let at = Instant::now();
        if !answered {
            continue;
        }
        found.revoked.lock().unwrap().push(made.secret.clone());
        for (name, client) in nodes {
            let target = Target::verify(name, DOOMED, client.clone(), simple(&made.secret)).within(PATIENCE);
            scope.spawn(move || {
                let Sight { began, ended, verdict, .. } = target.ask();
                if verdict == Verdict::Accepted {
                    let (began, took, waited) = (began - at, ended - began, at - revoking);
                    let text =
                        format!("{name}: {began:?} behind the answer, which took {waited:?}, in {took:?}");
                    found.wrong.lock().unwrap().push(text);
                }
            });
        }
    }
}

fn disturb(cluster: &mut Cluster) {
    let began = Instant::now();
    let mut undo: Vec<(Instant, Undo)> = Vec::new();
    // A generator of Lehmer's: the same numbers in every run.
    let mut state: u64 = 20_260_131;
    let mut below = |bound: u64| {
        state = state * 48_271 % 0x7fff_ffff;
        state % bound
    };
    while began.elapsed() < LASTS {
        put_right(cluster, &mut undo, Instant::now());
        let number = below(3) as usize;
        let until = Instant::now() + Duration::from_millis(200 + below(3800));
        let frozen = |undo: &[(Instant, Undo)], number: usize| {
            undo.iter().any(|(_, undo)| matches!(undo, Undo::ThawValidator(one) if *one == number))
        };
        let api_frozen = undo.iter().any(|(_, undo)| matches!(undo, Undo::ThawApi(_)));
        match below(8) {
            0..=2 if !frozen(&undo, number) => {
                cluster.validators[number].freeze();
                undo.push((until, Undo::ThawValidator(number)));
            }
            3 | 4 => {
                let ways = below(3);
                for proxy in &cluster.proxies[number] {
                    match ways {
                        0 => proxy.cut(Way::There),
                        1 => proxy.cut(Way::Back),
                        _ => proxy.cut_both(),
                    }
                }
                undo.push((until, Undo::Heal(number)));
            }
            5 if !frozen(&undo, number) => {
                cluster.validators[number].kill();
                cluster.validators[number].run_again();
            }
            6 if !api_frozen => {
                cluster.apis[number % 2].freeze();
                undo.push((until, Undo::ThawApi(number % 2)));
            }
            7 if !api_frozen => {
                let api = number % 2;
                cluster.apis[api].kill();
                let dead = cluster.apis.remove(api);
                cluster.apis.insert(api, dead.start_again());
            }
            _ => {}
        }
        thread::sleep(BEGINS_EVERY);
    }
    put_right(cluster, &mut undo, began + LASTS + LASTS);
}

/// What is due by then.
fn put_right(cluster: &Cluster, undo: &mut Vec<(Instant, Undo)>, by: Instant) {
    undo.retain(|(due, undo)| {
        if *due > by {
            return true;
        }
        match undo {
            Undo::ThawValidator(number) => cluster.validators[*number].thaw(),
            Undo::ThawApi(number) => cluster.apis[*number].thaw(),
            Undo::Heal(number) => cluster.proxies[*number].iter().for_each(Proxy::heal),
        }
        false
    });
}
