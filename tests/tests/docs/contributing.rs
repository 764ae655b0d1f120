//! What CONTRIBUTING.md tells people to run and to look at is there. The commands themselves run every test, this one
//! included, so they are checked by what they name: scripts, packages, test programs, variables and paths.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::root;

/// What stands between backquotes, and the lines of the blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut quoted = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            quoted.push(line.split(" # ").next().unwrap().trim().to_owned());
        } else {
            quoted.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    quoted
}

/// Each package with the names of its test programs.
fn packages() -> Vec<(String, BTreeSet<String>)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(root());
    let output = cargo.output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tests = |package: &Value| {
        let targets = package["targets"].as_array().unwrap().iter();
        targets.filter(|target| target["kind"][0] == "test").map(|target| text(&target["name"])).collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (text(&package["name"]), tests(package))).collect()
}

/// Whether a Rust file of the tests or crates reads this variable.
fn is_read(folder: &Path, variable: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy();
            !name.starts_with('.') && name != "target" && is_read(&path, variable)
        } else {
            path.extension().is_some_and(|kind| kind == "rs")
                && std::fs::read_to_string(&path).unwrap().contains(&format!("\"{variable}\""))
        }
    })
}

/// The word behind an option.
fn behind<'a>(words: &[&'a str], option: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1).copied())
}

#[test]
fn what_contributing_names_is_there() {
    let page = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let packages = packages();
    let (mut commands, mut paths) = (0, 0);
    for text in quoted(&page) {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(package) = behind(&words, "-p") {
            let (_, tests) = packages.iter().find(|(name, _)| name == package).expect(package);
            let test = behind(&words, "--test");
            assert!(test.is_none_or(|test| tests.contains(test)), "`{text}`: {tests:?}");
            commands += 1;
        }
        for word in words {
            let word = word.trim_end_matches([',', ';', ':']);
            let variable = word.split('=').next().unwrap();
            if variable.starts_with("NEXUS_") {
                assert!(is_read(&root(), variable), "nothing reads {variable}");
            } else if word.contains('/') || word.contains(".toml") || word.contains(".json") {
                // `*.json` stands for the files of a folder.
                let place = root().join(word.split('*').next().unwrap());
                assert!(place.exists(), "`{text}`: there is no {}", place.display());
                paths += 1;
            }
        }
    }
    assert!(commands >= 4 && paths >= 8, "{commands} commands and {paths} paths were found");
}

#[test]
fn the_scripts_can_be_run() {
    for script in ["tests/run.sh", "fuzz/run.sh", "fuzz/instrumented.sh", ".ci/run"] {
        let path = root().join(script);
        assert!(Command::new("bash").arg("-n").arg(&path).status().unwrap().success(), "{script} is bash");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{script} may be run");
        }
    }
}
