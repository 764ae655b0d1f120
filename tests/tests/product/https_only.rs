//! `server.https_only`: what did not come over HTTPS is refused on every route but those of health, and never redirected.

use nexus_tests::validator::Surroundings;
use nexus_tests::{Answer, Client, Node, Options, Store, Tenant, Validator, node_credential};
use serde_json::{Value, json};

use crate::certificates::{Authority, Ends};
use crate::oauth::{error_of, send_form};

const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

fn strict(trusted: &str) -> Options {
    Options::default().set("server.https_only", "true").set("server.trusted_proxies", trusted)
}

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (400, "https_required"), "{what}: {answer:?}");
    assert_eq!(answer.header("location"), None, "{what}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{what}");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("https://") && detail.contains("Replace a credential"), "{detail}");
}

/// Each route of the description, with an address that leads to it.
fn routes() -> Vec<(String, String)> {
    let api: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.get(method).is_some() && !HEALTH.contains(&path.as_str()) {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(routes.len() > 50, "{routes:?}");
    routes
}

#[test]
fn k1_plain_http_through_a_proxy_is_refused_on_every_route_but_health() {
    let store = Store::sqlite();
    let node = Node::serve(&store, &strict(r#"["127.0.0.1/32"]"#));
    let through = |proto: &str| node.admin().header("x-forwarded-proto", proto);
    let beside = [("GET", "/v1/forward-auth/nexus"), ("GET", "/nothing"), ("OPTIONS", "/v1/tenants")];
    let beside = beside.map(|(method, path)| (method.to_owned(), path.to_owned()));
    for (method, path) in routes().into_iter().chain(beside) {
        let body = (method != "GET").then_some(b"{}".as_slice());
        refused(&through("http").send(&method, &path, body), &format!("{method} {path}"));
    }
    for said in ["", "ws", "https, http", "http, https"] {
        refused(&through(said).get("/v1/tenants"), said);
    }
    refused(&node.admin().get("/v1/tenants"), "a proxy that says nothing");
    refused(&node.admin().header("forwarded", "for=192.0.2.1;proto=http").get("/v1/tenants"), "Forwarded");
    let mixed = through("https").header("forwarded", "proto=http");
    refused(&mixed.get("/v1/tenants"), "two that contradict each other");
    for path in HEALTH {
        assert_eq!(node.client().get(path).status, 200, "{path}");
    }

    assert_eq!(through("https").get("/v1/tenants").status, 200);
    assert_eq!(node.admin().header("forwarded", "for=192.0.2.1;proto=https").get("/v1/tenants").status, 200);
    let tenant = Tenant::create(&through("https"), "nexus");
    let key = tenant.keys(&through("https")).create(&json!({}));
    let caller = |proto: &str| node.client().bearer(&key.secret).header("x-forwarded-proto", proto);
    assert_eq!(caller("https").get("/v1/forward-auth/nexus").status, 200);
    refused(&caller("http").get("/v1/forward-auth/nexus"), "a dialect that takes what comes");
    let token = [("grant_type", "client_credentials"), ("client_id", "nx_client_1"), ("client_secret", "x")];
    let asked = send_form(&node.client().header("x-forwarded-proto", "https"), "/oauth/token", &token);
    assert_eq!(error_of(&asked, 401), "invalid_client", "over HTTPS the endpoint answers itself");
    refused(&send_form(&node.client(), "/oauth/token", &token), "/oauth/token");
}

#[test]
fn case_32_what_strangers_say_of_their_connection_is_ignored() {
    let store = Store::sqlite();
    let folder = store.folder().join("authorities");
    std::fs::create_dir(&folder).unwrap();
    let authority = Authority::new(&folder, "servers");
    let node = Node::serve(&store, &strict(r#"["192.0.2.1"]"#));
    let forged = |name: &str, value: &str| node.admin().header(name, value).get("/v1/tenants");
    refused(&forged("x-forwarded-proto", "https"), "X-Forwarded-Proto");
    refused(&forged("forwarded", "for=192.0.2.1;proto=https"), "Forwarded");
    refused(&forged("x-forwarded-for", "192.0.2.1"), "X-Forwarded-For");
    refused(&node.admin().get("/v1/tenants"), "this machine is no exception");
    drop(node);

    let files = authority.issue("api", &Ends::Later);
    let text = |path: &std::path::Path| Value::from(path.display().to_string()).to_string();
    let tls = strict(r#"["192.0.2.1"]"#)
        .set("server.tls.certificate", &text(&files.certificate))
        .set("server.tls.key", &text(&files.key));
    let other = Store::sqlite();
    let node = Node::serve(&other, &tls);
    let client = Client::new(&format!("https://{}", node.address())).trusting(&authority.pem);
    let client = client.bearer(node.admin_token());
    assert_eq!(client.get("/v1/tenants").status, 200, "the connection itself is one of TLS");
    assert_eq!(client.header("x-forwarded-proto", "http").get("/v1/tenants").status, 200);
}

#[test]
fn a_validating_node_refuses_plain_http_as_well() {
    let store = Store::sqlite();
    let api = Node::serve(&store, &Options::default());
    let tenant = Tenant::create(&api.admin(), "nexus");
    let key = tenant.keys(&api.admin()).create(&json!({}));
    let variables = [("HTTPS_ONLY", "true"), ("TRUSTED_PROXIES", "127.0.0.1/32")];
    let variables = variables.map(|(name, value)| (format!("NEXUS__SERVER__{name}"), value.to_owned()));
    let surroundings = Surroundings { variables: variables.into(), ..Surroundings::default() };
    let credential = node_credential(&api.admin()).secret;
    let folder = store.folder().join("strict");
    let node = Validator::begin_in(surroundings, &folder, &credential, &[api.url()]);
    node.await_ready();
    let caller = |proto: &str| node.client().bearer(&key.secret).header("x-forwarded-proto", proto);
    assert_eq!(caller("https").get("/v1/forward-auth/nexus").status, 200);
    for path in ["/v1/forward-auth/nexus", "/problems", "/metrics", "/nothing"] {
        refused(&caller("http").get(path), path);
        refused(&node.client().get(path), path);
    }
    refused(&caller("http").post("/v1/verify", &json!({"credential": key.secret})), "/v1/verify");
    for path in HEALTH {
        assert_eq!(node.client().get(path).status, 200, "{path}");
    }
}
