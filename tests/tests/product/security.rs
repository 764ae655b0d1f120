//! Attacks on requests and their answers, named after their numbers in the list of cases.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use nexus_tests::{Node, Tenant, eventually, raw, until, verify, verify_with};
use serde_json::{Value, json};

use crate::dialects::{Call, Product, READ};

const SOON: Duration = Duration::from_secs(10);

/// The status of an answer that was read raw; 0 where the server hung up without one.
fn status_of(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: nexus\r\nconnection: close\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Resident memory in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn case_31_two_credentials_in_one_request_are_refused() {
    let nexus = Product::of("nexus");
    let (key, other) = (nexus.create(json!({})), nexus.create(json!({})));
    let bearer = format!("Bearer {}", key.secret);
    let second = format!("Bearer {}", other.secret);
    assert_eq!(nexus.ask(&[("authorization", &bearer)], &READ).status, 200);
    for headers in [
        vec![("authorization", bearer.as_str()), ("authorization", second.as_str())],
        vec![("authorization", &bearer), ("authorization", &bearer)],
        vec![("authorization", &bearer), ("Authorization", "Basic eDp5")],
        vec![("authorization", &bearer), ("x-api-key", &other.secret)],
        vec![("authorization", &bearer), ("api-key", &key.secret)],
        vec![("authorization", &bearer), ("proxy-authorization", &second)],
    ] {
        assert_eq!(nexus.ask(&headers, &READ).status, 401, "{headers:?}");
    }
    let joined = format!("{bearer}, {second}");
    assert_eq!(nexus.ask(&[("authorization", &joined)], &READ).status, 401);
    let token = nexus.node.admin_token();
    let twice = nexus.node.admin().bearer(token).get("/v1/tenants");
    assert_eq!(twice.status, 401, "management as well");
    assert_eq!(nexus.node.admin().header("x-api-key", &key.secret).get("/v1/tenants").status, 401);
    let verdict = json!({"dialect": "nexus", "headers": {"Authorization": bearer, "authorization": second}});
    assert_ne!(
        verify_with(&nexus.admin(), &verdict)["code"],
        "VALID",
        "names that differ in case alone are one header twice"
    );
}

#[test]
fn case_32_forwarding_headers_of_an_untrusted_peer_are_ignored() {
    let node = Node::dev();
    let tenant = Tenant { id: node.demo_tenant("nexus").to_owned(), dialect: "nexus".to_owned() };
    let keys = tenant.keys(&node.admin());
    let listed = keys.create(&json!({"ip_allowlist": ["203.0.113.7"]}));
    let publishable = keys.create(&json!({"type": "publishable"}));
    let forged = |secret: &str| {
        node.client()
            .bearer(secret)
            .header("x-forwarded-for", "203.0.113.7")
            .header("x-real-ip", "203.0.113.7")
            .header("forwarded", "for=203.0.113.7")
            .header("x-forwarded-proto", "https")
            .header("x-original-method", "GET")
            .header("x-original-uri", "/forged")
            .header("x-nexus-tenant", "forged")
            .header("x-nexus-key", "forged")
            .header("x-nexus-scopes", "admin:all")
            .get("/v1/forward-auth/nexus")
    };
    assert_eq!(forged(&listed.secret).status, 403);
    assert_eq!(forged(&publishable.secret).status, 403, "the method is not believed either");
    let free = keys.create(&json!({"scopes": ["read:users"]}));
    let accepted = forged(&free.secret).expect(200);
    assert_eq!(accepted.header("x-nexus-tenant"), Some(tenant.id.as_str()));
    assert_eq!(accepted.header("x-nexus-scopes"), Some("read:users"));
    assert_eq!(accepted.headers.iter().filter(|(name, _)| name.starts_with("x-nexus-")).count(), 3);
    let row = eventually("the request is logged", || {
        node.admin().list(&keys.path(&free.id, "/requests"), 50).pop()
    });
    assert_eq!(row["ip"], "127.0.0.1");
    assert_ne!(row["path"], "/forged");
    let made = node
        .admin()
        .header("x-forwarded-for", "203.0.113.7")
        .post(&tenant.path("/keys"), &json!({"name": "x"}));
    let id = made.expect(201).json()["key"]["id"].as_str().unwrap().to_owned();
    let trail = node.admin().list(&tenant.path(&format!("/audit?key={id}")), 50);
    assert_eq!(trail[0]["ip"], "127.0.0.1", "nor in the audit trail");
    let from = |ip: &str| node.admin().list(&tenant.path(&format!("/audit?key={id}&ip={ip}")), 50);
    assert_eq!(from("127.0.0.1"), trail, "the address that an entry shows finds it");
    assert!(from("203.0.113.7").is_empty());
}

#[test]
fn case_33_what_cannot_be_a_credential_is_refused_in_the_dialects_form() {
    let nexus = Product::of("nexus");
    let key = nexus.create(json!({}));
    let mut wrong_checksum = key.secret.clone();
    let end = if wrong_checksum.pop() == Some('0') { '1' } else { '0' };
    wrong_checksum.push(end);
    let long = format!("nx_live_{}", "a".repeat(4_000));
    for wrong in [
        wrong_checksum.as_str(),
        &long,
        "nx_live_",
        "nx_live_ümlaut",
        "nx_live_\u{1f511}",
        &format!("{} ", key.secret),
    ] {
        let verdict = verify_with(&nexus.admin(), &json!({"credential": wrong}));
        assert_eq!(verdict["code"], "MALFORMED", "{wrong}");
    }
    assert_eq!(nexus.with_key(&wrong_checksum, &READ).status, 401);
    assert_eq!(
        verify_with(&nexus.admin(), &json!({"credential": format!("{}\0", key.secret)}))["code"],
        "MALFORMED"
    );
    let megabyte = "a".repeat(1 << 20);
    let body = json!({"credential": format!("nx_live_{megabyte}")});
    assert_eq!(nexus.admin().post("/v1/verify", &body).status, 413);
    let address = nexus.node.address();
    let with = |value: &str| {
        raw(
            address,
            &request("GET", "/v1/forward-auth/nexus", &format!("authorization: Bearer {value}\r\n"), b""),
            SOON,
        )
    };
    for (value, statuses) in [("nx_live_\0", vec![400, 401]), (&megabyte, vec![0, 400, 413, 431])] {
        let answer = with(value);
        assert!(statuses.contains(&status_of(&answer)), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(nexus.with_key(&key.secret, &READ).status, 200, "and the server goes on");
}

#[test]
fn case_34_spellings_of_one_address_get_one_answer() {
    let nexus = Product::of("nexus");
    let v4 = nexus.create(json!({"ip_allowlist": ["203.0.113.7"]}));
    let mapped = nexus.create(json!({"ip_allowlist": ["::ffff:203.0.113.0/120"]}));
    let v6 = nexus.create(json!({"ip_allowlist": ["2001:db8::7"]}));
    for (key, ip, expected) in [
        (&v4, "203.0.113.7", 200),
        (&v4, "::ffff:203.0.113.7", 200),
        (&v4, "::ffff:cb00:7107", 200),
        (&v4, "::203.0.113.7", 403),
        (&mapped, "203.0.113.9", 200),
        (&mapped, "::ffff:203.0.113.9", 200),
        (&mapped, "203.0.114.9", 403),
        (&v6, "2001:db8::7", 200),
        (&v6, "2001:DB8:0:0::7", 200),
        (&v6, "2001:0db8:0000:0000:0000:0000:0000:0007", 200),
        (&v6, "2001:db8::8", 403),
    ] {
        assert_eq!(nexus.with_key(&key.secret, &Call { ip, ..READ }).status, expected, "{ip}");
        let verdict = verify_with(&nexus.admin(), &json!({"credential": key.secret, "ip": ip}));
        assert_eq!(verdict["valid"], expected == 200, "{ip}: {verdict}");
    }
    let rows = eventually("the request log is complete", || {
        let rows = nexus.admin().list(&nexus.keys().path(&v4.id, "/requests"), 200);
        (rows.len() == 8).then_some(rows)
    });
    for row in rows.iter().filter(|row| row["code"] == "VALID") {
        assert_eq!(row["ip"], "203.0.113.7", "one spelling in the log");
    }
}

#[test]
fn case_36_fields_that_nobody_may_set_are_unknown_fields() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexus");
    let key = tenant.keys(&admin).create(&json!({}));
    let secret = tenant.jwt_secret(&admin);
    let paths = [
        ("POST", "/v1/tenants".to_owned(), json!({"name": "x", "dialect": "nexus"})),
        ("POST", "/v1/nodes".to_owned(), json!({"name": "x"})),
        ("PATCH", tenant.path(""), json!({"name": "x"})),
        ("POST", tenant.path("/suspend"), json!({})),
        ("POST", tenant.path("/resume"), json!({})),
        ("POST", tenant.path("/keys"), json!({"name": "x"})),
        ("PATCH", tenant.path(&format!("/keys/{}", key.id)), json!({"name": "x"})),
        ("POST", tenant.path(&format!("/keys/{}/rotate", key.id)), json!({})),
        ("POST", tenant.path(&format!("/keys/{}/revoke", key.id)), json!({})),
        ("POST", tenant.path("/jwt-secrets"), json!({"name": "x"})),
        ("POST", tenant.path(&format!("/jwt-secrets/{secret}/rotate")), json!({})),
        ("POST", tenant.path(&format!("/jwt-secrets/{secret}/revoke")), json!({})),
        ("POST", "/v1/verify".to_owned(), json!({"credential": key.secret})),
    ];
    for (method, path, body) in paths {
        for name in ["tenant_id", "role", "digest", "id", "__proto__"] {
            let mut body = body.clone();
            body[name] = json!("x");
            let answer = admin.send(method, &path, Some(body.to_string().as_bytes()));
            assert_eq!(answer.status, 400, "{method} {path} with {name}: {answer:?}");
            assert_eq!(answer.json()["errors"][0]["location"], format!("body.{name}"), "{method} {path}");
        }
    }
    assert_eq!(verify(&admin, &key.secret), "VALID", "nothing of it happened");
}

#[test]
fn case_37_numbers_and_texts_beyond_measure_are_refused_with_their_place() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexus");
    let path = tenant.path("/keys");
    for (body, location) in [
        (r#"{"name":-1}"#.to_owned(), "body.name"),
        (r#"{"name":9223372036854775808}"#.to_owned(), "body.name"),
        (r#"{"name":1e400}"#.to_owned(), "body"),
        (r#"{"name":NaN}"#.to_owned(), "body"),
        (r#"{"name":"x","expires_in":"-1d"}"#.to_owned(), "body.expires_in"),
        (r#"{"name":"x","expires_in":"9223372036854775808d"}"#.to_owned(), "body.expires_in"),
        (r#"{"name":"x","expires_in":"99999999y"}"#.to_owned(), "body.expires_in"),
        (r#"{"name":"x","expires_at":"1999-01-01T00:00:00Z"}"#.to_owned(), "body.expires_at"),
        (r#"{"name":"x","expires_at":"+999999-01-01T00:00:00Z"}"#.to_owned(), "body.expires_at"),
        (json!({"name": "x", "scopes": ["s".repeat(10_000)]}).to_string(), "body.scopes[0]"),
        (json!({"name": "x", "scopes": vec!["read:users"; 5_000]}).to_string(), "body.scopes"),
        (json!({"name": "x".repeat(10_000)}).to_string(), "body.name"),
        (json!({"name": ""}).to_string(), "body.name"),
        (r#"{"name":"x","name":"y","restrictions":{"":["x"]}}"#.to_owned(), "body.restrictions"),
    ] {
        let answer = admin.send("POST", &path, Some(body.as_bytes()));
        let shown = &body[..body.len().min(80)];
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        let found = answer.json()["errors"][0]["location"].as_str().unwrap().to_owned();
        assert!(found.starts_with(location), "{shown}: {found}");
    }
    let megabyte = json!({"name": "x".repeat(1 << 20)});
    assert_eq!(admin.post(&path, &megabyte).status, 413);
    for (query, location) in [
        ("step=0s", "query.step"),
        ("step=-1h", "query.step"),
        ("step=1e400", "query.step"),
        ("step=99999999y", "query.step"),
        ("from=NaN", "query.from"),
        ("to=9223372036854775808", "query.to"),
        ("from=1970-01-01T00:00:00Z&step=1m", "query.step"),
        ("from=%2B262142-01-01T00:00:00Z", "query.from"),
    ] {
        let key = tenant.keys(&admin).create(&json!({}));
        let answer = admin.get(&tenant.path(&format!("/keys/{}/usage?{query}", key.id)));
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["location"], location, "{query}");
    }
    let backwards = admin.get("/v1/audit?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z");
    assert_eq!((backwards.status, &backwards.json()["errors"][0]["location"]), (400, &json!("query.from")));
    for query in ["after=-1", "after=1e400", "after=99999999999999999999", "wait=-1", "wait=31", "limit=0"] {
        assert_eq!(admin.get(&format!("/v1/events?{query}")).status, 400, "{query}");
    }
    assert_eq!(
        admin.get("/v1/events?after=9223372036854775808").status / 100,
        2,
        "no such position yet is an answer, or a refusal, and no failure"
    );
}

#[test]
fn case_38_deep_huge_packed_and_slow_requests_are_refused_in_flat_memory() {
    let mut node = Node::dev();
    let pid = node.process().pid();
    let admin = node.admin();
    let _warm = admin.get("/v1/tenants");
    let before = memory(pid);
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for path in ["/v1/tenants", "/v1/verify"] {
        assert_eq!(admin.send("POST", path, Some(deep.as_bytes())).status, 400, "{path}");
    }
    // The packed form of a long run of zeros is refused for being packed, before anything is unpacked.
    for coding in ["gzip", "deflate", "br", "identity, gzip"] {
        let packed = admin.clone().header("content-encoding", coding).send(
            "POST",
            "/v1/tenants",
            Some(&[0x1f, 0x8b, 8, 0]),
        );
        assert!((400..500).contains(&packed.status), "{coding}: {packed:?}");
        let packed = admin.clone().header("content-encoding", coding).send(
            "POST",
            "/v1/verify",
            Some(&[0x1f, 0x8b, 8, 0]),
        );
        assert!((400..500).contains(&packed.status), "{coding}: {packed:?}");
    }
    let token = format!("authorization: Bearer {}\r\n", node.admin_token());
    let headers: String = (0..10_000).map(|number| format!("x-h{number}: y\r\n")).collect();
    let answer = raw(node.address(), &request("GET", "/v1/tenants", &(headers + &token), b""), SOON);
    assert!(matches!(status_of(&answer), 0 | 400..=499), "{}", String::from_utf8_lossy(&answer));
    let endless = format!("{token}content-type: application/json\r\ncontent-length: 999999999999\r\n");
    let long = format!("{token}content-type: application/json\r\ncontent-length: 70000\r\n");
    let lying = format!(
        "{token}content-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n"
    );
    for path in ["/v1/tenants", "/v1/verify"] {
        for (what, headers, body) in [
            ("an endless body", &endless, vec![b'{'; 100_000]),
            ("a long body", &long, vec![b' '; 70_000]),
            ("smuggling", &lying, b"0\r\n\r\n".to_vec()),
        ] {
            let answer = raw(node.address(), &request("POST", path, headers, &body), SOON);
            let text = String::from_utf8_lossy(&answer);
            assert!((400..500).contains(&status_of(&answer)), "{what} to {path}: {text}");
        }
    }
    for _ in 0..50 {
        let _refused = admin.send("POST", "/v1/tenants", Some(&[b' '; 1 << 20]));
    }
    let after = memory(pid);
    assert!(after < before + 64 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(node.client().get("/healthz").status, 200);
}

#[test]
fn case_38_a_head_that_does_not_come_is_not_waited_for() {
    let node = Node::dev();
    let mut slow = TcpStream::connect(node.address()).unwrap();
    slow.write_all(b"GET /v1/tenants HTTP/1.1\r\nhost: nexus\r\n").unwrap();
    let answer = rest_of(&slow, Duration::from_secs(20));
    assert_eq!(status_of(&answer.expect("the server ends the connection")), 408);
}

#[test]
fn case_38_a_body_that_does_not_come_is_not_waited_for() {
    let node = Node::dev();
    let head = format!(
        "authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n",
        node.admin_token()
    );
    let slow = ["/v1/tenants", "/v1/verify"].map(|path| {
        let mut slow = TcpStream::connect(node.address()).unwrap();
        slow.write_all(&request("POST", path, &head, b"{\"name\":")).unwrap();
        (path, slow)
    });
    for (path, slow) in slow {
        let answer = rest_of(&slow, Duration::from_secs(45)).expect("the server ends the connection");
        assert_eq!(status_of(&answer), 408, "{path}: {}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_body_that_comes_in_pieces_is_read_as_one() {
    let node = Node::dev();
    let body = br#"{"credential": "nx_live_nobodys", "method": "GET"}"#;
    let head = format!(
        "authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        node.admin_token(),
        body.len()
    );
    let mut stream = TcpStream::connect(node.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&request("POST", "/v1/verify", &head, b"")).unwrap();
    for piece in body.chunks(7) {
        std::thread::sleep(Duration::from_millis(20));
        stream.write_all(piece).unwrap();
    }
    let answer = rest_of(&stream, Duration::from_secs(10)).expect("the server ends the connection");
    let text = String::from_utf8_lossy(&answer);
    assert!(status_of(&answer) == 200 && text.contains("\"MALFORMED\""), "{text}");
}

/// Reads until the server hangs up; `None` where it does not within the time.
fn rest_of(mut stream: &TcpStream, within: Duration) -> Option<Vec<u8>> {
    use std::io::Read as _;
    stream.set_read_timeout(Some(within)).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Some(answer),
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                return None;
            }
            Err(_) => return Some(answer),
        }
    }
}

#[test]
fn case_39_line_breaks_and_escapes_reach_the_log_as_one_escaped_line() {
    let nexus = Product::with("nexus", nexus_tests::Options::default().set("log.level", "\"debug\""));
    let admin = nexus.admin();
    for name in ["a\r\nforged", "a\u{1b}[31mred", "a\nready", "\u{202e}yek", "a\u{200b}b", "a\0b"] {
        let answer = admin.post(&nexus.tenant.path("/keys"), &json!({"name": name}));
        assert_eq!(answer.status, 400, "{name:?}");
        assert_eq!(
            admin.post("/v1/tenants", &json!({"name": name, "dialect": "nexus"})).status,
            400,
            "{name:?}"
        );
    }
    assert_eq!(admin.get("/v1/%0d%0aforged%1b[31m").status, 404);
    assert_eq!(admin.get(&format!("/v1/tenants/{}/keys?q=%0aforged", nexus.tenant.id)).status, 400);
    let key = nexus.create(json!({}));
    let note = admin.post(&nexus.keys().path(&key.id, "/revoke"), &json!({"note": "a\r\nforged\u{1b}[31m"}));
    assert!(note.status == 400 || note.status == 200, "{note:?}");
    let odd = Call { path: "/a%0d%0aforged%7f", ..READ };
    let _refused = nexus.ask(&[("authorization", "Bearer x"), ("x-client-version", "1\t2")], &odd);
    assert!(
        until(SOON, || nexus.node.log().iter().any(|line| line.contains("forward-auth"))),
        "{:?}",
        nexus.node.log()
    );
    for line in nexus.node.log() {
        let parsed: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(parsed.is_object());
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.starts_with("forged"), "{line:?}");
    }
    let csv = admin.header("accept", "text/csv").get("/v1/audit").expect(200).text();
    assert!(!csv.contains('\u{1b}'), "nor in an export for spreadsheets");
}
