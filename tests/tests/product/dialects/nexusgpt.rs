//! NexusGPT: keys of integrations, alone in a header of their own, asked about at a validating node.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use nexus_tests::{
    Answer, Issued, Store, Surroundings, Validator, eventually, node_credential, receipt, verify_with,
};
use serde_json::{Value, json};

use super::{Call, Product, READ};

const UNAUTHORIZED: &str = r#"{"statusCode":401,"message":"Invalid API key","error":"Unauthorized"}"#;
const FORBIDDEN: &str = r#"{"statusCode":403,"message":"Insufficient permissions","error":"Forbidden"}"#;

/// A tenant with an agent and an integration, and a validating node.
struct Gpt {
    product: Product,
    validator: Validator,
    agent: Value,
    integration: Value,
    _store: Store,
}

impl Gpt {
    fn new() -> Self {
        let product = Product::of("nexusgpt");
        let credential = node_credential(&product.admin()).secret;
        let store = Store::sqlite();
        let trust = ("NEXUS__SERVER__TRUSTED_PROXIES".to_owned(), r#"["127.0.0.1/32"]"#.to_owned());
        let surroundings = Surroundings { variables: vec![trust], ..Surroundings::default() };
        let folder = store.folder().join("validator");
        let urls = [product.node.url()];
        let validator = Validator::begin_in(surroundings, &folder, &credential, &urls);
        validator.await_ready();
        let agent = product.agent();
        let integration = product.integration(&agent)["id"].clone();
        Self { product, validator, agent, integration, _store: store }
    }

    /// Creates a key of the integration.
    fn key(&self, mut body: Value) -> Issued {
        body["integration_id"] = self.integration.clone();
        self.product.create(body)
    }

    /// Asks the validating node as a gateway does.
    fn ask(&self, headers: &[(&str, &str)], call: &Call<'_>) -> Answer {
        let mut client = self
            .validator
            .client()
            .header("x-original-method", call.method)
            .header("x-original-uri", call.path)
            .header("x-forwarded-for", call.ip);
        for (name, value) in headers {
            client = client.header(name, value);
        }
        client.get(&format!("/v1/forward-auth/nexusgpt?{}", call.needs))
    }

    fn status(&self, secret: &str) -> u16 {
        self.ask(&[("api-key", secret)], &READ).status
    }

    /// The verdict on headers, which may hold what no HTTP client sends.
    fn verdict(&self, headers: &Value) -> Value {
        verify_with(&self.product.admin(), &json!({"dialect": "nexusgpt", "headers": headers}))
    }

    fn change(&self, plural: &str, id: &Value, body: &Value) -> Value {
        let path = self.product.tenant.path(&format!("/{plural}/{}", id.as_str().unwrap()));
        self.product.admin().patch(&path, body).expect(200).json()
    }
}

/// Header and claims of a key, for whoever reads it without asking anybody.
fn parts(secret: &str) -> [Value; 2] {
    let token = secret.strip_prefix("nxs_").unwrap();
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    [parts.next().unwrap(), parts.next().unwrap()].map(|part| serde_json::from_slice(&part).unwrap())
}

fn written(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The claims of a key whose signature is right by the key set that the server publishes.
fn read_by_others(gpt: &Gpt, secret: &str) -> Value {
    let set: JwkSet =
        serde_json::from_value(gpt.product.node.client().get("/.well-known/jwks.json").expect(200).json())
            .unwrap();
    let [header, _] = parts(secret);
    let key = DecodingKey::from_jwk(set.find(header["kid"].as_str().unwrap()).unwrap()).unwrap();
    let validation = Validation::new(Algorithm::EdDSA);
    let token = secret.strip_prefix("nxs_").unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
}

#[test]
fn g1_the_key_is_a_jwt_with_the_claims_of_the_page_and_revocable_in_spite_of_its_signature() {
    let gpt = Gpt::new();
    let key = gpt.key(json!({"scopes": ["read", "write"]}));
    let [header, claims] = parts(&key.secret);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("EdDSA")));
    assert_eq!(claims, read_by_others(&gpt, &key.secret));
    let organization = format!("org_{}", gpt.product.tenant.id.replace('-', ""));
    assert_eq!(claims["integrationId"], gpt.integration);
    assert_eq!(claims["organizationId"], organization.as_str());
    assert_eq!(claims["agentId"], gpt.agent);
    assert_eq!(claims["permissions"], json!(["read", "write"]));
    assert_eq!(claims["jti"], key.id.as_str());
    let (exp, iat) = (claims["exp"].as_i64().unwrap(), claims["iat"].as_i64().unwrap());
    assert_eq!(exp - iat, 365 * 86_400, "the longest life, where none is asked for");
    assert_eq!(claims.as_object().unwrap().len(), 7, "{claims}");
    let shown = &key.answer["key"];
    assert_eq!(shown["prefix"], format!("nxs_…{}", &key.secret[key.secret.len() - 4..]));
    assert_eq!(gpt.status(&key.secret), 200);

