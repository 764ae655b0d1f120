//! A real nginx in front of a small service, with the configuration of `examples/nginx`.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nexus_tests::{Client, Node, Options, Process, Store, Validator, eventually, patience, until};
use serde_json::json;

use crate::contract::assert_problem;
use crate::dialects::{Call, Product, READ};

const EXAMPLE: &str = "../examples/nginx";

/// A service that answers `200` and tells which head it got.
pub(crate) fn upstream() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = String::new();
            let mut reader = BufReader::new(&stream);
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let told = sender.send(head.to_lowercase());
            let _gone =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n");
            if told.is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

pub(crate) fn nginx() -> Option<PathBuf> {
    let named = std::env::var_os("NEXUS_TEST_NGINX").filter(|name| !name.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/usr/sbin/nginx"))).filter(|program| program.is_file())
}

/// A running nginx. Its workers end with its main process only where that is asked to stop.
pub(crate) struct Gateway(Process);

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.signal("TERM");
            let _ended = self.0.wait(Duration::from_secs(10));
        }
    }
}

/// nginx with the example's configuration, between clients, the product's node and the service.
fn gateway(program: &Path, folder: &Path, product: &Product, upstream: SocketAddr) -> (Gateway, SocketAddr) {
    gateway_to(program, folder, &product.tenant.dialect, (product.node.address(), ""), upstream)
}

/// As [`gateway`], with a line of the configuration for a further node.
fn gateway_to(
    program: &Path,
    folder: &Path,
    dialect: &str,
    (node, further): (SocketAddr, &str),
    upstream: SocketAddr,
) -> (Gateway, SocketAddr) {
    let free = free_address();
    let changes = [
        ("127.0.0.1:8000", free.to_string()),
        ("127.0.0.1:8080", node.to_string()),
        ("127.0.0.1:3000", upstream.to_string()),
        ("#server 127.0.0.1:9090;", further.to_owned()),
        ("forward-auth/nexus?", format!("forward-auth/{dialect}?")),
    ];
    (begin(program, folder, "nginx.conf", &changes, free), free)
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// nginx with one of the example's configurations, in which these texts are others, once it listens.
pub(crate) fn begin(
    program: &Path,
    folder: &Path,
    configuration: &str,
    changes: &[(&str, String)],
    address: SocketAddr,
) -> Gateway {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    let mut all = String::new();
    std::fs::create_dir_all(folder.join("products")).unwrap();
    for file in
        [example.clone(), example.join("products")].iter().flat_map(|it| std::fs::read_dir(it).unwrap())
    {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "conf") {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push_str(&text);
            let changed = changes.iter().fold(text, |text, (from, to)| text.replace(from, to));
            std::fs::write(folder.join(path.strip_prefix(&example).unwrap()), changed).unwrap();
        }
    }
    for (from, _) in changes {
        assert!(all.contains(from), "the example names {from}");
    }
    for name in ["body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let process = Process::start(
        "nginx",
        Command::new(program).arg("-p").arg(folder).args(["-c", configuration, "-e", "stderr"]),
    );
    assert!(
        until(patience(), || TcpStream::connect(address).is_ok()),
        "nginx listens: {:?}",
        process.stderr()
    );
    Gateway(process)
}

/// The status and the lines of an answer to curl.
fn curl(address: SocketAddr, headers: &[(&str, &str)], arguments: &[&str]) -> (u16, String) {
    curl_at(&format!("http://{address}/v1/users?page=1"), headers, arguments)
}

/// As [`curl`], of any address.
pub(crate) fn curl_at(url: &str, headers: &[(&str, &str)], arguments: &[&str]) -> (u16, String) {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--include", "--max-time", "20", "--noproxy", "*"])
        .args(arguments);
    for (name, value) in headers {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    let output = command.arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let status =
        text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("{output:?}")), text)
}

fn credential(product: &Product, secret: &str) -> Vec<(&'static str, String)> {
    match product.tenant.dialect.as_str() {
        "nexuscommerce" => {
            vec![("Authorization", format!("Bearer {secret}")), ("X-Tenant-ID", product.tenant.id.clone())]
        }
        "nexpay" => vec![("Authorization", format!("ApiKey {secret}"))],
        "nexusgpt" => vec![("api-key", secret.to_owned())],
        _ => vec![("Authorization", format!("Bearer {secret}"))],
    }
}

