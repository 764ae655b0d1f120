//! Members in browsers: forms, cookies, redirects and sessions, as attackers and owners meet them.

use std::time::{Duration, Instant};

use nexus_tests::{Answer, Browser, Node, Options, Store, Tenant, eventually};
use serde_json::{Value, json};

use crate::contract::PLATFORM;

const PASSWORD: &str = "correct horse battery staple";
const SESSION: &str = "nexus_session";

/// A member of a tenant, with [`PASSWORD`].
fn member(node: &Node, tenant: &str, email: &str) -> String {
    let body = json!({"email": email, "role": "admin", "password": PASSWORD});
    let made = node.admin().post(&format!("/v1/tenants/{tenant}/members"), &body).expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

/// A browser in which the demo admin is signed in.
fn signed_in(node: &Node) -> Browser {
    let browser = Browser::new(node.client());
    let (email, password) = node.dashboard();
    assert_eq!(browser.sign_in(email, password).expect(303).header("location"), Some("/"));
    assert!(browser.is_signed_in());
    browser
}

fn is_page(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for directive in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(directive), "{directive} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let html = answer.text().to_lowercase();
    for inline in
        ["<script", "<style", " style=", " onload=", " onclick=", "javascript:", "http://", "https://"]
    {
        assert!(!html.contains(inline), "{inline} in {html}");
    }
}

#[test]
fn case_25_a_form_without_its_session_s_token_or_from_elsewhere_is_refused() {
    let node = Node::dev();
    let (email, password) = node.dashboard();
    let (one, other) = (signed_in(&node), signed_in(&node));
    let (mine, theirs) = (one.token("/"), other.token("/"));
    assert_ne!(mine, theirs);
    for fields in [&[][..], &[("csrf", "")], &[("csrf", theirs.as_str())], &[("csrf", "0")]] {
        let refused = one.post("/sign-out", fields).expect(403);
        is_page(&refused);
    }
    let right: &[(&str, &str)] = &[("csrf", &mine)];
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let elsewhere = one.through(node.client().header(name, value));
        assert_eq!(elsewhere.post("/sign-out", right).status, 403, "{name}: {value}");
    }
    assert!(one.is_signed_in(), "nothing happened");

    // Nor can somebody be signed in to another's account by a foreign page.
    let visitor = Browser::new(node.client());
    let token = visitor.token("/sign-in");
    let form =
        |csrf: &str| visitor.post("/sign-in", &[("csrf", csrf), ("email", email), ("password", password)]);
    let another = Browser::new(node.client()).token("/sign-in");
    for wrong in ["", "x", &another, &mine] {
        is_page(&form(wrong).expect(403));
    }
    let bare = visitor.post("/sign-in", &[("email", email), ("password", password)]);
    assert_eq!(bare.status, 403);
    let cookieless = Browser::new(node.client());
    let fields = [("csrf", token.as_str()), ("email", email), ("password", password)];
    assert_eq!(cookieless.post("/sign-in", &fields).status, 403, "the token without its browser");
    assert_eq!(visitor.cookie(SESSION), None);
    let own = node.client().header("origin", &node.url()).header("sec-fetch-site", "same-origin");
    let own = visitor.through(own);
    assert_eq!(own.post("/sign-in", &fields).status, 303, "and its own page's is taken");
}

#[test]
fn case_26_no_page_can_be_framed_or_runs_a_script() {
    let node = Node::dev();
    let browser = signed_in(&node);
    let stranger = Browser::new(node.client());
    is_page(&stranger.get("/sign-in").expect(200));
    is_page(&stranger.get("/sign-in?next=/%22%3E%3Cscript%3E&signed-out=1").expect(200));
    is_page(&stranger.sign_in("nobody@example.com", "wrong").expect(422));
    is_page(&browser.get("/").expect(200));
    is_page(&browser.post("/sign-out", &[]).expect(403));
    let page = browser.get("/").text();
    let style = page.split("href=\"").find(|part| part.starts_with("/assets/")).unwrap();
    let style = node.client().get(style.split('"').next().unwrap()).expect(200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.text().contains("prefers-color-scheme: dark") && style.text().contains(":focus-visible"));
    let tag = style.header("etag").unwrap();
    assert_eq!(node.client().header("if-none-match", tag).get("/assets/pages.css").status, 304);
}

