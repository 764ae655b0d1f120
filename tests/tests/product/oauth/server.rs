//! Clients that get tokens for themselves: issued, used behind a validating node, listed, revoked.

use nexus_tests::{Validator, node_credential, receipt, verify_with};
use serde_json::json;

use crate::tokens::{hs256, now};

use super::{Platform, basic, encoded, error_of, send_form};

#[test]
fn a_server_gets_an_access_token_with_its_secret() {
    let platform = Platform::new();
    let client = platform
        .register(json!({"name": "Import", "type": "server", "scopes": ["read:users", "write:users"]}));
    let answer =
        platform.as_client(&client, "/oauth/token", &[("grant_type", "client_credentials")]).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "read:users write:users");
    assert!(tokens["refresh_token"].is_null(), "it asks again instead");
    let verdict = platform.verdict(&tokens["access_token"]);
    assert_eq!((&verdict["code"], &verdict["tenant_id"]), (&json!("VALID"), &json!(platform.maker.id)));
    assert_eq!(verdict["scopes"], json!(["read:users", "write:users"]));
    assert_eq!(verdict["key_id"], client.id.as_str());

    let fields = [("grant_type", "client_credentials"), ("scope", "read:users")];
    let narrowed =
        send_form(&platform.node.client().header("authorization", &basic(&client)), "/oauth/token", &fields);
    let narrowed = narrowed.expect(200).json();
    assert_eq!(narrowed["scope"], "read:users");
    let asked = json!({"credential": narrowed["access_token"], "required_scopes": ["write:users"]});
    assert_eq!(verify_with(&platform.admin(), &asked)["code"], "INSUFFICIENT_SCOPE");
    let wider = [("grant_type", "client_credentials"), ("scope", "read:users admin:all")];
    assert_eq!(error_of(&platform.as_client(&client, "/oauth/token", &wider), 400), "invalid_scope");
}

#[test]
fn a_token_is_listed_and_refused_everywhere_once_it_is_revoked() {
    let platform = Platform::new();
    let admin = platform.admin();
    let node = Validator::start(&platform.store, &node_credential(&admin).secret, &[platform.node.url()]);
    let client = platform.server();
    let tokens = [platform.for_itself(&client), platform.for_itself(&client)];
    let at_node = |token: &serde_json::Value| {
        let asked = json!({"credential": token["access_token"]});
        verify_with(&node.client().bearer(platform.node.admin_token()), &asked)["code"].clone()
    };
    for token in &tokens {
        assert_eq!(at_node(token), "VALID");
    }
    let path = platform.maker.path("/tokens");
    let listed = admin.list(&path, 50);
    assert_eq!(listed.len(), 2, "{listed:?}");
    let newest = &listed[0];
    assert_eq!((&newest["kind"], &newest["status"]), (&json!("access"), &json!("active")));
    assert_eq!((&newest["client_id"], &newest["client_name"]), (&json!(client.client_id), &json!("Import")));
    let id = newest["id"].as_str().unwrap();
    let revoked =
        admin.post(&format!("{path}/{id}/revoke"), &json!({"reason": "compromised"})).expect(200).json();
    assert_eq!(revoked["token"]["status"], "revoked");
    let _done = receipt(&revoked);
    assert_eq!(at_node(&tokens[1]), "REVOKED", "a node that heard of it, although the signature is good");
    assert_eq!(platform.code_of(&tokens[1]["access_token"]), "REVOKED");
    assert_eq!(at_node(&tokens[0]), "VALID", "the other one");
    assert_eq!(admin.list(&path, 50).len(), 1);
    assert_eq!(admin.list(&format!("{path}?status=revoked&client={}", client.client_id), 50).len(), 1);
    let again = admin.post(&format!("{path}/{id}/revoke"), &json!({})).expect(200).json();
    assert_eq!(again["token"]["revoked_at"], revoked["token"]["revoked_at"], "twice is no second event");

    let gone = admin.post(&platform.maker.path(&format!("/clients/{}/revoke", client.client_id)), &json!({}));
    let _done = receipt(&gone.expect(200).json());
    assert_eq!(at_node(&tokens[0]), "REVOKED", "a client takes its tokens with it");
    assert!(admin.list(&path, 50).is_empty());
    let none = platform.as_client(&client, "/oauth/token", &[("grant_type", "client_credentials")]);
    assert_eq!(error_of(&none, 401), "invalid_client");
}

#[test]
fn what_was_revoked_stays_so_on_a_node_that_begins_later() {
    let mut platform = Platform::new();
    let client = platform.server();
    let (live, dead) = (platform.for_itself(&client), platform.for_itself(&client));
    let revoke = [("token", dead["access_token"].as_str().unwrap())];
    let _done = platform.as_client(&client, "/oauth/revoke", &revoke).expect(200);
    assert_eq!(platform.code_of(&dead["access_token"]), "REVOKED");
    platform.node = platform.node.restart();
    assert_eq!(platform.code_of(&live["access_token"]), "VALID");
    assert_eq!(platform.code_of(&dead["access_token"]), "REVOKED");
}

