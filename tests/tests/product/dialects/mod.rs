//! Each row of the products' descriptions, with a real client against forward auth.

mod nexpay;
mod nexus;
mod nexuscommerce;
mod nexuscore;
mod nexuscore_tokens;
mod nexusgpt;

use nexus_tests::{Answer, Client, Issued, Keys, Node, Options, Store, Tenant, verify_with};
use serde_json::{Value, json};

/// A node behind a trusted gateway, and a tenant of a dialect.
pub(crate) struct Product {
    pub(crate) node: Node,
    pub(crate) tenant: Tenant,
    _store: Store,
}

/// A request to the protected service, as a gateway passes it on.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) needs: &'a str,
}

pub(crate) const READ: Call<'static> =
    Call { method: "GET", path: "/v1/things", ip: "203.0.113.7", needs: "" };

impl Product {
    pub(crate) fn of(dialect: &str) -> Self {
        Self::with(dialect, Options::default())
    }

    pub(crate) fn with(dialect: &str, options: Options) -> Self {
        let store = Store::sqlite();
        let node = Node::serve(&store, &options.set("server.trusted_proxies", r#"["127.0.0.1/32"]"#));
        let tenant = Tenant::create(&node.admin(), dialect);
        Self { node, tenant, _store: store }
    }

    pub(crate) fn admin(&self) -> Client {
        self.node.admin()
    }

    pub(crate) fn keys(&self) -> Keys {
        self.tenant.keys(&self.admin())
    }

    /// Asks with headers of the caller's own.
    pub(crate) fn ask(&self, headers: &[(&str, &str)], call: &Call<'_>) -> Answer {
        let mut client = self
            .node
            .client()
            .header("x-original-method", call.method)
            .header("x-original-uri", call.path)
            .header("x-forwarded-for", call.ip);
        for (name, value) in headers {
            client = client.header(name, value);
        }
        client.get(&format!("/v1/forward-auth/{}?{}", self.tenant.dialect, call.needs))
    }

    /// Asks with a secret as the dialect wants it sent.
    pub(crate) fn with_key(&self, secret: &str, call: &Call<'_>) -> Answer {
        match self.tenant.dialect.as_str() {
            "nexuscommerce" => self.ask(
                &[("authorization", &format!("Bearer {secret}")), ("x-tenant-id", &self.tenant.id)],
                call,
            ),
            "nexpay" => self.ask(&[("authorization", &format!("ApiKey {secret}"))], call),
            "nexusgpt" => self.ask(&[("api-key", secret)], call),
            _ => self.ask(&[("authorization", &format!("Bearer {secret}"))], call),
        }
    }

    pub(crate) fn create(&self, mut body: Value) -> Issued {
        if self.tenant.dialect == "nexusgpt" && body["integration_id"].is_null() {
            body["integration_id"] = self.integration(&self.agent())["id"].clone();
        }
        self.keys().create(&body)
    }

    /// The id of a new agent.
    pub(crate) fn agent(&self) -> Value {
        let path = self.tenant.path("/agents");
        self.admin().post(&path, &json!({"name": "Support"})).expect(201).json()["id"].clone()
    }

    /// A new integration that is connected to an agent.
    pub(crate) fn integration(&self, agent: &Value) -> Value {
        let body = json!({"name": "Website", "type": "api", "agent_id": agent});
        self.admin().post(&self.tenant.path("/integrations"), &body).expect(201).json()
    }

    pub(crate) fn code(&self, secret: &str, question: Value) -> String {
        let mut question = question;
        question["credential"] = json!(secret);
        verify_with(&self.admin(), &question)["code"].as_str().unwrap().to_owned()
    }
}

/// Seconds from one RFC 3339 instant to another.
pub(crate) fn seconds_between(from: &Value, to: &Value) -> f64 {
    let at = |value: &Value| {
        let output = std::process::Command::new("date")
            .args(["-u", "+%s.%N", "-d", value.as_str().unwrap()])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
    };
    at(to) - at(from)
}
