//! NexusCore: keys of a workspace, with scopes and brands, over HTTPS alone and within limits.

use std::time::Duration;

use nexus_tests::validator::Validator;
use nexus_tests::{Answer, Issued, Node, Options, Store, Tenant, eventually, verify_with};
use serde_json::json;

use super::{Call, Product, READ};

const FILE: &str = include_str!("../../../../dialects/nexuscore.toml");

fn ask(core: &Product, secret: &str, more: &[(&str, &str)], call: &Call<'_>) -> Answer {
    let bearer = format!("Bearer {secret}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(more);
    core.ask(&headers, call)
}

#[test]
fn k1_plain_http_is_rejected_and_not_redirected() {
    let core = Product::of("nexuscore");
    let key = core.create(json!({}));
    let proto = |value: &'static str| ask(&core, &key.secret, &[("x-forwarded-proto", value)], &READ);
    assert_eq!(proto("https").status, 200);
    assert_eq!(proto("HTTPS").status, 200);
    for plain in ["http", "ws", "", "https, http", "http, https"] {
        let answer = proto(plain);
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("https_required")), "{plain}");
        assert_eq!(answer.header("location"), None);
    }
    let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")];
    assert_eq!(ask(&core, &key.secret, &twice, &READ).status, 403);
    assert_eq!(
        core.with_key(&key.secret, &READ).status,
        200,
        "nobody says so of a request from this machine"
    );
    let plain = [("x-forwarded-proto", "http")];
    assert_eq!(ask(&core, "nobodys", &plain, &READ).text(), proto("http").text(), "no key is looked at");

    let verdict =
        |scheme: &str| verify_with(&core.admin(), &json!({"credential": key.secret, "scheme": scheme}));
    assert_eq!(verdict("https")["code"], "VALID");
    let refused = verdict("http");
    assert_eq!((&refused["code"], &refused["status"]), (&json!("MALFORMED"), &json!(403)), "{refused}");
    assert_eq!(refused["response"]["body"], proto("http").json());
    assert!(refused["detail"].as_str().unwrap().contains("plain HTTP"), "{refused}");
    let body = json!({"credential": key.secret, "scheme": "gopher"});
    assert_eq!(
        core.admin().post("/v1/verify", &body).expect(400).json()["errors"][0]["location"],
        "body.scheme"
    );

    let nexus = Tenant::create(&core.admin(), "nexus").keys(&core.admin()).create(&json!({}));
    let client = core.node.client().bearer(&nexus.secret).header("x-forwarded-proto", "http");
    assert_eq!(client.get("/v1/forward-auth/nexus").status, 200, "other dialects take what comes");
}

#[test]
fn case_32_what_an_untrusted_peer_says_of_its_connection_is_ignored() {
    let store = Store::sqlite();
    let dialects = store.folder().join("dialects");
    std::fs::create_dir(&dialects).unwrap();
    std::fs::write(dialects.join("nexuscore.toml"), FILE.replace("except_loopback = true\n", "")).unwrap();
    let node = Node::serve(&store, &Options::default().dialects(&dialects));
    let tenant = Tenant::create(&node.admin(), "nexuscore");
    let key = tenant.keys(&node.admin()).create(&json!({}));
    let forged = node.client().bearer(&key.secret).header("x-forwarded-proto", "https");
    assert_eq!(forged.get("/v1/forward-auth/nexuscore").expect(403).json()["error"], "https_required");
    let forwarded = node.client().bearer(&key.secret).header("forwarded", "proto=https");
    assert_eq!(forwarded.get("/v1/forward-auth/nexuscore").status, 403);
    assert_eq!(node.client().bearer(&key.secret).get("/v1/forward-auth/nexuscore").status, 403);
}

#[test]
fn k2_credentials_are_for_servers_shown_once_and_restricted_to_scopes() {
    let core = Product::of("nexuscore");
    let key = core.create(json!({"scopes": ["tickets:read", "brands:read"]}));
    assert!(key.secret.starts_with("ncs_live_"));
    for (scope, expected) in
        [("tickets:read", 200), ("brands:read", 200), ("tickets:write", 403), ("brands:write", 403)]
    {
        let needs = format!("scope={scope}");
        assert_eq!(core.with_key(&key.secret, &Call { needs: &needs, ..READ }).status, expected, "{scope}");
    }
    assert_eq!(core.with_key(&key.secret, &Call { method: "POST", ..READ }).status, 200);
    let shown = core.keys().show(&key.id).to_string();
    assert!(!shown.contains(&key.secret) && shown.contains(&key.secret[..8]), "{shown}");
    let publishable = json!({"name": "x", "type": "publishable"});
    assert_eq!(core.admin().post(&core.tenant.path("/keys"), &publishable).status, 400);
    let unknown = json!({"name": "x", "scopes": ["tickets:erase"]});
    let refused = core.admin().post(&core.tenant.path("/keys"), &unknown).expect(400).json();
    assert_eq!(refused["errors"][0]["location"], "body.scopes", "{refused}");
}

