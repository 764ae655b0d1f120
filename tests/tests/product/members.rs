//! Members over REST and on the command line, and what ends their sessions.

use std::io::Write as _;
use std::process::Stdio;

use nexus_tests::{Browser, Client, Node, Options, Store, Tenant, stores};
use serde_json::{Value, json};

use crate::contract::{PLATFORM, assert_problem, credential, locations};

const PASSWORD: &str = "correct horse battery staple";

struct Members {
    client: Client,
    base: String,
}

impl Members {
    fn of(client: Client, tenant: &str) -> Self {
        Self { client, base: format!("/v1/tenants/{tenant}/members") }
    }

    fn add(&self, email: &str, role: &str) -> String {
        let body = json!({"email": email, "role": role, "password": PASSWORD});
        self.client.post(&self.base, &body).expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    fn list(&self) -> Vec<Value> {
        self.client.list(&self.base, 2)
    }

    fn sessions(&self) -> Vec<Value> {
        self.client.list(&self.base.replace("/members", "/sessions"), 2)
    }
}

fn signed_in(node: &Node, email: &str) -> Browser {
    let browser = Browser::new(node.client().header("user-agent", "Browser of tests"));
    let _in = browser.sign_in(email, PASSWORD).expect(303);
    assert!(browser.is_signed_in());
    browser
}

#[test]
fn members_are_added_listed_and_removed() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let tenant = Tenant::create(&node.admin(), "nexus").id;
        let members = Members::of(node.admin(), &tenant);
        let ids: Vec<String> =
            ["ada", "bob", "cyd"].map(|name| members.add(&format!("{name}@example.com"), "developer")).into();
        let listed = members.list();
        assert_eq!(listed.len(), 3, "{store:?}");
        let newest = &listed[0];
        assert_eq!((&newest["id"], &newest["email"]), (&json!(ids[2]), &json!("cyd@example.com")));
        assert_eq!(newest["role"], "developer");
        assert!(newest["password_set_at"].is_string() && newest["created_at"].is_string(), "{newest}");
        let taken = json!({"email": "ADA@example.com", "role": "auditor"});
        assert_problem(&node.admin().post(&members.base, &taken), 409, "email_taken");
        let path = format!("{}/{}", members.base, ids[0]);
        for _ in 0..2 {
            assert_eq!(node.admin().send("DELETE", &path, None).status, 204, "twice is no error");
        }
        assert_eq!(members.list().len(), 2);
        let again = members.add("ada@example.com", "owner");
        assert_ne!(again, ids[0], "another member with the address");
        assert_eq!(node.admin().send("DELETE", &path, None).status, 204);
        assert_eq!(members.list().len(), 3, "which the one before does not take along");
        let trail =
            |action: &str| node.admin().list(&format!("/v1/tenants/{tenant}/audit?action={action}"), 50);
        assert_eq!(trail("member.added").len(), 4);
        assert_eq!(trail("member.removed").len(), 1);
        assert_eq!(trail("member.removed")[0]["details"]["member_id"], json!(ids[0]));
    }
}

#[test]
fn a_password_is_refused_that_everybody_would_try() {
    let node = Node::dev();
    let members = Members::of(node.admin(), node.demo_tenant("nexus"));
    let ada = members.add("ada.lovelace@example.com", "owner");
    let password = format!("{}/{ada}/password", members.base);
    for wrong in ["eleven char", "", "ada.lovelace@example.com", "nexusnexusnexus", &"x".repeat(1025)] {
        let answer = node.admin().post(&password, &json!({"password": wrong}));
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(locations(&answer), ["body.password"], "{wrong:.20}");
        let body = json!({"email": "bob@example.com", "role": "owner", "password": wrong});
        assert_eq!(
            node.admin().post(&members.base, &body).status / 100,
            if wrong.starts_with("ada") { 2 } else { 4 }
        );
    }
    for (body, place) in [(json!({}), "body.password"), (json!({"password": 7}), "body.password")] {
        assert_eq!(locations(&node.admin().post(&password, &body).expect(400)), [place]);
    }
    let wrong = json!({"email": "x", "role": "king", "password": 1, "tenant_id": "x"});
    let mut found = locations(&node.admin().post(&members.base, &wrong).expect(400));
    found.sort();
    assert_eq!(found, ["body.email", "body.password", "body.role", "body.tenant_id"]);
}

