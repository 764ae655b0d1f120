//! An API node on PostgreSQL with a client that gets tokens for itself, and the load of such a client.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Connection, Load, post, request};
use crate::process::Server;
use crate::store::Store;
use crate::{Failure, keys};

/// Addresses that requests come from: what one may ask for in a minute is limited.
const ADDRESSES: u32 = 4096;
/// Clients that ask: what one may have in a minute is limited as well.
const CLIENTS: usize = 64;
const FORM: &str = "application/x-www-form-urlencoded";

/// `nexus serve` on a database of its own.
pub(crate) struct Platform {
    pub(crate) server: Server,
    /// A management credential.
    pub(crate) token: String,
    store: Store,
    _data: TempDir,
}

/// A client that proves who it is by its secret.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    id: String,
    secret: String,
}

impl Platform {
    pub(crate) async fn start(purpose: &str, workers: u32) -> Result<Self, Failure> {
        let store = Store::postgres(purpose).await?;
        let data = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
        let (server, token) = Server::serve(&store.url, data.path(), workers)?;
        Ok(Self { server, token, store, _data: data })
    }

    /// Registers a client of a new tenant.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        self.clients(1).await?.pop().ok_or_else(|| "no client".into())
    }

    /// Registers as many as ask at once.
    pub(super) async fn many(&self) -> Result<Vec<Client>, Failure> {
        self.clients(CLIENTS).await
    }

    /// Registers clients of a new tenant.
    async fn clients(&self, count: usize) -> Result<Vec<Client>, Failure> {
        let bearer = format!("Bearer {}", self.token);
        let mut connection = Connection::open(self.server.address).await?;
        let body = json!({"name": "Measured", "dialect": keys::DIALECT});
        let tenant = post(&mut connection, &bearer, "/v1/tenants", &body).await?;
        let path = format!("/v1/tenants/{}/clients", text(&tenant, "/id")?);
        let body = json!({"name": "Import", "type": "server", "scopes": [keys::SCOPE, "write:users"]});
        let mut clients = Vec::new();
        for _ in 0..count {
            let client = post(&mut connection, &bearer, &path, &body).await?;
            let (id, secret) = (text(&client, "/client_id")?, text(&client, "/client_secret")?);
            clients.push(Client { address: self.server.address, id, secret });
        }
        Ok(clients)
    }

    /// Ends the server and drops the database.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        drop(self.server);
        self.store.remove().await
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, id: &str, secret: &str) -> Self {
        Self { address, id: id.to_owned(), secret: secret.to_owned() }
    }

    /// What it asks for a token with.
    pub(crate) fn grant(&self) -> String {
        self.form("grant_type=client_credentials")
    }

    /// Other parameters with what proves who it is.
    pub(crate) fn form(&self, parameters: &str) -> String {
        format!("{parameters}&client_id={}&client_secret={}", self.id, self.secret)
    }

    /// A token.
    pub(crate) async fn token(&self) -> Result<String, Failure> {
        let first = form_request(super::TOKEN, &self.grant(), Ipv4Addr::LOCALHOST);
        super::ask(self.address, &first).await
    }

    /// The same form from many addresses.
    pub(crate) fn load(&self, path: &str, form: &str) -> Load {
        Load::new(forms(path, [form]))
    }
}

/// What asks for tokens of these clients, in turn.
pub(super) fn load_of(clients: &[Client]) -> Load {
    let grants: Vec<String> = clients.iter().map(Client::grant).collect();
    Load::new(forms(super::TOKEN, grants.iter().map(String::as_str)))
}

/// Forms, over and over, each time from another address.
pub(crate) fn forms<'f>(
    path: &str,
    forms: impl IntoIterator<Item = &'f str, IntoIter: Clone>,
) -> Vec<Vec<u8>> {
    let forms = forms.into_iter().cycle();
    let first = u32::from(Ipv4Addr::new(198, 18, 0, 0));
    forms
        .zip(0..ADDRESSES)
        .map(|(form, number)| form_request(path, form, Ipv4Addr::from(first + number)))
        .collect()
}

pub(super) fn form_request(path: &str, form: &str, from: Ipv4Addr) -> Vec<u8> {
    let from = from.to_string();
    request("POST", path, &[("content-type", FORM), ("x-forwarded-for", &from)], form)
}

fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("an answer has no {pointer}"))?.to_owned())
}
