//! Reads each key into its type, with its default. A new key belongs in the list, in its section's function below, and
//! in `nexus.example.toml`; tests fail where one of them is left out.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_domain::jwt::Algorithm;

use super::address::network;
use super::source::{Keys, Source};
use super::{
    AcmeConfig, AuthenticationConfig, BusConfig, CertificateSource, ConfigError, ControlConfig,
    DatabaseConfig, DialectsConfig, LogConfig, LogFormat, NexusConfig, NodeConfig, NodesConfig, Secret,
    SecurityConfig, ServerConfig, ServiceUrl, SigningConfig, TlsConfig, UsageConfig, UsageDetail,
    ValidatorConfig,
};

/// The keys of `nexus.toml`.
pub(super) const NEXUS_KEYS: &[&str] = &[
    "server.listen",
    "server.public_url",
    "server.trusted_proxies",
    "server.https_only",
    "server.tls.certificate",
    "server.tls.key",
    "server.tls.node_ca",
    "server.tls.acme.domains",
    "server.tls.acme.contact",
    "server.tls.acme.directory",
    "server.tls.acme.cache",
    "server.tls.acme.ca",
    "server.workers",
    "database.url",
    "database.migrate",
    "database.max_connections",
    "bus.url",
    "security.master_key_file",
    "authentication.requests_per_minute",
    "authentication.failures_per_minute",
    "authentication.account_failures_per_hour",
    "authentication.client_tokens_per_minute",
    "authentication.grant_refreshes_per_hour",
    "signing.algorithms",
    "dialects.path",
    "node.data",
    "nodes.max_streams",
    "nodes.max_streams_per_credential",
    "usage.detail",
    "usage.window",
    "log.format",
    "log.level",
];

/// The keys of `validator.toml`.
pub(super) const VALIDATOR_KEYS: &[&str] = &[
    "server.listen",
    "server.public_url",
    "server.trusted_proxies",
    "server.https_only",
    "server.tls.certificate",
    "server.tls.key",
    "server.workers",
    "control.urls",
    "control.credential",
    "control.ca",
    "control.certificate",
    "control.key",
    "bus.url",
    "dialects.path",
    "node.data",
    "node.dialects",
    "log.format",
    "log.level",
];

const NEXUS: Keys = Keys { known: NEXUS_KEYS, file: "nexus.toml", example: "nexus.example.toml" };
const VALIDATOR: Keys =
    Keys { known: VALIDATOR_KEYS, file: "validator.toml", example: "validator.example.toml" };

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const DATABASES: &[&str] = &["postgres", "postgresql", "sqlite"];
const BROKERS: &[&str] = &["amqp", "amqps"];
/// What others' libraries tell at `info`, such as each migration that is there already, drowns what the program itself does.
const USUAL_LEVEL: &str = "warn,nexus=info";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl NexusConfig {
    /// Reads this file, if one is named, and the variables over it. Pass `std::env::vars()`, or what a test needs.
    /// Paths stay as they are written, so relative ones start at the process's working directory.
    ///
    /// # Errors
    /// The first thing that is wrong, unknown keys before wrong values.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut source = Source::read(path, environment, &NEXUS, &VALIDATOR)?;
        let config = Self::read(&mut source);
        source.finish().map(|()| config)
    }

    /// What a complaint was made about has its default here, or a place-holder: nobody gets to see it.
    fn read(source: &mut Source) -> Self {
        let node_ca = source.text("server.tls.node_ca").map(PathBuf::from);
        let acme = acme(source);
        Self {
            server: server(source, SocketAddr::from(([127, 0, 0, 1], 8080)), node_ca, acme),
            database: database(source),
            bus: bus(source),
            security: SecurityConfig {
                master_key_file: folder(source, "security.master_key_file", "nexus.key"),
            },
            authentication: authentication(source),
            signing: signing(source),
            dialects: DialectsConfig { path: source.text("dialects.path").map(PathBuf::from) },
            node: NodeConfig { data: folder(source, "node.data", "nexus-data") },
            nodes: NodesConfig {
                max_streams: source.integer("nodes.max_streams", 1, 1_000_000).unwrap_or(10_000),
                max_streams_per_credential: source
                    .integer("nodes.max_streams_per_credential", 1, 1_000_000)
                    .unwrap_or(1_000),
            },
            usage: usage(source),
            log: log(source),
        }
    }
}

impl ValidatorConfig {
    /// As [`NexusConfig::load`].
    ///
    /// # Errors
    /// As [`NexusConfig::load`].
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut source = Source::read(path, environment, &VALIDATOR, &NEXUS)?;
        let config = Self::read(&mut source);
        source.finish().map(|()| config)
    }

    fn read(source: &mut Source) -> Self {
        let dialects = source.list("node.dialects");
        if dialects.as_ref().is_some_and(Vec::is_empty) {
            source.reject("node.dialects", "name one or more, or leave it out for all".to_owned());
        }
        Self {
            server: server(source, SocketAddr::from(([127, 0, 0, 1], 9090)), None, None),
            control: control(source),
            bus: bus(source),
            node: NodeConfig { data: folder(source, "node.data", "nexus-node") },
            dialects_path: source.text("dialects.path").map(PathBuf::from),
            dialects,
            log: log(source),
        }
    }
}