#[test]
fn a_new_secret_works_beside_the_old_one_until_its_grace_is_over() {
    let platform = Platform::new();
    let client = platform.server();
    let rotate = |grace: &str| {
        let path = platform.maker.path(&format!("/clients/{}/rotate", client.id));
        let answer = platform.admin().post(&path, &json!({"grace": grace})).expect(200).json();
        super::Registered { secret: answer["client_secret"].as_str().map(str::to_owned), ..client.clone() }
    };
    let grant = [("grant_type", "client_credentials")];
    let second = rotate("1h");
    for valid in [&client, &second] {
        let _done = platform.as_client(valid, "/oauth/token", &grant).expect(200);
    }
    let third = rotate("0");
    for over in [&client, &second] {
        assert_eq!(error_of(&platform.as_client(over, "/oauth/token", &grant), 401), "invalid_client");
    }
    let _done = platform.as_client(&third, "/oauth/token", &grant).expect(200);
}

#[test]
fn case_22_credentials_in_the_header_and_in_the_body_are_one_too_many() {
    let platform = Platform::new();
    let client = platform.server();
    let header = platform.node.client().header("authorization", &basic(&client));
    let secret = client.secret.as_deref().unwrap();
    let both =
        [("grant_type", "client_credentials"), ("client_id", &client.client_id), ("client_secret", secret)];
    let answer = send_form(&header, "/oauth/token", &both);
    assert_eq!(error_of(&answer, 400), "invalid_request");
    let other = [("grant_type", "client_credentials"), ("client_id", "nx_client_other")];
    assert_eq!(error_of(&send_form(&header, "/oauth/token", &other), 400), "invalid_request");
    let same = [("grant_type", "client_credentials"), ("client_id", client.client_id.as_str())];
    let _done = send_form(&header, "/oauth/token", &same).expect(200);
}

#[test]
fn case_31_two_authorization_headers_or_kinds_of_credential_are_refused_at_the_token_endpoint() {
    let platform = Platform::new();
    let client = platform.server();
    let one = platform.node.client().header("authorization", &basic(&client));
    let grant = [("grant_type", "client_credentials")];
    let twice = one.clone().header("authorization", &basic(&client));
    assert_eq!(error_of(&send_form(&twice, "/oauth/token", &grant), 400), "invalid_request");
    let bearer = platform.node.client().bearer(platform.node.admin_token());
    assert_eq!(error_of(&send_form(&bearer, "/oauth/token", &grant), 401), "invalid_client");
    let asserting = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    assert_eq!(error_of(&send_form(&one, "/oauth/token", &asserting), 400), "invalid_request");
    let access = platform.for_itself(&client);
    let token = access["access_token"].as_str().unwrap();
    let both = platform
        .node
        .client()
        .bearer(token)
        .header("authorization", &format!("Bearer {token}"))
        .get("/v1/forward-auth/nexus");
    assert_eq!(both.status, 401, "nor an access token that is sent twice");
    let _done = platform.node.client().bearer(token).get("/v1/forward-auth/nexus").expect(200);
}

#[test]
fn a_request_that_is_not_as_the_rfc_wants_it_says_what_is_wrong() {
    let platform = Platform::new();
    let (server, app) = (platform.server(), platform.register(json!({})));
    let ask = |client, fields: &[(&str, &str)]| platform.as_client(client, "/oauth/token", fields);
    assert_eq!(error_of(&ask(&server, &[]), 400), "invalid_request");
    assert_eq!(error_of(&ask(&server, &[("grant_type", "password")]), 400), "unsupported_grant_type");
    let grant = [("grant_type", "client_credentials")];
    assert_eq!(error_of(&ask(&app, &grant), 400), "unauthorized_client");
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    assert_eq!(error_of(&ask(&server, &twice), 400), "invalid_request");
    let as_json = platform.node.client().post("/oauth/token", &json!({"grant_type": "client_credentials"}));
    assert_eq!(error_of(&as_json, 400), "invalid_request");
    let in_address =
        format!("/oauth/token?{}", encoded(&[("client_secret", server.secret.as_deref().unwrap())]));
    assert_eq!(error_of(&platform.as_client(&server, &in_address, &grant), 400), "invalid_request");
    let long = "x".repeat(20_000);
    assert_eq!(error_of(&ask(&server, &[("grant_type", &long)]), 400), "invalid_request");
    for (client_id, secret) in [
        (server.client_id.as_str(), "nx_secret_wrong"),
        (server.client_id.as_str(), app.secret.as_deref().unwrap()),
        ("nx_client_00000000000000000000000000000000", "nx_secret_wrong"),
        ("", "nx_secret_wrong"),
        ("' OR 1=1 --", "x"),
    ] {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret)];
        let answer = platform.form("/oauth/token", &fields);
        assert_eq!(error_of(&answer, 401), "invalid_client", "{client_id}");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic")));
    }
}

