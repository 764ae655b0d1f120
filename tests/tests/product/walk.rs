//! A key's life from its creation to the audit trail, on every store, over REST and with the `nexus` command.

use nexus_tests::{Node, Options, Tenant, stores, verify};
use serde_json::json;

#[test]
fn a_key_lives_from_creation_to_revocation() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let admin = node.admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let key = keys.create(&json!({"scopes": ["read:users"]}));
        assert_eq!(verify(&admin, &key.secret), "VALID", "{store:?}");
        assert_eq!(keys.revoke(&key.id).status, 200);
        assert_eq!(verify(&admin, &key.secret), "REVOKED", "{store:?}");
    }
}
