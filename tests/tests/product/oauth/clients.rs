//! Clients over REST and from the command line.

use serde_json::json;

use super::{CALLBACK, Platform};
use crate::contract::{assert_problem, locations};

#[test]
fn a_client_is_registered_shown_listed_and_never_with_its_secret_again() {
    let platform = Platform::new();
    let admin = platform.admin();
    let client = platform.register(json!({}));
    let path = platform.maker.path("/clients");
    for name in [&client.id, &client.client_id] {
        let shown = admin.get(&format!("{path}/{name}")).expect(200);
        assert_eq!(shown.json()["client_id"], client.client_id.as_str());
        assert!(!shown.text().contains(client.secret.as_deref().unwrap()));
    }
    assert_eq!(admin.list(&path, 1).len(), 1);
    assert_eq!(admin.get(&format!("{}/{}", platform.user.path("/clients"), client.id)).status, 404);
    let once = admin.clone().header("idempotency-key", "register-1");
    let body = json!({"name": "Import", "type": "server"});
    let (first, second) = (once.post(&path, &body).expect(201), once.post(&path, &body).expect(201));
    assert_eq!(first.text(), second.text(), "a repetition is told the same secret");
    assert_eq!(admin.list(&path, 50).len(), 2);
}

#[test]
fn what_is_wrong_with_a_client_is_told_with_its_place() {
    let platform = Platform::new();
    let register = |body| platform.admin().post(&platform.maker.path("/clients"), &body);
    for (body, place) in [
        (json!({"name": "A", "type": "robot"}), "body.type"),
        (json!({"name": "A"}), "body.type"),
        (json!({"name": " ", "type": "server"}), "body.name"),
        (json!({"name": "A", "type": "app"}), "body.redirect_uris"),
        (
            json!({"name": "A", "type": "app", "redirect_uris": [CALLBACK, "http://a.example/"]}),
            "body.redirect_uris[1]",
        ),
        (
            json!({"name": "A", "type": "app", "redirect_uris": ["javascript:alert(1)"]}),
            "body.redirect_uris[0]",
        ),
        (json!({"name": "A", "type": "server", "redirect_uris": [CALLBACK]}), "body.redirect_uris"),
        (json!({"name": "A", "type": "server", "scopes": ["read:mars"]}), "body.scopes"),
        (json!({"name": "A", "type": "server", "scopes": []}), "body.scopes"),
        (json!({"name": "A", "type": "server", "authentication": "none"}), "body.authentication"),
        (json!({"name": "A", "type": "server", "authentication": "private_key_jwt"}), "body.jwks"),
        (json!({"name": "A", "type": "server", "requires_pkce": "yes"}), "body.requires_pkce"),
        (json!({"name": "A", "type": "server", "tenant_id": "x"}), "body.tenant_id"),
    ] {
        let answer = register(body.clone());
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(locations(&answer), [place], "{body}");
    }
    let other = nexus_tests::Tenant::create(&platform.admin(), "nexpay");
    let none = platform.admin().post(&other.path("/clients"), &json!({"name": "A", "type": "server"}));
    assert_eq!(locations(&none), ["body.type"], "a product without OAuth has no clients");
}

#[test]
fn the_command_line_manages_clients_and_tokens() {
    let platform = Platform::new();
    let run = |arguments: &[&str]| {
        let tenant = ["--tenant", platform.maker.id.as_str()];
        platform.node.run(&[arguments, &tenant].concat())
    };
    let created = run(&[
        "clients",
        "create",
        "--name",
        "Import",
        "--type",
        "server",
        "--scope",
        "read:users",
        "--output",
        "json",
    ]);
    let created = created.json();
    let client = super::Registered {
        id: created["client"]["id"].as_str().unwrap().to_owned(),
        client_id: created["client_id"].as_str().unwrap().to_owned(),
        secret: created["client_secret"].as_str().map(str::to_owned),
    };
    let token = platform.for_itself(&client);
    let listed = run(&["tokens", "list", "--output", "json"]).json();
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    assert!(run(&["tokens", "list"]).stdout.join("\n").contains("Import"));
    assert!(run(&["tokens", "revoke", &id]).stdout.join("\n").contains("refused by"));
    assert_eq!(platform.code_of(&token["access_token"]), "REVOKED");
    assert!(run(&["clients", "list"]).stdout.join("\n").contains(&client.client_id));
    let rotated = run(&["clients", "rotate", &client.client_id, "--grace", "0", "--output", "json"]).json();
    let client = super::Registered { secret: rotated["client_secret"].as_str().map(str::to_owned), ..client };
    platform.for_itself(&client);
    assert!(run(&["clients", "show", &client.id]).stdout.join("\n").contains("client_secret"));
    let updated =
        run(&["clients", "update", &client.client_id, "--name", "Loader", "--allow-ip", "10.0.0.0/8"]);
    let updated = updated.stdout.join("\n");
    for shown in ["Loader", "10.0.0.0/8", "in force on"] {
        assert!(updated.contains(shown), "{shown} in {updated}");
    }
    assert!(
        run(&["clients", "revoke", &client.id, "--reason", "unused"])
            .stdout
            .join("\n")
            .contains("refused by")
    );
}

