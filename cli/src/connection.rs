//! What every command that speaks to a server has in common: where it is, who asks, and how to show the answer.

use clap::{Args, ValueHint};
use nexus_domain::ids::TenantId;

use crate::client::{Client, ClientError};
use crate::output::Format;

/// Where the server is and who asks.
#[derive(Args)]
pub(crate) struct Connection {
    /// Address of the server
    #[arg(long, env = "NEXUS_URL", default_value = "http://127.0.0.1:8080", value_parser = base_url, value_hint = ValueHint::Url)]
    #[arg(global = true, help_heading = "Server")]
    url: String,

    /// Management credential; better in the environment, where the shell's history does not keep it
    #[arg(long, env = "NEXUS_TOKEN", hide_env_values = true, global = true, help_heading = "Server")]
    token: Option<String>,
}

impl Connection {
    /// A client for that server.
    ///
    /// # Errors
    /// Where the token cannot stand in a header.
    pub(crate) fn open(&self) -> Result<Client, ClientError> {
        Client::new(&self.url, self.token.as_deref())
    }
}

/// How the answer is shown.
#[derive(Args)]
pub(crate) struct Rendering {
    /// Tables for people, or the server's JSON untouched
    #[arg(long, value_enum, default_value_t = Format::Table, global = true, help_heading = "Output")]
    pub(crate) output: Format,
}

/// Whose things a command is about.
#[derive(Args)]
pub(crate) struct OfTenant {
    /// The tenant's id
    #[arg(long, env = "NEXUS_TENANT", value_name = "TENANT")]
    tenant: TenantId,
}

impl OfTenant {
    /// The address of something of this tenant, such as `keys`.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/tenants/{}/{rest}", self.tenant)
    }
}

/// How much of a list.
#[derive(Args)]
pub(crate) struct Paging {
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// Every row there is
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Paging {
    /// The most rows that are wanted.
    pub(crate) fn most(&self) -> usize {
        if self.all { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }
}

/// A server's address: http or https, a host, perhaps a path before `/v1`. Without the slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    let uri: ureq::http::Uri =
        text.parse().map_err(|_| "not an address such as http://127.0.0.1:8080".to_owned())?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(_) | None => return Err("begin it with http:// or https://".to_owned()),
    }
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err("name a host, and no user".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("leave out what follows ? or #".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(base_url("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base_url("https://auth.example/nexus").unwrap(), "https://auth.example/nexus");
        for wrong in ["", "127.0.0.1:8080", "ftp://x", "http://", "http://u:p@x", "http://x/?a", "http://x y"]
        {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }
}