    // Whatever is made of it without the server is nobody's.
    let other = gpt.key(json!({"scopes": ["read"]})).secret;
    let (signed, signature) = key.secret.rsplit_once('.').unwrap();
    let (_, others_signature) = other.rsplit_once('.').unwrap();
    let mut more = claims.clone();
    more["exp"] = json!(exp + 1);
    let mut none = header.clone();
    none["alg"] = json!("none");
    let mut shared = header.clone();
    shared["alg"] = json!("HS256");
    let set = gpt.product.node.client().get("/.well-known/jwks.json").expect(200).json();
    let public = set["keys"][0]["x"].as_str().unwrap();
    let by_public_key = {
        let header =
            Header { kid: header["kid"].as_str().map(str::to_owned), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(public.as_bytes());
        format!("nxs_{}", jsonwebtoken::encode(&header, &claims, &secret).unwrap())
    };
    for forged in [
        format!("{signed}.{others_signature}"),
        format!("nxs_{}.{signature}", written(&header, &more)),
        format!("nxs_{}.{signature}", written(&none, &claims)),
        format!("nxs_{}.", written(&none, &claims)),
        format!("nxs_{}.{signature}", written(&shared, &claims)),
        by_public_key,
        format!("{}x", key.secret),
        key.secret.strip_prefix("nxs_").unwrap().to_owned(),
    ] {
        let answer = gpt.ask(&[("api-key", &forged)], &READ);
        assert_eq!((answer.status, answer.text().as_str()), (401, UNAUTHORIZED), "{forged}");
    }

    // The record decides, also where the claims say otherwise.
    assert_eq!(gpt.product.keys().change(&key.id, &json!({"scopes": ["read"]})).status, 200);
    assert_eq!(gpt.ask(&[("api-key", &key.secret)], &Call { needs: "scope=write", ..READ }).status, 403);
    assert_eq!(gpt.product.keys().change(&key.id, &json!({"expires_in": "1d"})).status, 200);
    let later = gpt.product.keys().change(&key.id, &json!({"expires_in": "1y"})).expect(400).json();
    assert!(later["detail"].as_str().unwrap().contains("says itself when it ends"), "{later}");
    let revoked = gpt.product.keys().revoke(&key.id).expect(200).json();
    assert_eq!(receipt(&revoked)["confirmed"], 2);
    assert_eq!(gpt.status(&key.secret), 401);
    assert_eq!(read_by_others(&gpt, &key.secret), claims, "its signature is as good as before");

    for (asked, said) in
        [(json!({"expires_in": "366d"}), "up to 1y"), (json!({"expires_at": "2099-01-01"}), "up to 1y")]
    {
        let mut body = asked;
        body["name"] = json!("x");
        body["integration_id"] = gpt.integration.clone();
        let refused = gpt.product.admin().post(&gpt.product.tenant.path("/keys"), &body).expect(400);
        assert!(refused.text().contains(said), "{refused:?}");
    }
}

#[test]
fn g10_a_minute_between_two_clocks_is_tolerated() {
    let gpt = Gpt::new();
    let key = gpt.key(json!({"expires_in": "1s"}));
    eventually("its end has come by the server's clock", || {
        (gpt.product.keys().show(&key.id)["status"] == "expired").then_some(())
    });
    // What lies beyond the minute, and what the refusal tells then, is asked of a clock that can be set: see the tests of the
    // verdict and of tokens on nodes.
    assert_eq!(gpt.status(&key.secret), 200);
    assert_eq!(gpt.product.code(&key.secret, json!({})), "VALID");
}

#[test]
fn g2_a_key_belongs_to_an_integration_that_is_connected_to_one_agent() {
    let gpt = Gpt::new();
    let admin = gpt.product.admin();
    let tenant = &gpt.product.tenant;
    let shown = admin.get(&tenant.path(&format!("/integrations/{}", gpt.integration.as_str().unwrap())));
    let shown = shown.expect(200).json();
    assert_eq!(
        (&shown["name"], &shown["type"], &shown["enabled"]),
        (&json!("Website"), &json!("api"), &json!(true))
    );
    assert_eq!(shown["agent_id"], gpt.agent);
    assert!(
        gpt.agent.as_str().unwrap().starts_with("agt_") && shown["id"].as_str().unwrap().starts_with("int_")
    );
    let key = gpt.key(json!({"name": "Chat widget"}));
    assert!(key.secret.starts_with("nxs_"));
    assert_eq!(key.answer["key"]["integration_id"], gpt.integration);
    assert_eq!(gpt.status(&key.secret), 200);
    let other = Product::of("nexusgpt");
    let foreign = other.agent();
    for (path, body, location) in [
        ("/keys", json!({"name": "x"}), "body.integration_id"),
        (
            "/keys",
            json!({"name": "x", "integration_id": "int_00000000000000000000000000000003"}),
            "body.integration_id",
        ),
        ("/integrations", json!({"name": "x"}), "body.agent_id"),
        ("/integrations", json!({"name": "x", "agent_id": foreign}), "body.agent_id"),
        ("/integrations", json!({"name": "x", "agent_id": gpt.agent, "type": "email"}), "body.type"),
    ] {
        let refused = admin.post(&tenant.path(path), &body).expect(400).json();
        assert_eq!(refused["errors"][0]["location"], location, "{body}");
    }
    let elsewhere = gpt.product.integration(&gpt.agent)["id"].clone();
    let _theirs = gpt.product.create(json!({"integration_id": elsewhere}));
    let of = |integration: &Value| {
        admin.list(&tenant.path(&format!("/keys?integration_id={}", integration.as_str().unwrap())), 50)
    };
    assert_eq!(of(&gpt.integration).iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&json!(key.id)]);
    assert_eq!(of(&elsewhere).len(), 1);
}

