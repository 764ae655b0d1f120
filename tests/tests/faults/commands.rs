//! Commands that can be repeated: what was sent under which idempotency key, and what must be true once it was done.

use std::time::{Duration, Instant};

use nexus_tests::{Answer, Client, Tenant, verify};
use serde_json::{Value, json};

/// A command, the same at every repetition.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) kind: Kind,
    /// Unique: the idempotency key, and the name of the key that is created.
    pub(crate) name: String,
    path: String,
    body: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Create,
    Revoke(Key),
    Rotate(Key),
}

/// A key as its creation showed it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// What came of sending a command once.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) command: Command,
    pub(crate) took: Duration,
    /// Absent: nobody answered.
    pub(crate) answer: Option<Answer>,
    /// Whether nobody listens there any more.
    pub(crate) refused: bool,
}

impl Command {
    pub(crate) fn create(tenant: &Tenant, name: String) -> Self {
        let body = json!({"name": name});
        Self { kind: Kind::Create, path: tenant.path("/keys"), body, name }
    }

    pub(crate) fn revoke(tenant: &Tenant, key: &Key, name: String) -> Self {
        let path = tenant.path(&format!("/keys/{}/revoke", key.id));
        Self { kind: Kind::Revoke(key.clone()), path, body: json!({"reason": "unused"}), name }
    }

    pub(crate) fn rotate(tenant: &Tenant, key: &Key, name: String) -> Self {
        let path = tenant.path(&format!("/keys/{}/rotate", key.id));
        Self { kind: Kind::Rotate(key.clone()), path, body: json!({"grace": "1h"}), name }
    }

    /// Sends it, for the first time or again.
    pub(crate) fn send(&self, client: &Client) -> Sent {
        let client = client.clone().header("idempotency-key", &self.name);
        let began = Instant::now();
        let answer = client.try_send("POST", &self.path, Some(self.body.to_string().as_bytes()));
        self.sent(began.elapsed(), answer)
    }

    /// Sends it over a connection that is kept for the next one, as most clients do.
    pub(crate) fn send_over(&self, kept: &ureq::Agent, url: &str, token: &str, request_id: &str) -> Sent {
        let began = Instant::now();
        let answer = kept
            .post(format!("{url}{}", self.path))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", &self.name)
            .header("x-request-id", request_id)
            .header("content-type", "application/json")
            .send(self.body.to_string())
            .and_then(|mut response| {
                let body = response.body_mut().read_to_vec()?;
                Ok(Answer { status: response.status().as_u16(), headers: Vec::new(), body })
            });
        self.sent(began.elapsed(), answer)
    }

    fn sent(&self, took: Duration, answer: Result<Answer, ureq::Error>) -> Sent {
        let refused = |error: &ureq::Error| match error {
            ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            error => matches!(error, ureq::Error::ConnectionFailed),
        };
        let refused = answer.as_ref().is_err_and(refused);
        Sent { command: self.clone(), took, answer: answer.ok(), refused }
    }

    /// The status of success.
    pub(crate) const fn done(&self) -> u16 {
        match self.kind {
            Kind::Create => 201,
            Kind::Revoke(_) | Kind::Rotate(_) => 200,
        }
    }
}

impl Sent {
    /// Whether the server said that it is done.
    pub(crate) fn acknowledged(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == self.command.done())
    }

    /// The key with the secret that the answer shows.
    pub(crate) fn key(&self) -> Key {
        let answer = self.answer.as_ref().expect("an answer").json();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Key { id: text(&answer["key"]["id"]), secret: text(&answer["secret"]) }
    }

    /// Checks on another node or after a restart that what was acknowledged is so.
    pub(crate) fn check(&self, client: &Client, tenant: &Tenant) {
        assert!(self.acknowledged(), "{self:?}");
        match &self.command.kind {
            Kind::Create => {
                let key = self.key();
                assert_eq!(tenant.keys(client).show(&key.id)["name"], self.command.name.as_str());
                assert_eq!(verify(client, &key.secret), "VALID", "{} was created", self.command.name);
            }
            Kind::Revoke(key) => {
                assert_eq!(tenant.keys(client).show(&key.id)["status"], "revoked");
                assert_eq!(verify(client, &key.secret), "REVOKED", "{} was revoked", key.id);
            }
            Kind::Rotate(old) => {
                let key = self.key();
                assert_eq!(key.id, old.id);
                assert_eq!(verify(client, &key.secret), "VALID", "{} has a new secret", key.id);
                assert_eq!(tenant.keys(client).show(&key.id)["versions"].as_array().unwrap().len(), 2);
            }
        }
    }
}

/// Repeats commands with their idempotency keys until each is done, `at_once` at a time. Gives them in their order.
pub(crate) fn complete(client: &Client, commands: &[Command], at_once: usize) -> Vec<Sent> {
    crate::load::spread(commands, at_once, |command| {
        nexus_tests::eventually(&format!("{} is done", command.name), || {
            let sent = command.send(client);
            let status = sent.answer.as_ref().map(|answer| answer.status);
            assert!(matches!(status, None | Some(200 | 201 | 503)), "{sent:?}");
            sent.acknowledged().then_some(sent)
        })
    })
}
