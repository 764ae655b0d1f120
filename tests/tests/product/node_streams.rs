//! What a validating node may make an API node do, and what one that was broken into may not. It speaks as the real one does.

use std::sync::Arc;

use nexus_domain::credential::Digest;
use nexus_domain::dialect::built_in;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::verification::{Code, Question};
use nexus_tests::{Issued, Node, Options, Store, Tenant, eventually, node_credential, patience};
use nexus_validator::Validator;
use nexus_validator::clock::{Clock as _, SystemClock};
use nexus_validator::control::link::{Dial as _, Frame, Link as _, LinkError};
use nexus_validator::control::message::{FromNode, Refusal, ToNode};
use nexus_validator::control::shipper::Shipper;
use nexus_validator::control::websocket::{WebSocketDial, WebSocketLink, WebSocketOptions};
use nexus_validator::read_through::ReadThrough;
use nexus_validator::usage_journal::{Taker as _, UsageJournal, UsageJournalOptions, UsageRecord};
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

fn dial(node: &Node, credential: &str) -> Arc<WebSocketDial> {
    let (urls, credential) = (vec![node.url()], credential.to_owned());
    Arc::new(
        WebSocketDial::new(WebSocketOptions { urls, credential, ..WebSocketOptions::default() }).unwrap(),
    )
}

/// Asks for a credential that nobody has, and hears so: a stream that follows nothing.
async fn looking_up(dial: &WebSocketDial) -> Result<WebSocketLink, LinkError> {
    let mut link = dial.dial(0).await?;
    let asked = FromNode::Lookup { id: 7, digest: Digest::of("nobody's") };
    link.send(Frame::Text(serde_json::to_string(&asked).unwrap())).await?;
    assert_eq!(hear(&mut link).await?, ToNode::Found { id: 7, entries: Vec::new() });
    Ok(link)
}

async fn hear(link: &mut WebSocketLink) -> Result<ToNode, LinkError> {
    match link.receive().await? {
        Frame::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
        Frame::Bytes(bytes) => panic!("{} bytes", bytes.len()),
    }
}

#[tokio::test]
async fn tokens_are_asked_for_by_their_names_and_judged_by_what_holds_now() {
    let node = Node::dev();
    let admin = node.admin();
    let made = admin.post("/v1/nodes", &json!({"name": "Edge", "dialects": ["nexus"]})).expect(201).json();
    let tenant = Tenant::create(&admin, "nexus");
    let client = json!({"name": "Import", "type": "server", "scopes": ["read:users"]});
    let client = admin.post(&tenant.path("/clients"), &client).expect(201).json();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client["client_id"].as_str().unwrap(),
        client["client_secret"].as_str().unwrap()
    );
    let server = node.client().header("content-type", "application/x-www-form-urlencoded");
    let token = || {
        let answer = server.send("POST", "/oauth/token", Some(form.as_bytes())).expect(200).json();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let (doomed, other) = (token(), token());
    // Nothing is in its table, and nothing comes into it.
    let validator = Validator::new(Arc::new(built_in()));
    let (_stop, stopped) = watch::channel(false);
    let credential = made["credential"].as_str().unwrap();
    let (read_through, asks) = ReadThrough::new(dial(&node, credential), stopped);
    let asks = tokio::spawn(asks);
    let code = async |token: &str| {
        let wanted = validator.wanted_in_credential(None, token);
        let sight = read_through.sight(&validator, wanted).await.unwrap();
        let (question, now) = (Question::default(), SystemClock.unix_micros());
        validator.verify_credential(&sight, None, token, &question, now).unwrap().code()
    };
    for token in [&doomed, &other, &doomed] {
        assert_eq!(code(token).await, Code::Valid);
    }
    let (signed, _) = doomed.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(code(&format!("{signed}.{signature}")).await, Code::Unknown, "it names what there is");
    assert_eq!(code("a.b.c").await, Code::Malformed, "nobody is asked");
    let id = admin.list(&tenant.path("/tokens"), 10).pop().unwrap()["id"].as_str().unwrap().to_owned();
    let _revoked = admin.post(&tenant.path(&format!("/tokens/{id}/revoke")), &json!({})).expect(200);
    assert_eq!(code(&doomed).await, Code::Revoked);
    assert_eq!(code(&other).await, Code::Valid);
    let path = tenant.path(&format!("/clients/{}/revoke", client["client_id"].as_str().unwrap()));
    let _revoked = admin.post(&path, &json!({})).expect(200);
    assert_eq!(code(&other).await, Code::Revoked, "with its client");
    asks.abort();
}

