//! Nexpay: a client id and a secret.

use serde_json::json;

use super::{Call, Product, READ};

#[test]
fn p1_client_id_and_secret_are_shown_once() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({"name": "Production Backend"}));
    let client_id = key.answer["client_id"].as_str().unwrap();
    assert!(client_id.starts_with("npc_"));
    assert_eq!(key.answer["key"]["name"], "Production Backend");
    assert_eq!(nexpay.with_key(&key.secret, &READ).status, 200);
    let everything = [
        nexpay.keys().path(&key.id, ""),
        nexpay.tenant.path("/keys"),
        nexpay.tenant.path("/audit?limit=200"),
        nexpay.keys().path(&key.id, "/usage"),
        nexpay.keys().path(&key.id, "/requests"),
        "/v1/audit?limit=200".to_owned(),
        "/v1/events?limit=200".to_owned(),
        "/metrics".to_owned(),
    ];
    for path in everything {
        let shown = nexpay.admin().get(&path).expect(200).text();
        assert!(!shown.contains(&key.secret), "{path}");
    }
    let csv = nexpay.admin().header("accept", "text/csv").get("/v1/audit").expect(200).text();
    assert!(csv.contains("key.issued") && !csv.contains(&key.secret));
    assert!(!nexpay.node.log().join("\n").contains(&key.secret), "nor in the log");
    assert_eq!(nexpay.keys().show(&key.id)["client_id"], client_id, "the client id is no secret");
}

#[test]
fn p2_the_secret_alone_or_with_its_client_id() {
    let nexpay = Product::of("nexpay");
    let (key, other) = (nexpay.create(json!({})), nexpay.create(json!({})));
    let id = key.answer["client_id"].as_str().unwrap();
    let other_id = other.answer["client_id"].as_str().unwrap();
    let status =
        |credential: &str| nexpay.ask(&[("authorization", &format!("ApiKey {credential}"))], &READ).status;
    let secret = &key.secret;
    assert_eq!(status(secret), 200);
    assert_eq!(status(&format!("{id}:{secret}")), 200);
    for wrong in [
        format!("{other_id}:{secret}"),
        format!(":{secret}"),
        format!("{secret}:{id}"),
        format!("{id}:"),
        id.to_owned(),
        format!("{id}::{secret}"),
    ] {
        assert_eq!(status(&wrong), 401, "{wrong}");
    }
    assert_eq!(nexpay.ask(&[("authorization", &format!("Bearer {secret}"))], &READ).status, 401);
    assert_eq!(nexpay.ask(&[("authorization", &format!("apikey {secret}"))], &READ).status, 200);
}

#[test]
fn p3_missing_invalid_and_revoked_keys_are_unauthorized() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({}));
    assert_eq!(nexpay.keys().revoke(&key.id).status, 200);
    let missing = nexpay.ask(&[], &READ);
    let invalid = nexpay.ask(&[("authorization", "ApiKey your-api-key-here")], &READ);
    for answer in [&missing, &invalid, &nexpay.with_key(&key.secret, &READ)] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "Unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("ApiKey realm=\"nexpay\""));
    }
}

#[test]
fn p5_revoked_keys_are_kept_for_reference_and_never_come_back() {
    let nexpay = Product::of("nexpay");
    let (key, kept) = (nexpay.create(json!({"name": "Old"})), nexpay.create(json!({"name": "New"})));
    assert_eq!(nexpay.keys().revoke(&key.id).status, 200);
    let names = |status: &str| {
        let mut names: Vec<_> =
            nexpay.keys().list(status).iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(
        (names("active"), names("revoked"), names("all")),
        (vec!["New".into()], vec!["Old".into()], vec!["New".into(), "Old".into()])
    );
    assert!(nexpay.keys().list("revoked")[0]["revoked_at"].is_string());
    for answer in
        [nexpay.keys().rotate(&key.id, &json!({})), nexpay.keys().change(&key.id, &json!({"name": "Back"}))]
    {
        assert_eq!(answer.code(), "key_revoked");
    }
    assert_eq!(nexpay.with_key(&key.secret, &READ).status, 401);
    assert_eq!(nexpay.with_key(&kept.secret, &READ).status, 200);
}

#[test]
fn p6_the_example_of_the_documentation_succeeds_with_a_live_key() {
    let nexpay = Product::of("nexpay");
    let key = nexpay.create(json!({}));
    assert!(key.secret.starts_with("npy_live_"));
    let example = Call { path: "/v2/users/me", needs: "environment=live", ..READ };
    assert_eq!(nexpay.with_key(&key.secret, &example).status, 200);
    let test = nexpay.create(json!({"environment": "test"}));
    assert_eq!(nexpay.with_key(&test.secret, &example).status, 401);
}