#[test]
fn nginx_lets_live_keys_through_and_refuses_them_right_after_their_revocation() {
    let Some(program) = nginx() else {
        eprintln!("nginx: skipped, NEXUS_TEST_NGINX names none");
        return;
    };
    for dialect in ["nexus", "nexpay", "nexuscommerce", "nexusgpt"] {
        let product = Product::of(dialect);
        let folder = Store::sqlite();
        let (upstream, heads) = upstream();
        let (_nginx, address) = gateway(&program, folder.folder(), &product, upstream);
        let scopes = if dialect == "nexus" { json!(["read:users"]) } else { json!([]) };
        let key = product.create(json!({"scopes": scopes}));
        let owned = credential(&product, &key.secret);
        let sent: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (*name, value.as_str())).collect();

        let (status, text) = curl(address, &sent, &[]);
        assert_eq!(status, 200, "{dialect}: {text}");
        let head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(head.contains(&format!("x-nexus-key: {}\n", key.id).replace('\n', "\r\n")), "{head}");
        assert!(head.contains(&format!("x-nexus-tenant: {}\r\n", product.tenant.id)), "{head}");
        assert!(!head.contains(&key.secret.to_lowercase()), "the service does not get the secret: {head}");

        let mut forged = sent.clone();
        forged.extend([
            ("X-Nexus-Tenant", "forged"),
            ("X-Nexus-Key", "forged"),
            ("X-Nexus-Scopes", "forged"),
        ]);
        forged.extend([
            ("X-Forwarded-For", "198.51.100.66"),
            ("X-Original-Method", "FORGED"),
            ("X-Original-URI", "/forged"),
        ]);
        assert_eq!(curl(address, &forged, &["--request", "DELETE"]).0, 200);
        let head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(!head.contains("forged") && !head.contains("198.51.100.66"), "{dialect}: {head}");
        assert!(head.starts_with("delete /v1/users?page=1 "), "{head}");
        let row = eventually("both are logged", || {
            let rows = product.admin().list(&product.keys().path(&key.id, "/requests"), 50);
            rows.into_iter().find(|row| row["method"] == "DELETE")
        });
        assert_eq!(
            (row["ip"].as_str(), row["path"].as_str()),
            (Some("127.0.0.1"), Some("/v1/users")),
            "{row}"
        );

        assert_eq!(product.keys().revoke(&key.id).status, 200);
        let (status, text) = curl(address, &sent, &[]);
        assert_eq!(status, 401, "{dialect}: {text}");
        let direct = product.with_key(&key.secret, &READ);
        let body = text.split_once("\n\n").unwrap().1;
        assert_eq!(body, direct.text(), "{dialect}: the dialect's own body");
        let lower = text.to_lowercase();
        for name in ["www-authenticate", "content-type"] {
            let line = format!("\n{name}: {}\n", direct.header(name).unwrap()).to_lowercase();
            assert!(lower.contains(&line), "{dialect}: {line} in {text}");
        }
        let elsewhere = product.create(json!({"ip_allowlist": ["203.0.113.0/24"]}));
        let owned = credential(&product, &elsewhere.secret);
        let mut sent: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sent.push(("X-Forwarded-For", "203.0.113.7"));
        let (status, text) = curl(address, &sent, &[]);
        assert_eq!(status, 403, "{dialect}: {text}");
        let direct = product.with_key(&elsewhere.secret, &Call { ip: "127.0.0.1", ..READ });
        assert_eq!(text.split_once("\n\n").unwrap().1, direct.text(), "{dialect}: the dialect's own body");
        assert!(heads.try_recv().is_err(), "nothing that was refused reached the service");
    }
}

