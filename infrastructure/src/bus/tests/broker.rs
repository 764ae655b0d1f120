//! A private RabbitMQ that a test may stop, freeze and kill.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lapin::{Connection, ConnectionProperties};
use tempfile::TempDir;

use super::*;

pub(super) struct Broker {
    program: PathBuf,
    folder: TempDir,
    ports: [u16; 3],
    epmd: Child,
    server: Option<Child>,
}

impl Broker {
    /// A new broker, where `NEXUS_TEST_RABBITMQ_SERVER` names the program.
    pub(super) async fn start() -> Option<Self> {
        let program = std::env::var("NEXUS_TEST_RABBITMQ_SERVER").ok().filter(|program| !program.is_empty());
        let Some(program) = program else {
            println!("skipped: NEXUS_TEST_RABBITMQ_SERVER names no program");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let held: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = [0, 1, 2].map(|index: usize| held[index].local_addr().unwrap().port());
        drop(held);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("enabled_plugins", "[].");
        write("rabbitmq-env.conf", "");
        write(
            "rabbitmq.conf",
            &format!("listeners.tcp.1 = 127.0.0.1:{}\ndisk_free_limit.absolute = 50MB\n", ports[0]),
        );
        // Started here, because a node starts its own as a daemon that outlives the test.
        let mut epmd = Command::new("epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &ports[2].to_string()]);
        let epmd = epmd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut broker = Self { program: program.into(), folder, ports, epmd, server: None };
        broker.run().await;
        Some(broker)
    }

    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports[0])
    }

    pub(super) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Starts the server, again if need be, with the data it had.
    pub(super) async fn run(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let log = std::fs::File::create(path("server.log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-noinput").current_dir(self.folder.path()).process_group(0);
        command.env("HOME", self.folder.path()).env("RABBITMQ_ALLOW_INPUT", "1");
        command.env("ERL_EPMD_PORT", self.ports[2].to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        command.env("RABBITMQ_NODENAME", "nexus-relay-test@localhost");
        command.env("RABBITMQ_DIST_PORT", self.ports[1].to_string());
        command.env("RABBITMQ_MNESIA_BASE", path("data")).env("RABBITMQ_LOG_BASE", path("log"));
        command.env("RABBITMQ_PID_FILE", path("pid")).env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"));
        command.env("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config"));
        command.env("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf"));
        command.env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"));
        let arguments = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}";
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.server = Some(command.spawn().unwrap());
        for _ in 0..300 {
            let url = self.url();
            let attempt = Connection::connect(&url, ConnectionProperties::default());
            if let Ok(Ok(connection)) = tokio::time::timeout(Duration::from_secs(2), attempt).await {
                connection.close(200, "OK".into()).await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        panic!("RabbitMQ does not start: {}", read(&path("server.log")));
    }

    /// Ends the server with a signal, `TERM` in order or `KILL` at once, where it has not ended yet.
    pub(super) fn end(&mut self, signal: &str) {
        self.signal(signal);
        if let Some(mut server) = self.server.take() {
            server.wait().unwrap();
        }
    }

    /// Sends a signal such as `STOP` to the server.
    pub(super) fn signal(&self, signal: &str) {
        let Some(server) = &self.server else { return };
        let group = format!("-{}", server.id());
        // It fails where the server has ended by itself.
        Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.end("KILL");
        }
        // A broker left behind by a failed test is worse than a failed clean-up.
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