#[test]
fn g3_the_header_holds_the_key_alone_and_the_refusal_says_what_else_it_holds() {
    let gpt = Gpt::new();
    let key = gpt.key(json!({})).secret;
    assert_eq!(gpt.verdict(&json!({"api-key": key}))["code"], "VALID");
    assert_eq!(gpt.verdict(&json!({"API-Key": key}))["code"], "VALID", "names of headers have no case");
    let (front, back) = key.split_at(12);
    for (headers, said) in [
        (json!({"api-key": format!("Bearer {key}")}), "without a Bearer prefix"),
        (json!({"api-key": format!("bearer {key}")}), "without a Bearer prefix"),
        (json!({"api-key": format!(" {key}")}), "spaces before or behind"),
        (json!({"api-key": format!("{key} ")}), "spaces before or behind"),
        (json!({"api-key": format!("{front}\n{back}")}), "line break"),
        (json!({"api-key": format!("{key}\r\n")}), "line break"),
        (json!({"api-key": format!("{front} {back}")}), "spaces"),
        (json!({"api-key": ""}), "prefix"),
        (json!({"authorization": format!("Bearer {key}")}), "send the key in it, and not in authorization"),
        (json!({"x-api-key": key}), "send the key in it, and not in x-api-key"),
        (json!({"api-key": key, "authorization": "Bearer x"}), "two kinds of credential"),
        (json!({}), "no api-key header"),
    ] {
        let verdict = gpt.verdict(&headers);
        assert_eq!(verdict["code"], "MALFORMED", "{headers}");
        let detail = verdict["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail} for {headers}");
        assert_eq!(verdict["response"]["body"], serde_json::from_str::<Value>(UNAUTHORIZED).unwrap());
    }
    for headers in [
        vec![("api-key", format!("Bearer {key}"))],
        vec![("authorization", format!("Bearer {key}"))],
        vec![("api-key", key.clone()), ("api-key", key.clone())],
        vec![],
    ] {
        let sent: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = gpt.ask(&sent, &READ);
        assert_eq!((answer.status, answer.text().as_str()), (401, UNAUTHORIZED), "{headers:?}");
    }
    // RFC 9110 section 5.5: white space around a value is none of it, wherever a request comes through.
    assert_eq!(gpt.ask(&[("api-key", &format!("  {key} "))], &READ).status, 200);
}