#[test]
fn k4_keys_are_named_after_a_service_restricted_to_brands_and_rotated_in_place() {
    let core = Product::of("nexuscore");
    let body = json!({"name": "zendesk-migration-script", "scopes": ["tickets:read"],
        "restrictions": {"brand": ["acme", "globex"]}});
    let key = core.create(body);
    assert_eq!(core.keys().show(&key.id)["name"], "zendesk-migration-script");
    assert!(key.answer["refresh_token"].is_null());
    let at = |secret: &str, brand: &str| {
        core.with_key(secret, &Call { needs: &format!("scope=tickets:read{brand}"), ..READ }).status
    };
    for (brand, expected) in
        [("&brand=acme", 200), ("&brand=globex", 200), ("&brand=initech", 403), ("", 403)]
    {
        assert_eq!(at(&key.secret, brand), expected, "{brand}");
    }
    let free = core.create(json!({"scopes": ["tickets:read"]}));
    assert_eq!((at(&free.secret, "&brand=initech"), at(&free.secret, "")), (200, 200));

    let new = Issued::of(core.keys().rotate(&key.id, &json!({"grace": "1s"})).expect(200).json());
    assert_eq!((new.id.as_str(), at(&new.secret, "&brand=acme")), (key.id.as_str(), 200));
    assert_eq!(at(&new.secret, "&brand=initech"), 403, "it keeps its brands");
    eventually("the old secret ends", || (at(&key.secret, "&brand=acme") == 401).then_some(()));
    let rotated =
        core.node.run(&["keys", "rotate", "--tenant", &core.tenant.id, &key.id, "--output", "json"]);
    let newest = Issued::of(rotated.json());
    assert_eq!(at(&newest.secret, "&brand=globex"), 200, "and from the shell");
}

/// What a field says of a limit: its number of requests and seconds.
fn told(field: &str, limit: &str) -> (u64, u64) {
    let item = field.split(", ").find(|item| item.starts_with(&format!("\"{limit}\";")));
    let item = item.unwrap_or_else(|| panic!("{limit} in {field}"));
    let numbers: Vec<u64> =
        item.split(';').skip(1).map(|parameter| parameter[2..].parse().unwrap()).collect();
    (numbers[0], numbers[1])
}

#[test]
fn k6_a_burst_of_150_is_admitted_and_no_more_in_10_seconds() {
    let core = Product::of("nexuscore");
    let keys = [core.create(json!({})), core.create(json!({}))];
    let mut left = u64::MAX;
    for number in 0..150 {
        let answer = core.with_key(&keys[number % 2].secret, &READ);
        assert_eq!(answer.status, 200, "{number}: {answer:?}");
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"standard\";q=600;w=60, \"burst\";q=150;w=10"),
            "{number}"
        );
        let field = answer.header("ratelimit").unwrap();
        let ((_, minute), (burst, seconds)) = (told(field, "standard"), told(field, "burst"));
        assert!((1..=61).contains(&minute) && (1..=11).contains(&seconds), "{field}");
        left = burst;
    }
    assert_eq!(left, 0, "of one node's requests nothing is left");
    let limited = core.with_key(&keys[0].secret, &READ);
    assert_eq!((limited.status, &limited.json()["error"]), (429, &json!("rate_limit_exceeded")));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    assert_eq!(limited.header("ratelimit"), Some(format!("\"burst\";r=0;t={wait}").as_str()));
    assert!(limited.header("ratelimit-policy").is_some());
    let verdict = verify_with(&core.admin(), &json!({"credential": keys[1].secret}));
    assert_eq!(
        verdict["code"], "RATE_LIMITED",
        "both keys are of one workspace, and a question counts as well"
    );
    assert!(verdict["response"]["headers"]["retry-after"].is_string(), "{verdict}");
    assert!(verdict["response"]["headers"]["ratelimit"].as_str().unwrap().starts_with("\"burst\";r=0;t="));
    let other = Tenant::create(&core.admin(), "nexuscore");
    let theirs = other.keys(&core.admin()).create(&json!({}));
    let verdict = verify_with(&core.admin(), &json!({"credential": theirs.secret}));
    assert_eq!(verdict["code"], "VALID", "another workspace has limits of its own");
    let headers = &verdict["response"]["headers"];
    assert_eq!(told(headers["ratelimit-policy"].as_str().unwrap(), "standard"), (600, 60));
    assert!(told(headers["ratelimit"].as_str().unwrap(), "burst").0 < 150, "{headers}");
    assert!(verdict["rate_limits"][0]["reset_at"].is_string(), "{verdict}");
}

#[test]
fn k7_each_error_has_its_status_and_a_body_of_json() {
    let core = Product::of("nexuscore");
    let key = core.create(json!({"scopes": ["tickets:read"], "restrictions": {"brand": ["acme"]}}));
    let gone = core.create(json!({}));
    assert_eq!(core.keys().revoke(&gone.id).status, 200);
    let call = |needs: &'static str| Call { needs, ..READ };
    let told = |answer: Answer| (answer.status, answer.json()["error"].as_str().unwrap().to_owned());
    let refused = |status: u16, error: &str| (status, error.to_owned());
    assert_eq!(told(core.ask(&[], &READ)), refused(401, "invalid_token"));
    assert_eq!(told(core.with_key("ncs_live_x", &READ)), refused(401, "invalid_token"));
    assert_eq!(told(core.with_key(&gone.secret, &READ)), refused(401, "invalid_token"));
    let scope = core.with_key(&key.secret, &call("scope=tickets:write&brand=acme"));
    assert!(scope.header("www-authenticate").unwrap().contains("error=\"insufficient_scope\""));
    assert_eq!(told(scope), refused(403, "insufficient_scope"));
    assert_eq!(told(core.with_key(&key.secret, &call("brand=globex"))), refused(403, "brand_mismatch"));

    let made = core.admin().post("/v1/nodes", &json!({"name": "Alone"})).expect(201).json();
    let folder = Store::sqlite();
    let alone = Validator::begin(
        &folder.folder().join("alone"),
        made["credential"].as_str().unwrap(),
        &["http://127.0.0.1:1".to_owned()],
    );
    alone.await_listening();
    let unable = alone.client().bearer(&key.secret).within(Duration::from_secs(10));
    let unable = unable.get("/v1/forward-auth/nexuscore?brand=acme");
    assert_eq!(unable.header("retry-after"), Some("1"));
    assert_eq!(told(unable), refused(503, "unavailable"));
}
