//! The routes that the products' pages call, behind nginx with `examples/nginx/products.conf` and a validating node.

use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nexus_tests::validator::Surroundings;
use nexus_tests::{Client, Issued, Node, Options, Store, Tenant, Validator, node_credential};
use serde_json::json;

use crate::forward_auth::{Gateway, begin, curl_at, free_address, nginx, upstream};

/// A route as a product's page calls it.
struct Route {
    dialect: &'static str,
    host: &'static str,
    method: &'static str,
    path: &'static str,
    /// What it needs; without, every key of the product may call it.
    scope: Option<&'static str>,
    /// Whether the product is served over HTTPS alone.
    https: bool,
    /// Another scope of the product.
    lesser: &'static str,
}

const ROUTES: [Route; 8] = [
    Route {
        dialect: "nexus",
        host: "api.nexus.dev",
        method: "GET",
        path: "/v1/users",
        scope: Some("read:users"),
        https: false,
        lesser: "write:users",
    },
    Route {
        dialect: "nexpay",
        host: "api.nexpay.com",
        method: "GET",
        path: "/v2/users/me",
        scope: None,
        https: false,
        lesser: "",
    },
    Route {
        dialect: "nexuscommerce",
        host: "your-nexuscommerce.com",
        method: "GET",
        path: "/api/products",
        scope: Some("products:read"),
        https: false,
        lesser: "orders:read",
    },
    Route {
        dialect: "nexuscommerce",
        host: "your-nexuscommerce.com",
        method: "PUT",
        path: "/api/products/42",
        scope: Some("products:write"),
        https: false,
        lesser: "products:read",
    },
    Route {
        dialect: "nexusgpt",
        host: "api.nexusgpt.io",
        method: "POST",
        path: "/api/public/thread",
        scope: Some("write"),
        https: false,
        lesser: "read",
    },
    Route {
        dialect: "nexuscore",
        host: "api.support.nexuscore.cloud",
        method: "GET",
        path: "/v1/tickets",
        scope: Some("tickets:read"),
        https: true,
        lesser: "brands:read",
    },
    Route {
        dialect: "nexuscore",
        host: "api.support.nexuscore.cloud",
        method: "POST",
        path: "/v1/tickets",
        scope: Some("tickets:write"),
        https: true,
        lesser: "tickets:read",
    },
    Route {
        dialect: "nexuscore",
        host: "api.support.nexuscore.cloud",
        method: "GET",
        path: "/v1/brands/acme/tickets",
        scope: Some("tickets:read"),
        https: true,
        lesser: "brands:read",
    },
];

/// A credential as the product's page sends it.
fn credential(tenant: &Tenant, secret: &str) -> Vec<(&'static str, String)> {
    match tenant.dialect.as_str() {
        "nexpay" => vec![("Authorization", format!("ApiKey {secret}"))],
        "nexusgpt" => vec![("api-key", secret.to_owned())],
        "nexuscommerce" => {
            vec![("Authorization", format!("Bearer {secret}")), ("X-Tenant-ID", tenant.id.clone())]
        }
        _ => vec![("Authorization", format!("Bearer {secret}"))],
    }
}

/// nginx in front of a validating node and of a service, and the API node that the validating node follows.
struct Edge {
    admin: Client,
    /// Where it takes plain HTTP, and where HTTPS.
    addresses: [String; 2],
    heads: Receiver<String>,
    _running: (Gateway, Validator, Node, Store),
}

