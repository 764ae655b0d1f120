//! What every route of the REST interface promises: problem documents, strictness, repetition, paging, scopes.

use std::collections::{BTreeMap, BTreeSet};

use nexus_tests::{Answer, Browser, Client, Node, Tenant, eventually};
use serde_json::{Value, json};

/// Routes that need no management credential, and why.
const OPEN: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    // The credential that it is asked about is in the request itself.
    "/v1/forward-auth/{dialect}",
    // Public keys.
    "/.well-known/jwks.json",
    // Clients prove who they are with their own credentials, and people with their sessions.
    "/oauth/authorize",
    "/oauth/introspect",
    "/oauth/par",
    "/oauth/revoke",
    "/oauth/token",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
];

/// The scope that each route needs. A route that is missing here fails the test.
const SCOPES: &[(&str, &str, &str)] = &[
    ("GET", "/v1/audit", "audit:read"),
    ("GET", "/v1/events", "audit:read"),
    ("GET", "/v1/nodes", "nodes:read"),
    ("POST", "/v1/nodes", "nodes:write"),
    ("GET", "/v1/nodes/stream", "nodes:connect"),
    ("GET", "/v1/projections", "projections:read"),
    ("POST", "/v1/projections/{name}/rebuild", "projections:write"),
    ("GET", "/v1/tenants", "tenants:read"),
    ("POST", "/v1/tenants", "tenants:write"),
    ("GET", "/v1/tenants/{tenant}", "tenants:read"),
    ("PATCH", "/v1/tenants/{tenant}", "tenants:write"),
    ("GET", "/v1/tenants/{tenant}/agents", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/agents", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/agents/{agent}", "keys:read"),
    ("PATCH", "/v1/tenants/{tenant}/agents/{agent}", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/audit", "audit:read"),
    ("GET", "/v1/tenants/{tenant}/members", "members:read"),
    ("POST", "/v1/tenants/{tenant}/members", "members:write"),
    ("DELETE", "/v1/tenants/{tenant}/members/{member}", "members:write"),
    ("POST", "/v1/tenants/{tenant}/members/{member}/erase", "members:write"),
    ("POST", "/v1/tenants/{tenant}/members/{member}/password", "members:write"),
    ("GET", "/v1/tenants/{tenant}/sessions", "members:read"),
    ("DELETE", "/v1/tenants/{tenant}/sessions/{session}", "members:write"),
    ("GET", "/v1/tenants/{tenant}/clients", "clients:read"),
    ("POST", "/v1/tenants/{tenant}/clients", "clients:write"),
    ("GET", "/v1/tenants/{tenant}/clients/{client}", "clients:read"),
    ("PATCH", "/v1/tenants/{tenant}/clients/{client}", "clients:write"),
    ("POST", "/v1/tenants/{tenant}/clients/{client}/revoke", "clients:write"),
    ("POST", "/v1/tenants/{tenant}/clients/{client}/rotate", "clients:write"),
    ("GET", "/v1/tenants/{tenant}/tokens", "clients:read"),
    ("POST", "/v1/tenants/{tenant}/tokens/{token}/revoke", "clients:write"),
    ("GET", "/v1/tenants/{tenant}/integrations", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/integrations", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/integrations/{integration}", "keys:read"),
    ("PATCH", "/v1/tenants/{tenant}/integrations/{integration}", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/jwt-secrets", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/jwt-secrets", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/jwt-secrets/{secret}", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/jwt-secrets/{secret}/revoke", "keys:write"),
    ("POST", "/v1/tenants/{tenant}/jwt-secrets/{secret}/rotate", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/keys", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/keys", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/keys/{key}", "keys:read"),
    ("PATCH", "/v1/tenants/{tenant}/keys/{key}", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/keys/{key}/requests", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/keys/{key}/revoke", "keys:write"),
    ("POST", "/v1/tenants/{tenant}/keys/{key}/rotate", "keys:write"),
    ("GET", "/v1/tenants/{tenant}/keys/{key}/usage", "keys:read"),
    ("POST", "/v1/tenants/{tenant}/resume", "tenants:write"),
    ("POST", "/v1/tenants/{tenant}/suspend", "tenants:write"),
    ("POST", "/v1/verify", "verify"),
];

/// The tenant that owns the management credentials.
pub(crate) const PLATFORM: &str = "00000000-0000-7000-8000-000000000001";

const PASSWORD: &str = "correct horse battery staple";

/// What a path names. What is not there is no id of its kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    pub(crate) tenant: String,
    pub(crate) key: String,
    pub(crate) member: String,
    pub(crate) session: String,
    pub(crate) client: String,
    pub(crate) token: String,
    pub(crate) secret: String,
    pub(crate) integration: String,
    pub(crate) agent: String,
}

impl Named {
    /// A tenant with one of each, of whom the member is signed in.
    pub(crate) fn create(node: &Node, email: &str) -> Self {
        let tenant = Tenant::create(&node.admin(), "nexus");
        let key = tenant.keys(&node.admin()).create(&json!({})).id;
        let named = Self { key, ..Self::default() }.with_secret(node, &tenant.id);
        let named = named.with_client(node, &tenant.id).with_member(node, &tenant.id, email);
        named.with_integration(node, &tenant.id)
    }

    /// The same in a tenant, with a secret for service JWTs.
    pub(crate) fn with_secret(self, node: &Node, tenant: &str) -> Self {
        let secrets = format!("/v1/tenants/{tenant}/jwt-secrets");
        let made = node.admin().post(&secrets, &json!({"name": "Payments"})).expect(201).json();
        let secret = made["jwt_secret"]["id"].as_str().unwrap().to_owned();
        Self { tenant: tenant.to_owned(), secret, ..self }
    }

    /// The same in a tenant, with an OAuth client that has a token.
    pub(crate) fn with_client(self, node: &Node, tenant: &str) -> Self {
        let clients = format!("/v1/tenants/{tenant}/clients");
        let made =
            node.admin().post(&clients, &json!({"name": "Import", "type": "server"})).expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", made["client_id"].as_str().unwrap()),
            ("client_secret", made["client_secret"].as_str().unwrap()),
        ];
        let _token = crate::oauth::send_form(&node.client(), "/oauth/token", &fields).expect(200);
        let tokens = node.admin().list(&format!("/v1/tenants/{tenant}/tokens"), 50);
        Self {
            tenant: tenant.to_owned(),
            client: text(&made["client"]["id"]),
            token: text(&tokens[0]["id"]),
            ..self
        }
    }

    /// The same in a tenant, with a member who is signed in.
    pub(crate) fn with_member(self, node: &Node, tenant: &str, email: &str) -> Self {
        let body = json!({"email": email, "role": "auditor", "password": PASSWORD});
        let members = format!("/v1/tenants/{tenant}/members");
        let member = node.admin().post(&members, &body).expect(201).json();
        let browser = Browser::new(node.client());
        let _in = browser.sign_in(email, PASSWORD).expect(303);
        let cookie = browser.cookie("nexus_session").unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            tenant: tenant.to_owned(),
            member: text(&member["id"]),
            session: cookie.split('.').next().unwrap().to_owned(),
            ..self
        }
    }

    /// The same in a tenant, with an agent, and an integration beside it.
    pub(crate) fn with_integration(self, node: &Node, tenant: &str) -> Self {
        let made = |plural: &str| {
            let path = format!("/v1/tenants/{tenant}/{plural}");
            let made = node.admin().post(&path, &json!({"name": "Mine"})).expect(201).json();
            made["id"].as_str().unwrap().to_owned()
        };
        let (integration, agent) = (made("integrations"), made("agents"));
        Self { tenant: tenant.to_owned(), integration, agent, ..self }
    }

    /// A path of the description with these names in it.
    pub(crate) fn path(&self, path: &str) -> String {
        let or_none = |name: &str| if name.is_empty() { "x".to_owned() } else { name.to_owned() };
        path.replace("{tenant}", &or_none(&self.tenant))
            .replace("{key}", &or_none(&self.key))
            .replace("{member}", &or_none(&self.member))
            .replace("{session}", &or_none(&self.session))
            .replace("{client}", &or_none(&self.client))
            .replace("{token}", &or_none(&self.token))
            .replace("{secret}", &or_none(&self.secret))
            .replace("{integration}", &or_none(&self.integration))
            .replace("{agent}", &or_none(&self.agent))
            .replace("{name}", "usage")
    }
}