#[test]
fn g4_and_g5_refusals_are_the_two_that_the_page_shows() {
    let gpt = Gpt::new();
    let keys = gpt.product.keys();
    let told = |secret: &str, call: &Call<'_>| {
        let answer = gpt.ask(&[("api-key", secret)], call);
        assert!(answer.status == 200 || answer.header("content-type") == Some("application/json"));
        (answer.status, answer.text())
    };
    let unauthorized = (401, UNAUTHORIZED.to_owned());
    let forbidden = (403, FORBIDDEN.to_owned());
    let stranger = Product::of("nexusgpt").create(json!({})).secret;
    let revoked = gpt.key(json!({}));
    assert_eq!(keys.revoke(&revoked.id).status, 200);
    for wrong in ["", "nxs_", "not-a-key", &stranger, &revoked.secret] {
        assert_eq!(told(wrong, &READ), unauthorized, "{wrong}");
    }
    let reader = gpt.key(json!({"scopes": ["read"]})).secret;
    assert_eq!(told(&reader, &Call { needs: "scope=read", ..READ }).0, 200);
    assert_eq!(told(&reader, &Call { needs: "scope=write", ..READ }), forbidden);
    let elsewhere = gpt.key(json!({"ip_allowlist": ["192.0.2.0/24"]})).secret;
    assert_eq!(told(&elsewhere, &READ), forbidden);
    let all = gpt.key(json!({"scopes": ["read", "write"]})).secret;
    let write = Call { method: "POST", needs: "scope=write", ..READ };
    assert_eq!(told(&all, &write).0, 200);
    let _ = gpt.change("integrations", &gpt.integration, &json!({"enabled": false}));
    assert_eq!(told(&all, &write), forbidden, "the integration is disabled");
    let _ = gpt.change("integrations", &gpt.integration, &json!({"enabled": true}));
    assert_eq!(told(&all, &write).0, 200);
    let _ = gpt.change("agents", &gpt.agent, &json!({"status": "restricted"}));
    assert_eq!(told(&all, &write), forbidden, "the agent is restricted");
}

#[test]
fn a_disabled_integration_and_a_restricted_agent_refuse_their_keys_at_once_and_give_them_back() {
    let gpt = Gpt::new();
    let (own, other) = (gpt.key(json!({})).secret, {
        let elsewhere = gpt.product.integration(&gpt.product.agent())["id"].clone();
        gpt.product.create(json!({"integration_id": elsewhere})).secret
    });
    let beside = gpt.product.integration(&gpt.agent)["id"].clone();
    let sibling = gpt.product.create(json!({"integration_id": beside})).secret;
    let statuses = || [&own, &sibling, &other].map(|secret| gpt.status(secret));
    assert_eq!(statuses(), [200, 200, 200]);
    for _ in 0..10 {
        let disabled = gpt.change("integrations", &gpt.integration, &json!({"enabled": false}));
        assert_eq!((&disabled["enabled"], &receipt(&disabled)["confirmed"]), (&json!(false), &json!(2)));
        assert_eq!(statuses(), [403, 200, 200]);
        let _ = gpt.change("integrations", &gpt.integration, &json!({"enabled": true}));
        assert_eq!(statuses(), [200, 200, 200]);
        let restricted = gpt.change("agents", &gpt.agent, &json!({"status": "restricted"}));
        assert_eq!(receipt(&restricted)["confirmed"], 2);
        assert_eq!(statuses(), [403, 403, 200]);
        let _ = gpt.change("agents", &gpt.agent, &json!({"status": "active"}));
        assert_eq!(statuses(), [200, 200, 200]);
    }
    // Another agent, and what it means at once.
    let free = gpt.product.agent();
    let _ = gpt.change("agents", &free, &json!({"status": "restricted"}));
    let moved = gpt.change("integrations", &gpt.integration, &json!({"agent_id": free}));
    assert_eq!(moved["agent_id"], free);
    assert_eq!(statuses(), [403, 200, 200]);
    let verdict = verify_with(&gpt.product.admin(), &json!({"credential": own}));
    assert_eq!((&verdict["code"], &verdict["status"]), (&json!("DISABLED"), &json!(403)));
    assert!(verdict["detail"].as_str().unwrap().contains("agent"), "{verdict}");
    let refused = gpt.product.admin().post(&gpt.product.tenant.path("/suspend"), &json!({}));
    assert_eq!(refused.status, 200);
    assert_eq!(statuses(), [401, 401, 401], "a suspended tenant's keys are no valid ones");
    let _ = gpt.product.admin().post(&gpt.product.tenant.path("/resume"), &json!({})).expect(200);
    assert_eq!(statuses(), [403, 200, 200], "nothing else was given back");
    // What is switched off stays off for whoever starts later, from a snapshot and from the cache on disk.
    let mut gpt = gpt;
    gpt.validator.stop();
    gpt.validator.run_again();
    gpt.validator.await_ready();
    let statuses = || [&own, &sibling, &other].map(|secret| gpt.status(secret));
    assert_eq!(statuses(), [403, 200, 200]);
    let _ = gpt.change("agents", &free, &json!({"status": "active"}));
    assert_eq!(statuses(), [200, 200, 200]);
}