#[test]
fn introspection_tells_clients_of_what_is_theirs_and_nobody_else() {
    let platform = Platform::new();
    let (client, public) = (platform.server(), platform.register(json!({"authentication": "none"})));
    let token = platform.for_itself(&client);
    let fields = [("token", token["access_token"].as_str().unwrap())];
    let told = platform.as_client(&client, "/oauth/introspect", &fields).expect(200).json();
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &token["scope"]));
    assert_eq!((&told["client_id"], &told["token_type"]), (&json!(client.client_id), &json!("Bearer")));
    assert_eq!(told["iss"], platform.node.url());
    assert_eq!(error_of(&platform.as_client(&public, "/oauth/introspect", &fields), 401), "invalid_client");

    let other = nexus_tests::Tenant::create(&platform.admin(), "nexus");
    let body = json!({"name": "Stranger", "type": "server"});
    let made = platform.admin().post(&other.path("/clients"), &body).expect(201).json();
    let stranger = super::Registered {
        id: made["client"]["id"].as_str().unwrap().to_owned(),
        client_id: made["client_id"].as_str().unwrap().to_owned(),
        secret: made["client_secret"].as_str().map(str::to_owned),
    };
    let inactive = json!({"active": false});
    assert_eq!(platform.as_client(&stranger, "/oauth/introspect", &fields).expect(200).json(), inactive);
    let _done = platform.as_client(&stranger, "/oauth/revoke", &fields).expect(200);
    assert_eq!(
        platform.code_of(&token["access_token"]),
        "VALID",
        "what is not theirs is not theirs to revoke"
    );
    let forged = format!("{}x", token["access_token"].as_str().unwrap());
    for wrong in ["", "abc", "a.b.c", &forged, "nx_refresh_00"] {
        let answer = platform.as_client(&client, "/oauth/introspect", &[("token", wrong)]);
        match wrong {
            "" => assert_eq!(error_of(&answer, 400), "invalid_request"),
            _ => assert_eq!(answer.expect(200).json(), inactive, "{wrong}"),
        }
    }
    let _done = platform.as_client(&client, "/oauth/revoke", &fields).expect(200);
    assert_eq!(platform.as_client(&client, "/oauth/introspect", &fields).expect(200).json(), inactive);
}

#[test]
fn what_a_tenant_signs_itself_is_no_access_token_whatever_it_says_of_itself() {
    let platform = Platform::new();
    let client = platform.server();
    let token = platform.for_itself(&client);
    let tokens = platform.admin().list(&platform.maker.path("/tokens"), 50);
    let secret = platform.admin().post(&platform.user.path("/jwt-secrets"), &json!({"name": "Forger"}));
    let secret = secret.expect(201).json();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": secret["jwt_secret"]["id"]});
    let claims = json!({"jti": tokens[0]["id"], "exp": now() + 600});
    let forged = hs256(secret["secret"].as_str().unwrap(), &header, &claims);
    assert_eq!(platform.code_of(&json!(forged)), "VALID", "it is a service's token");
    let fields = [("token", forged.as_str())];
    let inactive = json!({"active": false});
    assert_eq!(platform.as_client(&client, "/oauth/introspect", &fields).expect(200).json(), inactive);
    let _done = platform.as_client(&client, "/oauth/revoke", &fields).expect(200);
    assert_eq!(platform.code_of(&token["access_token"]), "VALID", "and ends none");
}

#[test]
fn the_metadata_say_where_everything_is() {
    let platform = Platform::new();
    let url = platform.node.url();
    let server = platform.node.client().get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(server["issuer"], url);
    assert_eq!(server["token_endpoint"], format!("{url}/oauth/token"));
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["authorization_response_iss_parameter_supported"], true);
    let resource = platform.node.client().get("/.well-known/oauth-protected-resource").expect(200).json();
    assert_eq!((&resource["resource"], &resource["authorization_servers"]), (&json!(url), &json!([url])));
    let keys = server["jwks_uri"].as_str().unwrap().trim_start_matches(&url).to_owned();
    assert!(!platform.node.client().get(&keys).expect(200).json()["keys"].as_array().unwrap().is_empty());
}

#[test]
fn the_trail_has_who_got_what_and_no_secret() {
    let platform = Platform::new();
    let client = platform.server();
    let token = platform.for_itself(&client);
    let trail = platform.admin().list(&platform.maker.path(&format!("/audit?key={}", client.id)), 50);
    let actions: Vec<&str> = trail.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token.issued", "client.registered"]);
    assert_eq!((&trail[0]["actor"], &trail[0]["ip"]), (&json!(client.id), &json!("127.0.0.1")));
    let text = json!(trail).to_string() + &platform.node.log().join("\n");
    for secret in [client.secret.as_deref().unwrap(), token["access_token"].as_str().unwrap()] {
        assert!(!text.contains(secret));
    }
}
