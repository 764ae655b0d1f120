//! NexusCore's server-to-server credentials: clients of a workspace, their access tokens, and the end of those.

use nexus_tests::{Node, Options, Store, Tenant, Validator, node_credential, receipt};
use serde_json::{Value, json};

use super::{Call, Product, READ};
use crate::oauth::{error_of, send_form};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Id and secret of a new server-to-server credential.
fn credential(admin: &nexus_tests::Client, tenant: &Tenant, scopes: &[&str]) -> (Value, String, String) {
    let body = json!({"name": "Ticket import", "type": "server", "scopes": scopes});
    let created = admin.post(&tenant.path("/clients"), &body).expect(201).json();
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    let (client_id, secret) = (text("client_id"), text("client_secret"));
    (created, client_id, secret)
}

/// What the token endpoint answers to the page's request, with more fields.
fn token(node: &Node, id: &str, secret: &str, more: &[(&str, &str)]) -> nexus_tests::Answer {
    let fields = [&[GRANT, ("client_id", id), ("client_secret", secret)], more].concat();
    send_form(&node.client(), "/oauth/token", &fields)
}

#[test]
fn k2_a_server_to_server_credential_is_shown_once_and_restricted_to_scopes() {
    let core = Product::of("nexuscore");
    let admin = core.admin();
    let (created, id, secret) = credential(&admin, &core.tenant, &["tickets:read", "brands:read"]);
    assert!(id.starts_with("ncs_client_") && secret.starts_with("ncs_secret_"), "{id}");
    assert_eq!(created["client"]["scopes"], json!(["brands:read", "tickets:read"]));
    let path = core.tenant.path("/clients");
    for place in
        [path.clone(), format!("{path}/{id}"), "/v1/audit".to_owned(), "/v1/events?after=0".to_owned()]
    {
        let shown = admin.get(&place).expect(200).text();
        assert!(shown.contains(&id) && !shown.contains(&secret), "{place}: {shown}");
    }
    let given = token(&core.node, &id, &secret, &[]).expect(200).json();
    let bearer = given["access_token"].as_str().unwrap();
    for (scope, expected) in [("tickets:read", 200), ("brands:read", 200), ("tickets:write", 403)] {
        let needs = format!("scope={scope}");
        assert_eq!(core.with_key(bearer, &Call { needs: &needs, ..READ }).status, expected, "{scope}");
    }
    let unknown = json!({"name": "x", "type": "server", "scopes": ["tickets:erase"]});
    let refused = admin.post(&path, &unknown).expect(400).json();
    assert_eq!(refused["errors"][0]["location"], "body.scopes", "{refused}");
    let (free, ..) = credential(&admin, &core.tenant, &["tickets:write"]);
    assert_ne!(free["client_id"], created["client_id"], "each is one of its own");
}

#[test]
fn k3_the_token_endpoint_takes_the_form_of_the_page_and_gives_a_bearer_token_for_an_hour() {
    let core = Product::of("nexuscore");
    let (_, id, secret) = credential(&core.admin(), &core.tenant, &["tickets:read", "tickets:write"]);
    let answer = token(&core.node, &id, &secret, &[]).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.json();
    let mut names: Vec<&String> = given.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"], "what the page shows");
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(given["scope"], "tickets:read tickets:write");
    let bearer = given["access_token"].as_str().unwrap();
    assert!(bearer.starts_with("eyJ") && bearer.split('.').count() == 3, "{bearer}");
    let accepted = core.with_key(bearer, &Call { needs: "scope=tickets:write", ..READ }).expect(200);
    assert_eq!(accepted.header("x-nexus-tenant"), Some(core.tenant.id.as_str()));

    let narrower = token(&core.node, &id, &secret, &[("scope", "tickets:read")]).expect(200).json();
    assert_eq!(narrower["scope"], "tickets:read");
    let bearer = narrower["access_token"].as_str().unwrap();
    assert_eq!(core.with_key(bearer, &Call { needs: "scope=tickets:write", ..READ }).status, 403);
    assert_eq!(error_of(&token(&core.node, &id, &secret, &[("scope", "brands:read")]), 400), "invalid_scope");
    assert_eq!(error_of(&token(&core.node, &id, "ncs_secret_wrong", &[]), 401), "invalid_client");
    let code = [("grant_type", "authorization_code"), ("client_id", &id), ("client_secret", &secret)];
    let refused = send_form(&core.node.client(), "/oauth/token", &code);
    assert!(matches!(error_of(&refused, 400).as_str(), "invalid_request" | "unauthorized_client"));
    let body = json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret});
    assert_eq!(core.node.client().post("/oauth/token", &body).status, 400, "a form, and no JSON");
}

#[test]
fn k5_active_tokens_are_listed_and_refused_everywhere_once_they_are_revoked() {
    let store = Store::sqlite();
    let node = Node::serve(&store, &Options::default());
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexuscore");
    let validating = Validator::start(&store, &node_credential(&admin).secret, &[node.url()]);
    let (_, id, secret) = credential(&admin, &tenant, &["tickets:read"]);
    let given = [(); 2].map(|()| {
        let given = token(&node, &id, &secret, &[]).expect(200).json();
        given["access_token"].as_str().unwrap().to_owned()
    });
    let everywhere = |bearer: &str| {
        [node.client(), validating.client()]
            .map(|client| client.bearer(bearer).get("/v1/forward-auth/nexuscore?scope=tickets:read"))
    };
    for bearer in &given {
        assert_eq!(everywhere(bearer).map(|answer| answer.status), [200, 200]);
    }
    let path = tenant.path("/tokens");
    let listed = admin.list(&path, 50);
    assert_eq!(listed.len(), 2, "{listed:?}");
    for row in &listed {
        assert_eq!((&row["status"], &row["client_name"]), (&json!("active"), &json!("Ticket import")));
    }
    let newest = listed[0]["id"].as_str().unwrap();
    let revoked = admin.post(&format!("{path}/{newest}/revoke"), &json!({})).expect(200).json();
    let _held_by_all = receipt(&revoked);
    for answer in everywhere(&given[1]) {
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_token")));
    }
    assert_eq!(everywhere(&given[0]).map(|answer| answer.status), [200, 200], "the other one");
    assert_eq!(admin.list(&path, 50).len(), 1);
    let trail = admin.list(&tenant.path("/audit?action=token.revoked"), 50);
    assert_eq!(trail.len(), 1, "{trail:?}");
}
