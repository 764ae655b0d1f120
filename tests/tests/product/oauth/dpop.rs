//! Tokens that are bound to a key (RFC 9449), and attacks on them.

use std::time::Duration;

use nexus_tests::{Answer, Client, Node, Store, Surroundings, Validator, node_credential, verify_with};
use serde_json::{Value, json};

use super::holder::{Holder, claims};
use super::{CALLBACK, Platform, VERIFIER, encoded, error_of, options, parameter, request, send_form};
use crate::certificates::{Authority, Ends};
use crate::forward_auth::{begin, curl_at, free_address, nginx, upstream};
use crate::tokens::now;

const URL: &str = "https://api.example/v1/users";

fn code_fields(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// A validating node that believes its gateway, which is this test. With an authority, it and the platform speak TLS.
pub(super) fn validating_node(platform: &Platform, authority: Option<&Authority>) -> Validator {
    let trust = ("NEXUS__SERVER__TRUSTED_PROXIES".to_owned(), r#"["127.0.0.1/32"]"#.to_owned());
    let mut variables = vec![trust];
    if let Some(authority) = authority {
        let own = authority.issue("node", &Ends::Later);
        for (name, file) in [
            ("NEXUS__CONTROL__CA", authority.file()),
            ("NEXUS__SERVER__TLS__CERTIFICATE", own.certificate),
            ("NEXUS__SERVER__TLS__KEY", own.key),
        ] {
            variables.push((name.to_owned(), file.display().to_string()));
        }
    }
    let surroundings = Surroundings { variables, ..Surroundings::default() };
    let folder = platform.store.folder().join("dpop-validator");
    let credential = node_credential(&platform.admin()).secret;
    let validator = Validator::begin_in(surroundings, &folder, &credential, &[platform.url().to_owned()]);
    validator.await_ready();
    validator
}

/// What a gateway in front of `https://api.example` asks of a caller's `GET /v1/users`.
fn at_gateway(node: Client, authorization: &str, proof: Option<&str>) -> Answer {
    let mut client = node
        .header("authorization", authorization)
        .header("x-original-method", "GET")
        .header("x-original-uri", "/v1/users?page=2")
        .header("x-forwarded-host", "api.example")
        .header("x-forwarded-proto", "https");
    if let Some(proof) = proof {
        client = client.header("dpop", proof);
    }
    client.get("/v1/forward-auth/nexus?scope=read:users")
}

fn refused_with(answer: &Answer, error: &str) {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let expected = format!("DPoP error=\"{error}\", algs=\"EdDSA Ed25519 ES256 RS256\"");
    assert_eq!((answer.status, challenge), (401, expected.as_str()), "{answer:?}");
}

#[test]
fn a_bound_token_opens_the_api_for_whoever_holds_its_key() {
    let platform = Platform::new();
    let (client, holder, thief) = (platform.server(), Holder::new(), Holder::new());
    let token = platform.bound_for_itself(&holder, &client);
    let node = validating_node(&platform, None);
    let dpop = format!("DPoP {token}");
    let ask = |authorization: &str, proof: Option<&str>| at_gateway(node.client(), authorization, proof);

    let proof = holder.proof("GET", URL, Some(&token));
    let accepted = ask(&dpop, Some(&proof)).expect(200);
    assert_eq!(accepted.header("x-nexus-key"), Some(&*client.id));
    refused_with(&ask(&dpop, Some(&proof)), "invalid_dpop_proof");
    let _again =
        ask(&dpop.replace("DPoP", "dpop"), Some(&holder.proof("GET", URL, Some(&token)))).expect(200);

    refused_with(&ask(&format!("Bearer {token}"), None), "invalid_token");
    let fresh = holder.proof("GET", URL, Some(&token));
    refused_with(&ask(&format!("Bearer {token}"), Some(&fresh)), "invalid_token");
    refused_with(&ask(&dpop, None), "invalid_dpop_proof");
    let other = platform.bound_for_itself(&holder, &client);
    for wrong in [
        thief.proof("GET", URL, Some(&token)),
        holder.proof("POST", URL, Some(&token)),
        holder.proof("GET", "https://api.example/v1/payments", Some(&token)),
        holder.proof("GET", "https://evil.example/v1/users", Some(&token)),
        holder.proof("GET", "http://api.example/v1/users", Some(&token)),
        holder.proof("GET", URL, Some(&other)),
        holder.proof("GET", URL, None),
        // Signed with another key than the one that it brings.
        thief.signed(&holder.header(), &claims("GET", URL, Some(&token))),
        token.clone(),
        "nothing".to_owned(),
        String::new(),
    ] {
        refused_with(&ask(&dpop, Some(&wrong)), "invalid_dpop_proof");
    }
    // Two proofs, one of which is right.
    let proofs = node.client().header("dpop", &thief.proof("GET", URL, Some(&token)));
    refused_with(
        &at_gateway(proofs, &dpop, Some(&holder.proof("GET", URL, Some(&token)))),
        "invalid_dpop_proof",
    );

    // Who is no gateway cannot say what was asked.
    let stranger = at_gateway(platform.node.client(), &dpop, Some(&holder.proof("GET", URL, Some(&token))));
    refused_with(&stranger, "invalid_dpop_proof");

    let bearer = platform.for_itself(&client)["access_token"].as_str().unwrap().to_owned();
    let _accepted = ask(&format!("Bearer {bearer}"), None).expect(200);
    refused_with(
        &ask(&format!("DPoP {bearer}"), Some(&holder.proof("GET", URL, Some(&bearer)))),
        "invalid_token",
    );
    let key = platform.maker.keys(&platform.admin()).create(&json!({"scopes": ["read:users"]})).secret;
    assert_eq!(ask(&format!("DPoP {key}"), Some(&holder.proof("GET", URL, Some(&key)))).status, 401);

    let fields = [("token", token.as_str())];
    let _revoked = platform.as_client(&client, "/oauth/revoke", &fields).expect(200);
    let refused = ask(&dpop, Some(&holder.proof("GET", URL, Some(&token))));
    assert_eq!(refused.status, 401, "a proof opens nothing that is revoked");
}

#[test]
fn whoever_asks_for_a_verdict_hands_the_proof_on() {
    let platform = Platform::new();
    let (client, holder) = (platform.server(), Holder::new());
    let token = platform.bound_for_itself(&holder, &client);
    let ask = |more: Value| {
        let mut body = json!({"credential": token, "method": "get"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        verify_with(&platform.admin(), &body)
    };
    let proof = holder.proof("GET", URL, Some(&token));
    assert_eq!(ask(json!({"dpop": {"proof": proof, "url": URL}}))["code"], "VALID");
    for (more, error) in [
        (json!({}), "invalid_token"),
        (json!({"dpop": {"url": URL}}), "invalid_dpop_proof"),
        (json!({"dpop": {"proof": proof, "url": URL}}), "invalid_dpop_proof"),
        (
            json!({"dpop": {"proof": holder.proof("GET", URL, Some(&token)), "url": "https://api.example/"}}),
            "invalid_dpop_proof",
        ),
        (
            json!({"method": "POST", "dpop": {"proof": holder.proof("GET", URL, Some(&token)), "url": URL}}),
            "invalid_dpop_proof",
        ),
    ] {
        let refused = ask(more.clone());
        assert_eq!((&refused["code"], &refused["status"]), (&json!("MALFORMED"), &json!(401)), "{more}");
        let challenge = refused["response"]["headers"]["www-authenticate"].as_str().unwrap();
        assert!(challenge.starts_with(&format!("DPoP error=\"{error}\"")), "{challenge}");
    }
    let headers =
        json!({"authorization": format!("DPoP {token}"), "dpop": holder.proof("GET", URL, Some(&token))});
    let body = json!({"dialect": "nexus", "headers": headers, "method": "GET", "dpop": {"url": URL}});
    assert_eq!(verify_with(&platform.admin(), &body)["code"], "VALID");
    let bearer = platform.for_itself(&client)["access_token"].clone();
    let body = json!({"credential": bearer, "method": "GET", "dpop": {"proof": proof, "url": URL}});
    assert_eq!(verify_with(&platform.admin(), &body)["code"], "MALFORMED", "it is bound to nothing");
    for wrong in [json!({"proof": proof}), json!({"url": 1}), json!({"url": URL, "more": "x"}), json!([])] {
        let answer = platform.admin().post("/v1/verify", &json!({"credential": token, "dpop": wrong}));
        crate::contract::assert_problem(&answer, 400, "invalid_request");
        assert_eq!(crate::contract::locations(&answer), ["body.dpop"]);
    }
}

#[test]
fn the_token_endpoint_takes_each_proof_once_and_none_of_another_request() {
    let platform = Platform::new();
    let (client, holder) = (platform.server(), Holder::new());
    let fields = [("grant_type", "client_credentials")];
    let endpoint = format!("{}/oauth/token", platform.node.url());
    let ask = |proof: &str| platform.with_proof("/oauth/token", proof, &client, &fields);
    let proof = holder.proof("POST", &endpoint, None);
    let _tokens = ask(&proof).expect(200);
    let with = |name: &str, to: Value| {
        let mut claims = claims("POST", &endpoint, None);
        claims[name] = to;
        holder.signed(&holder.header(), &claims)
    };
    let header = |name: &str, to: Value| {
        let mut header = holder.header();
        header[name] = to;
        holder.signed(&header, &claims("POST", &endpoint, None))
    };
    let (early, late) = (now() - 75, now() + 75);
    for wrong in [
        proof,
        with("htm", json!("GET")),
        with("htu", json!("https://evil.example/oauth/token")),
        with("iat", json!(early)),
        with("iat", json!(late)),
        with("jti", json!("x".repeat(257))),
        header("typ", json!("JWT")),
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("jwk", json!({"kty": "oct", "k": "c2VjcmV0"})),
        header("jku", json!("https://evil.example/keys")),
        Holder::new().signed(&holder.header(), &claims("POST", &endpoint, None)),
        "x.y.z".to_owned(),
    ] {
        assert_eq!(error_of(&ask(&wrong), 400), "invalid_dpop_proof", "{wrong}");
    }
    let two = platform.node.client().header("dpop", &holder.proof("POST", &endpoint, None));
    let two = two.header("dpop", &holder.proof("POST", &endpoint, None));
    let all =
        [fields[0], ("client_id", &client.client_id), ("client_secret", client.secret.as_deref().unwrap())];
    assert_eq!(error_of(&send_form(&two, "/oauth/token", &all), 400), "invalid_dpop_proof");

    let strict = platform.register(json!({"type": "server", "dpop_bound_access_tokens": true}));
    assert_eq!(error_of(&platform.as_client(&strict, "/oauth/token", &fields), 400), "invalid_request");
    let token = platform.bound_for_itself(&holder, &strict);
    let told = platform.as_client(&strict, "/oauth/introspect", &[("token", &token)]).expect(200).json();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(told["cnf"]["jkt"], holder.jkt());
}

#[test]
fn a_code_that_was_asked_for_with_a_key_is_redeemed_with_it() {
    let platform = Platform::new();
    let (client, holder, thief) = (platform.register(json!({})), Holder::new(), Holder::new());
    let jkt = holder.jkt();
    let query = request(&client, &[("dpop_jkt", &jkt)]);
    let code = parameter(&platform.agree(&mut platform.signed_in(), &query), "code").unwrap();
    assert_eq!(error_of(&platform.redeem(&client, &code), 400), "invalid_grant", "without a proof");
    assert_eq!(error_of(&platform.bound(&thief, &client, &code_fields(&code)), 400), "invalid_grant");
    let tokens = platform.bound(&holder, &client, &code_fields(&code)).expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    // The client proves who it is with each refresh, and may go on with another key.
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_eq!(platform.bound(&Holder::new(), &client, &refresh).expect(200).json()["token_type"], "DPoP");

    let wrong = request(&client, &[("dpop_jkt", "short")]);
    let answer = platform.signed_in().get(&format!("/oauth/authorize?{wrong}")).expect(303);
    assert_eq!(parameter(answer.header("location").unwrap(), "error").as_deref(), Some("invalid_request"));
}

#[test]
fn a_proof_that_is_pushed_binds_the_code_and_a_public_client_its_refresh_tokens() {
    let platform = Platform::new();
    let client = platform.register(json!({"authentication": "none"}));
    let (holder, thief) = (Holder::new(), Holder::new());
    let query = format!("?{}", request(&client, &[]));
    let names = query[1..].split('&').map(|pair| pair.split('=').next().unwrap());
    let fields: Vec<(String, String)> =
        names.map(|name| (name.to_owned(), parameter(&query, name).unwrap())).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let fields: Vec<(&str, &str)> = fields.into_iter().filter(|(name, _)| *name != "client_id").collect();
    let push = |more: &[(&str, &str)]| {
        let fields = [fields.as_slice(), more].concat();
        platform.with_proof("/oauth/par", &platform.proof_here(&holder, "/oauth/par"), &client, &fields)
    };
    assert_eq!(error_of(&push(&[("dpop_jkt", &thief.jkt())]), 400), "invalid_dpop_proof");
    let pushed = push(&[]).expect(201).json();
    let query = encoded(&[
        ("client_id", &client.client_id),
        ("request_uri", pushed["request_uri"].as_str().unwrap()),
    ]);
    let code = parameter(&platform.agree(&mut platform.signed_in(), &query), "code").unwrap();
    assert_eq!(error_of(&platform.bound(&thief, &client, &code_fields(&code)), 400), "invalid_grant");
    let tokens = platform.bound(&holder, &client, &code_fields(&code)).expect(200).json();
    let token = tokens["refresh_token"].as_str().unwrap();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token)];
    assert_eq!(
        error_of(&platform.refresh(&client, token), 400),
        "invalid_grant",
        "whoever stole it has no key"
    );
    assert_eq!(error_of(&platform.bound(&thief, &client, &refresh), 400), "invalid_grant");
    let next = platform.bound(&holder, &client, &refresh).expect(200).json();
    assert_eq!(next["token_type"], "DPoP");
    assert_eq!(
        error_of(&platform.refresh(&client, next["refresh_token"].as_str().unwrap()), 400),
        "invalid_grant"
    );
}

#[test]
fn the_metadata_say_how_proofs_are_signed() {
    let platform = Platform::new();
    for path in ["oauth-authorization-server", "oauth-protected-resource"] {
        let metadata = platform.node.client().get(&format!("/.well-known/{path}")).expect(200).json();
        let algorithms = json!(["EdDSA", "Ed25519", "ES256", "RS256"]);
        assert_eq!(metadata["dpop_signing_alg_values_supported"], algorithms, "{path}");
    }
}

#[test]
fn nginx_hands_proofs_on_and_says_itself_what_was_asked() {
    let Some(program) = nginx() else {
        eprintln!("nginx: skipped, NEXUS_TEST_NGINX names none");
        return;
    };
    let platform = Platform::new();
    let holder = Holder::new();
    let token = platform.bound_for_itself(&holder, &platform.server());
    let node = validating_node(&platform, None);
    let folder = Store::sqlite();
    let (service, heads) = upstream();
    let address = free_address();
    let changes = [
        ("127.0.0.1:8000", address.to_string()),
        ("127.0.0.1:8080", node.address().to_string()),
        ("127.0.0.1:3000", service.to_string()),
    ];
    let _nginx = begin(&program, folder.folder(), "nginx.conf", &changes, address);
    let url = format!("http://{address}/v1/users");
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let ask = |authorization: &str, proof: &str, more: &[(&str, &str)]| {
        let shown = [("Authorization", authorization), ("DPoP", proof)];
        curl_at(&format!("{url}?page=2"), &[shown.as_slice(), more].concat(), &[])
    };
    let proof = holder.proof("GET", &url, Some(&token));
    let (status, text) = ask(&dpop, &proof, &[]);
    assert_eq!(status, 200, "{text}");
    let head = heads.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(
        !head.contains(&token.to_lowercase()) && !head.contains("dpop"),
        "the service learns no proof: {head}"
    );
    let elsewhere = holder.proof("GET", "https://api.example/v1/payments", Some(&token));
    let forged = [
        ("X-Forwarded-Host", "api.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Original-URI", "/v1/payments"),
    ];
    let fresh = holder.proof("GET", &url, Some(&token));
    for (authorization, proof, more, error) in [
        (&dpop, &proof, &[][..], "invalid_dpop_proof"),
        (&dpop, &elsewhere, &forged[..], "invalid_dpop_proof"),
        (&bearer, &fresh, &[], "invalid_token"),
    ] {
        let (status, text) = ask(authorization, proof, more);
        let challenge = format!("www-authenticate: dpop error=\"{error}\"");
        assert!(status == 401 && text.to_lowercase().contains(&challenge), "{text}");
    }
    assert!(heads.try_recv().is_err(), "nothing that was refused reached the service");
}

#[test]
fn a_proof_that_one_api_node_took_is_refused_by_another() {
    let Some(store) = Store::postgres_or_skip("a proof at two API nodes") else { return };
    let platform = Platform::on(store);
    let issuer = format!("\"{}\"", platform.node.url());
    let other = Node::serve(&platform.store, &options().set("server.public_url", &issuer));
    let (client, holder) = (platform.server(), Holder::new());
    let proof = platform.proof_here(&holder, "/oauth/token");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &client.client_id),
        ("client_secret", client.secret.as_deref().unwrap()),
    ];
    let at =
        |node: &Node, proof: &str| send_form(&node.client().header("dpop", proof), "/oauth/token", &fields);
    let _tokens = at(&platform.node, &proof).expect(200);
    assert_eq!(error_of(&at(&other, &proof), 400), "invalid_dpop_proof");
    let _tokens = at(&other, &platform.proof_here(&holder, "/oauth/token")).expect(200);
}
