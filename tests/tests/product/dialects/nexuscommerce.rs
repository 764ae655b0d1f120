//! NexusCommerce: bearer keys that act for the tenant that a header names.

use nexus_tests::{Issued, Tenant, eventually};
use serde_json::json;

use super::{Call, Product, READ, seconds_between};

#[test]
fn c1_the_tenant_header_must_name_the_keys_own_tenant() {
    let commerce = Product::of("nexuscommerce");
    let (live, test) = (commerce.create(json!({})), commerce.create(json!({"environment": "staging"})));
    assert!(live.secret.starts_with("nxc_live_") && test.secret.starts_with("nxc_test_"));
    let other = Tenant::create(&commerce.admin(), "nexuscommerce");
    let bearer = format!("Bearer {}", live.secret);
    let with = |tenant: &[&str]| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(tenant.iter().map(|id| ("x-tenant-id", *id)));
        commerce.ask(&headers, &READ)
    };
    let id = commerce.tenant.id.as_str();
    assert_eq!(with(&[id]).status, 200);
    assert_eq!(with(&[&id.to_uppercase()]).status, 200, "a UUID may be written in either case");
    assert_eq!(commerce.with_key(&test.secret, &READ).status, 200);
    let missing = with(&[]);
    assert_eq!(missing.status, 401);
    let (braces, dashless, twice) = (format!("{{{id}}}"), id.replace('-', ""), format!("{id}, {id}"));
    for wrong in [
        &["nonsense"][..],
        &[""],
        &[&other.id],
        &[id, id],
        &[id, &other.id],
        &[&braces],
        &[&dashless],
        &[&twice],
    ] {
        let answer = with(wrong);
        assert_eq!((answer.status, &answer.body), (401, &missing.body), "{wrong:?}");
    }
}

#[test]
fn c2_keys_act_for_the_tenant_within_their_scopes() {
    let commerce = Product::of("nexuscommerce");
    let scopes = [
        "products:read",
        "products:write",
        "orders:read",
        "orders:write",
        "inventory:read",
        "inventory:write",
        "pricing:read",
        "pricing:write",
        "analytics:read",
        "ai-jobs:write",
    ];
    let everything = commerce.create(json!({"scopes": ["*"]}));
    let reader = commerce.create(json!({"scopes": ["products:read"]}));
    for scope in scopes {
        let needs = format!("scope={scope}");
        let call = Call { needs: &needs, ..READ };
        assert_eq!(commerce.with_key(&everything.secret, &call).status, 200, "{scope}");
        let expected = if scope == "products:read" { 200 } else { 403 };
        assert_eq!(commerce.with_key(&reader.secret, &call).status, expected, "{scope}");
    }
    let all = commerce.create(json!({"scopes": scopes}));
    let answer = commerce.with_key(&all.secret, &READ);
    assert_eq!(answer.header("x-nexus-tenant"), Some(commerce.tenant.id.as_str()));
    assert_eq!(
        commerce.with_key(&all.secret, &Call { needs: "scope=*", ..READ }).status,
        403,
        "all of them are not the wildcard"
    );
}

#[test]
fn c3_keys_last_30_or_90_days_a_year_or_for_ever() {
    let commerce = Product::of("nexuscommerce");
    for (length, days) in [("30d", 30.0), ("90d", 90.0), ("1y", 365.0)] {
        let key = commerce.create(json!({"expires_in": length})).answer["key"].clone();
        assert_eq!(
            seconds_between(&key["created_at"], &key["expires_at"]).round(),
            days * 86_400.0,
            "{length}"
        );
    }
    assert!(commerce.create(json!({})).answer["key"]["expires_at"].is_null());
    for wrong in [
        json!({"expires_in": "7d"}),
        json!({"expires_in": "2y"}),
        json!({"expires_at": "2099-01-01T00:00:00Z"}),
        json!({"expires_in": "0"}),
    ] {
        let mut body = wrong;
        body["name"] = json!("x");
        assert_eq!(commerce.admin().post(&commerce.tenant.path("/keys"), &body).status, 400, "{body}");
    }
}

#[test]
fn c4_the_list_has_what_its_columns_show() {
    let commerce = Product::of("nexuscommerce");
    let key = commerce.create(json!({"name": "Warehouse", "scopes": ["orders:read"], "expires_in": "30d"}));
    let eternal = commerce.create(json!({"name": "CI"}));
    assert_eq!(commerce.with_key(&key.secret, &READ).status, 200);
    let row = eventually("last used is shown", || {
        let row = commerce.keys().list("active").into_iter().find(|row| row["id"] == key.id.as_str())?;
        row["last_used_at"].is_string().then_some(row)
    });
    assert_eq!(row["name"], "Warehouse");
    assert_eq!(row["prefix"], &key.secret[..8]);
    assert_eq!(row["scopes"], json!(["orders:read"]));
    assert!(row["created_at"].is_string() && row["expires_at"].is_string(), "{row}");
    let row = commerce.keys().show(&eternal.id);
    assert!(row["expires_at"].is_null() && row["last_used_at"].is_null(), "{row}");
    let table = commerce.node.run(&["keys", "list", "--tenant", &commerce.tenant.id]).stdout.join("\n");
    for text in ["Warehouse", &key.secret[..8], "orders:read", "never"] {
        assert!(table.to_lowercase().contains(&text.to_lowercase()), "{text} in\n{table}");
    }
}

