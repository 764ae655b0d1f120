//! API nodes want a certificate of validating nodes, and validating nodes one of API nodes.

use std::path::Path;

use nexus_tests::observer::simple;
use nexus_tests::validator::Surroundings;
use nexus_tests::{
    Client, Node, Options, Store, Target, Tenant, Validator, Verdict, eventually, node_credential, patience,
    receipt,
};
use serde_json::{Value, json};

use crate::certificates::{Authority, Ends, Files};
use crate::cluster::STAYS;

/// An API node with TLS that wants certificates of nodes, with a key to ask about.
struct Scene {
    store: Store,
    api: Node,
    /// A management client that shows no certificate.
    admin: Client,
    servers: Authority,
    nodes: Authority,
    strangers: Authority,
    tenant: Tenant,
    secret: String,
    key: String,
}

fn toml(path: &Path) -> String {
    Value::from(path.display().to_string()).to_string()
}

impl Scene {
    fn new() -> Self {
        let store = Store::sqlite();
        let folder = store.folder().join("authorities");
        std::fs::create_dir(&folder).unwrap();
        let authority = |name: &str| Authority::new(&folder, name);
        let (servers, nodes, strangers) = (authority("servers"), authority("nodes"), authority("strangers"));
        let own = servers.issue("api", &Ends::Later);
        let options = Options::default()
            .set("server.tls.certificate", &toml(&own.certificate))
            .set("server.tls.key", &toml(&own.key))
            .set("server.tls.node_ca", &toml(&nodes.file()));
        let api = Node::serve(&store, &options);
        let client = Client::new(&format!("https://{}", api.address())).trusting(&servers.pem);
        let admin = client.bearer(api.admin_token());
        let tenant = Tenant::create(&admin, "nexus");
        let key = tenant.keys(&admin).create(&json!({}));
        Self { store, api, admin, servers, nodes, strangers, tenant, secret: key.secret, key: key.id }
    }

    /// Starts a validating node that trusts an authority, and shows a certificate or none.
    fn begin(&self, name: &str, trusted: &Authority, shown: Option<&Files>) -> Validator {
        let set = |name: &str, path: &Path| (format!("NEXUS__CONTROL__{name}"), path.display().to_string());
        let mut variables = vec![set("CA", &trusted.file())];
        variables.extend(
            shown.iter().flat_map(|files| [set("CERTIFICATE", &files.certificate), set("KEY", &files.key)]),
        );
        let surroundings = Surroundings { variables, ..Surroundings::default() };
        let credential = node_credential(&self.admin).secret;
        let url = format!("https://{}", self.api.address());
        Validator::begin_in(surroundings, &self.store.folder().join(name), &credential, &[url])
    }

    /// Waits until a node says so, never saying `wrong` before.
    fn says(&self, node: &Validator, right: &Verdict, wrong: &Verdict) {
        let client = node.client().bearer(self.api.admin_token());
        let target = Target::verify("the node", STAYS, client, simple(&self.secret));
        eventually(&format!("it says {right:?}"), || {
            let verdict = target.ask().verdict;
            assert_ne!(verdict, *wrong, "{}", node.log().join("\n"));
            (verdict == *right).then_some(())
        });
    }

    /// The node says why it does not follow, in these words, and answers nothing.
    fn stays_out(&self, node: &Validator, why: &str) {
        let said = node.find_in_log(patience(), why);
        assert!(said.is_some(), "{why}: {}", node.log().join("\n"));
        node.await_listening();
        self.says(node, &Verdict::Unavailable, &Verdict::Accepted);
        assert_eq!(node.follows(), None, "{why}");
    }
}

#[test]
fn a_node_with_a_certificate_of_the_authority_serves_and_is_part_of_the_barrier() {
    let scene = Scene::new();
    let shown = scene.nodes.issue("node", &Ends::Later);
    let node = scene.begin("certified", &scene.servers, Some(&shown));
    node.await_ready();
    let refused = Verdict::Refused("REVOKED".to_owned());
    scene.says(&node, &Verdict::Accepted, &refused);
    let revoked = scene.tenant.keys(&scene.admin).revoke(&scene.key).expect(200).json();
    assert_eq!(receipt(&revoked)["nodes"], 2);
    scene.says(&node, &refused, &Verdict::Accepted);
}

#[test]
fn a_node_without_a_good_certificate_is_kept_out_and_told_why() {
    let scene = Scene::new();
    let foreign = scene.strangers.issue("node", &Ends::Later);
    let ended = scene.nodes.issue("node", &Ends::Before);
    for (name, shown, why) in [
        ("bare", None, "`control.certificate`"),
        ("foreign", Some(&foreign), "UnknownCA"),
        ("ended", Some(&ended), "CertificateExpired"),
    ] {
        let node = scene.begin(name, &scene.servers, shown);
        scene.stays_out(&node, why);
    }
    let listed = scene.admin.get("/v1/nodes").expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "the API node alone: {listed}");
}

#[test]
fn a_node_shows_its_credential_to_no_api_node_that_its_authority_does_not_vouch_for() {
    let scene = Scene::new();
    let shown = scene.nodes.issue("node", &Ends::Later);
    let node = scene.begin("wary", &scene.strangers, Some(&shown));
    scene.stays_out(&node, "UnknownIssuer");
}

#[test]
fn authorities_are_replaced_without_a_restart() {
    let scene = Scene::new();
    let (former, next) =
        (scene.nodes.issue("node", &Ends::Later), scene.strangers.issue("node", &Ends::Later));
    let node = scene.begin("next", &scene.servers, Some(&next));
    scene.stays_out(&node, "UnknownCA");
    std::fs::write(scene.nodes.file(), "no authority").unwrap();
    let kept = scene.api.find_in_log(patience(), "the authorities of nodes stay as they were");
    assert!(kept.is_some(), "{}", scene.api.log().join("\n"));
    std::fs::write(scene.nodes.file(), &scene.strangers.pem).unwrap();
    node.await_ready();
    scene.says(&node, &Verdict::Accepted, &Verdict::Refused("REVOKED".to_owned()));
    let node = scene.begin("former", &scene.servers, Some(&former));
    scene.stays_out(&node, "UnknownCA");
}
