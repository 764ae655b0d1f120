//! Each row of the products' descriptions, with a real client against forward auth.

use nexus_tests::{Answer, Client, Issued, Keys, Node, Options, Store, Tenant, eventually, verify_with};
use serde_json::{Value, json};

/// A node behind a trusted gateway, and a tenant of a dialect.
pub(crate) struct Product {
    pub(crate) node: Node,
    pub(crate) tenant: Tenant,
    _store: Store,
}

/// A request to the protected service, as a gateway passes it on.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) needs: &'a str,
}

pub(crate) const READ: Call<'static> = Call { method: "GET", path: "/v1/things", ip: "203.0.113.7", needs: "" };

impl Product {
    pub(crate) fn of(dialect: &str) -> Self {
        Self::with(dialect, Options::default())
    }

    pub(crate) fn with(dialect: &str, options: Options) -> Self {
        let store = Store::sqlite();
        let node = Node::serve(&store, &options.set("server.trusted_proxies", r#"["127.0.0.1/32"]"#));
        let tenant = Tenant::create(&node.admin(), dialect);
        Self { node, tenant, _store: store }
    }

    pub(crate) fn admin(&self) -> Client {
        self.node.admin()
    }

    pub(crate) fn keys(&self) -> Keys {
        self.tenant.keys(&self.admin())
    }

    /// Asks with headers of the caller's own.
    pub(crate) fn ask(&self, headers: &[(&str, &str)], call: &Call<'_>) -> Answer {
        let mut client = self
            .node
            .client()
            .header("x-original-method", call.method)
            .header("x-original-uri", call.path)
            .header("x-forwarded-for", call.ip);
        for (name, value) in headers {
            client = client.header(name, value);
        }
        client.get(&format!("/v1/forward-auth/{}?{}", self.tenant.dialect, call.needs))
    }

    /// Asks with a secret as the dialect wants it sent.
    pub(crate) fn with_key(&self, secret: &str, call: &Call<'_>) -> Answer {
        match self.tenant.dialect.as_str() {
            "nexuscommerce" => {
                self.ask(&[("authorization", &format!("Bearer {secret}")), ("x-tenant-id", &self.tenant.id)], call)
            }
            "nexpay" => self.ask(&[("authorization", &format!("ApiKey {secret}"))], call),
            _ => self.ask(&[("authorization", &format!("Bearer {secret}"))], call),
        }
    }

    pub(crate) fn create(&self, body: Value) -> Issued {
        self.keys().create(&body)
    }

    fn code(&self, secret: &str, question: Value) -> String {
        let mut question = question;
        question["credential"] = json!(secret);
        verify_with(&self.admin(), &question)["code"].as_str().unwrap().to_owned()
    }
}

fn seconds_between(from: &Value, to: &Value) -> f64 {
    let at = |value: &Value| {
        let output = std::process::Command::new("date").args(["-u", "+%s.%N", "-d", value.as_str().unwrap()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
    };
    at(to) - at(from)
}

#[test]
fn n1_bearer_keys_tell_production_from_the_sandbox() {
    let nexus = Product::of("nexus");
    let (live, test) = (nexus.create(json!({"environment": "live"})), nexus.create(json!({"environment": "test"})));
    assert!(live.secret.starts_with("nx_live_") && test.secret.starts_with("nx_test_"));
    for key in [&live, &test] {
        let answer = nexus.with_key(&key.secret, &READ);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-nexus-key"), Some(key.id.as_str()));
        assert_eq!(answer.header("x-nexus-tenant"), Some(nexus.tenant.id.as_str()));
        let lower = nexus.ask(&[("authorization", &format!("bearer {}", key.secret))], &READ);
        assert_eq!(lower.status, 200, "schemes are compared without case");
        for wrong in [format!("Basic {}", key.secret), key.secret.clone(), format!("Bearer {} x", key.secret)] {
            assert_eq!(nexus.ask(&[("authorization", &wrong)], &READ).status, 401, "{wrong}");
        }
    }
}

#[test]
fn n2_publishable_keys_read_and_secret_keys_do_what_their_scopes_allow() {
    let nexus = Product::of("nexus");
    let publishable = nexus.create(json!({"type": "publishable", "scopes": ["read:users"]}));
    let secret = nexus.create(json!({"scopes": ["read:users", "write:users"]}));
    assert!(publishable.secret.starts_with("nx_live_pk_"));
    let writing = Call { method: "POST", needs: "scope=write:users", ..READ };
    for method in ["GET", "HEAD"] {
        assert_eq!(nexus.with_key(&publishable.secret, &Call { method, needs: "scope=read:users", ..READ }).status, 200);
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "get", "QUERY"] {
        assert_eq!(nexus.with_key(&publishable.secret, &Call { method, ..READ }).status, 403, "{method}");
        assert_eq!(nexus.with_key(&secret.secret, &Call { method, ..READ }).status, 200, "{method}");
    }
    assert_eq!(nexus.with_key(&publishable.secret, &writing).status, 403);
    assert_eq!(nexus.with_key(&secret.secret, &writing).status, 200);
    assert_eq!(nexus.code(&publishable.secret, json!({"method": "POST"})), "READ_ONLY");
    let refused = nexus.admin().post(&nexus.tenant.path("/keys"), &json!({"name": "x", "type": "publishable", "scopes": ["write:users"]}));
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(nexus.keys().change(&publishable.id, &json!({"scopes": ["admin:all"]})).status, 400);
    // A method that nobody vouches for is none that reads.
    let direct = nexus.node.client().bearer(&publishable.secret).get("/v1/forward-auth/nexus");
    assert_eq!(direct.status, 403);
}

#[test]
fn n5_after_a_rotation_the_old_key_works_for_24_hours_more() {
    let nexus = Product::of("nexus");
    let old = nexus.create(json!({}));
    let new = Issued::of(nexus.keys().rotate(&old.id, &json!({})).expect(200).json());
    for secret in [&old.secret, &new.secret] {
        assert_eq!(nexus.with_key(secret, &READ).status, 200);
    }
    let versions = &new.answer["key"]["versions"];
    assert_eq!(seconds_between(&versions[1]["created_at"], &versions[0]["superseded_until"]).round(), 86_400.0);
    assert!(versions[1]["superseded_until"].is_null());
    let newest = Issued::of(nexus.keys().rotate(&old.id, &json!({"grace": "1s"})).expect(200).json());
    eventually("the grace ends", || (nexus.with_key(&new.secret, &READ).status == 401).then_some(()));
    assert_eq!(nexus.with_key(&newest.secret, &READ).status, 200);
    assert_eq!(nexus.code(&new.secret, json!({})), "REVOKED");
    assert_eq!(nexus.keys().rotate(&old.id, &json!({"grace": "31d"})).status, 400);
}

#[test]
fn n6_a_compromised_key_is_revoked_reviewed_and_its_successor_restricted() {
    let nexus = Product::of("nexus");
    let key = nexus.create(json!({}));
    let stolen = Call { path: "/v1/payments/7", ip: "198.51.100.66", ..READ };
    assert_eq!(nexus.with_key(&key.secret, &stolen).status, 200);
    let revoked = nexus.admin().post(&nexus.keys().path(&key.id, "/revoke"), &json!({"reason": "compromised"}));
    assert_eq!(revoked.expect(200).json()["receipt"]["confirmed"], 1);
    assert_eq!(nexus.with_key(&key.secret, &stolen).status, 401);
    let log = eventually("the request log has both", || {
        let log = nexus.admin().list(&nexus.keys().path(&key.id, "/requests"), 50);
        (log.len() == 2).then_some(log)
    });
    for row in &log {
        assert_eq!((row["path"].as_str(), row["ip"].as_str()), (Some("/v1/payments/7"), Some("198.51.100.66")));
    }
    let successor = nexus.create(json!({"ip_allowlist": ["203.0.113.0/24"]}));
    assert_eq!(nexus.with_key(&successor.secret, &stolen).status, 403);
    assert_eq!(nexus.with_key(&successor.secret, &READ).status, 200);
}

#[test]
fn n7_keys_of_one_environment_are_refused_in_another() {
    let nexus = Product::of("nexus");
    let key = |environment: &str| nexus.create(json!({"environment": environment})).secret;
    let (live, test) = (key("production"), key("sandbox"));
    let (development, staging) = (key("development"), key("staging"));
    let status = |secret: &str, environment: &str| {
        nexus.with_key(secret, &Call { needs: &format!("environment={environment}"), ..READ }).status
    };
    for (secret, environment, expected) in [
        (&live, "live", 200), (&live, "production", 200), (&live, "test", 401), (&live, "sandbox", 401), (&live, "staging", 401),
        (&test, "test", 200), (&test, "live", 401), (&test, "production", 401),
        (&development, "test", 200), (&development, "development", 200), (&development, "staging", 401), (&development, "live", 401),
        (&staging, "staging", 200), (&staging, "development", 401), (&staging, "live", 401),
    ] {
        assert_eq!(status(secret, environment), expected, "{} on {environment}", &secret[..8]);
    }
    assert_eq!(nexus.code(&test, json!({"environment": "live"})), "WRONG_ENVIRONMENT");
    assert_ne!(status(&live, "nonsense"), 200, "an environment that is none serves nobody");
}

#[test]
fn n8_scopes_are_the_eight_and_admin_all_contains_the_others() {
    let nexus = Product::of("nexus");
    let scopes = ["read:users", "write:users", "read:payments", "write:payments", "read:messages", "write:messages", "admin:all"];
    let admin = nexus.create(json!({"scopes": ["admin:all"]}));
    for scope in scopes {
        let needs = format!("scope={scope}");
        let call = Call { needs: &needs, ..READ };
        let own = nexus.create(json!({"scopes": [scope]}));
        assert_eq!(nexus.with_key(&own.secret, &call).header("x-nexus-scopes"), Some(scope));
        assert_eq!(nexus.with_key(&admin.secret, &call).status, 200);
        let others: Vec<&str> = scopes.into_iter().filter(|other| *other != scope && *other != "admin:all").collect();
        let others = nexus.create(json!({"scopes": others}));
        assert_eq!(nexus.with_key(&others.secret, &call).status, 403, "{scope}");
    }
    let both = Call { needs: "scope=read:users&scope=write:users", ..READ };
    let one = nexus.create(json!({"scopes": ["read:users"]}));
    assert_eq!(nexus.with_key(&one.secret, &both).status, 403, "all that are named are needed");
    assert_eq!(nexus.with_key(&one.secret, &Call { needs: "scope=fly:moon", ..READ }).status, 403);
    assert_eq!(nexus.admin().post(&nexus.tenant.path("/keys"), &json!({"name": "x", "scopes": ["*"]})).status, 400);
}

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
    for wrong in [&["nonsense"][..], &[""], &[&other.id], &[id, id], &[id, &other.id], &[&braces], &[&dashless], &[&twice]] {
        let answer = with(wrong);
        assert_eq!((answer.status, &answer.body), (401, &missing.body), "{wrong:?}");
    }
}

#[test]
fn c2_keys_act_for_the_tenant_within_their_scopes() {
    let commerce = Product::of("nexuscommerce");
    let scopes = [
        "products:read", "products:write", "orders:read", "orders:write", "inventory:read", "inventory:write", "pricing:read",
        "pricing:write", "analytics:read", "ai-jobs:write",
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
    assert_eq!(commerce.with_key(&all.secret, &Call { needs: "scope=*", ..READ }).status, 403, "all of them are not the wildcard");
}

#[test]
fn c3_keys_last_30_or_90_days_a_year_or_for_ever() {
    let commerce = Product::of("nexuscommerce");
    for (length, days) in [("30d", 30.0), ("90d", 90.0), ("1y", 365.0)] {
        let key = commerce.create(json!({"expires_in": length})).answer["key"].clone();
        assert_eq!(seconds_between(&key["created_at"], &key["expires_at"]).round(), days * 86_400.0, "{length}");
    }
    assert!(commerce.create(json!({})).answer["key"]["expires_at"].is_null());
    for wrong in [json!({"expires_in": "7d"}), json!({"expires_in": "2y"}), json!({"expires_at": "2099-01-01T00:00:00Z"}), json!({"expires_in": "0"})] {
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
    let shown = commerce.admin().get(&commerce.tenant.path("")).expect(200).json()["id"].as_str().unwrap().to_owned();
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
    assert_eq!(commerce.admin().post(&other.path("/keys"), &json!({"name": "Theirs"})).status, 201, "each tenant has its own");
}

#[test]
fn c9_a_key_is_confined_to_addresses_and_networks_of_both_families() {
    let commerce = Product::of("nexuscommerce");
    let key = commerce.create(json!({"ip_allowlist": ["203.0.113.0/24", "198.51.100.7", "2001:db8:1::/48", "2001:db8:2::1"]}));
    for (ip, expected) in [
        ("203.0.113.0", 200), ("203.0.113.255", 200), ("203.0.114.0", 403), ("198.51.100.7", 200), ("198.51.100.8", 403),
        ("2001:db8:1:ffff::9", 200), ("2001:db8:3::1", 403), ("2001:db8:2::1", 200), ("2001:db8:2::2", 403),
        ("2001:0DB8:0002:0000:0000:0000:0000:0001", 200), ("::ffff:203.0.113.9", 200),
    ] {
        assert_eq!(commerce.with_key(&key.secret, &Call { ip, ..READ }).status, expected, "{ip}");
    }
    for wrong in ["10.0.0.0/33", "2001:db8::/129", "nonsense", "10.0.0", ""] {
        let body = json!({"name": "x", "ip_allowlist": [wrong]});
        assert_eq!(commerce.admin().post(&commerce.tenant.path("/keys"), &body).status, 400, "{wrong}");
    }
    assert_eq!(commerce.keys().change(&key.id, &json!({"ip_allowlist": []})).status, 200);
    assert_eq!(commerce.with_key(&key.secret, &Call { ip: "192.0.2.1", ..READ }).status, 200, "from anywhere again");
}

#[test]
fn p1_client_id_and_secret_are_shown_once() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({"name": "Production Backend"}));
    let client_id = key.answer["client_id"].as_str().unwrap();
    assert!(client_id.starts_with("npc_"));
    assert_eq!(key.answer["key"]["name"], "Production Backend");
    assert_eq!(nexpay.with_key(&key.secret, &READ).status, 200);
    let everything = [
        nexpay.keys().path(&key.id, ""),
        nexpay.tenant.path("/keys"),
        nexpay.tenant.path("/audit?limit=200"),
        nexpay.keys().path(&key.id, "/usage"),
        nexpay.keys().path(&key.id, "/requests"),
        "/v1/audit?limit=200".to_owned(),
        "/v1/events?limit=200".to_owned(),
        "/metrics".to_owned(),
    ];
    for path in everything {
        let shown = nexpay.admin().get(&path).expect(200).text();
        assert!(!shown.contains(&key.secret), "{path}");
    }
    let csv = nexpay.admin().header("accept", "text/csv").get("/v1/audit").expect(200).text();
    assert!(csv.contains("key.issued") && !csv.contains(&key.secret));
    assert!(!nexpay.node.log().join("\n").contains(&key.secret), "nor in the log");
    assert_eq!(nexpay.keys().show(&key.id)["client_id"], client_id, "the client id is no secret");
}

#[test]
fn p2_the_secret_alone_or_with_its_client_id() {
    let nexpay = Product::of("nexpay");
    let (key, other) = (nexpay.create(json!({})), nexpay.create(json!({})));
    let id = key.answer["client_id"].as_str().unwrap();
    let other_id = other.answer["client_id"].as_str().unwrap();
    let status = |credential: &str| nexpay.ask(&[("authorization", &format!("ApiKey {credential}"))], &READ).status;
    let secret = &key.secret;
    assert_eq!(status(secret), 200);
    assert_eq!(status(&format!("{id}:{secret}")), 200);
    for wrong in [format!("{other_id}:{secret}"), format!(":{secret}"), format!("{secret}:{id}"), format!("{id}:"), id.to_owned(), format!("{id}::{secret}")] {
        assert_eq!(status(&wrong), 401, "{wrong}");
    }
    assert_eq!(nexpay.ask(&[("authorization", &format!("Bearer {secret}"))], &READ).status, 401);
    assert_eq!(nexpay.ask(&[("authorization", &format!("apikey {secret}"))], &READ).status, 200);
}

#[test]
fn p3_missing_invalid_and_revoked_keys_are_unauthorized() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({}));
    assert_eq!(nexpay.keys().revoke(&key.id).status, 200);
    let missing = nexpay.ask(&[], &READ);
    let invalid = nexpay.ask(&[("authorization", "ApiKey your-api-key-here")], &READ);
    for answer in [&missing, &invalid, &nexpay.with_key(&key.secret, &READ)] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "Unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("ApiKey realm=\"nexpay\""));
    }
}

