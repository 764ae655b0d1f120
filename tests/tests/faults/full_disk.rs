//! The disk of the usage journal is full.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_tests::{Client, Options, Process, Store, Tenant, patience, until, verify};
use serde_json::{Value, json};

/// Mounts a small file system that only the node and its children see, then becomes the node.
const IN_A_SMALL_FOLDER: &str = r#"mount -t tmpfs -o size=256k none "$1" && exec "$0" serve --config "$2""#;
const FIRST_CREDENTIAL: &str = "First management credential, shown this once: ";

#[test]
fn a_full_disk_under_the_usage_journal_raises_an_alarm_and_stops_no_verification() {
    let store = Store::sqlite();
    let Some((node, client)) = serve(&store) else {
        eprintln!("a full disk: skipped, no file system can be mounted");
        return;
    };
    let tenant = Tenant::create(&client, "nexus");
    let key = tenant.keys(&client).create(&json!({"name": "Used"}));
    let alarm = || client.get("/readyz").expect(200).json()["usage_alarm"].clone();
    assert_eq!(verify(&client, &key.secret), "VALID");
    assert_eq!(alarm(), Value::Null);

    // Seen from here, the folder is another file system: the node's own root shows it as the node sees it.
    let ballast =
        PathBuf::from(format!("/proc/{}/root{}", node.pid(), journal(&store).join("ballast").display()));
    let full = std::fs::write(&ballast, vec![0; 512 << 10]);
    assert!(full.is_err(), "the disk is full");
    let mut used = 1;
    let raised = until(patience(), || {
        // Enough that they do not fit into what a batch leaves when it goes to the log.
        for _ in 0..100 {
            assert_eq!(verify(&client, &key.secret), "VALID");
        }
        used += 100;
        alarm().as_str().is_some_and(|alarm| alarm.contains("usage journal"))
    });
    assert!(raised, "an alarm is raised: {}", alarm());
    for _ in 0..500 {
        assert_eq!(verify(&client, &key.secret), "VALID");
    }
    used += 500;
    let other = tenant.keys(&client).create(&json!({"name": "Created on a full disk"}));
    assert_eq!(verify(&client, &other.secret), "VALID", "commands do not need the usage journal");

    std::fs::remove_file(&ballast).unwrap();
    assert!(until(patience(), || alarm().is_null()), "the alarm ends: {}", alarm());
    let counted = || tenant.keys(&client).usage(&key.id)["VALID"].as_u64().unwrap_or(0);
    until(patience(), || counted() >= used);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(counted(), used, "what was held in memory is counted once there is room");
}

fn journal(store: &Store) -> PathBuf {
    store.folder().join("journal")
}

/// A node whose usage journal has a file system of its own; nothing where that cannot be had.
fn serve(store: &Store) -> Option<(Process, Client)> {
    let folder = journal(store);
    std::fs::create_dir(&folder).unwrap();
    let config = store.folder().join("nexus.toml");
    std::fs::write(&config, Options::default().over(store, &folder).toml()).unwrap();
    if !can_mount(&folder) {
        return None;
    }
    let mut command = in_own_namespace();
    command.args(["sh", "-c", IN_A_SMALL_FOLDER]).arg(nexus_tests::nexus()).arg(&folder).arg(&config);
    let node = Process::start("nexus serve", &mut command);
    let address = node.find_on_stderr(patience(), |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "ready").then(|| line["address"].as_str().map(str::to_owned))?
    });
    let address = address.unwrap_or_else(|| panic!("the node is not ready: {:?}", node.stderr()));
    let token =
        node.find_on_stdout(patience(), |line| line.strip_prefix(FIRST_CREDENTIAL).map(str::to_owned));
    let client = Client::new(&format!("http://{address}")).bearer(&token.expect("the first credential"));
    Some((node, client))
}

fn in_own_namespace() -> std::process::Command {
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEXUS_") {
            command.env_remove(name);
        }
    }
    command
}

fn can_mount(folder: &Path) -> bool {
    let mut command = in_own_namespace();
    let output = command.args(["mount", "-t", "tmpfs", "-o", "size=256k", "none"]).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}
