//! A private PostgreSQL that a test may restart without mercy.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::wait::{patience, until};

/// The server. Its data is gone when it is dropped.
pub struct Server {
    programs: PathBuf,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

impl Server {
    /// Starts one where `NEXUS_TEST_PG_BIN` names the folder of the programs.
    ///
    /// # Panics
    /// When it cannot be started, as all methods.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let programs = std::env::var("NEXUS_TEST_PG_BIN").ok().filter(|folder| !folder.is_empty());
        let Some(programs) = programs.map(PathBuf::from) else {
            eprintln!("{test}: skipped, NEXUS_TEST_PG_BIN is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            run(Command::new("chmod").arg("755").arg(folder.path()));
            run(Command::new("install")
                .args(["-d", "-m", "700", "-o", "postgres"])
                .arg(folder.path().join("data")));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { programs, port, process: None, folder };
        let mut initdb = server.program("initdb");
        run(initdb.args(["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"]));
        server.run();
        Some(server)
    }

    /// Its address for `database.url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What `pg_ctl stop -m immediate` does: every process of the server ends at once, without a checkpoint.
    pub fn stop_immediately(&mut self) {
        let mut process = self.process.take().expect("a running server");
        process.signal("QUIT");
        process.wait(patience()).expect("an immediate stop is one");
    }

    /// Sends `STOP` or `CONT` to every process of the server: a machine that hangs, or a network that swallows packets.
    pub fn signal_all(&self, signal: &str) {
        let server = self.process.as_ref().expect("a running server");
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).unwrap();
        // The first: what it forks meanwhile would not be in the list.
        server.signal(signal);
        for child in children.split_whitespace() {
            // It may have ended by itself.
            let _gone = Command::new("kill").args(["-s", signal, child]).stderr(Stdio::null()).status();
        }
    }

    /// Starts it, again if need be, and waits until it has recovered.
    pub fn run(&mut self) {
        let port = self.port.to_string();
        let mut server = self.program("postgres");
        server.args(["-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        self.process = Some(Process::start("PostgreSQL", server.args(["-c", "max_connections=100"])));
        let ready = || {
            let mut command = Command::new(self.programs.join("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &port]).stdin(Stdio::null());
            command.status().unwrap().success()
        };
        assert!(until(Duration::from_secs(60), ready), "PostgreSQL starts");
    }

    /// A program of the server on its data; they refuse to be run by root.
    fn program(&self, name: &str) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
            command.arg(self.programs.join(name));
            command
        } else {
            Command::new(self.programs.join(name))
        };
        // They complain when they cannot return to the folder they were called in.
        command.arg("-D").arg(self.folder.path().join("data")).current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Killed alone, the postmaster would leave its children to find out by themselves.
            process.signal("QUIT");
            process.wait(Duration::from_secs(10));
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
