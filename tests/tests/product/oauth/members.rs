//! What a member agreed to ends with the membership and with the password: at once, on every node.

use serde_json::{Value, json};

use super::{Browser, CALLBACK, Platform, error_of, parameter, request, token_of};
use crate::oauth::Registered;

fn family(platform: &Platform, client: &Registered) -> Value {
    platform.redeem(client, &platform.code(client)).expect(200).json()
}

fn reasons(platform: &Platform) -> Vec<String> {
    let trail = platform.admin().list(&platform.user.path("/audit?action=grant.revoked"), 50);
    trail.iter().map(|entry| entry["details"]["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_removed_member_s_apps_are_refused_when_the_removal_is_answered() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let (first, second) = (family(&platform, &client), family(&platform, &client));
    let code = platform.code(&client);
    let body = json!({"email": "bob@example.com", "role": "admin", "password": super::PASSWORD});
    let _made = platform.admin().post(&platform.user.path("/members"), &body).expect(201);
    let address = platform.agree(&mut platform.signed_in_as("bob@example.com"), &request(&client, &[]));
    let others = platform.redeem(&client, &parameter(&address, "code").unwrap()).expect(200).json();
    for tokens in [&first, &second, &others] {
        assert_eq!(platform.code_of(&tokens["access_token"]), "VALID");
    }
    let member = platform.user.path(&format!("/members/{}", platform.member));
    let gone = platform.admin().send("DELETE", &member, None).expect(204);
    assert!(gone.header("server-timing").unwrap().starts_with("barrier;dur="), "{gone:?}");
    for tokens in [&first, &second] {
        assert_eq!(platform.code_of(&tokens["access_token"]), "REVOKED");
        let refused = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap());
        assert_eq!(error_of(&refused, 400), "invalid_grant");
    }
    assert_eq!(error_of(&platform.redeem(&client, &code), 400), "invalid_grant");
    assert_eq!(platform.code_of(&others["access_token"]), "VALID", "what somebody else agreed to");
    assert_eq!(reasons(&platform).len(), 3, "two that gave tokens, and a code that nobody redeemed");
    let _again = platform.admin().send("DELETE", &member, None).expect(204);
    assert_eq!(reasons(&platform).len(), 3, "ended once");
}

#[test]
fn another_password_ends_what_was_agreed_to_before_and_nothing_after() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let before = family(&platform, &client);
    let mut open = platform.signed_in();
    let query = request(&client, &[]);
    let page = open.get(&format!("/oauth/authorize?{query}")).expect(200);
    let path = platform.user.path(&format!("/members/{}/password", platform.member));
    let answer = platform.admin().post(&path, &json!({"password": super::PASSWORD})).expect(200);
    assert!(answer.header("server-timing").unwrap().starts_with("barrier;dur="), "{answer:?}");
    assert_eq!(platform.code_of(&before["access_token"]), "REVOKED");
    let refused = platform.refresh(&client, before["refresh_token"].as_str().unwrap());
    assert_eq!(error_of(&refused, 400), "invalid_grant");
    let fields = [("csrf", &*token_of(&page)), ("request", &query), ("decision", "allow")];
    let late = open.post("/oauth/authorize", &fields).expect(303);
    assert!(late.header("location").unwrap().starts_with("/sign-in"), "the session is over: {late:?}");
    let after = family(&platform, &client);
    assert_eq!(platform.code_of(&after["access_token"]), "VALID");
    assert_eq!(reasons(&platform).len(), 1);
}

#[test]
fn nobody_is_sent_to_an_app_with_an_error_before_they_have_signed_in() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let query = request(&client, &[("scope", "read:users no:such")]);
    let mut guest = Browser::new(&platform.node.url());
    let sent = guest.get(&format!("/oauth/authorize?{query}")).expect(303);
    let address = sent.header("location").unwrap();
    assert!(address.starts_with("/sign-in?next="), "{address}");
    let back = parameter(address, "next").unwrap();
    let told = platform.signed_in().get(&back).expect(303);
    assert!(told.header("location").unwrap().starts_with(&format!("{CALLBACK}?error=invalid_scope&")));
}

