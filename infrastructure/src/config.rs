//! The configuration: `nexus.toml` of an API node ([`NexusConfig`]) and `validator.toml` of a validating node
//! ([`ValidatorConfig`]). Every value can be overridden by an environment variable `NEXUS__SECTION__KEY`, and every
//! complaint is one line that names the place and what to do. `nexus.example.toml` and `validator.example.toml` document the keys.

mod address;
mod read;
mod source;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use nexus_domain::jwt::Algorithm;

pub use self::address::{Secret, ServiceUrl};
pub use self::source::Place;

/// Why there is no configuration. The messages are single lines and hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("{} does not exist: copy {example} to it and edit it, or name another file with --config", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
        /// The one that explains every setting of such a file.
        example: &'static str,
    },
    /// The file is there and cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// Where it stops being TOML.
        place: Place,
        /// What is wrong there.
        message: String,
    },
    /// A key that means nothing.
    #[error("{place}: unknown key `{key}`: {hint}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// Where it stands.
        place: Place,
        /// What was meant, as far as can be told.
        hint: Hint,
    },
    /// A value that its key does not take.
    #[error("{place}: {key}: {message}")]
    Invalid {
        /// The key with its section.
        key: &'static str,
        /// Where the value stands.
        place: Place,
        /// What it must be.
        message: String,
    },
    /// A value that must be given.
    #[error("{key} is missing: set it in the configuration file or as {variable}: {message}")]
    Missing {
        /// The key with its section.
        key: &'static str,
        /// The variable that sets it.
        variable: String,
        /// What it must be.
        message: String,
    },
}

/// What to do about a key that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A known key, section or variable is spelt much like it.
    Near(String),
    /// It belongs into the configuration of the other program, a file of this name.
    Elsewhere(&'static str),
    /// It is no key but a section of this name, and holds keys.
    Section(String),
    /// Nothing is like it: the example of this name has all keys.
    Nothing(&'static str),
}

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Near(known) => write!(f, "did you mean `{known}`?"),
            Self::Elsewhere(file) => write!(f, "it belongs into {file}, not here"),
            Self::Section(name) => write!(f, "it is a section: write [{name}]"),
            Self::Nothing(example) => write!(f, "{example} explains every key that there is"),
        }
    }
}

/// An API node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexusConfig {
    /// `[server]`
    pub server: ServerConfig,
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[bus]`
    pub bus: BusConfig,
    /// `[security]`
    pub security: SecurityConfig,
    /// `[authentication]`
    pub authentication: AuthenticationConfig,
    /// `[signing]`
    pub signing: SigningConfig,
    /// `[dialects]`
    pub dialects: DialectsConfig,
    /// `[node]`: the validating node that an API node holds within.
    pub node: NodeConfig,
    /// `[nodes]`
    pub nodes: NodesConfig,
    /// `[usage]`
    pub usage: UsageConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// A validating node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorConfig {
    /// `[server]`
    pub server: ServerConfig,
    /// `[control]`
    pub control: ControlConfig,
    /// `[bus]`
    pub bus: BusConfig,
    /// `[node]`
    pub node: NodeConfig,
    /// `[dialects] path`: the folder of their files, as on the API nodes; `None` is the built-in ones.
    pub dialects_path: Option<PathBuf>,
    /// `[node] dialects`: the names of those that it answers for; `None` is all.
    pub dialects: Option<Vec<String>>,
    /// `[log]`
    pub log: LogConfig,
}

/// `[server]`: where and how the process answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// What users reach it as, `http://` or `https://`, without a slash at the end.
    pub public_url: String,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Refuse what came over plain HTTP, on every route but those of health.
    pub https_only: bool,
    /// Answer with TLS; `None` is plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Worker threads; `None` is one a core.
    pub workers: Option<u32>,
}

/// `server.tls`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where the certificate comes from.
    pub certificates: CertificateSource,
    /// The authorities whose certificates validating nodes must show; `None`: their credential is enough.
    pub node_ca: Option<PathBuf>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM files.
    Files {
        /// The certificate and its chain.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// An authority.
    Acme(AcmeConfig),
}

/// `[server.tls.acme]`: an authority that issues certificates by ACME (RFC 8555).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The names that certificates are for, one or more.
    pub domains: Vec<String>,
    /// E-mail addresses for the authority to write to.
    pub contact: Vec<String>,
    /// The authority's directory, `https://`.
    pub directory: String,
    /// The folder for the account and the certificates, with their private keys.
    pub cache: PathBuf,
    /// Whose certificate the directory shows, a PEM file; `None`: a public authority's.
    pub ca: Option<PathBuf>,
}

/// `[database]`: the event store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `postgres://`, `postgresql://` or `sqlite://`.
    pub url: ServiceUrl,
    /// Bring the schema up to date at start.
    pub migrate: bool,
    /// The most connections that requests and read models share. On PostgreSQL the process holds up to five more.
    pub max_connections: u32,
}

/// `[bus]`: the message broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// `amqp://` or `amqps://`; `None` is the bus in the process.
    pub url: Option<ServiceUrl>,
}

/// `[security]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityConfig {
    /// The master key's file, made at the first start; see [`crate::vault::Vault::open_or_create`].
    pub master_key_file: PathBuf,
}

/// `[authentication]`: how often somebody may try, on all API nodes together. Each is 1 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// Requests to the endpoints for authentication from one address.
    pub requests_per_minute: u32,
    /// Failed attempts from one address.
    pub failures_per_minute: u32,
    /// Failed attempts of strangers on one account.
    pub account_failures_per_hour: u32,
    /// Access tokens that one OAuth client is issued.
    pub client_tokens_per_minute: u32,
    /// Those of them that it is issued for refresh tokens of one consent.
    pub grant_refreshes_per_hour: u32,
}

/// `[signing]`: the keys that access tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningConfig {
    /// What is signed with; there is a key for each, and the first one is the usual one.
    pub algorithms: Vec<Algorithm>,
}

/// `[dialects]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectsConfig {
    /// The folder of their files; `None` is the built-in five.
    pub path: Option<PathBuf>,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The folder of the usage journal and the node's id, of one process alone.
    pub data: PathBuf,
}

/// `[nodes]`: what validating nodes may take of an API node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodesConfig {
    /// The most streams of all of them together.
    pub max_streams: u32,
    /// The most streams of those with one credential.
    pub max_streams_per_credential: u32,
}

/// `[control]`: how a validating node reaches the API nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlConfig {
    /// The API nodes, one or more, `http://` or `https://`, without slashes at their ends.
    pub urls: Vec<String>,
    /// The node's credential, from `nexus nodes create`.
    pub credential: Secret,
    /// The authorities to trust instead of the public ones: a PEM file.
    pub ca: Option<PathBuf>,
    /// The node's own certificate and its private key, where the API nodes want one: PEM files.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// `[usage]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageConfig {
    /// What is kept of each request.
    pub detail: UsageDetail,
    /// The longest time until a use is counted, a whole number of seconds from 1 s to 60 s.
    pub window: Duration,
}

/// `usage.detail`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageDetail {
    /// Time, method, path, address, request id, client version and verdict of each request.
    Requests,
    /// Numbers by outcome alone.
    Counts,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
    /// A level, or directives such as `info,nexus_api=debug`.
    pub level: String,
}

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}
