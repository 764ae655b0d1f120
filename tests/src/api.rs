//! Shorthands for what nearly every test does: a tenant, a key, a verdict.

use serde_json::{Value, json};

use crate::http::{Answer, Client};

/// A tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its dialect.
    pub dialect: String,
}

/// A key with its secret.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The key's id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The whole answer.
    pub answer: Value,
}

/// The keys of a tenant, over REST.
#[derive(Clone)]
pub struct Keys {
    client: Client,
    base: String,
}

impl Tenant {
    /// Creates a tenant.
    #[must_use]
    pub fn create(client: &Client, dialect: &str) -> Self {
        let body = json!({"name": format!("Tenant of {dialect}"), "dialect": dialect});
        let created = client.post("/v1/tenants", &body).expect(201).json();
        Self { id: created["id"].as_str().expect("an id").to_owned(), dialect: dialect.to_owned() }
    }

    /// Its path, with something behind it: `tenant.path("/keys")`.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/tenants/{}{rest}", self.id)
    }

    /// The id of a new secret for service JWTs, of a dialect that has them.
    ///
    /// # Panics
    /// When it is not made.
    #[must_use]
    pub fn jwt_secret(&self, client: &Client) -> String {
        let created = client.post(&self.path("/jwt-secrets"), &json!({"name": "Test"})).expect(201).json();
        created["jwt_secret"]["id"].as_str().expect("an id").to_owned()
    }

    /// Its keys, with a client's credential.
    #[must_use]
    pub fn keys(&self, client: &Client) -> Keys {
        Keys { client: client.clone(), base: self.path("/keys") }
    }
}

impl Keys {
    /// The path of a key, with something behind it.
    #[must_use]
    pub fn path(&self, key: &str, rest: &str) -> String {
        format!("{}/{key}{rest}", self.base)
    }

    /// Creates a key; `name` is added where it is missing.
    #[must_use]
    pub fn create(&self, body: &Value) -> Issued {
        let mut body = body.clone();
        if body["name"].is_null() {
            body["name"] = json!("Test");
        }
        Issued::of(self.client.post(&self.base, &body).expect(201).json())
    }

    /// Shows a key.
    #[must_use]
    pub fn show(&self, key: &str) -> Value {
        self.client.get(&self.path(key, "")).expect(200).json()
    }

    /// Lists keys; `status` as the route has it.
    #[must_use]
    pub fn list(&self, status: &str) -> Vec<Value> {
        self.client.list(&format!("{}?status={status}", self.base), 200)
    }

    /// Changes a key.
    #[must_use]
    pub fn change(&self, key: &str, body: &Value) -> Answer {
        self.client.patch(&self.path(key, ""), body)
    }

    /// Gives a key a new secret.
    #[must_use]
    pub fn rotate(&self, key: &str, body: &Value) -> Answer {
        self.client.post(&self.path(key, "/rotate"), body)
    }

    /// Revokes a key.
    #[must_use]
    pub fn revoke(&self, key: &str) -> Answer {
        self.client.post(&self.path(key, "/revoke"), &json!({}))
    }

    /// As [`Keys::create`], where it is possible that nobody answers.
    #[must_use]
    pub fn try_create(&self, body: &Value) -> Option<Issued> {
        let answer = self.client.try_send("POST", &self.base, Some(body.to_string().as_bytes())).ok()?;
        (answer.status == 201).then(|| Issued::of(answer.json()))
    }

    /// As [`Keys::revoke`], where it is possible that nobody answers: whether it succeeded.
    #[must_use]
    pub fn try_revoke(&self, key: &str) -> bool {
        let answer = self.client.try_send("POST", &self.path(key, "/revoke"), Some(b"{}"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// How often each outcome occurred, so far as it came in.
    #[must_use]
    pub fn usage(&self, key: &str) -> Value {
        self.client.get(&self.path(key, "/usage")).expect(200).json()["totals"].clone()
    }
}

impl Issued {
    /// Out of the answer of a creation or rotation.
    #[must_use]
    pub fn of(answer: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("not a key: {answer}")).to_owned();
        Self { id: text(&answer["key"]["id"]), secret: text(&answer["secret"]), answer }
    }
}

/// The receipt of an answer to a change that takes something away: all nodes are accounted for.
///
/// # Panics
/// When it has none, or one that leaves a node out.
#[must_use]
#[track_caller]
pub fn receipt(answer: &Value) -> Value {
    let receipt = &answer["receipt"];
    let number = |name: &str| {
        receipt[name].as_u64().unwrap_or_else(|| panic!("the receipt has a number as {name}: {answer}"))
    };
    assert_eq!(number("confirmed") + number("lapsed"), number("nodes"), "{receipt}");
    assert!(number("nodes") > 0 && number("position") > 0, "{receipt}");
    let _any = number("elapsed_ms");
    receipt.clone()
}

/// The code of the verdict on a credential.
#[must_use]
pub fn verify(client: &Client, credential: &str) -> String {
    verify_with(client, &json!({"credential": credential}))["code"].as_str().expect("a code").to_owned()
}

/// The whole verdict on a question.
#[must_use]
pub fn verify_with(client: &Client, question: &Value) -> Value {
    client.post("/v1/verify", question).expect(200).json()
}