#[test]
fn a_refresh_token_of_a_suspended_tenant_is_not_active() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let observer = platform.register(json!({"name": "Gateway", "type": "server"}));
    let tokens = family(&platform, &client);
    let active = |who: &Registered| {
        let fields = [("token", tokens["refresh_token"].as_str().unwrap())];
        platform.as_client(who, "/oauth/introspect", &fields).expect(200).json()
    };
    assert_eq!(active(&client)["active"], true);
    assert_eq!(active(&observer), json!({"active": false}), "not theirs to know of");
    for (tenant, whose) in [(&platform.user, "whose data it opens"), (&platform.maker, "who registered it")] {
        let _stopped = platform.admin().post(&tenant.path("/suspend"), &json!({})).expect(200);
        assert_eq!(active(&client), json!({"active": false}), "{whose}");
        let _back = platform.admin().post(&tenant.path("/resume"), &json!({})).expect(200);
        assert_eq!(active(&client)["active"], true);
    }
}

#[test]
fn a_client_that_asks_for_too_many_tokens_is_told_when_to_come_again() {
    let options = super::options()
        .set("authentication.client_tokens_per_minute", "3")
        .set("authentication.grant_refreshes_per_hour", "1");
    let platform = Platform::with(nexus_tests::Store::sqlite(), &options);
    let (server, app) = (platform.server(), platform.register(json!({})));
    for _ in 0..3 {
        let _token = platform.for_itself(&server);
    }
    let asking = [("grant_type", "client_credentials")];
    let limited = platform.as_client(&server, "/oauth/token", &asking);
    assert_eq!(error_of(&limited, 429), "temporarily_unavailable");
    let after: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&after), "{after}");
    assert_eq!(limited.header("ratelimit-policy"), Some("\"client-tokens\";q=3;w=60"));
    let first = family(&platform, &app);
    let second = platform.refresh(&app, first["refresh_token"].as_str().unwrap()).expect(200).json();
    let limited = platform.refresh(&app, second["refresh_token"].as_str().unwrap());
    assert_eq!(error_of(&limited, 429), "temporarily_unavailable");
    assert_eq!(limited.header("ratelimit-policy"), Some("\"grant-refreshes\";q=1;w=3600"));
}

#[test]
fn nobody_reads_any_more_who_an_erased_member_was() {
    let platform = Platform::new();
    let mut browser = platform.signed_in();
    let _home = browser.get("/").expect(200);
    let member = platform.user.path(&format!("/members/{}", platform.member));
    let erase = || platform.admin().post(&format!("{member}/erase"), &json!({}));
    assert_eq!(erase().expect(409).code(), "member_present");
    let addresses = || {
        let trail = platform.admin().list(&platform.user.path("/audit?action=session.signed_in"), 50);
        assert!(!trail.is_empty());
        trail.iter().map(|entry| entry["ip"].clone()).collect::<Vec<_>>()
    };
    assert!(addresses().iter().all(|ip| ip == "127.0.0.1"), "{:?}", addresses());
    let _gone = platform.admin().send("DELETE", &member, None).expect(204);
    let erased = erase().expect(200).json();
    assert_eq!(erased["email"], Value::Null);
    assert!(addresses().iter().all(Value::is_null), "{:?}", addresses());
    let _again = erase().expect(200);
    let trail = platform.admin().list(&platform.user.path("/audit?action=member.erased"), 50);
    assert_eq!((trail.len(), &trail[0]["details"]["member_id"]), (1, &json!(platform.member)));
    let arguments = ["members", "erase", platform.member.as_str(), "--tenant", platform.user.id.as_str()];
    assert!(platform.node.run(&arguments).stdout.join("\n").contains("erased"));
    let body = json!({"email": "ada@example.com", "role": "admin", "password": super::PASSWORD});
    let _other = platform.admin().post(&platform.user.path("/members"), &body).expect(201);
    assert!(
        platform.node.restart().admin().get("/v1/tenants").status == 200,
        "the master key is still known"
    );
}
