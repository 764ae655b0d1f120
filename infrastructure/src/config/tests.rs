//! What the configuration takes, what it says to mistakes, and that the example file tells the truth.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::read::{NEXUS_KEYS, VALIDATOR_KEYS};
use super::*;

const EXAMPLE: &str = include_str!("../../../nexus.example.toml");
const VALIDATOR_EXAMPLE: &str = include_str!("../../../validator.example.toml");
const DATABASE: &str = "[database]\nurl = \"sqlite://nexus.db\"\n";
const CONTROL: &str = "[control]\nurls = [\"http://127.0.0.1:8080\"]\ncredential = \"nxm_…\"\n";
/// Settings whose line in an example is one.
const WITHOUT_DEFAULT: &[&str] = &[
    "server.tls.certificate",
    "server.tls.key",
    "server.tls.node_ca",
    "server.tls.acme.domains",
    "server.tls.acme.contact",
    "server.tls.acme.directory",
    "server.tls.acme.cache",
    "server.tls.acme.ca",
    "server.workers",
    "control.ca",
    "control.certificate",
    "control.key",
    "bus.url",
    "dialects.path",
    "node.dialects",
];

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn with_file<T>(text: &str, load: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.toml");
    std::fs::write(&path, text).unwrap();
    load(&path)
}

fn nexus(text: &str, pairs: &[(&str, &str)]) -> Result<NexusConfig, ConfigError> {
    with_file(text, |path| NexusConfig::load(Some(path), variables(pairs)))
}

fn validator(text: &str, pairs: &[(&str, &str)]) -> Result<ValidatorConfig, ConfigError> {
    with_file(text, |path| ValidatorConfig::load(Some(path), variables(pairs)))
}

/// The message from the file's name on.
fn complaint<T: std::fmt::Debug>(result: Result<T, ConfigError>) -> String {
    let message = result.unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message.split_once("/nexus.toml").map_or(message.clone(), |(_, rest)| format!("nexus.toml{rest}"))
}

#[test]
fn a_database_is_enough() {
    let config = nexus(DATABASE, &[]).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.server.public_url, "http://127.0.0.1:8080");
    assert!(config.database.migrate);
    assert_eq!(config.bus.url, None);
    assert_eq!(config.security.master_key_file, Path::new("nexus.key"));
    assert_eq!(config.dialects.path, None);
    assert_eq!(config.node.data, Path::new("nexus-data"));
    assert_eq!(config.usage.detail, UsageDetail::Requests);
    assert_eq!(config.log.format, LogFormat::Json);
    let from_variables = NexusConfig::load(None, variables(&[("NEXUS__DATABASE__URL", "sqlite://nexus.db")]));
    assert_eq!(from_variables.unwrap(), config);
}

