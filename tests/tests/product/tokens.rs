//! Tokens on a running server and on a validating node: service JWTs from the secret to the refusal.

mod attacks;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use nexus_infrastructure::clock::{Clock as _, SystemClock};
use nexus_tests::{Client, Node, Store, Validator, eventually, node_credential, receipt, verify_with};
use serde_json::{Value, json};

use crate::dialects::{Call, Product, READ};

/// A tenant with a secret for service JWTs.
struct Services {
    product: Product,
    secret: String,
    kid: String,
}

impl Services {
    fn new(body: &Value) -> Self {
        Self::of(Product::of("nexus"), body)
    }

    fn of(product: Product, body: &Value) -> Self {
        let created = product.admin().post(&product.tenant.path("/jwt-secrets"), body).expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (secret, kid) = (text(&created["secret"]), text(&created["jwt_secret"]["id"]));
        Self { product, secret, kid }
    }

    fn header(&self) -> Value {
        json!({"alg": "HS256", "typ": "JWT", "kid": self.kid})
    }

    /// A token as an SDK makes it.
    fn token(&self) -> String {
        hs256(&self.secret, &self.header(), &claims())
    }

    fn path(&self, rest: &str) -> String {
        self.product.tenant.path(&format!("/jwt-secrets/{}{rest}", self.kid))
    }

    fn refused(&self, header: &Value, claims: &Value) {
        let token = hs256(&self.secret, header, claims);
        let answer = self.product.with_key(&token, &READ);
        assert_eq!(answer.status, 401, "{header} {claims}");
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
        assert!(answer.header("www-authenticate").is_some_and(|told| told.contains("invalid_token")));
    }
}

pub(crate) fn now() -> u64 {
    SystemClock.now().timestamp().unsigned_abs()
}