/// Method and path of every route in the server's own description.
pub(crate) fn routes(client: &Client) -> Vec<(String, String)> {
    let document = client.get("/openapi.json").expect(200).json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().map(|method| method.to_uppercase());
        routes.extend(methods.filter(|method| method != "PARAMETERS").map(|method| (method, path.clone())));
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// A body that the route accepts.
pub(crate) fn body_for(method: &str, path: &str) -> Option<Vec<u8>> {
    let body = match (method, path) {
        ("POST", "/v1/nodes") => json!({"name": "Another"}),
        ("POST", "/v1/tenants") => json!({"name": "Another", "dialect": "nexus"}),
        (
            "POST",
            "/v1/tenants/{tenant}/keys"
            | "/v1/tenants/{tenant}/integrations"
            | "/v1/tenants/{tenant}/agents"
            | "/v1/tenants/{tenant}/jwt-secrets",
        ) => json!({"name": "Another"}),
        ("POST", "/v1/tenants/{tenant}/members") => json!({"email": "new@example.com", "role": "auditor"}),
        ("POST", "/v1/tenants/{tenant}/members/{member}/password") => json!({"password": PASSWORD}),
        ("POST", "/v1/tenants/{tenant}/clients") => json!({"name": "Another", "type": "server"}),
        ("PATCH", _) => json!({"name": "Renamed"}),
        ("POST", "/v1/verify") => json!({"credential": "x"}),
        ("POST", _) => json!({}),
        _ => return None,
    };
    Some(body.to_string().into_bytes())
}

/// A management credential with these scopes and restrictions.
pub(crate) fn credential(node: &Node, scopes: &[&str], restrictions: &Value) -> Client {
    let body = json!({"name": "Limited", "scopes": scopes, "restrictions": restrictions});
    let made = node.admin().post(&format!("/v1/tenants/{PLATFORM}/keys"), &body).expect(201).json();
    node.client().bearer(made["secret"].as_str().unwrap())
}

pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("/problems/{code}"));
    for name in ["title", "detail", "request_id"] {
        assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {body}");
    }
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
}

