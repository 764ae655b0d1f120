//! An event that cannot be read, in the middle of the log.

use nexus_tests::{Node, Options, Store, Tenant, patience};

use crate::log;

#[test]
fn the_log_is_told_up_to_it_and_not_as_if_it_were_empty() {
    let store = Store::sqlite();
    let node = Node::serve(&store, &Options::default());
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexus");
    let after = log::events(&admin).len();
    store.execute(&format!("UPDATE events SET metadata = '{{' WHERE aggregate_id = '{}'", tenant.id));

    let told = admin.get("/v1/events?limit=200").expect(200).json();
    assert_eq!(told["data"].as_array().unwrap().len(), after - 1);
    assert_eq!(told["next_after"], after - 1);
    let stopped = admin.get(&format!("/v1/events?after={}", after - 1)).expect(500).json();
    assert_eq!(stopped["detail"], format!("the event at position {after} cannot be read"));
    // The answer and the log come by different ways.
    assert!(node.find_in_log(patience(), "EOF while parsing").is_some(), "the log says why");
}
