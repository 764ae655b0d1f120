//! API nodes and validating nodes on one store, with two keys: one that will be revoked, and one that must go on working.

use std::time::{Duration, Instant};

use nexus_tests::observer::{Observer, Target, simple};
use nexus_tests::{
    Client, Issued, Keys, Node, Options, Proxy, Store, Tenant, Validator, Verdict, eventually, free_port,
    node_credential,
};
use serde_json::{Value, json};

/// What is revoked.
pub(crate) const DOOMED: &str = "the revoked key";
/// What must be accepted throughout.
pub(crate) const STAYS: &str = "the other key";

/// How many processes of which kind.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) apis: usize,
    pub(crate) validators: usize,
    /// Whether validating nodes reach API nodes by proxies that a test can cut.
    pub(crate) proxied: bool,
    /// Whether API nodes listen on all addresses of the machine.
    pub(crate) everywhere: bool,
    /// Further settings of the API nodes.
    pub(crate) options: Options,
}

/// The processes. API nodes keep their ports when they start again.
pub(crate) struct Cluster {
    pub(crate) apis: Vec<Node>,
    pub(crate) validators: Vec<Validator>,
    /// By validating node, and then by API node.
    pub(crate) proxies: Vec<Vec<Proxy>>,
    /// What the validating nodes show the API nodes.
    pub(crate) credentials: Vec<Issued>,
    pub(crate) tenant: Tenant,
    pub(crate) doomed: Issued,
    pub(crate) stays: Issued,
    token: String,
    pub(crate) store: Store,
}

/// A revocation that was answered.
pub(crate) struct Revoked {
    pub(crate) called: Instant,
    pub(crate) answered: Instant,
    pub(crate) receipt: Value,
}

impl Revoked {
    pub(crate) fn took(&self) -> Duration {
        self.answered - self.called
    }
}

impl Cluster {
    /// On PostgreSQL, if there is a server for tests.
    pub(crate) fn postgres_or_skip(test: &str, plan: &Plan) -> Option<Self> {
        Some(Self::on(Store::postgres_or_skip(test)?, plan))
    }

    pub(crate) fn on(store: Store, plan: &Plan) -> Self {
        let serve = |_| {
            let ip = if plan.everywhere { "0.0.0.0" } else { "127.0.0.1" };
            let listen = format!("\"{ip}:{}\"", free_port());
            Node::serve(&store, &plan.options.clone().set("server.listen", &listen))
        };
        let apis: Vec<Node> = (0..plan.apis).map(serve).collect();
        let admin = apis[0].admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let [doomed, stays] = [DOOMED, STAYS].map(|name| keys.create(&json!({"name": name})));
        let credentials: Vec<Issued> = (0..plan.validators).map(|_| node_credential(&admin)).collect();
        let proxy = |_: &Issued| -> Vec<Proxy> {
            let apis = apis.iter().filter(|_| plan.proxied);
            apis.map(|api| Proxy::to(api.address())).collect()
        };
        let proxies: Vec<Vec<Proxy>> = credentials.iter().map(proxy).collect();
        let token = apis[0].admin_token().to_owned();
        let mut cluster =
            Self { apis, validators: vec![], proxies, credentials, tenant, doomed, stays, token, store };
        for number in 0..plan.validators {
            let folder = cluster.store.folder().join(format!("validator-{number}"));
            let credential = &cluster.credentials[number].secret;
            cluster.validators.push(Validator::begin(&folder, credential, &cluster.urls(number)));
        }
        cluster.validators.iter().for_each(Validator::await_ready);
        cluster
    }

    /// Where a validating node finds the API nodes.
    pub(crate) fn urls(&self, validator: usize) -> Vec<String> {
        match &self.proxies[validator][..] {
            [] => self.apis.iter().map(Node::url).collect(),
            proxies => proxies.iter().map(Proxy::url).collect(),
        }
    }

    pub(crate) fn admin(&self, api: usize) -> Client {
        self.apis[api].admin()
    }