#[test]
fn g6_use_refusals_and_rate_limit_hits_can_be_watched() {
    let gpt = Gpt::new();
    let key = gpt.key(json!({"scopes": ["read"]}));
    assert_eq!(gpt.status(&key.secret), 200);
    assert_eq!(gpt.ask(&[("api-key", &key.secret)], &Call { needs: "scope=write", ..READ }).status, 403);
    let totals = eventually("the use came in", || {
        let totals = gpt.product.keys().usage(&key.id);
        (totals["VALID"] == 1 && totals["INSUFFICIENT_SCOPE"] == 1).then_some(totals)
    });
    assert_eq!(totals.as_object().unwrap().len(), 2, "{totals}");
    let admin = gpt.product.admin();
    let log = admin.list(&gpt.product.keys().path(&key.id, "/requests"), 50);
    assert!(log.iter().any(|row| row["code"] == "INSUFFICIENT_SCOPE" && row["path"] == READ.path), "{log:?}");
    let refused = admin.list(&gpt.product.tenant.path("/audit?outcome=INSUFFICIENT_SCOPE"), 50);
    assert_eq!(refused.len(), 1, "the errors are in the trail: {refused:?}");
}

#[test]
fn g7_a_key_is_seen_but_for_its_secret_and_replaced_by_another() {
    let gpt = Gpt::new();
    let old = gpt.key(json!({"name": "Widget", "scopes": ["read"]}));
    let admin = gpt.product.admin();
    for path in ["/keys", "/audit?limit=200", "/integrations", "/agents"] {
        let shown = admin.get(&gpt.product.tenant.path(path)).expect(200).text();
        assert!(!shown.contains(&old.secret), "{path}");
    }
    let row = gpt.product.keys().show(&old.id);
    assert_eq!(
        (&row["name"], &row["scopes"], &row["status"]),
        (&json!("Widget"), &json!(["read"]), &json!("active"))
    );
    let advice = gpt.product.keys().rotate(&old.id, &json!({})).expect(409);
    assert_eq!(advice.code(), "rotation_unsupported");
    let detail = advice.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("generate a new key") && detail.contains("revoke the old key"), "{detail}");
    let new = gpt.key(json!({"name": "Widget", "scopes": ["read"]}));
    assert_eq!((gpt.status(&old.secret), gpt.status(&new.secret)), (200, 200));
    let revoked = gpt.product.keys().revoke(&old.id).expect(200).json();
    assert_eq!(receipt(&revoked)["confirmed"], 2);
    assert_eq!((gpt.status(&old.secret), gpt.status(&new.secret)), (401, 200));
}