pub(crate) fn locations(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("errors in {body}"));
    for error in errors {
        assert!(error["message"].is_string() && error["fix"].is_string(), "{error}");
    }
    errors.iter().map(|error| error["location"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_is_not_known_learns_how_to_send_a_credential() {
    let node = Node::dev();
    let asked = node.client().post("/v1/verify", &json!({"credential": "x"}));
    assert_problem(&asked, 401, "unauthorized");
    assert!(asked.text().contains("`Authorization: Bearer …`"), "{asked:?}");
}

#[test]
fn problems_have_one_shape_and_a_page_of_their_own() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = node.demo_tenant("nexus");
    for (answer, status, code) in [
        (admin.get("/v1/nowhere"), 404, "not_found"),
        (admin.get("/nowhere"), 404, "not_found"),
        (node.client().get("/v1/tenants"), 401, "unauthorized"),
        (admin.send("DELETE", "/v1/tenants", None), 405, "method_not_allowed"),
        (admin.get(&format!("/v1/tenants/{tenant}/keys/nonsense")), 404, "not_found"),
        (admin.get("/v1/tenants/nonsense"), 404, "not_found"),
        (admin.send("POST", "/v1/tenants", Some(b"{")), 400, "invalid_request"),
        (admin.send("POST", "/v1/tenants", Some(&[b' '; 70_000])), 413, "too_large"),
        (
            admin.clone().header("content-type", "text/plain").send("POST", "/v1/tenants", Some(b"{}")),
            415,
            "unsupported_media_type",
        ),
    ] {
        assert_problem(&answer, status, code);
        let page = node.client().get(answer.json()["type"].as_str().unwrap());
        assert_eq!(page.status, 200, "the page about {code}");
    }
    assert!(node.client().get("/v1/tenants").header("www-authenticate").is_some());
}

#[test]
fn a_known_address_names_the_methods_that_it_offers() {
    let node = Node::dev();
    let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in routes(&node.client()) {
        // Gateways ask with the method of the request that they ask about.
        if path != "/v1/forward-auth/{dialect}" {
            offered.entry(path).or_default().insert(method);
        }
    }
    for page in ["/openapi.json", "/docs", "/problems", "/problems/not_found", "/", "/assets/pages.css"] {
        offered.insert(page.to_owned(), BTreeSet::from(["GET".to_owned()]));
    }
    offered.insert("/sign-in".to_owned(), BTreeSet::from(["GET".to_owned(), "POST".to_owned()]));
    offered.insert("/sign-out".to_owned(), BTreeSet::from(["POST".to_owned()]));
    let named = Named { tenant: node.demo_tenant("nexus").to_owned(), ..Named::default() };
    for (path, mut methods) in offered {
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let path = named.path(&path);
        for method in ["DELETE", "PUT"].into_iter().filter(|method| !methods.contains(*method)) {
            let answer = node.admin().send(method, &path, None);
            assert_problem(&answer, 405, "method_not_allowed");
            let allow: BTreeSet<String> =
                answer.header("allow").unwrap_or_default().split(", ").map(str::to_owned).collect();
            assert_eq!(allow, methods, "{method} {path}");
        }
    }
    let answer = node.client().send("HEAD", "/healthz", None);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""), "as GET, without the body");
    let answer = node.admin().send("HEAD", "/v1/audit", None);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
}

