//! The SDKs' own tests, with the `nexus` that was built beside these. They stand in `sdk/`, and begin servers themselves.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what a test cannot have fails it, in its helpers as well; it says what it skips"
)]

use std::path::Path;
use std::process::Command;

use nexus_tests::command::uninfluenced;
use nexus_tests::nexus;

/// Seconds that a suite may take on a busy machine.
const LASTS_AT_MOST: &str = "300";

/// Runs a suite in a folder of `sdk/` with the program that the variable names: what it printed. `None` where it names none.
fn suite(variable: &str, folder: &str, arguments: &[&str]) -> Option<String> {
    let Some(program) = std::env::var_os(variable).filter(|program| !program.is_empty()) else {
        eprintln!("sdk/{folder}: skipped, {variable} is not set");
        return None;
    };
    // With the suite, `timeout` ends the servers that it began.
    let mut command = uninfluenced(Command::new("timeout"));
    command.args(["--kill-after=10", LASTS_AT_MOST]).arg(program).args(arguments);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk").join(folder));
    command.env("NEXUS_TEST_PROGRAM", nexus()).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sdk/{folder}: {}\n{printed}\n{told}", output.status);
    Some(printed)
}

#[test]
fn the_packages_for_node_do_what_they_say() {
    let Some(printed) = suite("NEXUS_TEST_NODE", "node", &["--test", "--test-reporter=tap"]) else { return };
    let passed = printed.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<u32>().ok());
    assert!(passed.is_some_and(|passed| passed > 30), "{printed}");
}

#[test]
fn the_package_for_python_does_what_it_says() {
    let Some(printed) = suite("NEXUS_TEST_PYTHON", "python", &["-m", "pytest", "-q"]) else { return };
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.contains(" passed") && !last.contains("skipped"), "{printed}");
}
