//! A further product is a file in a folder, and a wrong file is refused with its place.

use nexus_tests::{Answer, Issued, Options, Store, command, eventually, run};
use serde_json::json;

use crate::dialects::{Call, Product, READ};

const TOLLGATE: &str = include_str!("tollgate.toml");

#[test]
fn an_invented_product_works_end_to_end_from_its_file_alone() {
    let folder = Store::sqlite();
    std::fs::write(folder.folder().join("tollgate.toml"), TOLLGATE).unwrap();
    let toll = Product::with("tollgate", Options::default().dialects(folder.folder()));
    let tenant = toll.tenant.id.clone();
    let ask = |secret: &str, method: &str, needs: &str| {
        toll.ask(&[("x-toll-key", secret), ("x-toll-operator", &tenant)], &Call { method, needs, ..READ })
    };
    let key = toll.create(
        json!({"expires_in": "7d", "scopes": ["barrier:lift"], "restrictions": {"lane": ["1", "2"]}}),
    );
    assert!(key.secret.starts_with("tg_road_"));
    assert_eq!(toll.keys().show(&key.id)["prefix"], &key.secret[..6]);
    let look = "scope=barrier:look&lane=1&environment=road";
    let answer = ask(&key.secret, "GET", look);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-nexus-key"), Some(key.id.as_str()));
    let with_id = format!("{}:{}", key.answer["client_id"].as_str().unwrap(), key.secret);
    assert!(with_id.starts_with("tgc_"));
    assert_eq!(ask(&with_id, "GET", look).status, 200);

    let plain = |answer: Answer, status: u16, body: &str| {
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    };
    plain(ask(&key.secret, "GET", "lane=3"), 403, "wrong lane\n");
    plain(ask(&key.secret, "GET", ""), 403, "wrong lane\n");
    plain(ask(&key.secret, "GET", "lane=1&environment=track"), 418, "no entry\n");
    plain(ask(&format!("Bearer {}", key.secret), "GET", look), 418, "no entry\n");
    assert_eq!(ask("x", "GET", look).header("x-toll"), Some("no entry"));
    plain(toll.ask(&[("x-toll-key", &key.secret)], &Call { needs: look, ..READ }), 418, "no entry\n");
    assert_eq!(
        ask(&key.secret, "GET", "wharf=1").status,
        400,
        "a restriction that the dialect does not have"
    );

    let sign = toll.create(json!({"type": "publishable", "expires_in": "7d", "scopes": ["barrier:look"]}));
    assert_eq!(ask(&sign.secret, "GET", look).status, 200);
    plain(ask(&sign.secret, "POST", look), 403, "wrong lane\n");
    let track = toll.create(json!({"environment": "track", "expires_in": "2s"}));
    assert!(track.secret.starts_with("tg_track_"));
    assert_eq!(
        toll.admin().post(&toll.tenant.path("/keys"), &json!({"name": "4th", "expires_in": "7d"})).code(),
        "quota_exceeded"
    );
    assert_eq!(toll.admin().post(&toll.tenant.path("/keys"), &json!({"name": "Eternal"})).status, 400);
    eventually("the key expires", || (ask(&track.secret, "GET", "").status == 410).then_some(()));
    plain(ask(&track.secret, "GET", ""), 410, "expired\n");

    let new = Issued::of(toll.keys().rotate(&key.id, &json!({})).expect(200).json());
    plain(ask(&key.secret, "GET", look), 418, "no entry\n");
    assert_eq!(ask(&new.secret, "GET", look).status, 200);
    assert_eq!(toll.keys().revoke(&key.id).status, 200);
    plain(ask(&new.secret, "GET", look), 418, "no entry\n");
    assert_eq!(
        toll.node.client().get("/v1/forward-auth/nexus").status,
        404,
        "the folder has the only dialects"
    );
    let verdict = nexus_tests::verify_with(&toll.admin(), &json!({"credential": new.secret}));
    assert_eq!((&verdict["code"], &verdict["response"]["body"]), (&json!("REVOKED"), &json!("no entry\n")));
}

#[test]
fn a_wrong_dialect_file_is_refused_with_file_line_and_reason() {
    let line_of = |text: &str| TOLLGATE.lines().position(|line| line.contains(text)).unwrap() + 1;
    for (from, to, line, reason) in [
        ("hint_length = 6", "hint_lenght = 6", line_of("hint_length"), "hint_lenght"),
        ("hint_length = 6", "hint_length = \"six\"", line_of("hint_length"), "string \"six\""),
        ("hint_length = 6", "hint_length = ", line_of("hint_length"), ""),
        ("prefix = \"tg_road_\"", "prefix = \"tg road\"", line_of("tg_road_"), "prefix"),
        ("status = 410", "status = 200", line_of("status = 410"), "status"),
    ] {
        let store = Store::sqlite();
        let folder = store.folder().join("dialects");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("wrong.toml"), TOLLGATE.replace(from, to)).unwrap();
        let config = store.folder().join("nexus.toml");
        let options = Options::default().dialects(&folder).over(&store, &store.folder().join("node"));
        std::fs::write(&config, options.toml()).unwrap();
        let ended = run(command::command().arg("serve").arg("--config").arg(&config));
        assert_eq!(ended.code, Some(1), "{to}: {ended:?}");
        let [said] = ended.stderr.as_slice() else { panic!("one line, not {:#?}", ended.stderr) };
        let place = format!("wrong.toml:{line}: ");
        assert!(said.contains(&place) && said.contains(reason), "{to}: {place} in {said}");
    }
}