fn server(
    source: &mut Source,
    listen: SocketAddr,
    node_ca: Option<PathBuf>,
    acme: Option<AcmeConfig>,
) -> ServerConfig {
    let listen = source
        .parsed("server.listen", |text| {
            text.parse().map_err(|_| {
                format!("`{text}` is not an address and a port, such as 127.0.0.1:8080 or [::]:8080 (a name will not do)")
            })
        })
        .unwrap_or(listen);
    let public_url = source.parsed("server.public_url", web_url);
    let proxies = source.list("server.trusted_proxies").unwrap_or_default();
    let trusted_proxies =
        proxies.iter().map(|text| network(text)).collect::<Result<_, _>>().unwrap_or_else(|message| {
            source.reject("server.trusted_proxies", message);
            Vec::new()
        });
    let tls = tls(source, node_ca, acme);
    let https_only = source.boolean("server.https_only").unwrap_or(false);
    if https_only && tls.is_none() && trusted_proxies.is_empty() {
        let message = "nobody could reach this server: name a certificate under server.tls, or the proxy that ends TLS in server.trusted_proxies";
        source.reject("server.https_only", message.to_owned());
    }
    let public_url = public_url.unwrap_or_else(|| own_url(listen, tls.is_some()));
    ServerConfig {
        listen,
        public_url,
        trusted_proxies,
        https_only,
        tls,
        workers: source.integer("server.workers", 1, 1_024),
    }
}

/// TLS, where a certificate is named or an authority.
fn tls(source: &mut Source, node_ca: Option<PathBuf>, acme: Option<AcmeConfig>) -> Option<TlsConfig> {
    let certificate = source.text("server.tls.certificate").map(PathBuf::from);
    let key = source.text("server.tls.key").map(PathBuf::from);
    let certificates = match (certificate, key, acme) {
        (None, None, Some(acme)) => CertificateSource::Acme(acme),
        (Some(certificate), Some(key), None) => CertificateSource::Files { certificate, key },
        (Some(_), _, Some(_)) => {
            let either = "a file is named, and an authority under server.tls.acme: keep one of them";
            source.reject("server.tls.certificate", either.to_owned());
            return None;
        }
        (None, None, None) => {
            if node_ca.is_some() {
                let needed =
                    "certificates of nodes can be asked for with TLS alone: set it, and server.tls.key";
                source.reject("server.tls.certificate", needed.to_owned());
            }
            return None;
        }
        (Some(_), None, None) => {
            source.reject("server.tls.key", "the certificate's private key, a PEM file".to_owned());
            return None;
        }
        (None, Some(_), _) => {
            source.reject("server.tls.certificate", "the private key's certificate, a PEM file".to_owned());
            return None;
        }
    };
    Some(TlsConfig { certificates, node_ca })
}

/// An authority, where domains are named.
fn acme(source: &mut Source) -> Option<AcmeConfig> {
    let contact = source.list("server.tls.acme.contact");
    let directory = source.parsed("server.tls.acme.directory", |text| match web_url(text) {
        Ok(url) if url.starts_with("https://") => Ok(url),
        Ok(_) | Err(_) => Err("it must be a URL that begins with https://".to_owned()),
    });
    let cache = source.text("server.tls.acme.cache").map(PathBuf::from);
    let ca = source.text("server.tls.acme.ca").map(PathBuf::from);
    let Some(domains) = source.list("server.tls.acme.domains").filter(|domains| !domains.is_empty()) else {
        if contact.is_some() || directory.is_some() || cache.is_some() || ca.is_some() {
            let needed = "the names that certificates are for, one or more";
            source.reject("server.tls.acme.domains", needed.to_owned());
        }
        return None;
    };
    Some(AcmeConfig {
        domains,
        contact: contact.unwrap_or_default(),
        directory: directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
        cache: cache.unwrap_or_else(|| PathBuf::from("nexus-acme")),
        ca,
    })
}

/// What a process is reached as from its own machine. An unspecified address is listened on, not connected to.
fn own_url(listen: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    if listen.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", listen.port())
    } else {
        format!("{scheme}://{listen}")
    }
}

fn database(source: &mut Source) -> DatabaseConfig {
    let example = "such as postgres://user:password@host/nexus or sqlite://nexus.db";
    DatabaseConfig {
        url: service_url(source, "database.url", DATABASES).unwrap_or_else(|| {
            source.reject("database.url", example.to_owned());
            ServiceUrl::nowhere()
        }),
        migrate: source.boolean("database.migrate").unwrap_or(true),
        max_connections: source.integer("database.max_connections", 1, 10_000).unwrap_or(20),
    }
}

