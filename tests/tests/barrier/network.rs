//! The kernel's network between validating nodes and API nodes drops packets, in one direction or in both.

use nexus_tests::{Validator, node_credential};

use crate::cluster::{Cluster, Plan};
use crate::cut_off::revoke_behind_a_cut;
use crate::namespace::Namespace;

#[test]
fn validators_behind_a_network_that_drops_packets_stop_answering_and_come_back() {
    const TEST: &str = "a network that drops packets";
    let mut networks = Vec::new();
    for number in 0..3 {
        let Some(network) = Namespace::start(TEST, number) else { return };
        networks.push(network);
    }
    let plan = Plan { apis: 2, validators: 1, everywhere: true, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip(TEST, &plan) else { return };
    for (number, network) in networks.iter().enumerate() {
        let urls =
            cluster.apis.iter().map(|api| format!("http://{}:{}", network.machine(), api.address().port()));
        let urls: Vec<String> = urls.collect();
        let credential = node_credential(&cluster.admin(0)).secret;
        let folder = cluster.store.folder().join(format!("network-{number}"));
        cluster.validators.push(Validator::begin_in(network.surroundings(), &folder, &credential, &urls));
    }
    cluster.validators.iter().for_each(Validator::await_ready);

    let cut = || {
        networks[0].cut_there();
        networks[1].cut_back();
        networks[2].cut_there();
        networks[2].cut_back();
    };
    let heal = || {
        networks[0].heal_there();
        networks[1].heal_back();
        networks[2].heal_there();
        networks[2].heal_back();
    };
    revoke_behind_a_cut(&cluster, 1..4, cut, heal);
}
