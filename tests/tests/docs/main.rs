//! Documents are run: the walk in README.md is replayed against a fresh `nexus dev`, and what it prints is compared with
//! what the page shows. `NEXUS_UPDATE_GOLDEN=1` writes the page anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test cannot have fails it, in its helpers as well"
)]

mod contributing;
mod dialects;
mod security_cases;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What divides the outputs of two commands.
const DIVIDER: &str = "----8<----";

/// Where the page's validating node listens, and `nexus dev`.
const VALIDATOR: &str = "127.0.0.1:9090";
const API: &str = "127.0.0.1:8080";
/// The port of the page's second `nexus dev`.
const LIMITED: &str = "8081";

struct Dev {
    process: Child,
    announcement: Value,
}

impl Dev {
    fn start() -> Self {
        let mut process = Command::new(programs().join("nexus"))
            .args(["dev", "--ephemeral", "--port", "0", "--output", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("nexus is built beside the tests: cargo build -p nexus");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, announcement: serde_json::from_str(&line).unwrap() }
    }

    fn address(&self) -> &str {
        self.announcement["url"].as_str().unwrap().trim_start_matches("http://")
    }

    fn demo_tenant(&self, dialect: &str) -> String {
        let tenants = self.announcement["tenants"].as_array().unwrap();
        let tenant = tenants.iter().find(|tenant| tenant["dialect"] == dialect).unwrap();
        tenant["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The folder that the program is built into, above the tests' own.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}

/// A port that nobody listens on just now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A block of the walk: the lines behind `$ `, and what stands below each.
struct Step {
    command: String,
    output: String,
}

/// The blocks between `<!-- walk -->` and their end, as ranges of lines with their steps.
fn blocks(page: &[&str]) -> Vec<(std::ops::Range<usize>, Vec<Step>)> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at + 1 < page.len() {
        if page[at] == "<!-- walk -->" && page[at + 1] == "```console" {
            let begin = at + 2;
            let end = begin + page[begin..].iter().position(|line| *line == "```").unwrap();
            let mut steps: Vec<Step> = Vec::new();
            for line in &page[begin..end] {
                match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(command), _) => {
                        steps.push(Step { command: command.to_owned(), output: String::new() })
                    }
                    (None, Some(step)) => step.output.push_str(&format!("{line}\n")),
                    (None, None) => panic!("a block of the walk begins without a command: {line}"),
                }
            }
            blocks.push((begin..end, steps));
            at = end;
        }
        at += 1;
    }
    blocks
}

/// Runs all commands in one shell, as a reader would, and gives what each printed.
fn run(dev: &Dev, commands: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let validator = free().to_string();
    let limited = free().port().to_string();
    // The page is read in the folder that it stands in, of which its commands need this.
    std::fs::create_dir(folder.path().join("dialects")).unwrap();
    for file in std::fs::read_dir(root().join("dialects")).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), folder.path().join("dialects").join(file.file_name())).unwrap();
    }
    let script: String = commands.iter().map(|command| format!("{command}\necho '{DIVIDER}'\n")).collect();
    let path = std::env::var("PATH").unwrap_or_default();
    // What waits for something that never comes is ended, with all that it started.
    let output = Command::new("timeout")
        .args(["--kill-after=10", "300", "bash", "-c"])
        .arg(format!("exec 2>&1\n{}", script.replace(VALIDATOR, &validator).replace(LIMITED, &limited)))
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", programs().display()))
        .env("NEXUS__SERVER__LISTEN", &validator)
        .env("NEXUS_URL", dev.announcement["url"].as_str().unwrap())
        .env("NEXUS_TOKEN", dev.announcement["admin_token"].as_str().unwrap())
        .env("NEXUS_TENANT", dev.demo_tenant("nexus"))
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(&validator, VALIDATOR).replace(dev.address(), API);
    // It is told to take any port, and presents itself so.
    let text = text
        .replace("http://127.0.0.1:0 ", &format!("http://{API} "))
        .replace("http://127.0.0.1:0\n", &format!("http://{API}\n"));
    let mut outputs: Vec<String> = text.split(&format!("{DIVIDER}\n")).map(str::to_owned).collect();
    outputs.pop();
    assert_eq!(outputs.len(), commands.len(), "the shell ended early: {text}");
    outputs
}

/// What differs from run to run, made the same: ids, secrets, times, durations.
fn steady(text: &str) -> String {
    let rules = [
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\bkey_[0-9a-f]{32}\b", "<key>"),
        (r"\bmem_[0-9a-f]{32}\b", "<member>"),
        (r"\bnx_(live|test)_[0-9A-Za-z]{4,}", "<secret>"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "<time>"),
        (r"within \d+ ms", "within <n> ms"),
        (r"(?m)\b(api|validator)( +\S.*\S) +\d+ +\d+ +(held|lapsed)", "$1$2 <n> <n> $3"),
        (r"log position \d+", "log position <n>"),
        (r"(?m)^\d+ +<time>", "<n> <time>"),
        (r"(?m)[ \t]+$", ""),
        (r"  +", "  "),
        (r"-{3,}|─{3,}", "---"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, stands_for)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *stands_for).into_owned()
    })
}

#[test]
fn the_walk_in_the_readme_is_what_happens() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let page: Vec<&str> = text.lines().collect();
    let blocks = blocks(&page);
    let commands: Vec<String> =
        blocks.iter().flat_map(|(_, steps)| steps.iter().map(|step| step.command.clone())).collect();
    assert!(commands.len() >= 10, "the walk is there");
    let dev = Dev::start();
    let printed = run(&dev, &commands);

    if std::env::var_os("NEXUS_UPDATE_GOLDEN").is_some() {
        let mut outputs = commands.iter().zip(&printed);
        let mut anew = Vec::new();
        let mut done = 0;
        for (lines, steps) in &blocks {
            anew.extend(page[done..lines.start].iter().map(|line| (*line).to_owned()));
            for _ in steps {
                let (command, output) = outputs.next().unwrap();
                anew.push(format!("$ {command}"));
                anew.extend(output.lines().map(|line| line.trim_end().to_owned()));
            }
            done = lines.end;
        }
        anew.extend(page[done..].iter().map(|line| (*line).to_owned()));
        std::fs::write(&path, anew.join("\n") + "\n").unwrap();
        return;
    }
    let shown = blocks.iter().flat_map(|(_, steps)| steps);
    for (step, printed) in shown.zip(&printed) {
        assert_eq!(
            steady(&step.output).trim_end(),
            steady(printed).trim_end(),
            "what `{}` prints is not what README.md shows",
            step.command
        );
    }
}

/// Files that a page names are there.
#[test]
fn links_within_the_documents_lead_somewhere() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "dialects/README.md",
        "bench/README.md",
        "docs/decisions/README.md",
        "sdk/README.md",
        "sdk/node/packages/oauth/README.md",
        "sdk/node/packages/sdk/README.md",
        "sdk/python/README.md",
    ];
    let link = regex::Regex::new(r"\]\(([^)#]+)\)").unwrap();
    for page in pages {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if !target.contains("://") {
                let there = path.parent().unwrap().join(&target).exists();
                assert!(there, "{page} links to {target}, which is not there");
            }
        }
    }
}