#[test]
fn whatever_the_trail_says_can_be_asked_for_and_nothing_else() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexus");
    let keys = tenant.keys(&admin);
    let key = keys.create(&json!({}));
    let _ = admin.patch(&tenant.path(""), &json!({"name": "Renamed"})).expect(200);
    for standing in ["/suspend", "/resume"] {
        let _ = admin.post(&tenant.path(standing), &json!({})).expect(200);
    }
    let at = tenant.path(&format!("/keys/{}", key.id));
    let _ = admin.patch(&at, &json!({"name": "Changed"})).expect(200);
    for change in ["/rotate", "/revoke"] {
        let _ = admin.post(&format!("{at}{change}"), &json!({})).expect(200);
    }
    for (plural, change) in [("agents", "status"), ("integrations", "enabled")] {
        let made =
            admin.post(&tenant.path(&format!("/{plural}")), &json!({"name": "Mine"})).expect(201).json();
        let at = tenant.path(&format!("/{plural}/{}", made["id"].as_str().unwrap()));
        let (off, on) = match change {
            "status" => (json!("restricted"), json!("active")),
            _ => (json!(false), json!(true)),
        };
        let _ = admin.patch(&at, &json!({"name": "Renamed", change: off})).expect(200);
        let _ = admin.patch(&at, &json!({change: on})).expect(200);
    }
    let agent = admin.list(&tenant.path("/agents"), 1)[0]["id"].clone();
    let integration = admin.list(&tenant.path("/integrations"), 1)[0]["id"].as_str().unwrap().to_owned();
    let at = tenant.path(&format!("/integrations/{integration}"));
    let _ = admin.patch(&at, &json!({"agent_id": agent})).expect(200);
    let at = tenant.path(&format!("/jwt-secrets/{}", tenant.jwt_secret(&admin)));
    for change in ["/rotate", "/revoke"] {
        let _ = admin.post(&format!("{at}{change}"), &json!({})).expect(200);
    }
    let named = Named::default().with_member(&node, &tenant.id, "ada@example.com");
    let _wrong = Browser::new(node.client()).sign_in("ada@example.com", "wrong wrong wrong").expect(422);
    let _unknown = Browser::new(node.client()).sign_in("bob@example.com", "wrong wrong wrong").expect(422);
    for gone in ["/v1/tenants/{tenant}/sessions/{session}", "/v1/tenants/{tenant}/members/{member}"] {
        let _ = admin.send("DELETE", &named.path(gone), None).expect(204);
    }
    let erase = named.path("/v1/tenants/{tenant}/members/{member}/erase");
    let _ = admin.post(&erase, &json!({})).expect(200);
    let named = Named::default().with_client(&node, &tenant.id);
    let client = named.path("/v1/tenants/{tenant}/clients/{client}");
    let _ = admin.patch(&client, &json!({"name": "Renamed"})).expect(200);
    for change in ["/clients/{client}/rotate", "/tokens/{token}/revoke", "/clients/{client}/revoke"] {
        let _ = admin.post(&named.path(&format!("/v1/tenants/{{tenant}}{change}")), &json!({})).expect(200);
    }
    for credential in [key.secret.as_str(), "nx_live_0000000000000000000000000000000000"] {
        let _ = admin.post("/v1/verify", &json!({"credential": credential})).expect(200);
    }
    let told = |name: &str| -> BTreeSet<String> {
        admin.list("/v1/audit", 200).iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
    };
    eventually("usage is in the trail", || {
        let actions = told("action");
        let failures = told("outcome");
        let signing_in = failures.contains("unknown_email") && failures.contains("wrong_password");
        (signing_in && actions.contains("key.used") && actions.contains("credential.refused")).then_some(())
    });
    assert_eq!(told("action").len(), 36, "all but the ends of lives: {:?}", told("action"));
    for name in ["action", "outcome"] {
        for value in told(name) {
            assert!(!admin.list(&format!("/v1/audit?{name}={value}"), 200).is_empty(), "{name}={value}");
        }
        let answer = admin.get(&format!("/v1/audit?{name}=key.revokd"));
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(locations(&answer), [format!("query.{name}")]);
        let fix = answer.json()["errors"][0]["fix"].as_str().unwrap().to_owned();
        assert!(told(name).iter().all(|known| fix.contains(known)), "{fix}");
    }
}