#[test]
fn g8_an_integration_has_keys_for_each_environment_and_development_has_lower_limits() {
    let gpt = Gpt::new();
    let key = |environment: &str| gpt.key(json!({"environment": environment})).secret;
    let keys = ["production", "staging", "development"].map(|environment| (environment, key(environment)));
    for (environment, secret) in &keys {
        for (served, _) in &keys {
            let call = Call { needs: &format!("environment={served}"), ..READ };
            let expected = if served == environment { 200 } else { 401 };
            let answer = gpt.ask(&[("api-key", secret)], &call);
            assert_eq!(answer.status, expected, "{environment} on {served}");
        }
    }
    let [(_, production), (_, staging), (_, development)] = &keys;
    // They count against the same limit, and no more than it are admitted in a minute, one above included. How many a node admits
    // at once depends on what share of it the node has.
    let another = key("development");
    let mut admitted = 1;
    let mut limited = None;
    for secret in [development, &another].into_iter().cycle().take(150) {
        let answer = gpt.ask(&[("api-key", secret)], &READ);
        match answer.status {
            200 => admitted += 1,
            _ => limited = Some(answer),
        }
    }
    assert!(admitted <= 60, "{admitted}");
    let limited = limited.unwrap();
    assert_eq!(limited.status, 429);
    assert_eq!(
        limited.text(),
        r#"{"statusCode":429,"message":"Too many requests","error":"Too Many Requests"}"#
    );
    assert!(limited.header("retry-after").unwrap().parse::<u32>().unwrap() <= 61);
    for _ in 0..70 {
        assert_eq!((gpt.status(production), gpt.status(staging)), (200, 200), "they have no such limit");
    }
    eventually("other nodes count the same", || {
        let verdict = verify_with(&gpt.product.admin(), &json!({"credential": another}));
        (verdict["code"] == "RATE_LIMITED").then_some(())
    });
}

#[test]
fn g9_request_id_and_client_version_are_recorded_and_the_id_is_echoed() {
    let gpt = Gpt::new();
    let key = gpt.key(json!({}));
    let headers = [
        ("api-key", key.secret.as_str()),
        ("x-request-id", "unique-request-id"),
        ("x-client-version", "1.0.0"),
    ];
    let answer = gpt.ask(&headers, &READ);
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("unique-request-id")));
    let row = eventually("the request is listed", || {
        gpt.product.admin().list(&gpt.product.keys().path(&key.id, "/requests"), 50).into_iter().next()
    });
    assert_eq!((&row["request_id"], &row["client_version"]), (&json!("unique-request-id"), &json!("1.0.0")));
    let refused = gpt.ask(&[("x-request-id", "another")], &READ);
    assert_eq!((refused.status, refused.header("x-request-id")), (401, Some("another")));
}

#[test]
fn integrations_and_agents_from_the_shell() {
    let gpt = Gpt::new();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let finished = gpt.product.node.run(&words);
        assert_eq!(finished.code, Some(0), "{line}: {finished:?}");
        finished.stdout.join("\n")
    };
    let tenant = &gpt.product.tenant.id;
    let id = |json: &str| serde_json::from_str::<Value>(json).unwrap()["id"].as_str().unwrap().to_owned();
    let agent = id(&run(&format!("agents create --tenant {tenant} --name Sales --output json")));
    let made =
        run(&format!("integrations create --tenant {tenant} --name Shop --agent {agent} --output json"));
    let integration = id(&made);
    let created =
        run(&format!("keys create --tenant {tenant} --name CLI --integration {integration} --scope read"));
    let secret = created.lines().last().unwrap();
    assert_eq!(gpt.status(secret), 200);
    assert!(run(&format!("integrations list --tenant {tenant}")).contains("Shop"));
    assert!(run(&format!("agents list --tenant {tenant}")).contains("Sales"));
    assert!(run(&format!("keys list --tenant {tenant} --integration {integration}")).contains("CLI"));
    let disabled = run(&format!("integrations disable --tenant {tenant} {integration}"));
    assert!(disabled.contains("in force on 2 of 2 nodes") && disabled.contains("disabled"), "{disabled}");
    assert_eq!(gpt.status(secret), 403);
    let _ = run(&format!("integrations enable --tenant {tenant} {integration}"));
    assert_eq!(gpt.status(secret), 200);
    let restricted = run(&format!("agents restrict --tenant {tenant} {agent}"));
    assert!(
        restricted.contains("in force on 2 of 2 nodes") && restricted.contains("restricted"),
        "{restricted}"
    );
    assert_eq!(gpt.status(secret), 403);
    let _ = run(&format!("agents release --tenant {tenant} {agent}"));
    let other = gpt.agent.as_str().unwrap();
    let _ = run(&format!("integrations change --tenant {tenant} {integration} --name Store --agent {other}"));
    let shown = run(&format!("integrations show --tenant {tenant} {integration}"));
    assert!(shown.contains("Store") && shown.contains(other), "{shown}");
    let _ = run(&format!("agents rename --tenant {tenant} {agent} --name Field"));
    assert!(run(&format!("agents show --tenant {tenant} {agent}")).contains("Field"));
}