#[test]
fn a_narrower_client_narrows_the_tokens_that_it_has() {
    let platform = Platform::new();
    let client = platform.register(json!({"ip_allowlist": []}));
    let tokens = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    let allowed = |scope: &str| {
        let body =
            json!({"credential": tokens["access_token"], "required_scopes": [scope], "ip": "192.0.2.1"});
        nexus_tests::verify_with(&platform.admin(), &body)["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(allowed("read:payments"), "VALID");
    let path = platform.maker.path(&format!("/clients/{}", client.id));
    let change = |body: serde_json::Value| platform.admin().patch(&path, &body);
    let changed = change(json!({"scopes": ["read:users"], "name": "Diary"})).expect(200).json();
    assert_eq!(changed["client"]["scopes"], json!(["read:users"]));
    assert_eq!(changed["receipt"]["nodes"], changed["receipt"]["confirmed"], "{changed}");
    assert_eq!(allowed("read:payments"), "INSUFFICIENT_SCOPE", "as soon as it is answered");
    assert_eq!(allowed("read:users"), "VALID");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refreshed = platform.refresh(&client, refresh).expect(200).json();
    assert_eq!(refreshed["scope"], "read:users", "what is left of what was agreed to");
    let shown = platform.as_client(
        &client,
        "/oauth/introspect",
        &[("token", tokens["access_token"].as_str().unwrap())],
    );
    assert_eq!(shown.expect(200).json()["scope"], "read:users");
    let _narrowed = change(json!({"ip_allowlist": ["10.0.0.0/8"]})).expect(200);
    assert_eq!(allowed("read:users"), "IP_NOT_ALLOWED");

    let _moved = change(json!({"redirect_uris": ["https://diary.example/callback"]})).expect(200);
    let mut browser = platform.signed_in();
    let old =
        browser.get(&format!("/oauth/authorize?{}", super::request(&client, &[("scope", "read:users")])));
    assert_eq!(old.status, 400, "it is registered no more: {old:?}");
    for (body, place) in [
        (json!({}), "body"),
        (json!({"redirect_uris": ["http://a.example/"]}), "body.redirect_uris[0]"),
        (json!({"scopes": ["read:mars"]}), "body.scopes"),
        (json!({"type": "server"}), "body.type"),
    ] {
        let refused = change(body).expect(400).json();
        let at = refused["errors"][0]["location"].as_str().unwrap_or_default().to_owned();
        assert!(at.starts_with(place), "{refused}");
    }
    let trail = platform.admin().list(&platform.maker.path("/audit?action=client.changed"), 50);
    assert_eq!(trail.len(), 3, "{trail:?}");
}

#[test]
fn a_secret_that_was_replaced_opens_nothing_more_however_often_it_was_used() {
    let platform = Platform::new();
    let (client, path) = (platform.server(), platform.maker.path("/clients"));
    let token = platform.for_itself(&client);
    let text = token["access_token"].as_str().unwrap();
    let asked = |client: &super::Registered| {
        let own = platform.as_client(client, "/oauth/token", &[("grant_type", "client_credentials")]);
        (own.status, platform.as_client(client, "/oauth/introspect", &[("token", text)]).status)
    };
    let known = platform.as_client(&client, "/oauth/introspect", &[("token", text)]).expect(200).json();
    assert_eq!((known["active"].clone(), known["scope"].clone()), (json!(true), token["scope"].clone()));
    assert_eq!(
        (known["client_id"].clone(), known["sub"].clone()),
        (json!(client.client_id), json!(client.client_id))
    );
    assert_eq!(asked(&client), (200, 200));
    let rotated = platform.admin().post(&format!("{path}/{}/rotate", client.id), &json!({"grace": "0"}));
    let secret = rotated.expect(200).json()["client_secret"].as_str().map(str::to_owned);
    let new = super::Registered { secret, ..client.clone() };
    assert_eq!(asked(&client), (401, 401));
    assert_eq!((asked(&new), asked(&new)), ((200, 200), (200, 200)));
    assert_eq!(asked(&client), (401, 401), "whoever comes with it beside the new one");
    let _done = platform.admin().post(&format!("{path}/{}/revoke", client.id), &json!({})).expect(200);
    assert_eq!(asked(&new), (401, 401));
}
