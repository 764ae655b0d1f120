//! The folder with all of a node's data is somewhere else for a while.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus_tests::{Client, Node, Options, Store, Tenant, patience, until};
use serde_json::json;

use crate::commands::{Command, Sent, complete};
use crate::{load, log};

/// A SQLite node whose database, master key and usage journal are all in one folder.
struct Site {
    store: Store,
    here: PathBuf,
    elsewhere: PathBuf,
}

impl Site {
    fn new() -> Self {
        let store = Store::sqlite();
        let (here, elsewhere) = (store.folder().join("data"), store.folder().join("elsewhere"));
        std::fs::create_dir(&here).unwrap();
        Self { store, here, elsewhere }
    }

    fn serve(&self) -> Node {
        let text = |path: &Path| json!(path.display().to_string()).to_string();
        let options = Options::default()
            .set(
                "database.url",
                &json!(format!("sqlite://{}", self.here.join("nexus.db").display())).to_string(),
            )
            .set("security.master_key_file", &text(&self.here.join("nexus.key")))
            .set("node.data", &text(&self.here.join("node")));
        Node::serve(&self.store, &options)
    }

    fn move_away(&self) {
        std::fs::rename(&self.here, &self.elsewhere).unwrap();
    }

    fn move_back(&self) {
        std::fs::rename(&self.elsewhere, &self.here).unwrap();
    }
}

#[test]
fn data_that_was_moved_away_and_back_while_the_node_was_stopped_is_all_there() {
    let site = Site::new();
    let mut node = site.serve();
    let tenant = Tenant::create(&node.admin(), "nexus");
    let commands: Vec<Command> =
        (0..50).map(|number| Command::create(&tenant, format!("key-{number}"))).collect();
    let sent = complete(&node.admin(), &commands, 8);
    let before = log::events(&node.admin());
    assert!(node.stop().success());
    site.move_away();
    site.move_back();
    let node = node.start_again();
    let client = node.admin();
    load::spread(&sent, 8, |sent| sent.check(&client, &tenant));
    let after = log::events(&client);
    assert_eq!(after[..before.len()], before);
    log::check_once(&client, &sent);
}

#[test]
fn data_that_is_moved_away_under_a_running_node_costs_503s_at_most_and_nothing_is_lost() {
    let site = Site::new();
    let mut node = site.serve();
    let client = node.admin();
    let tenant = Tenant::create(&client, "nexus");
    let key = tenant.keys(&client).create(&json!({"name": "Verified throughout"}));
    let work =
        |thread: usize, over: &AtomicBool| create_and_verify(&client, &tenant, &key.secret, thread, over);
    let (sent, ()) = load::during(24, work, || {
        std::thread::sleep(Duration::from_millis(500));
        site.move_away();
        std::thread::sleep(Duration::from_secs(3));
        site.move_back();
        let works = || client.post(&tenant.path("/keys"), &json!({"name": "Back again"})).status == 201;
        assert!(until(patience(), works), "commands work again once the data is back");
        std::thread::sleep(Duration::from_millis(500));
    });
    let verified: u64 = sent.iter().map(|(_, verified)| verified).sum();
    let (mut done, refused): (Vec<Sent>, Vec<Sent>) =
        sent.into_iter().flat_map(|(sent, _)| sent).partition(Sent::acknowledged);
    eprintln!("{} acknowledged, {} answered 503", done.len(), refused.len());
    // The last uses are in the hands of the operating system by now.
    std::thread::sleep(Duration::from_millis(50));
    node.kill();
    let node = node.start_again();
    let client = node.admin();
    load::spread(&done, 8, |sent| sent.check(&client, &tenant));
    let refused: Vec<Command> = refused.into_iter().map(|sent| sent.command).collect();
    done.extend(complete(&client, &refused, 4));
    log::check_once(&client, &done);
    let counted = || tenant.keys(&client).usage(&key.id)["VALID"].as_u64().unwrap_or(0);
    until(patience(), || counted() >= verified);
    assert_eq!(counted(), verified, "each use is counted once");
}

fn create_and_verify(
    client: &Client,
    tenant: &Tenant,
    secret: &str,
    thread: usize,
    over: &AtomicBool,
) -> (Vec<Sent>, u64) {
    let mut all = Vec::new();
    let mut verified = 0;
    while !over.load(Ordering::SeqCst) {
        let sent = Command::create(tenant, format!("thread-{thread}-{}", all.len())).send(client);
        let status = sent.answer.as_ref().map(|answer| answer.status);
        assert!(matches!(status, Some(201 | 503)), "{sent:?}");
        all.push(sent);
        assert_eq!(nexus_tests::verify(client, secret), "VALID", "verification needs no store");
        verified += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    (all, verified)
}