#[test]
fn the_bodies_that_the_documentation_shows_are_accepted() {
    let node = Node::dev();
    let admin = node.admin();
    let document = admin.get("/openapi.json").expect(200).json();
    let mut sent = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(pointer) = schema.as_str().map(|reference| reference.trim_start_matches('#')) else {
                continue;
            };
            let example = &document.pointer(pointer).unwrap()["example"];
            if example.is_null() {
                assert_eq!(path, "/v1/verify", "an example of a body");
                continue;
            }
            let real = Named::create(&node, &format!("member-{sent}@example.com")).path(path);
            let body = example.to_string().into_bytes();
            let answer = admin.send(&method.to_uppercase(), &real, Some(&body));
            assert!((200..300).contains(&answer.status), "{method} {path} {example}: {answer:?}");
            sent += 1;
        }
    }
    assert!(sent >= 7, "{sent}");
}

#[test]
fn everything_wrong_with_a_body_is_told_at_once_with_its_place() {
    let node = Node::dev();
    let path = format!("/v1/tenants/{}/keys", node.demo_tenant("nexus"));
    let body = json!({"type": "golden", "scopes": ["read:users", 7], "expires_in": "soon", "ip_allowlist": ["10.0.0.0/40"],
        "restrictions": {"brand": "acme"}, "tenant_id": "x", "colour": 1});
    let answer = node.admin().post(&path, &body);
    assert_problem(&answer, 400, "invalid_request");
    let mut found = locations(&answer);
    found.sort();
    let expected = [
        "body.colour",
        "body.expires_in",
        "body.ip_allowlist[0]",
        "body.name",
        "body.restrictions.brand",
        "body.scopes[1]",
        "body.tenant_id",
        "body.type",
    ];
    assert_eq!(found, expected);
    let twice = json!({"name": "x", "expires_in": "1d", "expires_at": "2099-01-01T00:00:00Z"});
    assert_eq!(locations(&node.admin().post(&path, &twice).expect(400)), ["body.expires_at"]);
    let unknown = json!({"name": "x", "scopes": ["fly:moon"]});
    assert_eq!(locations(&node.admin().post(&path, &unknown).expect(400)), ["body.scopes"]);
    let query = node.admin().get(&format!("{path}?limit=0&status=gone&colour=red"));
    let mut found = locations(&query.expect(400));
    found.sort();
    assert_eq!(found, ["query.colour", "query.limit", "query.status"]);
}