#[test]
fn case_27_signing_in_leads_nowhere_else() {
    let node = Node::dev();
    let (email, password) = node.dashboard();
    let lands = |next: &str| {
        let browser = Browser::new(node.client());
        let token = browser.token("/sign-in");
        let fields = [("csrf", token.as_str()), ("email", email), ("password", password), ("next", next)];
        let answer = browser.post("/sign-in", &fields).expect(303);
        let by_form = answer.header("location").unwrap().to_owned();
        let query = format!("/sign-in?next={}", nexus_tests::http::percent(next));
        let answer = browser.get(&query).expect(303);
        assert_eq!(answer.header("location"), Some(by_form.as_str()), "{next}: signed in already");
        by_form
    };
    for evil in
        ["//evil.example", "\\evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
    {
        assert_eq!(lands(evil), "/", "{evil:?}");
    }
    assert_eq!(lands("/docs?a=1&b=%2F%2F#x"), "/docs?a=1&b=%2F%2F#x");
    let asked = Browser::new(node.client()).get("/?a=1&b=//evil.example").expect(303);
    assert_eq!(asked.header("location"), Some("/sign-in?next=/%3Fa%3D1%26b%3D//evil.example"));
}

#[test]
fn case_28_every_sign_in_is_a_new_session_and_signing_out_ends_it_on_the_server() {
    let node = Node::dev();
    let (email, password) = node.dashboard();
    let browser = Browser::new(node.client());
    // What an attacker has planted is not taken over.
    let planted = "ses_00000000000000000000000000000007.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    browser.set_cookie(SESSION, Some(planted));
    assert!(!browser.is_signed_in());
    let answer = browser.sign_in(email, password).expect(303);
    let cookie =
        answer.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with(SESSION));
    let attributes = &cookie.expect("a session").1;
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    let first = browser.cookie(SESSION).unwrap();
    assert_ne!(first, planted);
    // Signing in again replaces the session, and the one before is over.
    let again = browser.through(node.client());
    again.set_cookie(SESSION, None);
    let token = again.token("/sign-in");
    again.set_cookie(SESSION, Some(&first));
    let fields = [("csrf", token.as_str()), ("email", email), ("password", password)];
    let _second = again.post("/sign-in", &fields).expect(303);
    let second = again.cookie(SESSION).unwrap();
    assert_ne!(second, first);
    assert!(!browser.is_signed_in(), "the first one is over");
    assert!(again.is_signed_in());
    // The id of one session with the secret of another opens neither.
    let mixed = Browser::new(node.client());
    let (id, _) = second.split_once('.').unwrap();
    let (_, secret) = first.split_once('.').unwrap();
    mixed.set_cookie(SESSION, Some(&format!("{id}.{secret}")));
    assert!(!mixed.is_signed_in());

    let copied = again.through(node.client());
    let token = again.token("/");
    let out = again.post("/sign-out", &[("csrf", &token)]).expect(303);
    assert_eq!(out.header("location"), Some("/sign-in?signed-out=1"));
    assert_eq!(again.cookie(SESSION), None, "the browser forgets it");
    assert!(!copied.is_signed_in(), "and so does the server, whoever has a copy");
    assert!(again.get("/sign-in?signed-out=1").expect(200).text().contains("You are signed out."));
}

#[test]
fn case_29_names_cannot_pass_for_markup_or_read_as_others() {
    let node = Node::dev();
    let admin = node.admin();
    let named = json!({"name": "<script>alert(1)</script>", "dialect": "nexus"});
    let tenant = admin.post("/v1/tenants", &named).expect(201).json()["id"].as_str().unwrap().to_owned();
    let _id = member(&node, &tenant, "ada@example.com");
    let browser = Browser::new(node.client().header("user-agent", "<script>alert(2)</script>"));
    let _in = browser.sign_in("ada@example.com", PASSWORD).expect(303);
    let page = browser.get("/").expect(200);
    is_page(&page);
    assert!(page.text().contains("&#60;script&#62;alert(1)"), "{page:?}");
    // What was typed comes back as text, and what hides in it shows.
    for typed in ["\"><script>alert(1)</script>", "a\u{202e}moc.elpmaxe@b", "a\u{200b}b@example.com"] {
        let answer = Browser::new(node.client()).sign_in(typed, "wrong").expect(422);
        is_page(&answer);
        let html = answer.text();
        assert!(!html.contains(['\u{202e}', '\u{200b}']), "{html}");
    }
    for deceptive in
        ["a\u{202e}b@example.com", "a\u{200b}b@example.com", "ädа@example.com", "<b>@example.com"]
    {
        let body = json!({"email": deceptive, "role": "auditor"});
        let answer = admin.post(&format!("/v1/tenants/{tenant}/members"), &body).expect(400);
        assert_eq!(answer.json()["errors"][0]["location"], "body.email");
    }
}