#[test]
fn every_key_is_taken_from_the_file() {
    let config = nexus(
        r#"
        [server]
        listen = "[::1]:443"
        public_url = "https://nexus.example.com/"
        trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
        https_only = true
        tls = { certificate = "cert.pem", key = "key.pem" }
        workers = 4
        [database]
        url = "postgresql://nexus:secret@db/nexus"
        migrate = false
        max_connections = 0x40
        [bus]
        url = "amqps://nexus:secret@mq/%2f"
        [security]
        master_key_file = "/etc/nexus/nexus.key"
        [authentication]
        requests_per_minute = 600
        failures_per_minute = 20
        account_failures_per_hour = 50
        client_tokens_per_minute = 1000
        grant_refreshes_per_hour = 30
        [dialects]
        path = "dialects"
        [node]
        data = "/var/lib/nexus"
        [usage]
        detail = "counts"
        window = "30s"
        [log]
        format = "text"
        level = "warn,nexus_api=debug"
        "#,
        &[],
    )
    .unwrap();
    assert_eq!(config.server.listen, "[::1]:443".parse().unwrap());
    assert_eq!(config.server.public_url, "https://nexus.example.com");
    assert!(config.server.trusted_proxies[0].contains(&"10.1.2.3".parse::<std::net::IpAddr>().unwrap()));
    assert_eq!(config.server.trusted_proxies[1].to_string(), "192.0.2.1/32");
    assert!(config.server.https_only);
    let tls = config.server.tls.as_ref().unwrap();
    let files = CertificateSource::Files { certificate: "cert.pem".into(), key: "key.pem".into() };
    assert_eq!(tls.certificates, files);
    assert_eq!(config.server.workers, Some(4));
    assert_eq!(config.database.url.scheme(), "postgresql");
    assert!(!config.database.migrate);
    assert_eq!(config.database.max_connections, 64);
    assert_eq!(config.bus.url.as_ref().unwrap().expose(), "amqps://nexus:secret@mq/%2f");
    assert_eq!(config.security.master_key_file, Path::new("/etc/nexus/nexus.key"));
    let authentication = config.authentication;
    assert_eq!(
        (authentication.requests_per_minute, authentication.failures_per_minute),
        (600, 20),
        "{authentication:?}"
    );
    assert_eq!(authentication.account_failures_per_hour, 50);
    assert_eq!(
        (authentication.client_tokens_per_minute, authentication.grant_refreshes_per_hour),
        (1000, 30),
        "{authentication:?}"
    );
    assert_eq!(config.dialects.path.as_deref(), Some(Path::new("dialects")));
    assert_eq!(config.node.data, Path::new("/var/lib/nexus"));
    assert_eq!(config.usage, UsageConfig { detail: UsageDetail::Counts, window: Duration::from_secs(30) });
    assert_eq!(config.log, LogConfig { format: LogFormat::Text, level: "warn,nexus_api=debug".to_owned() });
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
}