fn authentication(source: &mut Source) -> AuthenticationConfig {
    let mut limit = |key, usual| source.integer(key, 1, 10_000).unwrap_or(usual);
    AuthenticationConfig {
        requests_per_minute: limit("authentication.requests_per_minute", 100),
        failures_per_minute: limit("authentication.failures_per_minute", 10),
        account_failures_per_hour: limit("authentication.account_failures_per_hour", 100),
        client_tokens_per_minute: limit("authentication.client_tokens_per_minute", 600),
        grant_refreshes_per_hour: limit("authentication.grant_refreshes_per_hour", 60),
    }
}

fn bus(source: &mut Source) -> BusConfig {
    BusConfig { url: service_url(source, "bus.url", BROKERS) }
}

fn control(source: &mut Source) -> ControlConfig {
    let urls = source.list("control.urls").unwrap_or_default();
    if urls.is_empty() {
        source.reject("control.urls", "the URLs of one API node or more".to_owned());
    }
    let urls = urls.iter().map(|url| web_url(url)).collect::<Result<_, _>>().unwrap_or_else(|message| {
        source.reject("control.urls", message);
        Vec::new()
    });
    let credential = source.text("control.credential").unwrap_or_default();
    if credential.is_empty() {
        source.reject("control.credential", "what `nexus nodes create` gave".to_owned());
    }
    let certificate = source.text("control.certificate").map(PathBuf::from);
    let key = source.text("control.key").map(PathBuf::from);
    let certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            source.reject("control.key", "the certificate's private key, a PEM file".to_owned());
            None
        }
        (None, Some(_)) => {
            source.reject("control.certificate", "the private key's certificate, a PEM file".to_owned());
            None
        }
    };
    let ca = source.text("control.ca").map(PathBuf::from);
    ControlConfig { urls, credential: Secret::new(credential), ca, certificate }
}

fn signing(source: &mut Source) -> SigningConfig {
    let named = source.list("signing.algorithms");
    let usual = vec![Algorithm::EdDsa, Algorithm::Es256];
    let read = |names: &Vec<String>| {
        let one = |name: &String| Algorithm::parse(name).filter(|known| *known != Algorithm::Hs256);
        let known = names.iter().map(one).collect::<Option<Vec<_>>>()?;
        let mut sorted = known.clone();
        sorted.sort_unstable();
        sorted.dedup();
        (!known.is_empty() && sorted.len() == known.len()).then_some(known)
    };
    let algorithms = named.as_ref().map_or_else(|| Some(usual.clone()), read);
    let algorithms = algorithms.unwrap_or_else(|| {
        let wanted = "name EdDSA, ES256 or RS256, each once; the first one is the usual one";
        source.reject("signing.algorithms", wanted.to_owned());
        usual
    });
    SigningConfig { algorithms }
}

fn usage(source: &mut Source) -> UsageConfig {
    let detail = source.parsed("usage.detail", |text| match text {
        "requests" => Ok(UsageDetail::Requests),
        "counts" => Ok(UsageDetail::Counts),
        _ => Err(format!("`{text}` is neither \"requests\" nor \"counts\"")),
    });
    let window = source.parsed("usage.window", |text| {
        let window = nexus_domain::duration::parse(text).map_err(|error| error.to_string())?;
        window
            .to_std()
            .ok()
            .filter(|window| (1..=60).contains(&window.as_secs()))
            .ok_or_else(|| format!("`{text}` is not from 1s to 60s"))
    });
    UsageConfig {
        detail: detail.unwrap_or(UsageDetail::Requests),
        window: window.unwrap_or(Duration::from_secs(60)),
    }
}

fn log(source: &mut Source) -> LogConfig {
    let format = source.parsed("log.format", |text| match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(format!("`{text}` is neither \"json\" nor \"text\"")),
    });
    let level = source.parsed("log.level", |text| {
        let known = |level: &str| LEVELS.contains(&level.to_ascii_lowercase().as_str());
        let wrong =
            text.split(',').find(|part| !part.rsplit('=').next().is_some_and(|level| known(level.trim())));
        match wrong {
            None => Ok(text.to_owned()),
            Some(wrong) => Err(format!(
                "`{wrong}` is not {}, or one of them for a part, such as nexus_api=debug",
                LEVELS.join(", ")
            )),
        }
    });
    LogConfig {
        format: format.unwrap_or(LogFormat::Json),
        level: level.unwrap_or_else(|| USUAL_LEVEL.to_owned()),
    }
}

fn folder(source: &mut Source, key: &'static str, default: &str) -> PathBuf {
    source.text(key).unwrap_or_else(|| default.to_owned()).into()
}

fn service_url(source: &mut Source, key: &'static str, schemes: &[&str]) -> Option<ServiceUrl> {
    source.parsed(key, |text| ServiceUrl::parse(text, schemes))
}

fn web_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@".contains(c))
    });
    if fits {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("it must be a URL such as https://nexus.example.com, without user, query or fragment".to_owned())
    }
}
