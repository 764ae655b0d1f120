//! The OAuth server as its clients meet it: real processes, the flows of the RFCs, and attacks named after their numbers in the
//! list of cases.

mod clients;
mod codes;
mod dpop;
mod holder;
mod libraries;
mod limits;
mod members;
mod pages;
mod pushed;
mod refresh;
mod server;

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nexus_tests::http::percent;
use nexus_tests::{Answer, Client, Node, Options, Store, Tenant, free_port};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::certificates::{Authority, Ends};

pub(crate) const CALLBACK: &str = "https://app.example/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const PASSWORD: &str = "correct horse battery staple";

/// An API node whose issuer is its own address, a tenant that registers clients, and one whose member agrees to them.
pub(crate) struct Platform {
    pub(crate) node: Node,
    pub(crate) store: Store,
    /// Registers clients.
    pub(crate) maker: Tenant,
    /// Whose member agrees.
    pub(crate) user: Tenant,
    pub(crate) member: String,
    email: String,
    /// Reaches the node.
    client: Client,
}

/// A client that was registered.
#[derive(Clone)]
pub(crate) struct Registered {
    /// Its id in routes.
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) secret: Option<String>,
}

/// A browser: cookies, and nothing followed by itself.
pub(crate) struct Browser {
    client: Client,
    cookies: HashMap<String, String>,
}

impl Platform {
    pub(crate) fn new() -> Self {
        Self::on(Store::sqlite())
    }

    pub(crate) fn on(store: Store) -> Self {
        Self::with(store, &options())
    }

    pub(crate) fn with(store: Store, options: &Options) -> Self {
        let node = Node::serve(&store, options);
        let client = node.client();
        Self::of(store, node, client)
    }

    /// One that answers with TLS. Nothing of it is trusted but what `authority` signs.
    pub(crate) fn over_tls(store: Store, authority: &Authority) -> Self {
        let files = authority.issue("api", &Ends::Later);
        let path = |path: &Path| Value::from(path.display().to_string()).to_string();
        let port = free_port();
        let options = options()
            .set("server.listen", &format!("\"127.0.0.1:{port}\""))
            .set("server.public_url", &format!("\"https://127.0.0.1:{port}\""))
            .set("server.tls.certificate", &path(&files.certificate))
            .set("server.tls.key", &path(&files.key));
        let node = Node::serve(&store, &options);
        let client = Client::new(&format!("https://{}", node.address())).trusting(&authority.pem);
        Self::of(store, node, client)
    }

    fn of(store: Store, node: Node, client: Client) -> Self {
        let admin = client.clone().bearer(node.admin_token());
        let (maker, user) = (Tenant::create(&admin, "nexus"), Tenant::create(&admin, "nexus"));
        let email = "ada@example.com".to_owned();
        let body = json!({"email": email, "role": "admin", "password": PASSWORD});
        let member = admin.post(&user.path("/members"), &body).expect(201).json();
        let member = member["id"].as_str().expect("an id").to_owned();
        Self { node, store, maker, user, member, email, client }
    }

    /// Its address, which is its issuer too.
    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    pub(crate) fn admin(&self) -> Client {
        self.client.clone().bearer(self.node.admin_token())
    }

    /// Registers a client; what `body` lacks is usual.
    pub(crate) fn register(&self, body: Value) -> Registered {
        let mut whole = json!({"name": "Calendar", "type": "app", "redirect_uris": [CALLBACK],
            "scopes": ["read:users", "read:payments"]});
        if body["type"] == "server" {
            whole.as_object_mut().unwrap().remove("redirect_uris");
        }
        for (name, value) in body.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let answer = self.admin().post(&self.maker.path("/clients"), &whole).expect(201).json();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Registered {
            id: text(&answer["client"]["id"]).unwrap(),
            client_id: text(&answer["client_id"]).unwrap(),
            secret: text(&answer["client_secret"]),
        }
    }

    pub(crate) fn server(&self) -> Registered {
        self.register(json!({"name": "Import", "type": "server"}))
    }

