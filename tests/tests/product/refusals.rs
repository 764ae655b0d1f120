//! What callers are told, byte for byte: others' clients and their tests depend on it. `NEXUS_UPDATE_GOLDEN=1` writes the
//! files anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nexus_tests::{Answer, Tenant, eventually, verify_with};
use serde_json::{Value, json};

use crate::dialects::{Call, Product, READ};

/// Headers that differ from one answer to the next.
const CHANGING: [&str; 3] = ["date", "x-request-id", "connection"];

/// Status, headers and body as they stand in a golden file.
fn written(answer: &Answer) -> String {
    let mut headers: Vec<_> =
        answer.headers.iter().filter(|(name, _)| !CHANGING.contains(&name.as_str())).collect();
    headers.sort();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}\n{headers}\n{}\n", answer.status, answer.text())
}

fn compare(dialect: &str, code: &str, answer: &Answer) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("golden/refusals/{dialect}.{code}.http"));
    let actual = written(answer);
    if std::env::var_os("NEXUS_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &actual).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == golden, "{}:\n{golden}\nis not what was answered:\n{actual}", path.display());
}

/// A refusal for every code that a client of the dialect can bring about.
fn refusals(product: &Product) -> BTreeMap<&'static str, (Answer, Value)> {
    let dialect = product.tenant.dialect.clone();
    let scope = match dialect.as_str() {
        "nexus" => Some(("read:users", "write:users")),
        "nexuscommerce" => Some(("orders:read", "orders:write")),
        "nexuscore" => Some(("tickets:read", "tickets:write")),
        "nexusgpt" => Some(("read", "write")),
        _ => None,
    };
    let mut found = BTreeMap::new();
    let mut add = |code: &'static str, secret: &str, call: Call<'_>| {
        let answer = product.with_key(secret, &call);
        let mut question =
            json!({"credential": secret, "dialect": dialect, "ip": call.ip, "method": call.method});
        for (name, value) in call.needs.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "scope" => question["required_scopes"] = json!([value]),
                "brand" => question["restrictions"] = json!({"brand": value}),
                _ => question[name] = json!(value),
            }
        }
        found.insert(code, (answer, verify_with(&product.admin(), &question)));
    };
    let keys = product.keys();
    let live = product.create(json!({"scopes": scope.iter().map(|(has, _)| has).collect::<Vec<_>>()}));
    add("MALFORMED", "not-a-key", READ);
    let stranger = {
        let other = Product::of(&dialect);
        other.create(json!({})).secret
    };
    add("UNKNOWN", &stranger, READ);
    let revoked = product.create(json!({}));
    assert_eq!(keys.revoke(&revoked.id).status, 200);
    add("REVOKED", &revoked.secret, READ);
    add("WRONG_ENVIRONMENT", &live.secret, Call { needs: "environment=test", ..READ });
    let elsewhere = product.create(json!({"ip_allowlist": ["192.0.2.0/24"]}));
    add("IP_NOT_ALLOWED", &elsewhere.secret, READ);
    if let Some((_, lacks)) = scope {
        add("INSUFFICIENT_SCOPE", &live.secret, Call { needs: &format!("scope={lacks}"), ..READ });
    }
    if dialect == "nexusgpt" {
        let agent = product.agent();
        let integration = product.integration(&agent)["id"].clone();
        let disabled = product.create(json!({"integration_id": integration}));
        let path = product.tenant.path(&format!("/integrations/{}", integration.as_str().unwrap()));
        let _ = product.admin().patch(&path, &json!({"enabled": false})).expect(200);
        add("DISABLED", &disabled.secret, READ);
    }
    if dialect == "nexus" {
        let publishable = product.create(json!({"type": "publishable"}));
        add("READ_ONLY", &publishable.secret, Call { method: "POST", ..READ });
    }
    if dialect == "nexuscore" {
        let of_a_brand = product.create(json!({"restrictions": {"brand": ["acme"]}}));
        add("RESTRICTED", &of_a_brand.secret, Call { needs: "brand=globex", ..READ });
    }
    // Where keys last for days, or a minute longer than they say, nobody waits for their end.
    if !matches!(dialect.as_str(), "nexuscommerce" | "nexusgpt") {
        let short = product.create(json!({"expires_in": "1s"}));
        eventually("the key expires", || {
            (product.with_key(&short.secret, &READ).status == 401).then_some(())
        });
        add("EXPIRED", &short.secret, READ);
    }
    assert_eq!(product.admin().post(&product.tenant.path("/suspend"), &json!({})).status, 200);
    add("TENANT_SUSPENDED", &live.secret, READ);
    found
}

#[test]
fn refusals_are_byte_stable_and_verify_tells_the_same() {
    for dialect in ["nexus", "nexpay", "nexuscommerce", "nexuscore", "nexusgpt"] {
        let product = Product::of(dialect);
        for (code, (answer, verdict)) in refusals(&product) {
            assert_eq!(verdict["code"], code, "{dialect}: {verdict}");
            let response = &verdict["response"];
            assert_eq!(response["status"], answer.status, "{dialect} {code}");
            assert_eq!(response["body"], answer.json(), "{dialect} {code}");
            for (name, value) in response["headers"].as_object().unwrap() {
                assert_eq!(answer.header(name), value.as_str(), "{dialect} {code}");
            }
            compare(dialect, code, &answer);
        }
    }
}

#[test]
fn a_foreign_tenants_key_is_refused_as_in_the_golden_file() {
    let commerce = Product::of("nexuscommerce");
    let key = commerce.create(json!({}));
    let other = Tenant::create(&commerce.admin(), "nexuscommerce");
    let headers = [("authorization", &*format!("Bearer {}", key.secret)), ("x-tenant-id", &other.id)];
    compare("nexuscommerce", "TENANT_MISMATCH", &commerce.ask(&headers, &READ));
}

#[test]
fn malformed_unknown_and_foreign_credentials_look_the_same_outside() {
    for dialect in ["nexus", "nexpay", "nexuscommerce", "nexuscore", "nexusgpt"] {
        let product = Product::of(dialect);
        let own = product.create(json!({})).secret;
        let stranger = Product::of(dialect).create(json!({})).secret;
        let of_others: Vec<String> = ["nexus", "nexpay", "nexuscommerce", "nexuscore"]
            .iter()
            .filter(|other| **other != dialect)
            .map(|other| {
                Tenant::create(&product.admin(), other).keys(&product.admin()).create(&json!({})).secret
            })
            .collect();
        let mut last = own.clone();
        let end = if last.pop() == Some('a') { 'b' } else { 'a' };
        let wrong_checksum = format!("{last}{end}");
        let expected = written(&product.with_key("x", &READ));
        assert!(expected.starts_with("401\n"), "{expected}");
        let mut wrong = vec![
            String::new(),
            own[..own.len() - 1].to_owned(),
            own.to_uppercase(),
            wrong_checksum,
            stranger,
        ];
        wrong.push(product.node.admin_token().to_owned());
        wrong.extend(of_others);
        for credential in wrong {
            assert_eq!(written(&product.with_key(&credential, &READ)), expected, "{dialect}: {credential}");
        }
        assert_eq!(written(&product.ask(&[], &READ)), expected, "{dialect}: none at all");
    }
}