#[test]
fn browsers_that_come_over_tls_get_cookies_for_this_host_alone() {
    let node = |url: &str| {
        let store = Store::sqlite();
        Node::serve(&store, &Options::default().set("server.public_url", &json!(url).to_string()))
    };
    let tls = node("https://auth.example");
    let tenant = Tenant::create(&tls.admin(), "nexus").id;
    let _ada = member(&tls, &tenant, "ada@example.com");
    let browser = Browser::new(tls.client().header("origin", "https://auth.example"));
    let answer = browser.sign_in("ada@example.com", PASSWORD).expect(303);
    let cookies: Vec<&String> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, cookie)| cookie).collect();
    assert_eq!(cookies.len(), 2, "{answer:?}");
    for cookie in cookies {
        let is_host_s = cookie.starts_with("__Host-nexus_") && !cookie.contains("Domain");
        assert!(is_host_s && cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    }
    assert!(browser.is_signed_in());
    let token = browser.token("/");
    assert_eq!(browser.post("/sign-out", &[("csrf", &token)]).status, 303);
    // Without the prefix it may come from a neighbour in the domain, and is none.
    let planted = Browser::new(tls.client());
    let _in = Browser::sign_in(&browser, "ada@example.com", PASSWORD).expect(303);
    planted.set_cookie(SESSION, browser.cookie("__Host-nexus_session").as_deref());
    assert!(!planted.is_signed_in());
    let page = Browser::new(node("http://auth.example").client()).get("/sign-in").expect(200);
    assert!(page.text().contains("Sign-in needs HTTPS"), "{page:?}");
}

/// A node on which attempts from one address are not what is limited.
fn unhurried() -> (Store, Node) {
    let store = Store::sqlite();
    let options = Options::default()
        .set("authentication.requests_per_minute", "10000")
        .set("authentication.failures_per_minute", "10000")
        .set("authentication.account_failures_per_hour", "10000");
    let node = Node::serve(&store, &options);
    (store, node)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is asked")]
fn case_30_an_existing_and_an_absent_address_are_answered_alike() {
    let (_store, node) = unhurried();
    let tenant = Tenant::create(&node.admin(), "nexus").id;
    let _ada = member(&node, &tenant, "ada@example.com");
    let without = json!({"email": "bob@example.com", "role": "auditor"});
    let _bob = node.admin().post(&format!("/v1/tenants/{tenant}/members"), &without).expect(201);
    let browser = Browser::new(node.client());
    let token = browser.token("/sign-in");
    let ask = |email: &str| {
        let began = Instant::now();
        let fields = [("csrf", token.as_str()), ("email", email), ("password", "wrong wrong wrong")];
        let answer = browser.post("/sign-in", &fields).expect(422);
        let took = began.elapsed();
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date" && name != "x-request-id");
        headers.sort();
        ((headers, answer.text().replace(email, "EMAIL")), took)
    };
    let addresses = ["ada@example.com", "abc@example.com", "bob@example.com"];
    let mut times: [Vec<Duration>; 3] = Default::default();
    let (expected, _) = ask(addresses[1]);
    for _ in 0..15 {
        for (email, times) in addresses.iter().zip(&mut times) {
            let (answer, took) = ask(email);
            assert_eq!(answer, expected, "{email}");
            times.push(took);
        }
    }
    // A hash takes tens of milliseconds, and leaving it out would show by far more than this.
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 2, "{medians:?}");
}

