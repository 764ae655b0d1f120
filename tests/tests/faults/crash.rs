//! An API node is killed in the middle of many commands, again and again.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_tests::command::command;
use nexus_tests::{Client, Node, Options, Process, Store, Tenant, eventually, stores, until, verify};
use serde_json::json;

use crate::commands::{Command, Key, Sent, complete};
use crate::replay::check_read_models;
use crate::{load, log};

/// Half of them create, a quarter each revokes and rotates.
const AT_ONCE: usize = 256;
/// After how many acknowledgements the node is killed, a round each.
const ROUNDS: [usize; 5] = [0, 12, 60, 140, 220];

#[test]
fn on_sqlite_a_kill_amid_commands_loses_none_that_was_acknowledged_and_doubles_none() {
    kill_amid_commands(&Store::sqlite());
}

#[test]
fn on_postgres_a_kill_amid_commands_loses_none_that_was_acknowledged_and_doubles_none() {
    if let Some(store) = Store::postgres_or_skip("a kill amid commands") {
        kill_amid_commands(&store);
    }
}

#[test]
fn first_starts_that_are_killed_half_way_leave_nothing_that_stops_the_next_one() {
    for store in stores() {
        let config = store.folder().join("killed.toml");
        let options = Options::default().over(&store, &store.folder().join("killed"));
        std::fs::write(&config, options.toml()).unwrap();
        for round in 1..=12 {
            let mut serve = command();
            let mut process = Process::start("nexus serve", serve.arg("serve").arg("--config").arg(&config));
            std::thread::sleep(Duration::from_millis(25 * round));
            process.kill();
        }
        let node = Node::serve(&store, &Options::default());
        let client = node.admin();
        // A credential that was made behind its back reaches a node within a second or so.
        eventually("the credential works", || (client.get("/v1/tenants").status == 200).then_some(()));
        let tenant = Tenant::create(&client, "nexus");
        let key = tenant.keys(&client).create(&json!({"name": "First"}));
        assert_eq!(verify(&client, &key.secret), "VALID");
        let created = log::count(&log::events(&client), "nexus.tenant.created.v1", |event| &event["subject"]);
        assert_eq!(created.len(), 2, "the platform's own tenant is made once: {created:?}");
        assert!(created.values().all(|times| *times == 1), "{created:?}");
    }
}

fn kill_amid_commands(store: &Store) {
    let mut node = Node::serve(store, &Options::default());
    let tenant = Tenant::create(&node.admin(), "nexus");
    let first: Vec<Command> =
        (0..AT_ONCE / 2).map(|number| Command::create(&tenant, format!("first-{number}"))).collect();
    let mut everything = complete(&node.admin(), &first, 16);
    let mut keys: Vec<Key> = everything.iter().map(Sent::key).collect();
    for (round, acknowledged) in ROUNDS.into_iter().enumerate() {
        let commands = commands(&tenant, &keys, round);
        let sent = send_and_kill(&mut node, &commands, acknowledged);
        node = node.start_again();
        let client = node.admin();
        let done: Vec<&Sent> = sent.iter().filter(|sent| sent.acknowledged()).collect();
        let refused = sent.iter().filter(|sent| sent.answer.is_some()).count() - done.len();
        eprintln!("{store:?}, round {round}: of {AT_ONCE} {} acknowledged, {refused} refused", done.len());
        load::spread(&done, 8, |sent| sent.check(&client, &tenant));

        let repeated = complete(&client, &commands, 16);
        let again = complete(&client, &commands, 16);
        check_repetitions(&sent, &repeated, &again);
        load::spread(&repeated, 8, |sent| sent.check(&client, &tenant));
        keys = repeated.iter().take(AT_ONCE / 2).map(Sent::key).collect();
        everything.extend(repeated);
    }
    log::check_once(&node.admin(), &everything);
    let listed = tenant.keys(&node.admin()).list("all").len();
    assert_eq!(listed, AT_ONCE / 2 * (ROUNDS.len() + 1), "no key was created twice");
    drop(check_read_models(node, store.url()));
}

/// Creations first; what the round before created is half revoked and half rotated.
fn commands(tenant: &Tenant, keys: &[Key], round: usize) -> Vec<Command> {
    let (revoked, rotated) = keys.split_at(keys.len() / 2);
    let name = |what: &str, number: usize| format!("{what}-{round}-{number}");
    let creations = (0..AT_ONCE / 2).map(|number| Command::create(tenant, name("create", number)));
    let revocations =
        revoked.iter().enumerate().map(|(n, key)| Command::revoke(tenant, key, name("revoke", n)));
    let rotations =
        rotated.iter().enumerate().map(|(n, key)| Command::rotate(tenant, key, name("rotate", n)));
    creations.chain(revocations).chain(rotations).collect()
}

/// Sends all at once, and kills the node when so many are acknowledged.
fn send_and_kill(node: &mut Node, commands: &[Command], acknowledged: usize) -> Vec<Sent> {
    let client: Client = node.admin();
    let (together, done) = (Barrier::new(commands.len() + 1), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (together, done, client) = (&together, &done, &client);
        let send = |command: &Command| {
            together.wait();
            let sent = command.send(client);
            // On a busy machine a command may be committed and not visible in time, and says so.
            let status = sent.answer.as_ref().map(|answer| answer.status);
            assert!(sent.acknowledged() || matches!(status, None | Some(503)), "{sent:?}");
            done.fetch_add(usize::from(sent.acknowledged()), Ordering::SeqCst);
            sent
        };
        let running: Vec<_> = commands.iter().map(|command| scope.spawn(move || send(command))).collect();
        together.wait();
        if acknowledged == 0 {
            std::thread::sleep(Duration::from_millis(25));
        } else {
            until(Duration::from_secs(30), || done.load(Ordering::SeqCst) >= acknowledged);
        }
        node.kill();
        running.into_iter().map(|thread| thread.join().expect("a sender")).collect()
    })
}

/// A repetition of what was acknowledged shows the same secret, and so does a repetition of a repetition.
fn check_repetitions(sent: &[Sent], repeated: &[Sent], again: &[Sent]) {
    let secret = |sent: &Sent| sent.answer.as_ref().map(|answer| answer.json()["secret"].clone());
    for ((sent, repeated), again) in sent.iter().zip(repeated).zip(again) {
        assert_eq!(secret(repeated), secret(again), "{:?}", sent.command);
        if sent.acknowledged() {
            assert_eq!(secret(sent), secret(repeated), "{:?}", sent.command);
        }
    }
}