#[test]
fn nginx_passes_on_that_plain_http_is_rejected() {
    let Some(program) = nginx() else { return };
    let product = Product::of("nexuscore");
    let folder = Store::sqlite();
    let (upstream, heads) = upstream();
    let (_nginx, address) = gateway(&program, folder.folder(), &product, upstream);
    let key = product.create(json!({}));
    let bearer = format!("Bearer {}", key.secret);
    let forged = [("Authorization", bearer.as_str()), ("X-Forwarded-Proto", "https")];
    let (status, text) = curl(address, &forged, &[]);
    assert_eq!(status, 403, "{text}");
    assert!(
        text.contains(r#""error":"https_required""#) && !text.to_lowercase().contains("location:"),
        "{text}"
    );
    assert!(heads.try_recv().is_err(), "nothing that was refused reached the service");
}

#[test]
fn nginx_tells_callers_what_is_left_of_a_limit() {
    let Some(program) = nginx() else { return };
    let folder = Store::sqlite();
    let dialects = folder.folder().join("dialects");
    std::fs::create_dir(&dialects).unwrap();
    let limit = "\n[[rate_limits]]\nper = \"tenant\"\nname = \"hour\"\nlimit = 30\nwindow = \"1h\"\n";
    let text = format!("{}{limit}", include_str!("../../../dialects/nexus.toml"));
    std::fs::write(dialects.join("nexus.toml"), text).unwrap();
    let product = Product::with("nexus", Options::default().dialects(&dialects));
    let (upstream, _heads) = upstream();
    let (_nginx, address) = gateway(&program, folder.folder(), &product, upstream);
    let bearer = format!("Bearer {}", product.create(json!({})).secret);
    let (status, text) = curl(address, &[("Authorization", &bearer)], &[]);
    assert_eq!(status, 200, "{text}");
    let text = text.to_lowercase();
    assert!(text.contains("\nratelimit-policy: \"hour\";q=30;w=3600\n"), "{text}");
    assert!(text.contains("\nratelimit: \"hour\";r="), "{text}");
}

#[test]
fn nginx_refuses_everything_while_nexus_is_gone() {
    let Some(program) = nginx() else { return };
    let mut product = Product::of("nexus");
    let folder = Store::sqlite();
    let (upstream, heads) = upstream();
    let (_nginx, address) = gateway(&program, folder.folder(), &product, upstream);
    let key = product.create(json!({"scopes": ["read:users"]}));
    let bearer = format!("Bearer {}", key.secret);
    assert_eq!(curl(address, &[("Authorization", &bearer)], &[]).0, 200);
    let _head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
    product.node.kill();
    let (status, text) = curl(address, &[("Authorization", &bearer)], &[]);
    assert!(status >= 500, "{text}");
    assert!(heads.try_recv().is_err(), "the service was not asked");
}

#[test]
fn nginx_gives_a_used_up_limit_and_a_missing_right_to_answer_their_own_status() {
    let Some(program) = nginx() else { return };
    let folder = Store::sqlite();
    let dialects = folder.folder().join("dialects");
    std::fs::create_dir(&dialects).unwrap();
    let limit = "\n[[rate_limits]]\nper = \"tenant\"\nlimit = 3\nwindow = \"1h\"\n";
    let text = format!("{}{limit}", include_str!("../../../dialects/nexus.toml"));
    std::fs::write(dialects.join("nexus.toml"), text).unwrap();
    let product = Product::with("nexus", Options::default().dialects(&dialects));
    let (upstream, heads) = upstream();
    let (_nginx, address) = gateway(&program, folder.folder(), &product, upstream);
    let key = product.create(json!({}));
    let bearer = format!("Bearer {}", key.secret);
    for _ in 0..3 {
        assert_eq!(curl(address, &[("Authorization", &bearer)], &[]).0, 200);
        let _head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
    }
    let (status, text) = curl(address, &[("Authorization", &bearer)], &[]);
    assert_eq!(status, 429, "{text}");
    let direct = product.with_key(&key.secret, &READ);
    assert_eq!((direct.status, text.split_once("\n\n").unwrap().1), (429, direct.text().as_str()));
    assert!(text.to_lowercase().contains("\nretry-after: "), "{text}");

    let folder = Store::sqlite();
    let alone = alone(&folder, &product);
    let (_nginx, address) = gateway_to(&program, folder.folder(), "nexus", (alone.address(), ""), upstream);
    let (status, text) = curl(address, &[("Authorization", &bearer)], &[]);
    assert_eq!(status, 503, "{text}");
    assert!(text.contains(r#""code":"unavailable""#), "the dialect's own body: {text}");
    assert!(text.to_lowercase().contains("\nretry-after: 1\n"), "{text}");
    assert!(heads.try_recv().is_err(), "nothing that was refused reached the service");
}

/// A validating node that reaches no API node, and so has no right to answer.
fn alone(folder: &Store, product: &Product) -> Validator {
    let made = product.node.admin().post("/v1/nodes", &json!({"name": "Alone"})).expect(201).json();
    let credential = made["credential"].as_str().unwrap();
    let alone =
        Validator::begin(&folder.folder().join("alone"), credential, &["http://127.0.0.1:1".to_owned()]);
    alone.await_listening();
    alone
}

#[test]
fn nginx_passes_over_a_node_that_has_no_right_to_answer() {
    let Some(program) = nginx() else { return };
    let product = Product::of("nexus");
    let folder = Store::sqlite();
    let alone = alone(&folder, &product);
    let (upstream, heads) = upstream();
    let nodes = (product.node.address(), &*format!("server {};", alone.address()));
    let (_nginx, address) = gateway_to(&program, folder.folder(), "nexus", nodes, upstream);
    let bearer = format!("Bearer {}", product.create(json!({})).secret);
    // One of the first two is for the node that is alone.
    for _ in 0..4 {
        let (status, text) = curl(address, &[("Authorization", &bearer)], &[]);
        assert_eq!(status, 200, "{text}");
        let _head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}

#[test]
fn forward_auth_answers_whatever_method_a_gateway_repeats() {
    let product = Product::of("nexus");
    let key = product.create(json!({}));
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let client: Client = product.node.client().bearer(&key.secret).header("x-forwarded-method", method);
        assert_eq!(client.send(method, "/v1/forward-auth/nexus", None).status, 200, "{method}");
    }
    let mut socket = TcpStream::connect(product.node.address()).unwrap();
    let mut request = String::from("GET /v1/forward-auth/nexus HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    let _ = write!(request, "authorization: Bearer {}\r\n\r\n", key.secret);
    std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ended = socket.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_question_that_means_nothing_is_refused_and_lets_nobody_in() {
    let product = Product::of("nexus");
    let scope = "read:users";
    let key = product.create(json!({"scopes": [scope]}));
    let client: Client = product.node.client().bearer(&key.secret);
    // As a gateway asks whose variable is not set.
    for (query, status) in [
        (format!("scope={scope}"), 200),
        (format!("scope={scope}%20{scope}&scope={scope},%20{scope}"), 200),
        ("scope=".to_owned(), 400),
        ("scope".to_owned(), 400),
        ("scope=%20".to_owned(), 400),
        (format!("scope={scope},"), 400),
        (format!("scope={scope}&scope="), 400),
        ("brand=acme".to_owned(), 400),
        ("environment=live".to_owned(), 200),
        ("environment=prod".to_owned(), 400),
    ] {
        assert_eq!(client.get(&format!("/v1/forward-auth/nexus?{query}")).status, status, "{query}");
    }
    let question = json!({"credential": key.secret, "restrictions": {"brand": "acme"}});
    let answer = product.node.admin().post("/v1/verify", &question).expect(400).json();
    assert_eq!(answer["errors"][0]["location"], "body.restrictions");
    assert!(answer["detail"].as_str().unwrap().contains("unknown restriction `brand`"), "{answer}");
    let question = json!({"credential": key.secret, "environment": "prod"});
    let answer = product.node.admin().post("/v1/verify", &question).expect(400).json();
    assert_eq!(answer["errors"][0]["location"], "body.environment");
    assert!(answer["detail"].as_str().unwrap().contains("unknown environment `prod`"), "{answer}");
}

#[test]
fn a_dialect_that_nobody_serves_is_told_with_those_that_are() {
    let node = Node::dev();
    for path in ["/v1/forward-auth/nexsu", "/v1/forward-auth/nexsu/orders/1", "/v1/forward-auth/"] {
        let answer = node.client().get(path);
        assert_problem(&answer, 404, "not_found");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("no dialect is named `") && detail.contains("nexuscommerce"),
            "{path}: {detail}"
        );
    }
    assert!(node.client().get("/v1/forward-auth/nexsu/orders").text().contains("`nexsu`"));
}
