//! A limit for all nodes together: four validating nodes, each with shares of it, under uneven demand.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use nexus_tests::validator::{Surroundings, Validator};
use nexus_tests::{Node, Options, Store, Tenant, node_credential};
use serde_json::json;

/// So many in any stretch of so long.
const LIMITS: [(usize, Duration); 2] = [(40, Duration::from_secs(2)), (150, Duration::from_secs(10))];
/// What each of the nodes is asked in a second: twice what the limits allow, most of it on one node.
const DEMAND: [u32; 4] = [42, 12, 4, 2];
const LASTS: Duration = Duration::from_secs(14);

/// An accepted request: it was counted between the two.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    began: Instant,
    answered: Instant,
}

#[test]
fn a_limit_holds_for_all_nodes_together_and_is_of_use() {
    let store = Store::sqlite();
    let dialects = store.folder().join("dialects");
    std::fs::create_dir(&dialects).unwrap();
    let limits: String = LIMITS
        .iter()
        .map(|(limit, window)| {
            let window = window.as_secs();
            format!("\n[[rate_limits]]\nper = \"tenant\"\nlimit = {limit}\nwindow = \"{window}s\"\n")
        })
        .collect();
    let text = format!("{}{limits}", include_str!("../../../dialects/nexus.toml"));
    std::fs::write(dialects.join("nexus.toml"), text).unwrap();
    let api = Node::serve(&store, &Options::default().dialects(&dialects));
    let tenant = Tenant::create(&api.admin(), "nexus");
    let admin = api.admin();
    let key = tenant.keys(&admin).create(&json!({"name": "Limited"}));
    let credential = node_credential(&admin);
    let path = dialects.display().to_string();
    let nodes: Vec<Validator> = (0..DEMAND.len())
        .map(|number| {
            let variables = vec![("NEXUS__DIALECTS__PATH".to_owned(), path.clone())];
            let surroundings = Surroundings { variables, ..Surroundings::default() };
            let folder = store.folder().join(format!("limited-{number}"));
            Validator::begin_in(surroundings, &folder, &credential.secret, &[api.url()])
        })
        .collect();
    nodes.iter().for_each(Validator::await_ready);

    let accepted = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (node, a_second) in nodes.iter().zip(DEMAND) {
            let client = node.client().header("authorization", &format!("Bearer {}", key.secret));
            let accepted = &accepted;
            scope.spawn(move || {
                for number in 0.. {
                    let due = began + Duration::from_secs(1) / a_second * number;
                    if due > began + LASTS {
                        return;
                    }
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let asked = Instant::now();
                    let answer = client.get("/v1/forward-auth/nexus");
                    let answered = Instant::now();
                    match answer.status {
                        200 => accepted.lock().unwrap().push(Accepted { began: asked, answered }),
                        429 => assert!(answer.header("retry-after").is_some(), "{answer:?}"),
                        _ => panic!("neither accepted nor limited: {answer:?}"),
                    }
                }
            });
        }
    });
    let mut accepted = accepted.into_inner().unwrap();
    accepted.sort_by_key(|one| one.answered);
    for (limit, window) in LIMITS {
        for (place, first) in accepted.iter().enumerate() {
            let within = accepted[place..]
                .iter()
                .filter(|one| one.began >= first.began && one.answered < first.began + window);
            let count = within.count();
            assert!(count <= limit, "{count} requests within {window:?}, of which {limit} are allowed");
        }
    }
    // The longer window is what limits in the long run: 15 a second.
    let allowed = LASTS.as_secs() as usize * LIMITS[1].0 / LIMITS[1].1.as_secs() as usize;
    let share = accepted.len() * 100 / allowed;
    eprintln!("{} of {allowed} requests that the limits allow were accepted, {share} %", accepted.len());
    assert!(share >= 70, "only {share} % of what the limits allow was accepted");
}
