//! TLS at the server itself: plain HTTP on its port, certificates that are renewed, and an authority that issues them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nexus_tests::validator::free_port;
use nexus_tests::{Client, Node, Options, Process, Store, Tenant, eventually, patience, raw, until};
use serde_json::{Value, json};

use crate::certificates::{Authority, Ends, Files};

fn toml(path: &Path) -> String {
    Value::from(path.display().to_string()).to_string()
}

fn with(files: &Files) -> Options {
    Options::default()
        .set("server.tls.certificate", &toml(&files.certificate))
        .set("server.tls.key", &toml(&files.key))
}

fn authorities(store: &Store) -> PathBuf {
    let folder = store.folder().join("authorities");
    fs::create_dir(&folder).unwrap();
    folder
}

fn client(node: &Node, trusted: &str) -> Client {
    Client::new(&format!("https://{}", node.address())).trusting(trusted)
}

/// Whether a server shows a certificate of this authority.
fn shows(node: &Node, trusted: &Authority) -> bool {
    client(node, &trusted.pem).try_send("GET", "/healthz", None).is_ok_and(|answer| answer.status == 200)
}

#[test]
fn k1_plain_http_on_a_port_of_tls_is_told_so_and_not_redirected() {
    let store = Store::sqlite();
    let authority = Authority::new(&authorities(&store), "servers");
    let node = Node::serve(&store, &with(&authority.issue("api", &Ends::Later)));
    for request in [
        "GET /v1/tenants HTTP/1.1\r\nhost: nexus\r\nauthorization: Bearer nxm_secret\r\n\r\n".to_owned(),
        format!(
            "POST /oauth/token HTTP/1.1\r\nhost: nexus\r\ncontent-length: 9000\r\n\r\n{}",
            "a".repeat(9_000)
        ),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let answer = raw(node.address(), request.as_bytes(), Duration::from_secs(10));
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(text.starts_with("http/1.1 400 "), "{text}");
        assert!(text.contains("content-type: application/problem+json\r\n"), "{text}");
        assert!(text.contains("\"code\":\"https_required\"") && !text.contains("\r\nlocation:"), "{text}");
    }
    let page = client(&node, &authority.pem).get("/problems/https_required");
    assert_eq!(page.status, 200, "the kind of problem has its page");
    let garbage = raw(node.address(), &[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], Duration::from_secs(10));
    assert!(!garbage.starts_with(b"HTTP"), "a broken handshake is no HTTP");
    assert!(shows(&node, &authority), "and the server goes on");
    assert!(!node.log().iter().any(|line| line.contains("nxm_secret")));
}

#[test]
fn k1_credentials_are_taken_over_the_servers_own_tls() {
    let store = Store::sqlite();
    let dialects = store.folder().join("dialects");
    fs::create_dir(&dialects).unwrap();
    let strict = include_str!("../../../dialects/nexuscore.toml").replace("except_loopback = true\n", "");
    fs::write(dialects.join("nexuscore.toml"), strict).unwrap();
    let authority = Authority::new(&authorities(&store), "servers");
    let node = Node::serve(&store, &with(&authority.issue("api", &Ends::Later)).dialects(&dialects));
    let admin = client(&node, &authority.pem).bearer(node.admin_token());
    let key = Tenant::create(&admin, "nexuscore").keys(&admin).create(&json!({}));
    let ask = client(&node, &authority.pem).bearer(&key.secret);
    assert_eq!(ask.get("/v1/forward-auth/nexuscore").status, 200);
    let forged = ask.header("x-forwarded-proto", "http");
    assert_eq!(
        forged.get("/v1/forward-auth/nexuscore").status,
        200,
        "an untrusted peer's own connection tells"
    );
}

#[test]
fn certificates_are_read_anew_when_their_files_change() {
    let store = Store::sqlite();
    let folder = authorities(&store);
    let (old, new) = (Authority::new(&folder, "old"), Authority::new(&folder, "new"));
    let served = old.issue("api", &Ends::Later);
    let node = Node::serve(&store, &with(&served));
    assert!(shows(&node, &old));

    let next = new.issue("api", &Ends::Later);
    fs::copy(&next.certificate, &served.certificate).unwrap();
    let said = node.find_in_log(patience(), "the certificate stays as it was");
    assert!(said.is_some(), "a certificate without its key: {:?}", node.log());
    assert!(shows(&node, &old));
    fs::copy(&next.key, &served.key).unwrap();
    eventually("the new one is shown", || shows(&node, &new).then_some(()));
    assert!(!shows(&node, &old));

    fs::remove_file(&served.certificate).unwrap();
    let says = || node.log().iter().filter(|line| line.contains("the certificate stays as it was")).count();
    assert!(until(patience(), || says() == 2), "{:?}", node.log());
    assert!(shows(&node, &new), "a file that is gone takes nothing away");
}

