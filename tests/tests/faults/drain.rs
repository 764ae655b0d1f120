//! One of two nodes is told to stop under load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_tests::{Client, Node, Options, Store, Tenant};

use crate::commands::{Command, Sent, complete};
use crate::{load, log};

/// The node gives running requests ten seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(14);

/// The node that stops.
struct First<'a> {
    client: Client,
    token: &'a str,
}

/// What a client saw that went to the other node where the first did not answer.
struct Seen {
    done: Vec<Sent>,
    /// Request ids to which there was no answer.
    unanswered: Vec<String>,
}

#[test]
fn a_node_that_is_told_to_stop_answers_every_request_that_it_carries_out() {
    let Some(store) = Store::postgres_or_skip("one of two nodes stops") else { return };
    let stays = Node::serve(&store, &Options::default());
    let tenant = Tenant::create(&stays.admin(), "nexus");
    let mut everything = Vec::new();
    let mut unanswered = BTreeSet::new();
    for round in 0..3 {
        let mut stops = Node::serve(&store, &Options::default());
        let token = stops.admin_token().to_owned();
        let (first, second) = (First { client: stops.admin(), token: &token }, stays.admin());
        let work = |thread: usize, over: &AtomicBool| create(&first, &second, &tenant, (round, thread), over);
        let (seen, ()) = load::during(16, work, || {
            std::thread::sleep(Duration::from_millis(800));
            let began = Instant::now();
            let status = stops.stop();
            assert!(status.success(), "it ends with {status}");
            assert!(began.elapsed() < ENDS_WITHIN, "it took {:?} to end", began.elapsed());
            std::thread::sleep(Duration::from_millis(200));
        });
        for seen in seen {
            everything.extend(seen.done);
            unanswered.extend(seen.unanswered);
        }
    }
    eprintln!("{} commands, {} without an answer", everything.len(), unanswered.len());
    log::check_once(&stays.admin(), &everything);
    let events = log::events(&stays.admin());
    let carried_out = events.iter().filter_map(|event| event["requestid"].as_str());
    let left: Vec<&str> = carried_out.filter(|id| unanswered.contains(*id)).collect();
    assert!(left.is_empty(), "carried out and not answered: {left:?}");
}

/// Half of the threads open a connection for each request, the others keep theirs.
fn create(
    first: &First,
    second: &Client,
    tenant: &Tenant,
    thread: (usize, usize),
    over: &AtomicBool,
) -> Seen {
    let mut seen = Seen { done: Vec::new(), unanswered: Vec::new() };
    let keeps = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .proxy(None)
        .build();
    let kept = ureq::Agent::from(keeps);
    while !over.load(Ordering::SeqCst) {
        let name = format!("{thread:?}-{}", seen.done.len()).replace(' ', "");
        let command = Command::create(tenant, name.clone());
        let sent = if thread.1.is_multiple_of(2) {
            command.send(&first.client.clone().header("x-request-id", &name))
        } else {
            command.send_over(&kept, first.client.url(), first.token, &name)
        };
        match &sent.answer {
            Some(answer) => {
                assert_eq!(answer.status, 201, "a request that is accepted does not fail: {answer:?}");
                seen.done.push(sent);
            }
            None => {
                if !sent.refused {
                    seen.unanswered.push(name);
                }
                seen.done.extend(complete(second, &[command], 1));
            }
        }
    }
    seen
}