#[test]
fn nobody_makes_or_takes_over_a_member_who_may_do_more_than_they() {
    let node = Node::dev();
    let tenant = node.demo_tenant("nexus");
    let members = Members::of(node.admin(), tenant);
    let (owner, auditor) =
        (members.add("ada@example.com", "owner"), members.add("bob@example.com", "auditor"));
    let some = ["members:write", "tenants:read", "keys:read", "clients:read", "audit:read"];
    let limited = credential(&node, &some, &json!({"tenant": [tenant]}));
    let add = |role: &str| {
        let email = format!("{role}-2@example.com");
        limited.post(&members.base, &json!({"email": email, "role": role, "password": PASSWORD})).status
    };
    assert_eq!(add("auditor"), 201);
    for mightier in ["owner", "admin", "developer"] {
        assert_eq!(add(mightier), 403, "{mightier}");
    }
    let set = |member: &str| {
        limited.post(&format!("{}/{member}/password", members.base), &json!({"password": PASSWORD})).status
    };
    assert_eq!((set(&auditor), set(&owner)), (200, 403));
    assert_eq!(limited.send("DELETE", &format!("{}/{owner}", members.base), None).status, 403);
    // Members of the platform act in all tenants.
    let confined = credential(&node, &["admin:all"], &json!({"tenant": [PLATFORM]}));
    let platform = format!("/v1/tenants/{PLATFORM}/members");
    assert_eq!(confined.post(&platform, &json!({"email": "eve@example.com", "role": "auditor"})).status, 403);
    assert_eq!(members.list().len(), 3);
}

#[test]
fn a_session_ends_with_its_password_its_member_or_by_hand() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let tenant = Tenant::create(&node.admin(), "nexus").id;
        let members = Members::of(node.admin(), &tenant);
        let ada = members.add("ada@example.com", "admin");
        let bob = members.add("bob@example.com", "admin");
        let (one, two, of_bob) = (
            signed_in(&node, "ada@example.com"),
            signed_in(&node, "ada@example.com"),
            signed_in(&node, "bob@example.com"),
        );
        let sessions = members.sessions();
        assert_eq!(sessions.len(), 3, "{store:?}: {sessions:?}");
        let newest = &sessions[0];
        assert_eq!((&newest["member_id"], &newest["ip"]), (&json!(bob), &json!("127.0.0.1")));
        assert_eq!(newest["user_agent"], "Browser of tests");
        let id = |browser: &Browser| {
            browser.cookie("nexus_session").unwrap().split_once('.').unwrap().0.to_owned()
        };
        assert_eq!(newest["id"], json!(id(&of_bob)));
        let path = format!("/v1/tenants/{tenant}/sessions/{}", id(&one));
        for _ in 0..2 {
            assert_eq!(node.admin().send("DELETE", &path, None).status, 204);
        }
        assert!(!one.is_signed_in() && two.is_signed_in(), "that one alone");

        let set = json!({"password": "another horse battery"});
        let _set = node.admin().post(&format!("{}/{ada}/password", members.base), &set).expect(200);
        assert!(!two.is_signed_in() && of_bob.is_signed_in());
        assert_eq!(
            Browser::new(node.client()).sign_in("ada@example.com", PASSWORD).status,
            422,
            "the former password"
        );
        let three = Browser::new(node.client());
        let _in = three.sign_in("ada@example.com", "another horse battery").expect(303);
        assert!(three.is_signed_in());

        assert_eq!(node.admin().send("DELETE", &format!("{}/{bob}", members.base), None).status, 204);
        assert!(!of_bob.is_signed_in());
        assert_eq!(Browser::new(node.client()).sign_in("bob@example.com", PASSWORD).status, 422);
        assert_eq!(members.sessions().len(), 1);
        let ended = node.admin().list(&format!("/v1/tenants/{tenant}/audit?action=session.ended"), 50);
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0]["details"]["reason"], "revoked");
    }
}

#[test]
fn a_session_holds_on_every_api_node_and_is_over_on_all_of_them_at_once() {
    let Some(store) = Store::postgres_or_skip("sessions on two API nodes") else { return };
    let nodes = [Node::serve(&store, &Options::default()), Node::serve(&store, &Options::default())];
    let tenant = Tenant::create(&nodes[0].admin(), "nexus").id;
    let members = Members::of(nodes[0].admin(), &tenant);
    let ada = members.add("ada@example.com", "admin");
    let here = signed_in(&nodes[1], "ada@example.com");
    let there = here.through(nodes[0].client());
    assert!(there.is_signed_in(), "begun on the other");
    let token = there.token("/");
    let _out = there.post("/sign-out", &[("csrf", &token)]).expect(303);
    assert!(!here.is_signed_in());
    let again = signed_in(&nodes[0], "ada@example.com").through(nodes[1].client());
    assert!(again.is_signed_in());
    let set = json!({"password": "another horse battery"});
    let _set = nodes[0].admin().post(&format!("{}/{ada}/password", members.base), &set).expect(200);
    assert!(!again.is_signed_in());
}

