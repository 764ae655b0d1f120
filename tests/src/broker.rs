//! A private RabbitMQ that a test may stop, freeze and kill.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::wait::until;

/// The broker, with an Erlang port mapper of its own. Gone when it is dropped.
pub struct Broker {
    program: PathBuf,
    ports: [u16; 3],
    server: Option<Process>,
    _epmd: Process,
    folder: TempDir,
}

impl Broker {
    /// Starts one where `NEXUS_TEST_RABBITMQ_SERVER` names the program.
    ///
    /// # Panics
    /// When it cannot be started, as all methods.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let program = std::env::var("NEXUS_TEST_RABBITMQ_SERVER").ok().filter(|program| !program.is_empty());
        let Some(program) = program.map(PathBuf::from) else {
            eprintln!("{test}: skipped, NEXUS_TEST_RABBITMQ_SERVER is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = [0, 1, 2].map(|index: usize| held[index].local_addr().unwrap().port());
        drop(held);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("enabled_plugins", "[].");
        write("rabbitmq-env.conf", "");
        let settings = format!("listeners.tcp.1 = 127.0.0.1:{}\ndisk_free_limit.absolute = 50MB\n", ports[0]);
        write("rabbitmq.conf", &settings);
        // Started here, because a node starts its own as a daemon that outlives the test.
        let mut epmd = Command::new("epmd");
        let epmd =
            Process::start("epmd", epmd.args(["-address", "127.0.0.1", "-port", &ports[2].to_string()]));
        let mut broker = Self { program, ports, server: None, _epmd: epmd, folder };
        broker.run();
        Some(broker)
    }

    /// Its address for `bus.url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports[0])
    }

    /// Its port on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Starts the server, again if need be, with the data it had, and waits until it answers.
    pub fn run(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.program);
        // With input allowed, its script becomes the server instead of waiting for it, and signals arrive.
        command.arg("-noinput").env("RABBITMQ_ALLOW_INPUT", "1");
        command.current_dir(self.folder.path()).process_group(0).env("HOME", self.folder.path());
        command.env("ERL_EPMD_PORT", self.ports[2].to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        command.env("RABBITMQ_NODENAME", "nexus-test@localhost");
        command.env("RABBITMQ_DIST_PORT", self.ports[1].to_string());
        command.env("RABBITMQ_MNESIA_BASE", path("data")).env("RABBITMQ_LOG_BASE", path("log"));
        command.env("RABBITMQ_PID_FILE", path("pid")).env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"));
        command.env("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config"));
        command.env("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf"));
        command.env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"));
        let arguments = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}";
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", arguments);
        self.server = Some(Process::start("RabbitMQ", &mut command));
        let port = self.ports[0];
        assert!(until(Duration::from_secs(90), || answers(port)), "RabbitMQ starts");
    }

    /// Ends the server with a signal: `TERM` in good order, `KILL` at once.
    pub fn end(&mut self, signal: &str) {
        self.signal(signal);
        let mut server = self.server.take().expect("a running broker");
        server.wait(Duration::from_secs(30)).expect("RabbitMQ ends");
    }

    /// Sends a signal, such as `STOP` and `CONT`, to the server and its helpers.
    pub fn signal(&self, signal: &str) {
        let group = format!("-{}", self.server.as_ref().expect("a running broker").pid());
        let sent = Command::new("kill").args(["-s", signal, "--", &group]).status().unwrap();
        assert!(sent.success(), "RabbitMQ cannot be sent {signal}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            let group = format!("-{}", server.pid());
            // It may have ended by itself.
            let _gone = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        }
    }
}

/// Whether somebody there speaks AMQP 0-9-1: its first frame answers the header.
fn answers(port: u16) -> bool {
    let attempt = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"AMQP\0\0\x09\x01")?;
        stream.read_exact(&mut [0; 1])
    };
    attempt().is_ok()
}
