//! Processes that are measured: started, asked what they used, and ended as an operator would end them.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::Failure;
use crate::timer::Stopwatch;

/// Of a process's time on processors, as Linux tells it.
const TICKS: f64 = 100.0;

/// Another program of the same build.
pub(crate) fn beside(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is not there; bench/run.sh builds it", path.display()).into())
    }
}

/// A server in a process of its own. Told to end, and waited for, when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The line it printed when it was ready.
    pub(crate) ready: String,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

#[derive(Deserialize)]
struct Logged {
    message: String,
    address: Option<SocketAddr>,
}

impl Server {
    /// Starts `nexus dev` on any port, with so many workers, keeping its data in `data` or nowhere.
    pub(crate) fn nexus(data: Option<&Path>, workers: u32) -> Result<Self, Failure> {
        let mut command = Command::new(beside("nexus")?);
        command.args(["dev", "--port", "0", "--output", "json"]);
        match data {
            Some(folder) => command.arg("--data").arg(folder),
            None => command.arg("--ephemeral"),
        };
        // The load comes as from a gateway on the same machine.
        command.env("NEXUS__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#);
        command.env("NEXUS__SERVER__WORKERS", workers.to_string());
        Self::start(command, "")
    }

    /// Starts `nexus validator` on any port, with so many workers, following `control` and keeping its data in `data`. It may
    /// answer when this returns.
    pub(crate) fn validator(
        control: SocketAddr,
        credential: &str,
        data: &Path,
        workers: u32,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(beside("nexus")?);
        command
            .arg("validator")
            .env("NEXUS__SERVER__LISTEN", "127.0.0.1:0")
            .env("NEXUS__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)
            .env("NEXUS__SERVER__WORKERS", workers.to_string())
            .env("NEXUS__CONTROL__URLS", format!(r#"["http://{control}"]"#))
            .env("NEXUS__CONTROL__CREDENTIAL", credential)
            .env("NEXUS__NODE__DATA", data)
            .env("NEXUS__LOG__FORMAT", "json")
            .env("NEXUS__LOG__LEVEL", "nexus=info");
        Self::logging(command.stdout(Stdio::null()))
    }

    /// Starts `nexus serve` on any port, with so many workers, on a store of its own and keeping its other data in `data`. With
    /// it comes the management credential that its first start shows.
    pub(crate) fn serve(store: &str, data: &Path, workers: u32) -> Result<(Self, String), Failure> {
        let mut command = Command::new(beside("nexus")?);
        command
            .arg("serve")
            .env("NEXUS__DATABASE__URL", store)
            .env("NEXUS__SERVER__LISTEN", "127.0.0.1:0")
            .env("NEXUS__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)
            .env("NEXUS__SERVER__WORKERS", workers.to_string())
            .env("NEXUS__AUTHENTICATION__REQUESTS_PER_MINUTE", "10000")
            .env("NEXUS__AUTHENTICATION__CLIENT_TOKENS_PER_MINUTE", "10000")
            .env("NEXUS__SECURITY__MASTER_KEY_FILE", data.join("nexus.key"))
            .env("NEXUS__NODE__DATA", data.join("node"))
            .env("NEXUS__LOG__FORMAT", "json")
            .env("NEXUS__LOG__LEVEL", "warn,nexus=info");
        let mut server = Self::logging(command.stdout(Stdio::piped()))?;
        let mut first = String::new();
        let stdout = server.child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut first)?;
        let token = first.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        Ok((server, token))
    }

    /// Starts a program that logs `ready` with its address.
    fn logging(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut log = child.stderr.take().map(BufReader::new).ok_or("no log")?;
        let mut ready = String::new();
        let address = loop {
            ready.clear();
            if log.read_line(&mut ready)? == 0 {
                child.wait()?;
                return Err(format!("{command:?} ended before it was ready").into());
            }
            if let Ok(Logged { message, address: Some(address) }) = serde_json::from_str(&ready)
                && message == "ready"
            {
                break address;
            }
        };
        // A log that nobody reads would stop it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, address, ready })
    }

    /// Bytes of memory that it has now.
    pub(crate) fn resident(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024.0)
    }

    /// Starts a program that prints a line with its `url` when it is ready, and gives it `input`.
    pub(crate) fn start(mut command: Command, input: &str) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            BufReader::new(stdout).read_line(&mut ready)?;
        }
        let address = serde_json::from_str::<Ready>(&ready)
            .ok()
            .and_then(|told| told.url.strip_prefix("http://").and_then(|address| address.parse().ok()));
        match address {
            Some(address) => Ok(Self { child, address, ready }),
            None => {
                child.kill()?;
                child.wait()?;
                Err(format!("{command:?} did not become ready: {ready}").into())
            }
        }
    }

    /// Seconds that it has spent on processors, all its threads together.
    pub(crate) fn busy(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // What stands before the bracket is the program's name, which may hold anything.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        let ticks: f64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS)
    }

    /// Waits until it has nothing to do any more, at most a minute.
    pub(crate) async fn calm_down(&self) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        let mut quiet = 0;
        // What it does every few seconds must have had its turn.
        while quiet < 16 && watch.elapsed() < Duration::from_secs(60) {
            let before = self.busy()?;
            tokio::time::sleep(Duration::from_millis(250)).await;
            quiet = if self.busy()? - before <= 1.0 / TICKS { quiet + 1 } else { 0 };
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM lets it drain; where that cannot be sent, the harder way ends it too.
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        if !told.is_ok_and(|status| status.success()) {
            let _gone = self.child.kill();
        }
        let _gone = self.child.wait();
    }
}
