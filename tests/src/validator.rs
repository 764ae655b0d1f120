//! A running `nexus validator`: a validating node in a process of its own, which can be frozen, killed and started again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Issued;
use crate::command;
use crate::http::Client;
use crate::node::Options;
use crate::process::Process;
use crate::store::Store;
use crate::wait::{eventually, patience};

/// The tenant that management credentials belong to.
pub const PLATFORM: &str = "00000000-0000-7000-8000-000000000001";

/// A credential with which a validating node may follow every dialect.
#[must_use]
pub fn node_credential(admin: &Client) -> Issued {
    let body = json!({"name": "Validating node", "scopes": ["nodes:connect"]});
    Issued::of(admin.post(&format!("/v1/tenants/{PLATFORM}/keys"), &body).expect(201).json())
}

/// A port that nobody listens on, and that the system does not give to connections: a process that starts again finds it free.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Each process of the tests begins elsewhere.
    let first = std::process::id().wrapping_mul(97);
    (0..20_000)
        .map(|_| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
        .filter_map(|number| u16::try_from(10_000 + number % 20_000).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// What a validating node runs in.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The address that it listens on.
    pub ip: IpAddr,
    /// What comes before the program on its command line, such as `ip netns exec …`. It must become the program.
    pub within: Vec<String>,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), within: Vec::new(), variables: Vec::new() }
    }
}

/// A validating node. Killed when it is dropped.
pub struct Validator {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
    surroundings: Surroundings,
}

impl Validator {
    /// Starts one with a folder of its own within the store's, and waits until it may answer.
    ///
    /// # Panics
    /// When it may not within [`patience`].
    #[must_use]
    pub fn start(store: &Store, credential: &str, urls: &[String]) -> Self {
        let folder = store.folder().join(format!("validator-{}", store.next_node()));
        let validator = Self::begin(&folder, credential, urls);
        validator.await_ready();
        validator
    }

    /// Starts one on a folder, and does not wait.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn begin(folder: &Path, credential: &str, urls: &[String]) -> Self {
        Self::begin_in(Surroundings::default(), folder, credential, urls)
    }

    /// As [`Validator::begin`], elsewhere.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn begin_in(surroundings: Surroundings, folder: &Path, credential: &str, urls: &[String]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let address = SocketAddr::new(surroundings.ip, free_port());
        let text = |text: &str| Value::from(text).to_string();
        let options = Options::default()
            .set("server.listen", &text(&address.to_string()))
            .set("control.urls", &Value::from(urls).to_string())
            .set("control.credential", &text(credential))
            .set("node.data", &text(&folder.join("data").display().to_string()));
        std::fs::write(folder.join("validator.toml"), options.toml()).unwrap();
        Self { process: run(folder, &surroundings), address, folder: folder.to_owned(), surroundings }
    }

    /// Waits until it says that it may answer.
    ///
    /// # Panics
    /// When it does not within [`patience`].
    pub fn await_ready(&self) {
        let ready = self.process.find_on_stderr(patience(), |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "ready").then_some(())
        });
        let log = || self.process.stderr().join("\n");
        assert!(ready.is_some(), "nexus validator is not ready within {:?}:\n{}", patience(), log());
    }

    /// Waits until it listens, whether it may answer or not.
    pub fn await_listening(&self) {
        eventually("the validating node listens", || std::net::TcpStream::connect(self.address).ok());
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it does not end, or badly.
    pub fn stop(&mut self) {
        self.process.signal("TERM");
        let status = self.process.wait(patience()).expect("nexus validator ends after SIGTERM");
        assert!(status.success(), "nexus validator ended with {status}");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after its end, on the same folder and port, and does not wait.
    ///
    /// # Panics
    /// When it runs.
    pub fn run_again(&mut self) {
        assert!(!self.process.is_running(), "it still runs");
        self.process = run(&self.folder, &self.surroundings);
    }

    /// SIGSTOP: it stands still and keeps its connections.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT after [`Validator::freeze`].
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Where it has its configuration, and in `data` its usage journal and its id.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without a credential.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address))
    }

    /// The lines of its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process.stderr()
    }

    /// Which API node it followed last.
    #[must_use]
    pub fn follows(&self) -> Option<String> {
        let lines = self.log();
        let followed = |line: &String| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "following the log").then(|| line["api"].as_str().map(str::to_owned))?
        };
        lines.iter().rev().find_map(followed)
    }

    /// Waits for a line of its log that contains a text.
    pub fn find_in_log(&self, within: Duration, text: &str) -> Option<String> {
        self.process.find_on_stderr(within, |line| line.contains(text).then(|| line.to_owned()))
    }
}

fn run(folder: &Path, surroundings: &Surroundings) -> Process {
    let mut command = match &surroundings.within[..] {
        [] => command::command(),
        [first, rest @ ..] => {
            let mut command = command::uninfluenced(Command::new(first));
            command.args(rest).arg(command::nexus());
            command
        }
    };
    command.envs(surroundings.variables.iter().cloned());
    command.arg("validator").arg("--config").arg(folder.join("validator.toml"));
    Process::start("nexus validator", &mut command)
}