fn claims() -> Value {
    json!({"service": "payments", "permissions": ["read:users"], "iat": now(), "exp": now() + 3600, "jti": "t-1"})
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

pub(crate) fn hs256(secret: &str, header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("{text}.{}", sign(text.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn body() -> Value {
    json!({"name": "Payments", "scopes": ["read:users", "write:users"]})
}

fn code(client: &Client, token: &str) -> String {
    verify_with(client, &json!({"credential": token}))["code"].as_str().unwrap().to_owned()
}

#[test]
fn n4_a_service_signs_its_own_tokens_and_they_are_its_tenants() {
    let services = Services::new(&body());
    let admin = services.product.admin();
    let [prefix, kid, random] = services.secret.split('_').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    assert_eq!((prefix, kid, random.len()), ("nxjs", services.kid.as_str(), 64));
    let verdict = verify_with(&admin, &json!({"credential": services.token()}));
    assert_eq!((&verdict["valid"], &verdict["type"]), (&json!(true), &json!("service")), "{verdict}");
    assert_eq!((&verdict["scopes"], &verdict["name"]), (&json!(["read:users"]), &json!("Payments")));
    assert_eq!(verdict["tenant_id"], services.product.tenant.id.as_str());
    let accepted = services.product.with_key(&services.token(), &Call { needs: "scope=read:users", ..READ });
    assert_eq!(accepted.expect(200).header("x-nexus-scopes"), Some("read:users"));
    let more = services.product.with_key(&services.token(), &Call { needs: "scope=write:users", ..READ });
    assert_eq!(more.status, 403, "its secret may, and the token does not say so");
    let beyond = with(claims(), "permissions", json!(["admin:all", "read:payments", "read:users"]));
    let beyond =
        verify_with(&admin, &json!({"credential": hs256(&services.secret, &services.header(), &beyond)}));
    assert_eq!(
        beyond["scopes"],
        json!(["read:users"]),
        "what the secret's scopes do not contain is not granted"
    );
    let none = hs256(&services.secret, &services.header(), &without(claims(), "permissions"));
    assert_eq!(verify_with(&admin, &json!({"credential": none}))["scopes"], json!([]));
    let sandbox = verify_with(&admin, &json!({"credential": services.token(), "environment": "test"}));
    assert_eq!(sandbox["code"], "WRONG_ENVIRONMENT");
    let used = eventually("its use is counted", || {
        let trail = services.product.tenant.path("/audit?action=key.used");
        admin.list(&trail, 50).pop()
    });
    let uuid = services.kid.trim_start_matches("jws");
    assert_eq!(used["key_id"], format!("key_{uuid}"));
}

#[test]
fn a_secret_is_shown_once_and_stands_nowhere_in_clear() {
    let services = Services::new(&body());
    let admin = services.product.admin();
    let shown = [
        admin.get(&services.product.tenant.path("/jwt-secrets")).expect(200).text(),
        admin.get(&services.path("")).expect(200).text(),
        admin.get("/v1/audit").expect(200).text(),
        admin.get("/v1/events?after=0").expect(200).text(),
        services.product.node.log().join("\n"),
    ];
    let random = services.secret.rsplit('_').next().unwrap();
    assert!(shown.iter().all(|text| !text.contains(random)));
    assert!(shown[0].contains(&services.kid) && shown[2].contains("jwt_secret.issued"));
    let folder = services.product.node.config().parent().unwrap().to_owned();
    let mut looked = 0;
    for file in walk(&folder) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        looked += 1;
        assert!(!bytes.windows(random.len()).any(|part| part == random.as_bytes()), "{}", file.display());
    }
    assert!(looked > 2, "the database is among them");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_repeated_creation_shows_the_same_secret_and_makes_no_second_one() {
    let product = Product::of("nexus");
    let create = || {
        let client = product.admin().header("idempotency-key", "once");
        client.post(&product.tenant.path("/jwt-secrets"), &body()).expect(201).text()
    };
    assert_eq!(create(), create());
    assert_eq!(product.admin().list(&product.tenant.path("/jwt-secrets"), 50).len(), 1);
}

#[test]
fn a_rotated_secret_and_its_grace() {
    let services = Services::new(&body());
    let admin = services.product.admin();
    let old = services.token();
    let rotated = admin.post(&services.path("/rotate"), &json!({})).expect(200).json();
    let secret = rotated["secret"].as_str().unwrap();
    assert_eq!(secret.split('_').nth(1), Some(services.kid.as_str()), "under the same id");
    assert!(rotated["receipt"].is_null());
    let new = hs256(secret, &services.header(), &claims());
    assert_eq!((code(&admin, &old), code(&admin, &new)), ("VALID".into(), "VALID".into()));
    let last = admin.post(&services.path("/rotate"), &json!({"grace": "0"})).expect(200).json();
    let _all = receipt(&last);
    assert_eq!((code(&admin, &old), code(&admin, &new)), ("REVOKED".into(), "REVOKED".into()));
    let newest = hs256(last["secret"].as_str().unwrap(), &services.header(), &claims());
    assert_eq!(code(&admin, &newest), "VALID");
}

#[test]
fn a_dialect_without_service_jwts_says_so() {
    let product = Product::of("nexpay");
    let refused = product.admin().post(&product.tenant.path("/jwt-secrets"), &json!({"name": "x"}));
    assert_eq!((refused.status, refused.code().as_str()), (409, "not_offered"));
    let token = hs256("a secret that nobody has, but long enough", &json!({"alg": "HS256"}), &claims());
    assert_eq!(product.with_key(&token, &READ).status, 401);
}

#[test]
fn case_13_a_secret_of_less_than_256_bits_is_refused() {
    let product = Product::of("nexus");
    let create = |secret: &str| {
        let body = json!({"name": "Own", "scopes": ["read:users"], "secret": secret});
        product.admin().post(&product.tenant.path("/jwt-secrets"), &body)
    };
    for weak in ["", "secret", "0123456789abcdef0123456789abcde", &"a".repeat(64)] {
        let refused = create(weak);
        assert_eq!(refused.status, 400, "{weak}");
        assert_eq!(refused.json()["errors"][0]["location"], "body.secret");
    }
    let own = "0123456789abcdefghijklmnopqrstuv";
    let created = create(own).expect(201).json();
    assert_eq!(created["secret"], own);
    let header = json!({"alg": "HS256", "kid": created["jwt_secret"]["id"]});
    assert_eq!(code(&product.admin(), &hs256(own, &header, &claims())), "VALID");
    let path = format!("/jwt-secrets/{}/rotate", created["jwt_secret"]["id"].as_str().unwrap());
    let weaker = product.admin().post(&product.tenant.path(&path), &json!({"secret": "short"}));
    assert_eq!(weaker.status, 400, "nor when it is replaced");
}

#[test]
fn case_14_what_was_revoked_is_refused_by_every_node_and_after_every_restart() {
    let services = Services::new(&body());
    let Services { product, .. } = &services;
    let store = Store::sqlite();
    let credential = node_credential(&product.admin());
    let mut node = Validator::start(&store, &credential.secret, &[product.node.url()]);
    let asks = |token: &str| {
        let client = node.client().bearer(product.node.admin_token());
        let verdict = verify_with(&client, &json!({"credential": token, "required_scopes": ["read:users"]}));
        verdict["code"].as_str().unwrap().to_owned()
    };
    let token = services.token();
    for _ in 0..3 {
        assert_eq!(asks(&token), "VALID", "and from the cache");
    }
    let sealed = walk(node.folder()).into_iter().map(|file| std::fs::read(file).unwrap_or_default());
    let random = services.secret.rsplit('_').next().unwrap().as_bytes();
    assert!(sealed.into_iter().all(|bytes| !bytes.windows(random.len()).any(|part| part == random)));
    let suspended = product.admin().post(&product.tenant.path("/suspend"), &json!({})).expect(200).json();
    let _all = receipt(&suspended);
    assert_eq!(asks(&token), "TENANT_SUSPENDED");
    let _resumed = product.admin().post(&product.tenant.path("/resume"), &json!({})).expect(200);
    eventually("the node has heard of it", || (asks(&token) == "VALID").then_some(()));
    let revoked =
        product.admin().post(&services.path("/revoke"), &json!({"reason": "compromised"})).expect(200);
    let told = receipt(&revoked.json());
    assert!(told["nodes"].as_u64() >= Some(2), "{told}");
    assert_eq!(asks(&token), "REVOKED");
    assert_eq!(code(&product.admin(), &token), "REVOKED");
    assert_eq!(product.with_key(&token, &READ).status, 401);
    let again = product.admin().post(&services.path("/revoke"), &json!({})).expect(200).json();
    assert_eq!(again["jwt_secret"]["revocation_reason"], "compromised", "once");
    let rotated = product.admin().post(&services.path("/rotate"), &json!({}));
    assert_eq!((rotated.status, rotated.code().as_str()), (409, "secret_revoked"));
    node.kill();
    node.run_again();
    node.await_ready();
    let client = node.client().bearer(product.node.admin_token());
    assert_eq!(code(&client, &token), "REVOKED", "from the disk cache too");
}

#[test]
fn a_server_that_starts_again_knows_its_keys_and_secrets() {
    let store = Store::sqlite();
    let node = Node::serve(&store, &nexus_tests::Options::default());
    let keys = |node: &Node| node.client().get("/.well-known/jwks.json").expect(200).json();
    let before = keys(&node);
    let tenant = nexus_tests::Tenant::create(&node.admin(), "nexus");
    let created = node.admin().post(&tenant.path("/jwt-secrets"), &body()).expect(201).json();
    let node = node.restart();
    assert_eq!(keys(&node), before);
    assert_eq!(before["keys"].as_array().unwrap().len(), 2);
    let header = json!({"alg": "HS256", "kid": created["jwt_secret"]["id"]});
    let token = hs256(created["secret"].as_str().unwrap(), &header, &claims());
    assert_eq!(code(&node.admin(), &token), "VALID");
    let listed = node.admin().list(&tenant.path("/jwt-secrets"), 50);
    assert_eq!(listed[0]["id"], created["jwt_secret"]["id"]);
}

#[test]
fn secrets_from_the_shell() {
    let product = Product::of("nexus");
    let run = |arguments: &[&str]| {
        let mut all = vec!["jwt-secrets"];
        all.extend(arguments);
        all.extend(["--tenant", &product.tenant.id, "--output", "json"]);
        product.node.run(&all).json()
    };
    let created = run(&["create", "--name", "Payments", "--scope", "read:users"]);
    let id = created["jwt_secret"]["id"].as_str().unwrap();
    let header = json!({"alg": "HS256", "kid": id});
    let token = hs256(created["secret"].as_str().unwrap(), &header, &claims());
    assert_eq!(code(&product.admin(), &token), "VALID");
    assert_eq!(run(&["list"])["data"][0]["id"], id);
    assert_eq!(run(&["show", id])["status"], "active");
    assert_eq!(run(&["rotate", id])["jwt_secret"]["versions"].as_array().unwrap().len(), 2);
    assert_eq!(run(&["revoke", id, "--reason", "unused"])["jwt_secret"]["status"], "revoked");
    assert_eq!(code(&product.admin(), &token), "REVOKED");
}
