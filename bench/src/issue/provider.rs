//! `oidc-provider`, one process of Node as it comes.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::ask;
use super::clients::{Client, form_request};
use crate::process::Server;
use crate::{Failure, output};

/// A running server with one client.
pub(super) struct Provider {
    pub(super) server: Server,
    told: Told,
}

/// What it tells when it serves.
#[derive(Debug, Deserialize)]
struct Told {
    client_id: String,
    client_secret: String,
    resource: String,
}

impl Provider {
    /// Starts it; nothing, and a line that says so, where it is not installed.
    pub(super) fn start() -> Result<Option<Self>, Failure> {
        let folder = folder();
        let mut version = Command::new("node");
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        let has_node = version.status().is_ok_and(|status| status.success());
        if !has_node || !folder.join("node_modules/oidc-provider").is_dir() {
            output::progress(&format!(
                "token-issue-provider: left out, there is no Node, or `npm ci` was not run in {}",
                folder.display()
            ));
            return Ok(None);
        }
        let mut command = Command::new("node");
        command.arg(folder.join("server.mjs")).env("NODE_ENV", "production");
        let server = Server::start(command, "")?;
        let told = serde_json::from_str(&server.ready)?;
        Ok(Some(Self { server, told }))
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.server.address, &self.told.client_id, &self.told.client_secret)
    }

    /// What its client asks for a token with. The token is a JWT because it is for a resource (RFC 8707).
    pub(super) fn grant(&self) -> String {
        let resource = self.told.resource.replace(':', "%3A").replace('/', "%2F");
        self.client().form(&format!("grant_type=client_credentials&scope=read%3Ausers&resource={resource}"))
    }

    pub(super) async fn token(&self) -> Result<String, Failure> {
        ask(self.server.address, &form_request("/token", &self.grant(), Ipv4Addr::LOCALHOST)).await
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc-provider")
}