    /// A form to one of the endpoints, without authentication of its own.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send_form(&self.client, path, fields)
    }

    /// As [`Platform::form`], with the client's credentials in the body.
    pub(crate) fn as_client(&self, client: &Registered, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("client_id", client.client_id.as_str())];
        all.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        all.extend(fields);
        self.form(path, &all)
    }

    pub(crate) fn for_itself(&self, client: &Registered) -> Value {
        self.as_client(client, "/oauth/token", &[("grant_type", "client_credentials")]).expect(200).json()
    }

    /// A browser in which the member is signed in.
    pub(crate) fn signed_in(&self) -> Browser {
        self.signed_in_as(&self.email)
    }

    /// One in which somebody else is, with the same password.
    pub(crate) fn signed_in_as(&self, email: &str) -> Browser {
        let mut browser = Browser::through(self.client.clone());
        let page = browser.get("/sign-in").expect(200);
        let fields = [("csrf", token_of(&page)), ("email", email.to_owned()), ("password", PASSWORD.into())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let _done = browser.post("/sign-in", &fields).expect(303);
        browser
    }

    /// Where a browser is sent by an answer to the request of an app.
    pub(crate) fn agree(&self, browser: &mut Browser, query: &str) -> String {
        let page = browser.get(&format!("/oauth/authorize?{query}")).expect(200);
        let sent = browser.post(
            "/oauth/authorize",
            &[("csrf", &token_of(&page)), ("request", query), ("decision", "allow")],
        );
        sent.expect(303).header("location").expect("an address").to_owned()
    }

    /// A code that the member agreed to.
    pub(crate) fn code(&self, client: &Registered) -> String {
        let address = self.agree(&mut self.signed_in(), &request(client, &[]));
        parameter(&address, "code").unwrap_or_else(|| panic!("no code in {address}"))
    }

    pub(crate) fn redeem(&self, client: &Registered, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.as_client(client, "/oauth/token", &fields)
    }

    pub(crate) fn refresh(&self, client: &Registered, token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.as_client(client, "/oauth/token", &fields)
    }

    /// What the verdict on a token is.
    pub(crate) fn verdict(&self, token: &Value) -> Value {
        nexus_tests::verify_with(&self.admin(), &json!({"credential": token.as_str().expect("a token")}))
    }

    pub(crate) fn code_of(&self, token: &Value) -> String {
        self.verdict(token)["code"].as_str().unwrap().to_owned()
    }
}

/// Limits that no test comes near, and an issuer that clients find.
pub(crate) fn options() -> Options {
    let port = free_port();
    Options::default()
        .set("server.listen", &format!("\"127.0.0.1:{port}\""))
        .set("server.public_url", &format!("\"http://127.0.0.1:{port}\""))
        .set("authentication.requests_per_minute", "10000")
        .set("authentication.failures_per_minute", "10000")
        .set("authentication.account_failures_per_hour", "10000")
}

pub(crate) fn send_form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let client = client.clone().header("content-type", "application/x-www-form-urlencoded");
    client.send("POST", path, Some(encoded(fields).as_bytes()))
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The query of an authorization request; what is `changed` replaces what is usual, and nothing where it is empty.
pub(crate) fn request(client: &Registered, changed: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "read:users read:payments"),
        ("state", "af0ifjsldkj"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changed {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    encoded(&fields)
}

pub(crate) fn basic(client: &Registered) -> String {
    let secret = client.secret.as_deref().expect("a secret");
    format!("Basic {}", STANDARD.encode(format!("{}:{secret}", client.client_id)))
}

/// A parameter of an address, decoded.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The token of the form in a page.
pub(crate) fn token_of(page: &Answer) -> String {
    let text = page.text();
    let (_, form) = text.rsplit_once("name=\"csrf\" value=\"").expect("a form");
    form.split('"').next().unwrap().to_owned()
}

pub(crate) fn error_of(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    body["error"].as_str().expect("an error").to_owned()
}

impl Browser {
    pub(crate) fn new(url: &str) -> Self {
        Self::through(Client::new(url))
    }

    pub(crate) fn through(client: Client) -> Self {
        Self { client, cookies: HashMap::new() }
    }

    fn client(&self) -> Client {
        let client = self.client.clone();
        if self.cookies.is_empty() {
            return client;
        }
        client.header("cookie", &self.cookies())
    }

    /// What it sends along, as the header has it.
    pub(crate) fn cookies(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The same browser at another API node.
    pub(crate) fn at(&mut self, url: &str) -> &mut Self {
        self.client = Client::new(url);
        self
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let answer = self.client().get(path);
        self.keep(answer)
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = send_form(&self.client().header("origin", self.client.url()), path, fields);
        self.keep(answer)
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}