#[test]
fn the_same_idempotency_key_makes_one_member() {
    let node = Node::dev();
    let members = Members::of(node.admin(), node.demo_tenant("nexus"));
    let once = node.admin().header("idempotency-key", "first");
    let body = json!({"email": "ada@example.com", "role": "admin", "password": PASSWORD});
    let (first, again) =
        (once.post(&members.base, &body).expect(201), once.post(&members.base, &body).expect(201));
    assert_eq!(first.text(), again.text());
    assert_eq!(members.list().len(), 1);
    let other = json!({"email": "ada@example.com", "role": "admin", "password": "another horse battery"});
    assert_problem(&once.post(&members.base, &other), 422, "idempotency_mismatch");
    let _browser = signed_in(&node, "ada@example.com");
}

#[test]
fn the_command_line_manages_members() {
    let node = Node::dev();
    let tenant = node.demo_tenant("nexus").to_owned();
    let run = |arguments: &[&str], input: &str| {
        let mut command = node.command(arguments);
        command.env("NEXUS_TENANT", &tenant);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let _closed = process.stdin.take().unwrap().write_all(input.as_bytes());
        let output = process.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let create = ["members", "create", "ada@example.com", "--role", "developer", "--output", "json"];
    let (code, made, said) = run(&create, &format!("{PASSWORD}\n"));
    assert_eq!(code, Some(0), "{said}");
    let id = serde_json::from_str::<Value>(&made).unwrap()["id"].as_str().unwrap().to_owned();
    let _browser = signed_in(&node, "ada@example.com");
    let (code, table, _) = run(&["members", "list"], "");
    assert!(code == Some(0) && table.contains("ada@example.com") && table.contains("developer"), "{table}");
    let (code, facts, said) = run(&["members", "set-password", &id], "another horse battery\n");
    assert!(code == Some(0) && facts.contains("ada@example.com"), "{facts}{said}");
    assert!(!facts.contains("horse"), "{facts}");
    let _in = Browser::new(node.client()).sign_in("ada@example.com", "another horse battery").expect(303);
    let (code, _, said) = run(&["members", "create", "bob@example.com", "--role", "auditor"], "short\n");
    assert!(code == Some(1) && said.contains("shorter than 12 characters"), "{said}");
    let (code, _, _) =
        run(&["members", "create", "bob@example.com", "--role", "auditor", "--without-password"], "");
    assert_eq!(code, Some(0));
    let (code, _, said) = run(&["members", "remove", &id], "");
    assert_eq!(code, Some(0), "{said}");
    let (_, table, _) = run(&["members", "list"], "");
    assert!(!table.contains("ada@example.com") && table.contains("none: cannot sign in"), "{table}");
}

#[test]
fn the_demo_admin_keeps_its_password_and_is_told_where_it_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = || {
        let mut command = nexus_tests::command::command();
        command.args(["dev", "--port", "0", "--output", "json", "--data"]).arg(&data);
        let process = nexus_tests::Process::start("nexus dev", &mut command);
        let first = process
            .find_on_stdout(nexus_tests::wait::patience(), |line| serde_json::from_str::<Value>(line).ok())
            .expect("nexus dev says where it serves");
        (process, first)
    };
    let stop = |mut process: nexus_tests::Process| {
        process.signal("TERM");
        assert!(process.wait(nexus_tests::wait::patience()).is_some());
    };
    let (process, first) = start();
    let password = first["dashboard"]["password"].as_str().unwrap().to_owned();
    stop(process);
    let (process, second) = start();
    assert_eq!(second["dashboard"], first["dashboard"], "the same at the next start");
    let client = Client::new(second["url"].as_str().unwrap());
    let admin = client.clone().bearer(second["admin_token"].as_str().unwrap());
    let email = second["dashboard"]["email"].as_str().unwrap();
    let _in = Browser::new(client).sign_in(email, &password).expect(303);
    let platform = Members::of(admin.clone(), PLATFORM);
    let id = platform.list()[0]["id"].as_str().unwrap().to_owned();
    let _set =
        admin.post(&format!("{}/{id}/password", platform.base), &json!({"password": PASSWORD})).expect(200);
    stop(process);
    let (process, third) = start();
    assert_eq!(third["dashboard"]["password"], Value::Null, "which is told no more");
    let client = Client::new(third["url"].as_str().unwrap());
    let _in = Browser::new(client).sign_in(email, PASSWORD).expect(303);
    stop(process);
}
