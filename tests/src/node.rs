//! A running `nexus serve` or `nexus dev`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{self, Finished};
use crate::http::Client;
use crate::process::Process;
use crate::store::Store;
use crate::wait::patience;

const FIRST_CREDENTIAL: &str = "First management credential, shown this once: ";

/// Settings beside those that every node of the tests has: an own port, store, master key and data folder.
#[derive(Debug, Clone, Default)]
pub struct Options {
    settings: BTreeMap<(String, String), String>,
    variables: Vec<(String, String)>,
}

impl Options {
    /// Sets `section.key` to a TOML value: `.set("server.trusted_proxies", r#"["127.0.0.1/32"]"#)`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        let (section, key) = name.split_once('.').expect("section.key");
        self.settings.insert((section.to_owned(), key.to_owned()), value.to_owned());
        self
    }

    /// Connects to a broker.
    #[must_use]
    pub fn bus(self, url: &str) -> Self {
        self.set("bus.url", &quoted(url))
    }

    /// Reads the dialects from a folder.
    #[must_use]
    pub fn dialects(self, folder: &Path) -> Self {
        self.set("dialects.path", &quoted(&folder.display().to_string()))
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The configuration as TOML.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for ((of, key), value) in &self.settings {
            if of != section {
                section = of;
                let _ = writeln!(text, "[{of}]");
            }
            let _ = writeln!(text, "{key} = {value}");
        }
        text
    }

    /// These settings over those of a node on the store with a data folder of its own.
    #[must_use]
    pub fn over(&self, store: &Store, data: &Path) -> Self {
        let mut all = Self::default()
            .set("server.listen", "\"127.0.0.1:0\"")
            .set("database.url", &quoted(store.url()))
            .set("security.master_key_file", &quoted(&store.folder().join("nexus.key").display().to_string()))
            .set("node.data", &quoted(&data.display().to_string()));
        all.settings.extend(self.settings.clone());
        all.variables.clone_from(&self.variables);
        all
    }
}

/// A node that serves. Killed when it is dropped.
pub struct Node {
    process: Process,
    address: SocketAddr,
    admin_token: String,
    tenants: Vec<(String, String)>,
    dashboard: (String, String),
    home: Option<Home>,
    /// Where `nexus dev` keeps what it removes when it stops, and leaves behind when it is killed.
    _scratch: Option<TempDir>,
}

/// What a node needs to start again as itself.
struct Home {
    store: Store,
    config: PathBuf,
    variables: Vec<(String, String)>,
}

impl Node {
    /// `nexus dev --ephemeral`: a store that is gone when it stops, and a demo tenant for each dialect.
    ///
    /// # Panics
    /// When it does not serve within [`patience`]; so do the others.
    #[must_use]
    pub fn dev() -> Self {
        let mut command = command::command();
        command.args(["dev", "--ephemeral", "--port", "0", "--output", "json"]);
        let scratch = tempfile::tempdir().unwrap();
        command.env("TMPDIR", scratch.path());
        let process = Process::start("nexus dev", &mut command);
        let first = process
            .find_on_stdout(patience(), |line| serde_json::from_str::<Value>(line).ok())
            .expect("nexus dev says where it serves");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let tenants = first["tenants"].as_array().expect("demo tenants");
        Self {
            process,
            address: text(&first["url"]).trim_start_matches("http://").parse().unwrap(),
            admin_token: text(&first["admin_token"]),
            tenants: tenants.iter().map(|tenant| (text(&tenant["dialect"]), text(&tenant["id"]))).collect(),
            dashboard: (text(&first["dashboard"]["email"]), text(&first["dashboard"]["password"])),
            home: None,
            _scratch: Some(scratch),
        }
    }

