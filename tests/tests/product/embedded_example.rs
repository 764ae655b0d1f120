//! `validator/examples/embedded.rs` as it stands: a service of its own beside `nexus dev`.

use std::path::{Path, PathBuf};
use std::process::Command;

use nexus_tests::{Answer, Client, Issued, Node, Process, eventually, patience};
use serde_json::json;

/// The tenant that holds management credentials.
const PLATFORM: &str = "/v1/tenants/00000000-0000-7000-8000-000000000001/keys";

/// The example, which `cargo test` builds beside the tests where it is asked for the whole workspace.
fn example() -> PathBuf {
    let program = nexus_tests::nexus().with_file_name("examples").join("embedded");
    assert!(
        program.is_file(),
        "there is no {}: run tests/run.sh, or first cargo build -p nexus-validator --example embedded",
        program.display()
    );
    program
}

fn start(node: &Node, data: &Path) -> (Process, Client) {
    let body = json!({"name": "Embedded", "scopes": ["nodes:connect"]});
    let credential = Issued::of(node.admin().post(PLATFORM, &body).expect(201).json());
    let mut command = Command::new(example());
    command.env("NEXUS_URLS", node.url()).env("NEXUS_NODE_CREDENTIAL", &credential.secret);
    command.env("NODE_DATA", data).env("LISTEN", "127.0.0.1:0");
    let service = Process::start("the embedding example", &mut command);
    let address =
        service.find_on_stdout(patience(), |line| line.strip_prefix("ready on ").map(str::to_owned));
    let client = Client::new(&format!("http://{}", address.expect("it says where it listens")));
    (service, client)
}

fn ask(service: &Client, credential: &str) -> Answer {
    service.clone().bearer(credential).get("/payments")
}

fn create(node: &Node, dialect: &str, scopes: &[&str]) -> Issued {
    let path = format!("/v1/tenants/{}/keys", node.demo_tenant(dialect));
    Issued::of(node.admin().post(&path, &json!({"name": "Caller", "scopes": scopes})).expect(201).json())
}

#[test]
fn the_embedding_example_decides_by_itself() {
    let node = Node::dev();
    let data = tempfile::tempdir().unwrap();
    let (mut service, client) = start(&node, data.path());

    let (valid, weak) = (create(&node, "nexus", &["read:payments"]), create(&node, "nexus", &["read:users"]));
    let foreign = create(&node, "nexuscommerce", &[]);
    let accepted = ask(&client, &valid.secret);
    assert_eq!((accepted.status, accepted.text().as_str()), (200, "payments for Caller\n"));
    assert_eq!(ask(&client, &weak.secret).status, 403);
    let missing = client.get("/payments");
    for refused in [&ask(&client, &foreign.secret), &missing] {
        assert_eq!(refused.status, 401);
        assert_eq!(refused.json()["error"]["code"], "invalid_api_key", "the dialect's own words");
    }

    let revoke = format!("/v1/tenants/{}/keys/{}/revoke", node.demo_tenant("nexus"), valid.id);
    let receipt = node.admin().post(&revoke, &json!({})).expect(200).json()["receipt"].clone();
    assert_eq!(
        ask(&client, &valid.secret).status,
        401,
        "from the first request behind the answer: {receipt}"
    );
    assert_eq!((&receipt["nodes"], &receipt["confirmed"]), (&json!(2), &json!(2)), "{receipt}");

    service.signal("TERM");
    let ended = service.wait(patience()).expect("it ends");
    assert!(ended.success(), "{ended}: {:?}", service.stderr());
    let usage = format!("/v1/tenants/{}/keys/{}/usage", node.demo_tenant("nexus"), valid.id);
    eventually("what it decided is counted, once", || {
        let totals = node.admin().get(&usage).expect(200).json()["totals"].clone();
        (totals["VALID"] == 1 && totals["REVOKED"] == 1).then_some(())
    });
}