#[test]
fn what_a_stranger_sends_neither_keeps_a_member_out_nor_fills_the_log() {
    let store = Store::sqlite();
    let options = Options::default()
        .set("server.trusted_proxies", r#"["127.0.0.1/32"]"#)
        .set("authentication.account_failures_per_hour", "3");
    let node = Node::serve(&store, &options);
    let tenant = Tenant::create(&node.admin(), "nexus").id;
    let ada = member(&node, &tenant, "ada@example.com");
    let from = |ip: &str| node.client().header("x-forwarded-for", ip);
    let known = Browser::new(from("192.0.2.1"));
    let _in = known.sign_in("ada@example.com", PASSWORD).expect(303);
    for number in 1..=3 {
        let stranger = Browser::new(from(&format!("203.0.{number}.9")));
        let _wrong = stranger.sign_in("ADA@example.com", "guess guess guess").expect(422);
    }
    let limited = Browser::new(from("203.0.113.99")).sign_in("ada@example.com", PASSWORD).expect(429);
    is_page(&limited);
    assert!(limited.header("retry-after").is_some(), "{limited:?}");
    // The browser in which she signed in before is known by its cookie, wherever it is now.
    let elsewhere = known.through(from("198.51.100.7"));
    elsewhere.set_cookie(SESSION, None);
    assert_eq!(elsewhere.sign_in("ada@example.com", PASSWORD).status, 303);
    // For another account that cookie says nothing, and neither does one that was made up.
    for number in 1..=3 {
        let stranger = Browser::new(from(&format!("203.1.{number}.9")));
        let _wrong = stranger.sign_in("eve@example.com", "guess guess guess").expect(422);
    }
    elsewhere.set_cookie(SESSION, None);
    assert_eq!(elsewhere.through(from("198.51.100.8")).sign_in("eve@example.com", "x").status, 429);
    let forged = Browser::new(from("198.51.100.9"));
    forged.set_cookie("nexus_device", Some("AAAAAAAAAAAAAAAAAAAAAA.00"));
    assert_eq!(forged.sign_in("ada@example.com", PASSWORD).status, 429);

    let rows = eventually("the failures are in the trail", || {
        let rows = node.admin().list("/v1/audit?action=session.sign_in_failed", 200);
        (rows.len() == 6).then_some(rows)
    });
    let of = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).collect::<Vec<&Value>>();
    assert_eq!((of("wrong_password").len(), of("unknown_email").len()), (3, 3), "{rows:?}");
    for row in of("wrong_password") {
        assert_eq!((&row["details"]["member_id"], &row["tenant_id"]), (&json!(ada), &json!(tenant)), "{row}");
        assert!(row["ip"].as_str().unwrap().starts_with("203.0."), "{row}");
    }
    for row in of("unknown_email") {
        assert_eq!(
            (&row["details"]["member_id"], &row["tenant_id"]),
            (&Value::Null, &json!(PLATFORM)),
            "{row}"
        );
    }
}

#[test]
fn a_flood_of_failures_is_counted_and_not_kept_one_by_one() {
    let (_store, node) = unhurried();
    let browser = Browser::new(node.client());
    let token = browser.token("/sign-in");
    for number in 0..25 {
        let email = format!("nobody-{number}@example.com");
        let fields = [("csrf", token.as_str()), ("email", &email), ("password", "guess guess guess")];
        let _wrong = browser.post("/sign-in", &fields).expect(422);
    }
    let kept = eventually("ten are on record", || {
        let rows = node.admin().list("/v1/audit?outcome=unknown_email", 200);
        (rows.len() >= 10).then_some(rows)
    });
    assert_eq!(kept.len(), 10);
    assert!(kept.iter().all(|row| row["details"]["unrecorded"] == 0), "{kept:?}");
}

#[test]
fn an_address_has_ten_failures_a_minute() {
    let node = Node::dev();
    let browser = Browser::new(node.client());
    let token = browser.token("/sign-in");
    let statuses: Vec<u16> = (0..12)
        .map(|number| {
            let email = format!("nobody-{number}@example.com");
            let fields = [("csrf", token.as_str()), ("email", &email), ("password", "guess guess guess")];
            browser.post("/sign-in", &fields).status
        })
        .collect();
    assert_eq!(statuses, [[422; 10].as_slice(), &[429; 2]].concat());
}

#[test]
fn neither_address_nor_password_nor_session_stands_in_the_store_or_the_log() {
    let (store, node) = unhurried();
    let tenant = Tenant::create(&node.admin(), "nexus").id;
    let _ada = member(&node, &tenant, "ada.lovelace@example.com");
    let browser = Browser::new(node.client().header("user-agent", "Difference Engine 7"));
    let _wrong = browser.sign_in("ada.lovelace@example.com", "wrong wrong wrong").expect(422);
    let _in = browser.sign_in("ada.lovelace@example.com", PASSWORD).expect(303);
    let (_, secret) = browser
        .cookie(SESSION)
        .unwrap()
        .split_once('.')
        .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
        .unwrap();
    let _seen = eventually("the failure is on record", || {
        node.admin().list("/v1/audit?outcome=wrong_password", 50).pop()
    });
    let mut texts = vec![node.log().join("\n").into_bytes()];
    for file in std::fs::read_dir(store.folder()).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() && file.file_name() != "nexus.key" {
            texts.push(std::fs::read(file.path()).unwrap());
        }
    }
    assert!(texts.iter().any(|text| contains(text, b"MemberAdded")), "the store is read");
    let events = node.admin().get("/v1/events?limit=200").expect(200);
    assert!(events.text().contains("nexus.session.signed_in.v1"));
    texts.push(events.body);
    for hidden in ["ada.lovelace", PASSWORD, "wrong wrong", secret.as_str(), "Difference Engine", "$argon2id"]
    {
        for text in &texts {
            assert!(!contains(text, hidden.as_bytes()), "{hidden} in clear");
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
