//! A validating node that may not answer from its table just now asks for tokens, as it asks for keys.

use nexus_tests::observer::simple;
use nexus_tests::{Client, Store, Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, Plan, validator};

#[test]
fn a_node_that_has_no_right_yet_asks_for_tokens_and_accepts_none_that_was_revoked() {
    let plan = Plan { apis: 1, validators: 1, ..Plan::default() };
    let mut cluster = Cluster::on(Store::sqlite(), &plan);
    let admin = cluster.admin(0);
    let client = json!({"name": "Import", "type": "server", "scopes": ["read:users"]});
    let client = admin.post(&cluster.tenant.path("/clients"), &client).expect(201).json();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text("client_id"),
        text("client_secret")
    );
    let server =
        Client::new(&cluster.apis[0].url()).header("content-type", "application/x-www-form-urlencoded");
    let token = server.send("POST", "/oauth/token", Some(form.as_bytes())).expect(200).json();
    let question = simple(token["access_token"].as_str().unwrap());
    let target = Target::verify(&validator(0), "a token", cluster.validator(0), question);

    eventually("a token is accepted before the node has the right to answer", || {
        begin_again(&mut cluster);
        eventually("it is accepted", || (target.ask().verdict == Verdict::Accepted).then_some(()));
        // Its right does not end so soon after it began: what was accepted before came from the API node.
        (!may_answer(&cluster.validators[0].client())).then_some(())
    });

    let id = admin.list(&cluster.tenant.path("/tokens"), 10)[0]["id"].as_str().unwrap().to_owned();
    let path = cluster.tenant.path(&format!("/tokens/{id}/revoke"));
    let _revoked = admin.post(&path, &json!({})).expect(200);
    for _ in 0..3 {
        begin_again(&mut cluster);
        let verdict = eventually("it is told apart", || match target.ask().verdict {
            Verdict::Unavailable | Verdict::Failed(_) => None,
            verdict => Some(verdict),
        });
        assert_eq!(verdict, Verdict::Refused("REVOKED".to_owned()));
    }
}

fn begin_again(cluster: &mut Cluster) {
    cluster.validators[0].kill();
    cluster.validators[0].run_again();
}

/// Whether a node says that it may answer from its table.
fn may_answer(client: &Client) -> bool {
    client.get("/metrics").expect(200).text().lines().any(|line| line == "nexus_node_lease_held 1")
}