#[test]
fn p5_revoked_keys_are_kept_for_reference_and_never_come_back() {
    let nexpay = Product::of("nexpay");
    let (key, kept) = (nexpay.create(json!({"name": "Old"})), nexpay.create(json!({"name": "New"})));
    assert_eq!(nexpay.keys().revoke(&key.id).status, 200);
    let names = |status: &str| {
        let mut names: Vec<_> = nexpay.keys().list(status).iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!((names("active"), names("revoked"), names("all")), (vec!["New".into()], vec!["Old".into()], vec!["New".into(), "Old".into()]));
    assert!(nexpay.keys().list("revoked")[0]["revoked_at"].is_string());
    for answer in [nexpay.keys().rotate(&key.id, &json!({})), nexpay.keys().change(&key.id, &json!({"name": "Back"}))] {
        assert_eq!(answer.code(), "key_revoked");
    }
    assert_eq!(nexpay.with_key(&key.secret, &READ).status, 401);
    assert_eq!(nexpay.with_key(&kept.secret, &READ).status, 200);
}

#[test]
fn p6_the_example_of_the_documentation_succeeds_with_a_live_key() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({}));
    assert!(key.secret.starts_with("npy_live_"));
    let example = Call { path: "/v2/users/me", needs: "environment=live", ..READ };
    assert_eq!(nexpay.with_key(&key.secret, &example).status, 200);
    let test = nexpay.create(json!({"environment": "test"}));
    assert_eq!(nexpay.with_key(&test.secret, &example).status, 401);
}
