//! PostgreSQL goes away under load and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_tests::postgres::Server;
use nexus_tests::{Client, Node, Options, Store, Tenant, patience, until};
use serde_json::json;

use crate::commands::{Command, Sent, complete};
use crate::replay::check_read_models;
use crate::{load, log};

/// How long the database stays away.
const AWAY: Duration = Duration::from_millis(1500);
/// How long it stands still: longer than a batch of commands may take to be committed.
const FROZEN: Duration = Duration::from_secs(13);
/// When the node's right to answer from its table has run out, and some for a busy machine.
const LAPSED: Duration = Duration::from_secs(5);
/// How long after its return commands may go on failing.
const RECOVERED_WITHIN: Duration = Duration::from_secs(15);
/// Longest answers while it stands still: the time that one statement may take, and some for a busy machine.
const GIVEN_UP: Duration = Duration::from_secs(12);
/// Longest answers; a verification that waited for the database would take longer.
const COMMAND: Duration = Duration::from_secs(15);
const VERIFICATION: Duration = Duration::from_secs(1);
const WRITERS: usize = 8;

#[test]
fn a_restart_of_postgres_costs_503s_at_most_and_the_node_recovers_by_itself() {
    disturb("a restart of PostgreSQL", COMMAND, |server, client, tenant| {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_secs(1));
            server.stop_immediately();
            std::thread::sleep(AWAY);
            server.run();
            recovers(client, tenant);
        }
    });
}

#[test]
fn a_postgres_that_stands_still_makes_no_verdict_wrong_and_the_node_recovers_by_itself() {
    disturb("a frozen PostgreSQL", GIVEN_UP, |server, client, tenant| {
        std::thread::sleep(Duration::from_secs(1));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let lists = [tenant.path("/keys"), "/v1/tenants".to_owned(), "/v1/events".to_owned()];
            for list in lists.into_iter().chain([tenant.path("/audit")]) {
                let over = &over;
                scope.spawn(move || read_throughout(client, &list, over));
            }
            server.signal_all("STOP");
            std::thread::sleep(LAPSED);
            let answer = client.post("/v1/verify", &json!({"credential": "nx_live_unknown"}));
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "unavailable"),
                "it cannot tell any more"
            );
            std::thread::sleep(FROZEN - LAPSED);
            over.store(true, Ordering::SeqCst);
            server.signal_all("CONT");
        });
        recovers(client, tenant);
    });
}

/// Asks for a list again and again. It is there or it is not, and either is said in time.
fn read_throughout(client: &Client, list: &str, over: &AtomicBool) {
    let mut refused = 0;
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        let answer = client.get(list);
        assert!(began.elapsed() < GIVEN_UP, "{list} took {:?}", began.elapsed());
        if answer.status == 503 {
            assert_eq!(answer.code(), "unavailable", "{list}");
            refused += 1;
        } else {
            assert_eq!(answer.status, 200, "{list}: {answer:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(refused > 0, "{list} was refused while the database stood still");
    assert!(until(RECOVERED_WITHIN, || client.get(list).status == 200), "{list} is there again");
}

/// Commands, each answered within `bound`, and verification while something happens to the database.
fn disturb(test: &str, bound: Duration, happens: impl FnOnce(&mut Server, &Client, &Tenant)) {
    let Some(mut server) = Server::start(test) else { return };
    let options = Options::default().set("database.url", &json!(server.url()).to_string());
    let mut node = Node::serve(&Store::sqlite(), &options);
    let client = node.admin();
    let tenant = Tenant::create(&client, "nexus");
    let key = tenant.keys(&client).create(&json!({"name": "Verified throughout"}));
    let work = |number: usize, over: &AtomicBool| {
        if number < WRITERS {
            (create(&client, &tenant, number, over), 0)
        } else {
            (Vec::new(), verify_throughout(&client, &key.secret, over))
        }
    };
    let (done, ()) = load::during(WRITERS + 2, work, || happens(&mut server, &client, &tenant));
    assert!(node.process().is_running(), "it is the same process");
    let verified: u64 = done.iter().map(|(_, verified)| verified).sum();
    let sent: Vec<Sent> = done.into_iter().flat_map(|(sent, _)| sent).collect();
    let longest = sent.iter().map(|sent| sent.took).max().unwrap_or_default();
    assert!(longest < bound, "a command took {longest:?}");
    check(&client, &tenant, sent);

    let counted = || tenant.keys(&client).usage(&key.id)["VALID"].as_u64().unwrap_or(0);
    until(patience(), || counted() >= verified);
    assert_eq!(counted(), verified, "each use is counted once");
    drop(check_read_models(node, &server.url()));
}

/// Nothing but success and 503; what succeeded is there, and what did not can be repeated.
fn check(client: &Client, tenant: &Tenant, sent: Vec<Sent>) {
    let (acknowledged, refused): (Vec<Sent>, Vec<Sent>) = sent.into_iter().partition(Sent::acknowledged);
    eprintln!("{} acknowledged, {} answered 503", acknowledged.len(), refused.len());
    for sent in &refused {
        let status = sent.answer.as_ref().map(|answer| answer.status);
        assert_eq!(status, Some(503), "{sent:?}");
    }
    load::spread(&acknowledged, 8, |sent| sent.check(client, tenant));
    let refused: Vec<Command> = refused.into_iter().map(|sent| sent.command).collect();
    let mut everything = complete(client, &refused, 8);
    everything.extend(acknowledged);
    log::check_once(client, &everything);
}

fn create(client: &Client, tenant: &Tenant, thread: usize, over: &AtomicBool) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !over.load(Ordering::SeqCst) {
        sent.push(Command::create(tenant, format!("thread-{thread}-{}", sent.len())).send(client));
        std::thread::sleep(Duration::from_millis(20));
    }
    sent
}

/// How many verifications gave a verdict. All are answered quickly, and no verdict is a wrong one; a node that has not heard of
/// the log for three seconds gives none.
fn verify_throughout(client: &Client, secret: &str, over: &AtomicBool) -> u64 {
    let mut verified = 0;
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        let answer = client.post("/v1/verify", &json!({"credential": secret}));
        assert!(began.elapsed() < VERIFICATION, "a verification took {:?}", began.elapsed());
        let code = answer.code();
        // In capitals where the right to answer ran out between the caller's own credential and the one in question.
        let silent = matches!((answer.status, code.as_str()), (503, "unavailable") | (200, "UNAVAILABLE"));
        if !silent {
            assert_eq!(answer.expect(200).json()["code"], "VALID");
            verified += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(verified > 0, "it told before and after");
    verified
}

fn recovers(client: &Client, tenant: &Tenant) {
    let works = || client.post(&tenant.path("/keys"), &json!({"name": "After the restart"})).status == 201;
    assert!(until(RECOVERED_WITHIN, works), "commands work again within {RECOVERED_WITHIN:?}");
    let ready = || client.get("/readyz").status == 200;
    assert!(until(RECOVERED_WITHIN, ready), "the node is ready again");
}