#[test]
fn c5_the_tenant_id_that_is_shown_is_the_one_that_the_header_needs() {
    let commerce = Product::of("nexuscommerce");
    let key = commerce.create(json!({}));
    let shown =
        commerce.admin().get(&commerce.tenant.path("")).expect(200).json()["id"].as_str().unwrap().to_owned();
    let headers = [("authorization", &*format!("Bearer {}", key.secret)), ("x-tenant-id", &shown)];
    assert_eq!(commerce.ask(&headers, &READ).status, 200);
}

#[test]
fn c6_rotation_in_place_is_refused_with_the_advice_that_then_works() {
    let commerce = Product::of("nexuscommerce");
    let old = commerce.create(json!({"scopes": ["orders:read"]}));
    let refused = commerce.keys().rotate(&old.id, &json!({})).expect(409);
    assert_eq!(refused.code(), "rotation_unsupported");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("create a new key") && detail.contains("revoke the old key"), "{detail}");
    let new = commerce.create(json!({"scopes": ["orders:read"]}));
    assert_eq!(commerce.with_key(&new.secret, &READ).status, 200);
    assert_eq!(commerce.keys().revoke(&old.id).status, 200);
    assert_eq!(commerce.with_key(&old.secret, &READ).status, 401);
    assert_eq!(commerce.with_key(&new.secret, &READ).status, 200);
}

#[test]
fn c7_the_first_request_after_a_revocation_gets_401() {
    let commerce = Product::of("nexuscommerce");
    for _ in 0..15 {
        let key = commerce.create(json!({}));
        assert_eq!(commerce.with_key(&key.secret, &READ).status, 200);
        assert_eq!(commerce.keys().revoke(&key.id).status, 200);
        assert_eq!(commerce.with_key(&key.secret, &READ).status, 401);
    }
}

#[test]
fn c8_a_tenant_has_at_most_20_active_keys() {
    let commerce = Product::of("nexuscommerce");
    let keys: Vec<Issued> = (0..20).map(|_| commerce.create(json!({}))).collect();
    let more = || commerce.admin().post(&commerce.tenant.path("/keys"), &json!({"name": "One more"}));
    assert_eq!(more().expect(409).code(), "quota_exceeded");
    assert_eq!(commerce.keys().revoke(&keys[3].id).status, 200);
    assert_eq!(more().status, 201);
    assert_eq!(more().status, 409);
    let other = Tenant::create(&commerce.admin(), "nexuscommerce");
    assert_eq!(
        commerce.admin().post(&other.path("/keys"), &json!({"name": "Theirs"})).status,
        201,
        "each tenant has its own"
    );
}

#[test]
fn c9_a_key_is_confined_to_addresses_and_networks_of_both_families() {
    let commerce = Product::of("nexuscommerce");
    let key = commerce.create(
        json!({"ip_allowlist": ["203.0.113.0/24", "198.51.100.7", "2001:db8:1::/48", "2001:db8:2::1"]}),
    );
    for (ip, expected) in [
        ("203.0.113.0", 200),
        ("203.0.113.255", 200),
        ("203.0.114.0", 403),
        ("198.51.100.7", 200),
        ("198.51.100.8", 403),
        ("2001:db8:1:ffff::9", 200),
        ("2001:db8:3::1", 403),
        ("2001:db8:2::1", 200),
        ("2001:db8:2::2", 403),
        ("2001:0DB8:0002:0000:0000:0000:0000:0001", 200),
        ("::ffff:203.0.113.9", 200),
    ] {
        assert_eq!(commerce.with_key(&key.secret, &Call { ip, ..READ }).status, expected, "{ip}");
    }
    for wrong in ["10.0.0.0/33", "2001:db8::/129", "nonsense", "10.0.0", ""] {
        let body = json!({"name": "x", "ip_allowlist": [wrong]});
        assert_eq!(commerce.admin().post(&commerce.tenant.path("/keys"), &body).status, 400, "{wrong}");
    }
    assert_eq!(commerce.keys().change(&key.id, &json!({"ip_allowlist": []})).status, 200);
    assert_eq!(
        commerce.with_key(&key.secret, &Call { ip: "192.0.2.1", ..READ }).status,
        200,
        "from anywhere again"
    );
}