#[tokio::test]
async fn a_node_reports_the_use_of_keys_that_it_may_know_of_and_of_no_others() {
    let node = Node::dev();
    let admin = node.admin();
    let made = admin.post("/v1/nodes", &json!({"name": "Edge", "dialects": ["nexus"]})).expect(201).json();
    let [own, other, unseen] = ["nexus", "nexus", "nexpay"].map(|dialect| Tenant::create(&admin, dialect));
    let [used, forged, beyond] =
        [&own, &other, &unseen].map(|tenant| tenant.keys(&admin).create(&json!({"name": "Used"})));

    let counted_so_far = |count: u64| {
        let metrics = node.client().get("/metrics").expect(200).text();
        metrics.lines().any(|line| line == format!("nexus_usage_refused_total {count}"))
    };
    assert!(counted_so_far(0), "it is there before the first is refused");
    let folder = tempfile::tempdir().unwrap();
    let (journal, mut segments) =
        UsageJournal::open(folder.path(), &UsageJournalOptions::new(Uuid::from_u128(7))).unwrap();
    let report = |key: KeyId, tenant: &Tenant, times: usize| {
        let tenant: TenantId = tenant.id.parse().unwrap();
        let record = UsageRecord {
            at: SystemClock.unix_micros(),
            key: Some((key, tenant, 1)),
            code: Code::Valid,
            method: Some("GET"),
            path: None,
            ip: Some([192, 0, 2, 1].into()),
            request_id: None,
            client_version: None,
        };
        (0..times).for_each(|_| journal.record(&record));
    };
    let id = |key: &Issued| -> KeyId { key.id.parse().unwrap() };
    report(id(&forged), &own, 2);
    report(id(&used), &own, 3);
    report(KeyId::new(Uuid::from_u128(8)), &Tenant { id: Uuid::from_u128(9).to_string(), ..own.clone() }, 4);
    report(id(&beyond), &unseen, 5);
    let batch = segments.next_up_to(u64::MAX).unwrap().unwrap();
    let mut shipper = Shipper::new(dial(&node, made["credential"].as_str().unwrap()));
    // Again, as after an answer that never came.
    for _ in 0..2 {
        shipper.take(&batch).await.unwrap();
    }

    let count = |tenant: &Tenant, key: &Issued| tenant.keys(&admin).usage(&key.id)["VALID"].as_u64();
    let counted = || count(&own, &used).filter(|uses| *uses > 0);
    assert_eq!(eventually("what is the node's to tell is counted", counted), 3);
    assert_eq!((count(&other, &forged), count(&unseen, &beyond)), (None, None));
    assert!(counted_so_far(22));
    let told = node.log().iter().filter(|line| line.contains("they are not recorded")).count();
    assert_eq!(told, 1, "once for each stream");
}

#[tokio::test]
async fn a_stop_ends_streams_that_follow_nothing_with_a_word() {
    let mut node = Node::dev();
    let credential = node_credential(&node.admin());
    let mut link = looking_up(&dial(&node, &credential.secret)).await.unwrap();
    node.process().signal("TERM");
    let ToNode::Refused { refusal, detail } = hear(&mut link).await.unwrap() else { panic!() };
    assert_eq!((refusal, detail.as_str()), (Refusal::Unavailable, "this API node stops"));
    let ended = node.process().wait(patience()).unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn streams_are_refused_beyond_what_the_settings_allow_and_taken_again_once_others_have_ended() {
    let store = Store::sqlite();
    let options =
        Options::default().set("nodes.max_streams", "3").set("nodes.max_streams_per_credential", "2");
    let node = Node::serve(&store, &options);
    let [one, other] = [(); 2].map(|()| dial(&node, &node_credential(&node.admin()).secret));
    let first = looking_up(&one).await.unwrap();
    let _second = looking_up(&one).await.unwrap();
    let told = |count: u64| {
        let metrics = node.client().get("/metrics").expect(200).text();
        metrics.lines().any(|line| line == format!("nexus_node_streams_refused_total {count}"))
    };
    assert!(told(0), "it is there before the first is refused");
    let refused = |opened: Result<WebSocketLink, LinkError>| {
        matches!(opened, Err(LinkError::Refused { status: 503, .. }))
    };
    assert!(refused(looking_up(&one).await), "the credential has two");
    let _third = looking_up(&other).await.unwrap();
    assert!(refused(looking_up(&other).await), "all together have three");
    assert!(told(2));
    let _told = node.find_in_log(patience(), "which is `nodes.max_streams`; try another API node").unwrap();
    drop(first);
    let mut tries = 0;
    while refused(looking_up(&other).await) {
        tries += 1;
        assert!(tries < 1_000, "nobody noticed that a stream has ended");
    }
}