#[test]
fn a_date_is_its_first_moment_and_what_is_no_date_learns_how_to_write_one() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant { id: node.demo_tenant("nexus").to_owned(), dialect: "nexus".to_owned() };
    let key = tenant.keys(&admin).create(&json!({"expires_at": "2999-12-31"}));
    assert_eq!(key.answer["key"]["expires_at"], "2999-12-31T00:00:00Z");
    let usage = tenant.keys(&admin).path(&key.id, "/usage");
    for (path, answered) in [
        (tenant.path("/audit?action=key.issued&to=2999-01-01"), 1),
        (tenant.path("/audit?action=key.issued&from=2999-01-01"), 0),
        (format!("{usage}?from=2026-01-01&to=2026-01-02"), 0),
    ] {
        let found = admin.get(&path).expect(200).json();
        assert_eq!(found["data"].as_array().unwrap().len(), answered, "{path}: {found}");
    }
    for path in [tenant.path("/audit"), "/v1/audit".to_owned(), usage] {
        let answer = admin.get(&format!("{path}?from=yesterday&to=2026-13-01"));
        assert_problem(&answer, 400, "invalid_request");
        let errors = answer.json()["errors"].clone();
        for (error, place) in errors.as_array().unwrap().iter().zip(["query.from", "query.to"]) {
            let fix = error["fix"].as_str().unwrap();
            assert!(fix.contains("2026-12-31T00:00:00Z") && fix.contains("RFC 3339"), "{place}: {error}");
        }
    }
}

#[test]
fn pages_hold_every_row_once_whatever_their_length() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant { id: node.demo_tenant("nexus").to_owned(), dialect: "nexus".to_owned() };
    for number in 0..7 {
        let _key = tenant.keys(&admin).create(&json!({"name": format!("Key {number}")}));
    }
    for number in 0..4 {
        let body = json!({"email": format!("member-{number}@example.com"), "role": "auditor"});
        let _member = admin.post(&tenant.path("/members"), &body).expect(201);
    }
    for list in
        ["/v1/tenants", &tenant.path("/keys"), &tenant.path("/members"), &tenant.path("/audit"), "/v1/audit"]
    {
        // Uses of the management credential come in meanwhile; they are newer than what is compared.
        let until = "to=2999-01-01T00:00:00Z";
        let list = if list.ends_with("audit") {
            format!("{list}?action=key.issued&{until}")
        } else {
            list.to_owned()
        };
        let whole = admin.list(&list, 200);
        assert!(whole.len() >= 4, "{list}: {whole:?}");
        for limit in 1..=3 {
            assert_eq!(admin.list(&list, limit), whole, "{list} by {limit}");
        }
    }
}

#[test]
fn wrong_limits_and_cursors_are_refused_on_every_list() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = node.demo_tenant("nexus");
    let key = Tenant { id: tenant.to_owned(), dialect: "nexus".to_owned() }.keys(&admin).create(&json!({}));
    for list in [
        "/v1/tenants".to_owned(),
        "/v1/audit".to_owned(),
        format!("/v1/tenants/{tenant}/keys"),
        format!("/v1/tenants/{tenant}/members"),
        format!("/v1/tenants/{tenant}/sessions"),
        format!("/v1/tenants/{tenant}/clients"),
        format!("/v1/tenants/{tenant}/tokens"),
        format!("/v1/tenants/{tenant}/audit"),
        format!("/v1/tenants/{tenant}/keys/{}/requests", key.id),
    ] {
        for limit in ["0", "201", "-1", "abc", "", "1.5", "99999999999999999999"] {
            let answer = admin.get(&format!("{list}?limit={limit}"));
            assert_problem(&answer, 400, "invalid_request");
            assert_eq!(locations(&answer), ["query.limit"], "{list} {limit}");
        }
        for cursor in ["", "x", "AAAA", "%00", "'%20OR%201=1", "999999999999999999999"] {
            let answer = admin.get(&format!("{list}?cursor={cursor}"));
            assert_eq!(answer.status, 400, "{list}?cursor={cursor}: {answer:?}");
            assert_eq!(locations(&answer), ["query.cursor"], "{list} {cursor}");
        }
        for limit in ["1", "200"] {
            assert_eq!(admin.get(&format!("{list}?limit={limit}")).status, 200, "{list} {limit}");
        }
    }
}