fn program(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from("/usr/bin").join(name);
    path.is_file().then_some(path)
}

/// An authority that speaks ACME, which looks for every domain on this machine.
struct Pebble {
    port: u16,
    management: u16,
    _names: Process,
    _authority: Process,
}

impl Pebble {
    /// One that finds servers at a port of theirs; `None` where it is not installed.
    fn start(folder: &Path, own: &Files, server: u16) -> Option<Self> {
        let (Some(pebble), Some(names)) = (program("pebble"), program("pebble-challtestsrv")) else {
            eprintln!("pebble: skipped, it is not installed");
            return None;
        };
        let [port, management, dns, control] = [(); 4].map(|()| free_port());
        let local = |port: u16| format!("127.0.0.1:{port}");
        let names = Process::start(
            "pebble-challtestsrv",
            Command::new(names)
                .args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-dns01", &local(dns), "-management", &local(control)]),
        );
        let config = json!({"pebble": {
            "listenAddress": local(port), "managementListenAddress": local(management),
            "certificate": own.certificate, "privateKey": own.key, "httpPort": 1, "tlsPort": server,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
        let authority = Process::start(
            "pebble",
            Command::new(pebble)
                .arg("-config")
                .arg(folder.join("pebble.json"))
                .args(["-dnsserver", &local(dns)])
                .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")]),
        );
        let address = SocketAddr::from(([127, 0, 0, 1], management));
        let listens = || std::net::TcpStream::connect(address).is_ok();
        assert!(until(patience(), listens), "{:?} {:?}", authority.stdout(), authority.stderr());
        Some(Self { port, management, _names: names, _authority: authority })
    }

    /// The certificate of the authority that issues.
    fn root(&self, trusted: &str) -> String {
        let management = Client::new(&format!("https://127.0.0.1:{}", self.management)).trusting(trusted);
        management.get("/roots/0").expect(200).text()
    }
}

/// The status that a server of a domain answers with over a certificate of an authority.
fn status_at(domain: &str, port: u16, root: &Path) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--resolve", &format!("{domain}:{port}:127.0.0.1")])
        .arg("--cacert")
        .arg(root)
        .arg(format!("https://{domain}:{port}/healthz"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_authority_issues_the_certificate_and_it_is_kept() {
    let store = Store::sqlite();
    let own = Authority::new(&authorities(&store), "acme");
    let port = free_port();
    let Some(pebble) = Pebble::start(store.folder(), &own.issue("pebble", &Ends::Later), port) else {
        return;
    };
    let cache = store.folder().join("acme-cache");
    let options = Options::default()
        .set("server.listen", &format!("\"127.0.0.1:{port}\""))
        .set("server.tls.acme.domains", r#"["nexus.test"]"#)
        .set("server.tls.acme.contact", r#"["ops@nexus.test"]"#)
        .set("server.tls.acme.directory", &format!("\"https://127.0.0.1:{}/dir\"", pebble.port))
        .set("server.tls.acme.cache", &toml(&cache))
        .set("server.tls.acme.ca", &toml(&own.file()));
    let node = Node::serve(&store, &options);
    let issued = node.find_in_log(patience(), "the authority issued a certificate");
    assert!(issued.is_some(), "{:#?}", node.log());
    let root = store.folder().join("root.pem");
    fs::write(&root, pebble.root(&own.pem)).unwrap();
    assert_eq!(status_at("nexus.test", port, &root), "200");
    assert_eq!(
        fs::metadata(&cache).unwrap().permissions().mode() & 0o777,
        0o700,
        "private keys are in there"
    );

    drop(pebble);
    let node = node.restart();
    let kept = node.find_in_log(patience(), "the certificate that was kept is used");
    assert!(kept.is_some(), "{:#?}", node.log());
    assert_eq!(status_at("nexus.test", port, &root), "200", "without the authority");
}
