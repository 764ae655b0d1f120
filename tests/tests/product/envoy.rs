//! Envoy's `ext_authz` with an HTTP service, as its requests look on the wire: the caller's method, and the caller's path and
//! query behind the configured `path_prefix`. Host, an empty body's length and `Authorization` always come along, and Envoy's
//! own client adds its address and its time limit.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nexus_tests::eventually;
use serde_json::json;

use crate::dialects::{Call, Product, READ};

/// What Envoy sends for `METHOD PATH` of a caller at `ip`, with `path_prefix: /v1/forward-auth/nexus`. Gives the answer's status
/// and all of its text.
fn ext_authz(product: &Product, secret: &str, (method, path): (&str, &str), ip: &str) -> (u16, String) {
    let request = format!(
        "{method} /v1/forward-auth/{}{path} HTTP/1.1\r\n\
         host: shop.example\r\n\
         content-length: 0\r\n\
         authorization: Bearer {secret}\r\n\
         x-forwarded-for: {ip}\r\n\
         x-envoy-internal: true\r\n\
         x-envoy-expected-rq-timeout-ms: 200\r\n\
         connection: close\r\n\r\n",
        product.tenant.dialect
    );
    let mut socket = TcpStream::connect(product.node.address()).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap().parse().unwrap();
    (status, answer.to_lowercase())
}

#[test]
fn envoy_learns_whose_the_credential_is_whatever_the_callers_request() {
    let product = Product::of("nexus");
    let key = product.create(json!({"scopes": ["read:users"]}));
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for path in ["/", "/v1/users?page=1&scope=admin:all", "/a%2Fb//c/../d", "/v1/tenants"] {
            let (status, answer) = ext_authz(&product, &key.secret, (method, path), "198.51.100.7");
            assert_eq!(status, 200, "{method} {path}: {answer}");
            for line in [
                format!("\r\nx-nexus-key: {}\r\n", key.id),
                format!("\r\nx-nexus-tenant: {}\r\n", product.tenant.id),
                "\r\nx-nexus-scopes: read:users\r\n".to_owned(),
            ] {
                assert!(answer.contains(&line), "{method} {path}: {line} in {answer}");
            }
        }
    }
    let _last = ext_authz(&product, &key.secret, ("PURGE", "/v1/users?page=1"), "198.51.100.7");
    let row = eventually("it is logged", || {
        let rows = product.admin().list(&product.keys().path(&key.id, "/requests"), 200);
        rows.into_iter().find(|row| row["method"] == "PURGE")
    });
    assert_eq!(
        (row["path"].as_str(), row["ip"].as_str()),
        (Some("/v1/users"), Some("198.51.100.7")),
        "{row}"
    );
}

#[test]
fn envoy_passes_on_the_dialects_own_refusals() {
    let product = Product::of("nexus");
    let reader = product.create(json!({"type": "publishable"}));
    let near = product.create(json!({"ip_allowlist": ["203.0.113.0/24"]}));
    assert_eq!(ext_authz(&product, &reader.secret, ("GET", "/v1/users"), "203.0.113.7").0, 200);
    assert_eq!(ext_authz(&product, &near.secret, ("POST", "/v1/users"), "203.0.113.7").0, 200);
    let refused = |secret: &str, request: (&str, &str), ip: &str| {
        let (status, answer) = ext_authz(&product, secret, request, ip);
        let direct = product.with_key(secret, &Call { method: request.0, path: request.1, ip, ..READ });
        assert_eq!(status, direct.status, "{answer}");
        assert!(status >= 400 && answer.ends_with(&direct.text().to_lowercase()), "{answer}");
    };
    refused(&reader.secret, ("POST", "/v1/users"), "203.0.113.7");
    refused(&near.secret, ("GET", "/v1/users"), "198.51.100.7");
    refused("unknown", ("GET", "/v1/users"), "203.0.113.7");
    assert_eq!(product.keys().revoke(&near.id).status, 200);
    refused(&near.secret, ("GET", "/v1/users?page=1"), "203.0.113.7");
}