impl Edge {
    fn start() -> Option<Self> {
        let program = nginx()?;
        let store = Store::sqlite();
        let node = Node::serve(&store, &Options::default());
        let admin = node.admin();
        let trusted = ("NEXUS__SERVER__TRUSTED_PROXIES".to_owned(), "127.0.0.1/32".to_owned());
        let surroundings = Surroundings { variables: vec![trusted], ..Surroundings::default() };
        let credential = node_credential(&admin).secret;
        let api = format!("http://{}", node.address());
        let validator =
            Validator::begin_in(surroundings, &store.folder().join("validator"), &credential, &[api]);
        validator.await_ready();
        let (service, heads) = upstream();
        let (address, safe_address) = (free_address(), free_address());
        let certified =
            rcgen::generate_simple_self_signed(["api.support.nexuscore.cloud".to_owned()]).unwrap();
        std::fs::write(store.folder().join("certificate.pem"), certified.cert.pem()).unwrap();
        std::fs::write(store.folder().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        let changes = [
            ("127.0.0.1:8000", address.to_string()),
            ("127.0.0.1:8443", safe_address.to_string()),
            ("127.0.0.1:8080", validator.address().to_string()),
            ("127.0.0.1:3000", service.to_string()),
        ];
        let gateway = begin(&program, store.folder(), "products.conf", &changes, address);
        let addresses = [format!("http://{address}"), format!("https://{safe_address}")];
        Some(Self { admin, addresses, heads, _running: (gateway, validator, node, store) })
    }

    /// What a caller with these headers is told.
    fn call(&self, route: &Route, path: &str, headers: &[(&'static str, String)]) -> (u16, String) {
        let mut all: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(("Host", route.host));
        let address = &self.addresses[usize::from(route.https)];
        curl_at(
            &format!("{address}{path}?page=2"),
            &all,
            &["--insecure", "--http1.1", "--request", route.method],
        )
    }

    fn key(&self, tenant: &Tenant, scope: Option<&str>) -> Issued {
        let mut body = json!({"scopes": Vec::from_iter(scope)});
        if tenant.dialect == "nexusgpt" {
            let agent =
                self.admin.post(&tenant.path("/agents"), &json!({"name": "Support"})).expect(201).json();
            let integration = json!({"name": "Website", "type": "api", "agent_id": agent["id"]});
            let made = self.admin.post(&tenant.path("/integrations"), &integration).expect(201).json();
            body["integration_id"] = made["id"].clone();
        }
        tenant.keys(&self.admin).create(&body)
    }
}

#[test]
fn each_products_route_is_open_to_live_keys_with_its_scope_and_to_nobody_else() {
    let Some(edge) = Edge::start() else {
        eprintln!("the products' routes: skipped, NEXUS_TEST_NGINX names no nginx");
        return;
    };
    for route in &ROUTES {
        let place = format!("{} {}{}", route.method, route.host, route.path);
        let tenant = Tenant::create(&edge.admin, route.dialect);
        let key = edge.key(&tenant, route.scope);
        let sent = credential(&tenant, &key.secret);
        let (status, text) = edge.call(route, route.path, &sent);
        assert_eq!(status, 200, "{place}: {text}");
        let head = edge.heads.recv_timeout(Duration::from_secs(5)).unwrap();
        let begins = format!("{} {}?page=2 ", route.method, route.path).to_lowercase();
        assert!(head.starts_with(&begins), "{place}: {head}");
        assert!(head.contains(&format!("x-nexus-key: {}\r\n", key.id)), "{place}: {head}");
        assert!(head.contains("x-forwarded-for: 127.0.0.1\r\n"), "{place}: {head}");
        assert!(!head.contains(&key.secret.to_lowercase()), "{place}: the service does not get the secret");

        if route.scope.is_some() {
            let lesser = edge.key(&tenant, Some(route.lesser)).secret;
            let (status, text) = edge.call(route, route.path, &credential(&tenant, &lesser));
            assert_eq!(status, 403, "{place}: {text}");
        }
        let (status, text) = edge.call(route, route.path, &[]);
        assert_eq!(status, 401, "{place}: {text}");
        for path in ["/", "/v9/nothing", &format!("{}x", route.path.trim_end_matches("/42"))] {
            let (status, text) = edge.call(route, path, &sent);
            assert_eq!(status, 404, "{place}: {path}: {text}");
        }
        let elsewhere = Route { host: "localhost", https: false, ..*route };
        assert_eq!(edge.call(&elsewhere, route.path, &sent).0, 404, "{place}");
        if route.https {
            let (status, text) = edge.call(&Route { https: false, ..*route }, route.path, &sent);
            assert_eq!(status, 403, "{place}: {text}");
            assert!(text.contains("https_required"), "{place}: {text}");
        }

        assert_eq!(tenant.keys(&edge.admin).revoke(&key.id).status, 200);
        let (status, text) = edge.call(route, route.path, &sent);
        assert_eq!(status, 401, "{place}: {text}");
        assert!(edge.heads.try_recv().is_err(), "{place}: nothing that was refused reached the service");
    }
}

/// IP allow lists see the caller's address as nginx does, and not what the caller says it is.
#[test]
fn a_products_route_knows_where_its_callers_are() {
    let Some(edge) = Edge::start() else { return };
    let [route, ..] = &ROUTES;
    let tenant = Tenant::create(&edge.admin, route.dialect);
    let addresses: [(IpAddr, u16); 2] =
        [("127.0.0.1".parse().unwrap(), 200), ("203.0.113.7".parse().unwrap(), 403)];
    for (address, expected) in addresses {
        let body = json!({"scopes": [route.scope], "ip_allowlist": [address]});
        let mut sent = credential(&tenant, &tenant.keys(&edge.admin).create(&body).secret);
        sent.push(("X-Forwarded-For", "203.0.113.7".to_owned()));
        assert_eq!(edge.call(route, route.path, &sent).0, expected, "{address}");
    }
}

#[test]
fn a_key_for_a_brand_is_good_for_that_brands_tickets_alone() {
    let Some(edge) = Edge::start() else { return };
    let route = ROUTES.iter().find(|route| route.path.contains("/brands/")).unwrap();
    let tenant = Tenant::create(&edge.admin, route.dialect);
    let body = json!({"scopes": [route.scope], "restrictions": {"brand": ["acme"]}});
    let sent = credential(&tenant, &tenant.keys(&edge.admin).create(&body).secret);
    for (path, expected) in [
        ("/v1/brands/acme/tickets", 200),
        ("/v1/brands/acme/tickets/7", 200),
        ("/v1/brands/other/tickets", 403),
        ("/v1/tickets", 403),
        ("/v1/brands/acme%26brand=other/tickets", 404),
    ] {
        assert_eq!(edge.call(route, path, &sent).0, expected, "{path}");
    }
}
