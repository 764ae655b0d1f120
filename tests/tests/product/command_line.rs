//! What the `nexus` command says to whoever types it.

use std::process::Command;

use nexus_tests::command::{self, Finished};
use nexus_tests::{Node, Process, Store, Tenant, Validator, node_credential, patience};

const ABSENT: &str = "key_00000000000000000123456789abcdef";

/// A command of a user who has set what `nexus dev` prints.
fn typed(node: &Node, arguments: &[&str]) -> Command {
    let mut command = node.command(arguments);
    command.env("NEXUS_TENANT", node.demo_tenant("nexus"));
    command
}

fn error_of(finished: &Finished) -> String {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let [line] = finished.stderr.as_slice() else { panic!("one line, not {:#?}", finished.stderr) };
    line.clone()
}

#[test]
fn refusals_are_told_in_the_words_that_were_typed() {
    let node = Node::dev();
    let tenant = node.demo_tenant("nexus").to_owned();
    for (arguments, said) in [
        (["keys", "show", ABSENT].as_slice(), format!("there is no key {ABSENT} of the tenant {tenant}, ")),
        (&["keys", "list", "--tenant", &tenant.replace(['0', '1'], "2")], "there is no tenant ".to_owned()),
        (
            &["keys", "create", "--name", "CI", "--scope", "fly:moon"],
            "--scope: unknown scope `fly:moon` (choose from admin:all, ".to_owned(),
        ),
        (
            &["keys", "create", "--name", "CI", "--scope", "read:users,write:users"],
            "--scope: unknown scope `read:users,write:users` (give --scope once for each; ".to_owned(),
        ),
        (&["keys", "create", "--name", "CI", "--scope", "a", "--scope", ""], "--scope no. 2: ".to_owned()),
        (
            &["keys", "create", "--name", "CI", "--expires-in", "0d"],
            "--expires-in: the lifetime must be more than nothing (choose one such as 30d)".to_owned(),
        ),
        (
            &["keys", "create", "--name", "CI", "--expires-at", "2020-01-01"],
            "--expires-at: the expiry must lie in the future (".to_owned(),
        ),
        (
            &["keys", "create", "--name", "CI", "--environment", "moon"],
            "--environment: the environment `moon` does not exist (choose one of live, ".to_owned(),
        ),
        (
            &["audit", "search", "--action", "key.revokd"],
            "--action: there is no action `key.revokd` (choose one of agent.created, ".to_owned(),
        ),
        (
            &["keys", "create", "--name", "CI", "--integration", "int_00000000000000000000000000000003"],
            "--integration: the tenant has no such integration (choose one of its own)".to_owned(),
        ),
        (
            &["integrations", "create", "--name", "X", "--agent", "agt_00000000000000000000000000000003"],
            "--agent: the tenant has no such agent (choose one of its own)".to_owned(),
        ),
        (&["audit", "search", "--outcome", "fine"], "--outcome: there is no outcome `fine` (".to_owned()),
    ] {
        let line = error_of(&command::run(&mut typed(&node, arguments)));
        assert!(line.starts_with(&format!("error: {said}")), "{arguments:?}: {line}");
        assert!(!line.contains("body.") && !line.contains("those named"), "{line}");
    }
    let keys = Tenant { id: tenant, dialect: "nexus".to_owned() }.keys(&node.admin());
    let id = keys.create(&serde_json::json!({})).id;
    let line = error_of(&command::run(&mut typed(&node, &["keys", "rotate", &id, "--grace", "1000d"])));
    assert!(line.starts_with("error: --grace: the grace may be at most 30d ("), "{line}");
    let note = "x".repeat(101);
    let line = error_of(&command::run(&mut typed(&node, &["keys", "revoke", &id, "--note", &note])));
    assert!(line.starts_with("error: --note: the note is longer than 100 characters ("), "{line}");
}

#[test]
fn an_address_without_the_management_api_is_named_as_such() {
    let node = Node::dev();
    let store = Store::sqlite();
    let credential = node_credential(&node.admin()).secret;
    let validator = Validator::start(&store, &credential, &[node.url()]);
    for url in [format!("http://{}", validator.address()), format!("{}/v1", node.url())] {
        for arguments in [["nodes", "list"].as_slice(), &["keys", "list"], &["keys", "create", "--name", "A"]]
        {
            let line = error_of(&command::run(typed(&node, arguments).env("NEXUS_URL", &url)));
            assert!(line.starts_with(&format!("error: {url} is no API node: ")), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn mistakes_name_what_was_left_out_and_not_what_variables_gave() {
    let node = Node::dev();
    let line = error_of(&command::run(typed(&node, &["keys", "list"]).env("NEXUS_TOKEN", "")));
    assert!(line.starts_with("error: no credential is given: set NEXUS_TOKEN "), "{line}");
    let line = error_of(&command::run(&mut typed(&node, &["nodes", "create", ""])));
    assert!(line.starts_with("error: NAME: the name is empty "), "{line}");
    let line = error_of(&command::run(&mut typed(&node, &["nodes", "create", "A", "--dialect", "nope"])));
    assert!(line.starts_with("error: --dialect no. 1: no such dialect "), "{line}");
    let unnamed = command::run(&mut typed(&node, &["keys", "create"]));
    let usage = "Usage: nexus keys create --name <NAME> --tenant <TENANT>";
    assert!(unnamed.stderr.iter().any(|line| line == usage), "{unnamed:?}");
}

#[test]
fn a_variable_that_is_set_to_nothing_is_absent() {
    let node = Node::dev();
    let tenant = node.demo_tenant("nexus").to_owned();
    let named = command::run(typed(&node, &["keys", "list", "--tenant", &tenant]).env("NEXUS_TENANT", ""));
    assert_eq!(named.code, Some(0), "{named:?}");
    let missing = command::run(typed(&node, &["keys", "list"]).env("NEXUS_TENANT", ""));
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.join("\n").contains("not provided"), "{missing:?}");
    let usual = command::run(typed(&node, &["--version"]).env("NEXUS_URL", "").env("NEXUS_TOKEN", ""));
    assert_eq!(usual.code, Some(0), "{usual:?}");
    let url = node.url();
    let addressed = command::run(typed(&node, &["keys", "list", "--url", &url]).env("NEXUS_URL", ""));
    assert_eq!(addressed.code, Some(0), "{addressed:?}");
}

/// What `nexus dev` prints on a data folder, up to the demo tenants.
fn introduction(data: &std::path::Path) -> String {
    let mut command = command::command();
    command.args(["dev", "--port", "0", "--data"]).arg(data);
    let mut process = Process::start("nexus dev", &mut command);
    process.find_on_stdout(patience(), |line| line.contains("nexus verify").then_some(())).unwrap();
    process.signal("TERM");
    assert!(process.wait(patience()).unwrap().success());
    process.stdout().join("\n")
}

#[test]
fn dev_prints_what_to_set_and_names_each_credential_that_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let first = introduction(folder.path());
    let value = |text: &str, name: &str| {
        let start = format!("  export {name}=");
        let line = text.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).split(' ').next().unwrap().to_owned()
    };
    assert!(!first.contains("another management credential"), "{first}");
    let second = introduction(folder.path());
    assert_ne!(value(&first, "NEXUS_TOKEN"), value(&second, "NEXUS_TOKEN"));
    assert_eq!(value(&first, "NEXUS_TENANT"), value(&second, "NEXUS_TENANT"));
    for part in [
        "it is called \"nexus dev of 2",
        "(key_",
        "and ends at 2",
        "nexus keys revoke KEY --tenant 00000000-",
    ] {
        assert!(second.contains(part), "{part} in {second}");
    }
}