#[test]
fn the_request_id_is_echoed_or_made() {
    let node = Node::dev();
    let echoed = node.client().header("x-request-id", "abc-123").get("/v1/tenants");
    assert_eq!(echoed.header("x-request-id"), Some("abc-123"));
    assert_eq!(echoed.json()["request_id"], "abc-123");
    let long = "x".repeat(129);
    for unusable in ["a b", long.as_str()] {
        let made = node.client().header("x-request-id", unusable).get("/healthz");
        assert!(made.header("x-request-id").is_some_and(|id| id != unusable && id.len() == 36), "{made:?}");
    }
    let (one, two) = (node.client().get("/healthz"), node.client().get("/healthz"));
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}

#[test]
fn every_route_without_a_credential_is_refused() {
    let node = Node::dev();
    let outsider = node.client();
    let wrong = node.client().bearer("nxm_0000000000000000000000000000000000000000");
    let named = Named { tenant: node.demo_tenant("nexus").to_owned(), ..Named::default() };
    for (method, path) in routes(&outsider) {
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        let real = named.path(&path);
        for client in [&outsider, &wrong] {
            let answer = client.send(&method, &real, body_for(&method, &path).as_deref());
            assert_problem(&answer, 401, "unauthorized");
        }
    }
    for open in ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/problems/not_found"] {
        assert_eq!(outsider.get(open).status, 200, "{open}");
    }
}

#[test]
fn every_route_needs_its_scope() {
    let node = Node::dev();
    let tenant = node.demo_tenant("nexus").to_owned();
    let keys = Tenant { id: tenant.clone(), dialect: "nexus".to_owned() }.keys(&node.admin());
    let known: Vec<(String, String)> =
        routes(&node.client()).into_iter().filter(|(_, path)| !OPEN.contains(&path.as_str())).collect();
    let mut listed: Vec<_> =
        SCOPES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    let mut offered = known.clone();
    listed.sort();
    offered.sort();
    assert_eq!(offered, listed, "the table of scopes names every route");
    let all = [
        "tenants:read",
        "tenants:write",
        "keys:read",
        "keys:write",
        "members:read",
        "members:write",
        "clients:read",
        "clients:write",
        "audit:read",
        "verify",
        "nodes:connect",
        "nodes:read",
        "nodes:write",
        "projections:read",
        "projections:write",
    ];
    for (at, (method, path, needed)) in SCOPES.iter().enumerate() {
        let others: Vec<&str> = all
            .into_iter()
            .filter(|scope| scope != needed && *scope != needed.replace(":read", ":write"))
            // Whoever makes nodes' credentials may be a node.
            .filter(|scope| (*needed, *scope) != ("nodes:connect", "nodes:write"))
            .collect();
        let key = if path.contains("{key}") { keys.create(&json!({})).id } else { String::new() };
        let mut named = Named { tenant: tenant.clone(), key, ..Named::default() };
        if path.contains("{member}") || path.contains("{session}") {
            named = named.with_member(&node, &tenant, &format!("member-{at}@example.com"));
        }
        if path.contains("{secret}") {
            named = named.with_secret(&node, &tenant);
        }
        if path.contains("{client}") || path.contains("{token}") {
            named = named.with_client(&node, &tenant);
        }
        if path.contains("{integration}") || path.contains("{agent}") {
            named = named.with_integration(&node, &tenant);
        }
        let real = named.path(path);
        if let Some(member) = real.strip_suffix("/erase") {
            // Who is a member still cannot be erased.
            let _gone = node.admin().send("DELETE", member, None).expect(204);
        }
        let body = body_for(method, path);
        let lacking = credential(&node, &others, &json!({})).send(method, &real, body.as_deref());
        assert_problem(&lacking, 403, "forbidden");
        assert!(lacking.text().contains(needed), "{method} {path} says what is lacking: {lacking:?}");
        let mut enough = vec![*needed];
        if *needed == "members:write" {
            // Nobody makes or changes a member who may do more than they, and these are auditors.
            enough.extend(["tenants:read", "keys:read", "clients:read", "audit:read"]);
        }
        let having = credential(&node, &enough, &json!({})).send(method, &real, body.as_deref());
        if *path == "/v1/nodes/stream" {
            assert_problem(&having, 400, "invalid_request");
            assert!(having.text().contains("no WebSocket"), "{having:?}");
            continue;
        }
        assert!((200..300).contains(&having.status), "{method} {path} with {needed}: {having:?}");
    }
}