#[test]
fn every_key_is_taken_from_a_variable() {
    let config = nexus(
        "[server]\nworkers = 2\n[database]\nurl = \"sqlite://nexus.db\"",
        &[
            ("NEXUS__SERVER__LISTEN", "0.0.0.0:80"),
            ("NEXUS__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
            ("NEXUS__SERVER__TLS__CERTIFICATE", "cert.pem"),
            ("NEXUS__SERVER__TLS__KEY", "key.pem"),
            ("NEXUS__SERVER__WORKERS", "8"),
            ("NEXUS__DATABASE__URL", "postgres://db/nexus"),
            ("NEXUS__DATABASE__MIGRATE", "false"),
            ("NEXUS__DATABASE__MAX_CONNECTIONS", "7"),
            ("NEXUS__SECURITY__MASTER_KEY_FILE", "1234"),
            ("NEXUS__CONTROL__URLS", "for another kind of process"),
            ("NEXUS__BUS__URL", ""),
            ("NEXUS_URL", "another program's"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.public_url, "https://localhost:80");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.server.workers, Some(8));
    assert_eq!(config.database.url.expose(), "postgres://db/nexus");
    assert!(!config.database.migrate);
    assert_eq!(config.database.max_connections, 7);
    assert_eq!(config.security.master_key_file, Path::new("1234"));
    assert_eq!(config.bus.url, None);

    let file = "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n[database]\nurl = \"sqlite://nexus.db\"";
    let proxies =
        |value| nexus(file, &[("NEXUS__SERVER__TRUSTED_PROXIES", value)]).unwrap().server.trusted_proxies;
    assert_eq!(proxies("[]").len(), 0);
    assert_eq!(proxies("[\"10.0.0.0/8\", \"::1\"]").len(), 2);
}

#[test]
fn unknown_keys_are_told_the_nearest_known_one() {
    for (text, says) in [
        (
            "[server]\nlisten = \"127.0.0.1:1\"\n[database]\nulr = \"x\"\n",
            "nexus.toml:4: unknown key `database.ulr`: did you mean `database.url`?",
        ),
        ("[sever]\nlisten = \"x\"\n", "nexus.toml:1: unknown key `sever`: did you mean `server`?"),
        (
            "[server]\nmax_connections = 3\n",
            "nexus.toml:2: unknown key `server.max_connections`: did you mean `database.max_connections`?",
        ),
        (
            "[server.tls]\ncertificat = \"x\"\n",
            "nexus.toml:2: unknown key `server.tls.certificat`: did you mean `server.tls.certificate`?",
        ),
        (
            "[control]\nurls = []\n",
            "nexus.toml:1: unknown key `control`: it belongs into validator.toml, not here",
        ),
        (
            "[node]\ndialects = []\n",
            "nexus.toml:2: unknown key `node.dialects`: it belongs into validator.toml, not here",
        ),
        ("foo = 1\n", "nexus.toml:1: unknown key `foo`: nexus.example.toml explains every key that there is"),
        ("listen = \"x\"\n", "nexus.toml:1: unknown key `listen`: did you mean `server.listen`?"),
    ] {
        let complaint = complaint(nexus(text, &[]));
        assert!(complaint.starts_with(says), "{complaint}");
    }
    assert_eq!(
        complaint(nexus(DATABASE, &[("NEXUS__SERVER__LISTN", "x")])),
        "NEXUS__SERVER__LISTN: unknown key `server.listn`: did you mean `NEXUS__SERVER__LISTEN`?"
    );
    let complaint = complaint(validator("[database]\nurl = \"sqlite://nexus.db\"\n", &[]));
    assert_eq!(complaint, "nexus.toml:1: unknown key `database`: it belongs into nexus.toml, not here");
}

#[test]
fn wrong_values_are_told_what_is_right() {
    for (text, says) in [
        (
            "[server]\nworkers = \"four\"",
            "nexus.toml:2: server.workers: it must be a whole number, not the text `four`",
        ),
        ("[server]\nworkers = 0", "nexus.toml:2: server.workers: 0 is not from 1 to 1024"),
        (
            "[server]\nworkers = 1.5",
            "nexus.toml:2: server.workers: it must be a whole number, not a fraction",
        ),
        ("\n\n[server]\nlisten = 8080", "nexus.toml:4: server.listen: it must be a text, not 8080"),
        (
            "[server]\nlisten = \"localhost:8080\"",
            "nexus.toml:2: server.listen: `localhost:8080` is not an address and a port, such as",
        ),
        (
            "[server]\npublic_url = \"nexus.example.com\"",
            "nexus.toml:2: server.public_url: it must be a URL such as https://nexus.example.com",
        ),
        (
            "[server]\ntrusted_proxies = \"10.0.0.0/8\"",
            "nexus.toml:2: server.trusted_proxies: it must be a list of texts, not the text `10.0.0.0/8`",
        ),
        (
            "[server]\ntrusted_proxies = [\"proxy\"]",
            "nexus.toml:2: server.trusted_proxies: `proxy` is neither an address nor a network",
        ),
        ("[server]\nhttps_only = \"yes\"", "nexus.toml:2: server.https_only: it must be true or false"),
        (
            "[server]\nhttps_only = true",
            "nexus.toml:2: server.https_only: nobody could reach this server: name a certificate under server.tls, or the proxy",
        ),
        (
            "[server]\ntls = { certificate = \"c\" }",
            "server.tls.key is missing: set it in the configuration file or as NEXUS__SERVER__TLS__KEY: the certificate's",
        ),
        (
            "[server]\ntls = true",
            "nexus.toml:2: unknown key `server.tls`: it is a section: write [server.tls]",
        ),
        (
            "[server.tls.acme]\ncontact = [\"ops@example.com\"]",
            "server.tls.acme.domains is missing: set it in the configuration file or as NEXUS__SERVER__TLS__ACME__DOMAINS: the names",
        ),
        (
            "[server.tls]\ncertificate = \"c\"\nkey = \"k\"\nacme = { domains = [\"a\"] }",
            "nexus.toml:2: server.tls.certificate: a file is named, and an authority under server.tls.acme: keep one",
        ),
        (
            "[server.tls.acme]\ndomains = [\"a\"]\ndirectory = \"http://ca\"",
            "nexus.toml:3: server.tls.acme.directory: it must be a URL that begins with https://",
        ),
        ("[database]\nurl = { secret = 1 }", "nexus.toml:2: database.url: it must be a text, not a section"),
        (
            "[database]\nurl = \"mysql://u:secret@db\"",
            "nexus.toml:2: database.url: it must be a URL that begins with postgres://, postgresql:// or sqlite://",
        ),
        (
            "[database]\nurl = \"sqlite://nexus.db\"\nmigrate = \"yes\"",
            "nexus.toml:3: database.migrate: it must be true or false, not the text `yes`",
        ),
        (
            "[bus]\nurl = \"http://u:secret@mq\"",
            "nexus.toml:2: bus.url: it must be a URL that begins with amqp:// or amqps://",
        ),
        (
            "[usage]\ndetail = \"all\"",
            "nexus.toml:2: usage.detail: `all` is neither \"requests\" nor \"counts\"",
        ),
        ("[usage]\nwindow = \"2h\"", "nexus.toml:2: usage.window: `2h` is not from 1s to 60s"),
        ("[usage]\nwindow = \"soon\"", "nexus.toml:2: usage.window: `soon` is not a duration"),
        ("[log]\nlevel = \"loud\"", "nexus.toml:2: log.level: `loud` is not off, error"),
        ("[server]\nlisten = ", "nexus.toml:2: not valid TOML: "),
        ("[server]\nworkers = 1\nworkers = 2", "nexus.toml:3: not valid TOML: "),
        (
            "",
            "database.url is missing: set it in the configuration file or as NEXUS__DATABASE__URL: such as postgres://",
        ),
    ] {
        // A section that the text lacks comes from a variable, so that each text has one mistake.
        let database = if text.contains("[database]") || text.is_empty() { "" } else { "sqlite://nexus.db" };
        let complaint = complaint(nexus(text, &[("NEXUS__DATABASE__URL", database)]));
        assert!(complaint.starts_with(says), "{complaint}\n{says}");
        assert!(!complaint.contains("secret"), "{complaint}");
    }
    assert_eq!(
        complaint(nexus(DATABASE, &[("NEXUS__SERVER__WORKERS", "many")])),
        "NEXUS__SERVER__WORKERS: server.workers: it must be a whole number, not the text `many`"
    );
}

#[test]
fn a_missing_file_says_what_to_do() {
    let message =
        NexusConfig::load(Some(Path::new("absent.toml")), std::iter::empty()).unwrap_err().to_string();
    assert_eq!(
        message,
        "absent.toml does not exist: copy nexus.example.toml to it and edit it, or name another file with --config"
    );
    let message = ValidatorConfig::load(Some(Path::new("absent.toml")), std::iter::empty()).unwrap_err();
    assert!(message.to_string().contains("copy validator.example.toml to it"), "{message}");
}

#[test]
fn a_validating_node_needs_to_know_its_api_nodes() {
    let text = "[control]\nurls = [\"http://127.0.0.1:8080/\"]\ncredential = \"secret\"\n[node]\ndialects = [\"nexus\"]";
    // A database for other processes of the same environment does no harm.
    let config = validator(text, &[("NEXUS__DATABASE__URL", "postgres://db")]).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(config.control.urls, ["http://127.0.0.1:8080"]);
    assert_eq!(config.control.credential.expose(), "secret");
    assert_eq!(config.node.data, Path::new("nexus-node"));
    assert_eq!(config.dialects, Some(vec!["nexus".to_owned()]));
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");

    assert!(complaint(validator("", &[])).starts_with("control.urls is missing"));
    let without = "[control]\nurls = [\"http://127.0.0.1:8080\"]\n";
    assert!(complaint(validator(without, &[])).starts_with("control.credential is missing"));
    assert!(complaint(validator(DATABASE, &[])).starts_with("nexus.toml:1: unknown key `database`"));
}

#[test]
fn a_validating_node_of_no_dialect_is_none() {
    let control = "[control]\nurls = [\"http://127.0.0.1:8080\"]\ncredential = \"secret\"\n";
    assert_eq!(validator(control, &[]).unwrap().dialects, None, "all of them");
    let none = format!("{control}[node]\ndialects = []");
    let name = "name one or more, or leave it out for all";
    assert_eq!(complaint(validator(&none, &[])), format!("nexus.toml:5: node.dialects: {name}"));
    let by_variable = complaint(validator(control, &[("NEXUS__NODE__DIALECTS", "[]")]));
    assert_eq!(by_variable, format!("NEXUS__NODE__DIALECTS: node.dialects: {name}"));
}

/// The commented settings of an example, `#key = value`, as their keys with sections and their values.
fn commented(example: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in example.lines() {
        if let Some(name) = line.trim_start_matches('#').strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        let setting = line.strip_prefix('#').and_then(|setting| setting.split_once(" = "));
        if let Some((name, value)) = setting.filter(|(name, _)| !name.contains(' ')) {
            settings.push((format!("{section}.{name}"), value.trim().trim_matches('"').to_owned()));
        }
    }
    settings
}

/// An example with every setting that it shows.
fn uncommented(example: &str) -> String {
    example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|setting| !setting.starts_with(' ')).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The keys of an example: those that must be given, and the commented ones, each of which shows its default.
fn keys_of(example: &str, given: &[&str], has_default: impl Fn(&str, &str) -> bool) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> = given.iter().map(|key| (*key).to_owned()).collect();
    for (key, value) in commented(example) {
        let shown = WITHOUT_DEFAULT.contains(&key.as_str()) || has_default(&source::variable(&key), &value);
        assert!(shown, "{key} = {value}");
        keys.insert(key);
    }
    keys
}

fn all(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn the_example_holds_the_defaults() {
    let defaults = nexus(DATABASE, &[]).unwrap();
    assert_eq!(nexus(EXAMPLE, &[]).unwrap(), defaults);
    let is_default = |variable: &str, value: &str| nexus(DATABASE, &[(variable, value)]).unwrap() == defaults;
    assert_eq!(keys_of(EXAMPLE, &["database.url"], is_default), all(NEXUS_KEYS));
}

#[test]
fn the_example_of_a_validating_node_holds_the_defaults() {
    let defaults = validator(CONTROL, &[]).unwrap();
    assert_eq!(validator(VALIDATOR_EXAMPLE, &[]).unwrap(), defaults);
    let is_default =
        |variable: &str, value: &str| validator(CONTROL, &[(variable, value)]).unwrap() == defaults;
    let given = ["control.urls", "control.credential"];
    assert_eq!(keys_of(VALIDATOR_EXAMPLE, &given, is_default), all(VALIDATOR_KEYS));
}

#[test]
fn the_examples_with_every_setting_uncommented_are_valid() {
    // A certificate comes from files or from an authority.
    let (before, acme) = EXAMPLE.split_once("#[server.tls.acme]").unwrap();
    let (acme, after) = acme.split_once("\n\n").unwrap();
    let by_acme = format!("{DATABASE}#[server.tls.acme]{acme}");
    let tls = nexus(&uncommented(&by_acme), &[]).unwrap().server.tls.unwrap();
    assert!(matches!(tls.certificates, CertificateSource::Acme(_)), "{tls:?}");
    let config = nexus(&uncommented(&format!("{before}\n\n{after}")), &[]).unwrap();
    assert!(config.bus.url.is_some() && config.server.tls.is_some() && config.dialects.path.is_some());
    let config = validator(&uncommented(VALIDATOR_EXAMPLE), &[]).unwrap();
    assert!(config.bus.url.is_some() && config.server.tls.is_some() && config.dialects.is_some());
}