    /// `nexus serve` on a store, on a port that the system chooses.
    #[must_use]
    pub fn serve(store: &Store, options: &Options) -> Self {
        let number = store.next_node();
        let data = store.folder().join(format!("node-{number}"));
        let options = options.over(store, &data);
        let config = store.folder().join(format!("nexus-{number}.toml"));
        std::fs::write(&config, options.toml()).unwrap();
        Self::start(Home { store: store.clone(), config, variables: options.variables })
    }

    fn start(home: Home) -> Self {
        let mut command = command::command();
        command.arg("serve").arg("--config").arg(&home.config).envs(home.variables.iter().cloned());
        let process = Process::start("nexus serve", &mut command);
        let ready = process.find_on_stderr(patience(), ready_line);
        let Some(address) = ready else {
            panic!("nexus serve is not ready within {:?}:\n{}", patience(), process.stderr().join("\n"))
        };
        let admin_token = home.admin_token(&process);
        Self {
            process,
            address,
            admin_token,
            tenants: Vec::new(),
            dashboard: Default::default(),
            home: Some(home),
            _scratch: None,
        }
    }

    /// Ends it in good order, as [`Node::stop`], and starts it again on the same data. The port is another one.
    #[must_use]
    pub fn restart(mut self) -> Self {
        let status = self.stop();
        assert!(status.success(), "nexus ended with {status}");
        self.start_again()
    }

    /// Starts a node that has ended again, on the same data. The port is another one.
    #[must_use]
    pub fn start_again(mut self) -> Self {
        assert!(!self.process.is_running(), "it still runs");
        let home = self.home.take().expect("an ephemeral node has nothing to start again from");
        drop(self);
        Self::start(home)
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait(patience()).expect("nexus ends after SIGTERM")
    }

    /// SIGKILL: no chance to finish anything.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: it stands still and keeps its connections.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT after [`Node::freeze`].
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// The process, with its output.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The lines of its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process.stderr()
    }

    /// Waits for a line of its log that contains a text.
    pub fn find_in_log(&self, within: Duration, text: &str) -> Option<String> {
        self.process.find_on_stderr(within, |line| line.contains(text).then(|| line.to_owned()))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A management credential that may do everything.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// A client with that credential.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client().bearer(&self.admin_token)
    }

    /// A client without a credential.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// The demo tenant of a dialect, of [`Node::dev`].
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn demo_tenant(&self, dialect: &str) -> &str {
        &self.tenants.iter().find(|(of, _)| of == dialect).expect("a demo tenant of the dialect").1
    }

    /// E-mail and password of the demo admin, of [`Node::dev`].
    #[must_use]
    pub fn dashboard(&self) -> (&str, &str) {
        (&self.dashboard.0, &self.dashboard.1)
    }

    /// The configuration file of [`Node::serve`].
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.home.as_ref().expect("nexus dev has no configuration file").config
    }

    /// A `nexus` command for this server, with the management credential in its environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command::command();
        command.args(arguments).env("NEXUS_URL", self.url()).env("NEXUS_TOKEN", &self.admin_token);
        command
    }

    /// Runs such a command to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Finished {
        command::run(&mut self.command(arguments))
    }
}

impl Home {
    /// The credential that the first start of the store showed; where nobody saw it, another one.
    fn admin_token(&self, process: &Process) -> String {
        let mut known = self.store.admin_token().lock().unwrap();
        if let Some(token) = &*known {
            return token.clone();
        }
        // It is printed before the line that was waited for; the two come through different pipes.
        let printed = || {
            process.find_on_stdout(Duration::from_millis(500), |line| {
                line.strip_prefix(FIRST_CREDENTIAL).map(str::to_owned)
            })
        };
        let token = printed().unwrap_or_else(|| {
            let made = command::run(
                command::command()
                    .args(["admin", "credential", "--output", "json", "--config"])
                    .arg(&self.config),
            );
            made.json()["admin_token"].as_str().expect("a credential").to_owned()
        });
        *known = Some(token.clone());
        token
    }
}

/// The address in the line that a node logs when it serves.
fn ready_line(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == "ready").then(|| line["address"].as_str()?.parse().ok())?
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
