//! Other people's clients, through every flow: `openid-client` and `jose` for Node, `requests-oauthlib` and `PyJWT` for Python,
//! each over TLS with an authority of its own. And another server, `oidc-provider`, beside which bad requests are refused in the same way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use nexus_tests::Store;
use serde_json::{Value, json};

use super::dpop::validating_node;
use super::{CALLBACK, Platform, Registered};
use crate::certificates::Authority;

/// Runs a script that tells where to send somebody, and which key to register for a client.
fn play(variable: &str, folder: &str, script: &str) {
    let Some(program) = std::env::var_os(variable).filter(|program| !program.is_empty()) else {
        eprintln!("{script}: skipped, {variable} is not set");
        return;
    };
    let store = Store::sqlite();
    let authority = Authority::new(store.folder(), "servers");
    let platform = Platform::over_tls(store, &authority);
    let node = validating_node(&platform, Some(&authority));
    let (app, server) = (platform.register(json!({})), platform.server());
    let shown = |client: &Registered| json!({"client_id": client.client_id, "client_secret": client.secret});
    let given = json!({"issuer": platform.url(), "app": shown(&app), "server": shown(&server),
        "redirect_uri": CALLBACK, "cookie": platform.signed_in().cookies(), "resource": format!("https://{}/v1/forward-auth/nexus", node.address())});
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", "120"])
        .arg(program)
        .arg(script)
        .arg(given.to_string())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // What Node, requests, and Python itself trust besides, or instead of the public authorities.
        .env("NODE_EXTRA_CA_CERTS", authority.file())
        .env("REQUESTS_CA_BUNDLE", authority.file())
        .env("SSL_CERT_FILE", authority.file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = child.stdin.take().unwrap();
    let mut done = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let asked: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = if let Some(address) = asked["send_to"].as_str() {
            let (_, query) = address.split_once('?').unwrap();
            json!({"sent_back_to": platform.agree(&mut platform.signed_in(), query)})
        } else if asked["register"].is_object() {
            let body = json!({"name": "Signing", "type": "server", "authentication": "private_key_jwt",
                "jwks": {"keys": [asked["register"]]}});
            json!({"client_id": platform.register(body).client_id})
        } else if asked["client"].is_object() {
            shown(&platform.register(asked["client"].clone()))
        } else {
            done = asked["done"] == true;
            continue;
        };
        writeln!(answers, "{answer}").unwrap();
    }
    let status = child.wait().unwrap();
    assert!(status.success() && done, "{script}: {status}");
}

#[test]
fn openid_client_and_jose_for_node_go_through_all_flows() {
    play("NEXUS_TEST_NODE", "node", "flow.mjs");
}

#[test]
fn bad_requests_are_answered_as_by_oidc_provider() {
    play("NEXUS_TEST_NODE", "node", "refusals.mjs");
}

#[test]
fn requests_oauthlib_and_pyjwt_for_python_go_through_all_flows() {
    play("NEXUS_TEST_PYTHON", "python", "oauth_flow.py");
}
