//! Two API nodes on one database, and a tenant with room for one more key.

use std::sync::Barrier;

use nexus_tests::{Client, Node, Options, Store, Tenant};
use serde_json::json;

const MOST: usize = 20;
const ROUNDS: usize = 20;

#[test]
fn of_two_nodes_that_issue_the_last_allowed_key_at_once_exactly_one_succeeds() {
    let Some(store) = Store::postgres_or_skip("the last allowed key") else { return };
    let nodes = [(); 2].map(|()| Node::serve(&store, &Options::default()));
    let clients = [nodes[0].admin(), nodes[1].admin()];
    let tenant = Tenant::create(&clients[0], "nexuscommerce");
    for number in 1..MOST {
        let _key = tenant.keys(&clients[number % 2]).create(&json!({"scopes": ["orders:read"]}));
    }
    for round in 0..ROUNDS {
        let issued = issue_at_once(&clients, &tenant);
        assert_eq!(issued.iter().flatten().count(), 1, "round {round}: exactly one succeeds");
        for client in &clients {
            assert_eq!(tenant.keys(client).list("active").len(), MOST, "round {round}");
        }
        let key = issued.into_iter().flatten().next().expect("one succeeded");
        let revoked = tenant.keys(&clients[round % 2]).revoke(&key);
        assert_eq!(revoked.status, 200, "{revoked:?}");
    }
}

/// The id of what each node issued.
fn issue_at_once(clients: &[Client; 2], tenant: &Tenant) -> Vec<Option<String>> {
    let together = Barrier::new(2);
    let issue = |client: &Client| {
        let body = json!({"name": "Last", "scopes": ["orders:read"]});
        together.wait();
        let answer = client.post(&tenant.path("/keys"), &body);
        match answer.status {
            201 => Some(answer.json()["key"]["id"].as_str().expect("an id").to_owned()),
            _ => {
                assert_eq!((answer.status, answer.code().as_str()), (409, "quota_exceeded"), "{answer:?}");
                None
            }
        }
    };
    crate::load::spread(clients, 2, issue)
}
