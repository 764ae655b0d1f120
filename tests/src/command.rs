//! The `nexus` program as the tests run it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;

/// The `nexus` program that was built beside the tests.
///
/// # Panics
/// When it was not.
#[must_use]
pub fn nexus() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|folder| folder.ends_with("deps")).and_then(Path::parent);
    let program = folder.unwrap_or_else(|| Path::new(".")).join("nexus");
    assert!(
        program.is_file(),
        "there is no {}: run tests/run.sh, or first cargo build -p nexus",
        program.display()
    );
    program
}

/// A `nexus` command that nothing in the environment of the tests influences.
#[must_use]
pub fn command() -> Command {
    uninfluenced(Command::new(nexus()))
}

/// A command that hands the program nothing of the environment of the tests.
#[must_use]
pub fn uninfluenced(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEXUS_") {
            command.env_remove(name);
        }
    }
    command.env("RUST_BACKTRACE", "0");
    command
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Lines of stdout.
    pub stdout: Vec<String>,
    /// Lines of stderr.
    pub stderr: Vec<String>,
}

impl Finished {
    /// What it printed, as JSON.
    ///
    /// # Panics
    /// When it failed, or printed something else.
    #[must_use]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout.join("\n")).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end, a minute at most.
///
/// # Panics
/// When it takes longer.
#[must_use]
pub fn run(command: &mut Command) -> Finished {
    let mut process = Process::start("nexus", command);
    let status = process.wait(Duration::from_secs(60)).expect("the command ends within a minute");
    Finished { code: status.code(), stdout: process.stdout(), stderr: process.stderr() }
}