    pub(crate) fn keys(&self, api: usize) -> Keys {
        self.tenant.keys(&self.admin(api))
    }

    /// With a credential that may verify.
    pub(crate) fn validator(&self, number: usize) -> Client {
        self.validators[number].client().bearer(&self.token)
    }

    /// Names and clients of all nodes, each with a credential that may verify.
    pub(crate) fn nodes(&self) -> Vec<(String, Client)> {
        let apis = (0..self.apis.len()).map(|number| (api(number), self.admin(number)));
        let validators = (0..self.validators.len()).map(|number| (validator(number), self.validator(number)));
        apis.chain(validators).collect()
    }

    /// All nodes, in this order: the revoked key, the other one, and the revoked one as a gateway asks.
    fn targets(&self) -> Vec<Vec<Target>> {
        let target = |(name, client): (String, Client)| {
            let gateway = Client::new(client.url());
            vec![
                Target::verify(&name, DOOMED, client.clone(), simple(&self.doomed.secret)),
                Target::verify(&name, STAYS, client, simple(&self.stays.secret)),
                Target::forward_auth(&name, DOOMED, gateway, &self.doomed.secret),
            ]
        };
        self.nodes().into_iter().map(target).collect()
    }

    /// Begins to ask all nodes, and waits until each has accepted both keys.
    pub(crate) fn observe(&self) -> Observer {
        let names: Vec<String> = self.nodes().into_iter().map(|(name, _)| name).collect();
        let observer = Observer::start(self.targets());
        eventually("all nodes accept both keys", || {
            let seen = observer.so_far();
            let accepted = |name: &String, about: &str| {
                seen.about(about).any(|sight| sight.node == *name && sight.verdict == Verdict::Accepted)
            };
            names.iter().all(|name| accepted(name, DOOMED) && accepted(name, STAYS)).then_some(())
        });
        observer
    }

    /// Revokes the key through an API node.
    pub(crate) fn revoke(&self, api: usize) -> Revoked {
        revoke(&self.keys(api), &self.doomed.id)
    }

    /// Waits until a node accepts the other key and knows that the first one is revoked.
    pub(crate) fn await_back(&self, client: &Client) {
        let code = |secret: &str| {
            let answer =
                client.try_send("POST", "/v1/verify", Some(simple(secret).to_string().as_bytes())).ok()?;
            answer.json()["code"].as_str().map(str::to_owned)
        };
        eventually("the node is back, and refuses the revoked key", || {
            let (stays, doomed) = (code(&self.stays.secret)?, code(&self.doomed.secret)?);
            assert_ne!(doomed, "VALID", "{}", client.url());
            (stays == "VALID" && doomed == "REVOKED").then_some(())
        });
    }

    /// Asks a node about both keys again and again with much patience, for a time: a node that stands still finds these
    /// questions when it goes on.
    pub(crate) fn ask_aside(&self, observer: &mut Observer, name: &str, client: &Client, time: Duration) {
        const PATIENCE: Duration = Duration::from_secs(20);
        const EVERY: Duration = Duration::from_millis(150);
        let verify =
            Target::verify(name, DOOMED, client.clone(), simple(&self.doomed.secret)).within(PATIENCE);
        let gateway = Client::new(client.url());
        let forward = Target::forward_auth(name, DOOMED, gateway, &self.doomed.secret).within(PATIENCE);
        let began = Instant::now();
        while began.elapsed() < time {
            observer.ask_aside(&verify);
            observer.ask_aside(&forward);
            std::thread::sleep(EVERY);
        }
    }
}

/// Revokes a key, which succeeds.
pub(crate) fn revoke(keys: &Keys, key: &str) -> Revoked {
    let called = Instant::now();
    let answer = keys.revoke(key);
    let answered = Instant::now();
    Revoked { called, answered, receipt: answer.expect(200).json()["receipt"].clone() }
}

/// The name of an API node.
pub(crate) fn api(number: usize) -> String {
    format!("API node {number}")
}

/// The name of a validating node.
pub(crate) fn validator(number: usize) -> String {
    format!("validating node {number}")
}
