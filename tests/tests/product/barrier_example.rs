//! `examples/barrier` as it stands: what it prints, and the picture.

use std::process::Command;
use std::time::Duration;

use nexus_tests::store::SERVER;
use nexus_tests::{Process, nexus};
use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/barrier");
const NODES: [&str; 6] = ["api-1", "api-2", "validator-1", "validator-2", "validator-3", "validator-4"];
/// The title of the second revocation.
const FROZEN: &str = "validator-3 is frozen";
/// Twice a revocation and what is around it, and the start of six processes on a busy machine.
const LASTS_AT_MOST: Duration = Duration::from_secs(180);

/// Reads a picture as any reader of XML would, and tells of each panel the nodes that have a lane with something in it.
const LANES: &str = r#"
import json, sys, xml.etree.ElementTree as tree
svg = "{http://www.w3.org/2000/svg}"
panels = [group for group in tree.parse(sys.argv[1]).getroot().iter(svg + "g") if group.get("id", "").startswith("panel-")]
lanes = [[lane for lane in panel.iter(svg + "g") if lane.get("class") == "lane"] for panel in panels]
filled = lambda lane, cls: any(bar.get("class") == cls for bar in lane.iter(svg + "rect"))
print(json.dumps([[lane.get("data-node") for lane in panel if filled(lane, "accepted") and filled(lane, "refused")] for panel in lanes]))
"#;

/// Runs it to its end: what it printed, and its exit code.
fn run(server: &str, picture: &str) -> (Vec<String>, Option<i32>) {
    let mut command = Command::new(format!("{EXAMPLE}/run.sh"));
    command.args(["--svg", picture]).env("NEXUS_BIN", nexus()).env(SERVER, server);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let mut example = Process::start("examples/barrier", &mut command);
    let Some(ended) = example.wait(LASTS_AT_MOST) else {
        // It ends what it started; killed, it could not.
        example.signal("TERM");
        let _ended = example.wait(Duration::from_secs(30));
        panic!("it goes on and on: {:?}", example.stdout());
    };
    let mut lines = example.stdout();
    lines.extend(example.stderr());
    (lines, ended.code())
}

/// The row of a node in the table that follows a title: times and numbers without their units.
fn row<'l>(lines: &'l [String], title: &str, node: &str) -> Vec<&'l str> {
    let title = lines.iter().position(|line| line == title).unwrap_or_else(|| panic!("{title}: {lines:#?}"));
    let row = lines[title + 1..].iter().map(|line| line.trim()).find(|line| line.starts_with(node));
    let words = row.unwrap_or_else(|| panic!("{node}: {lines:#?}")).split_whitespace();
    words.filter(|word| *word != "ms").skip(1).collect()
}

fn milliseconds(time: &str) -> f64 {
    time.replace(',', "").parse().unwrap()
}

#[test]
fn the_barrier_example_finds_no_accept_behind_a_revocation() {
    let Some(server) = std::env::var(SERVER).ok().filter(|server| !server.is_empty()) else {
        eprintln!("the barrier example: skipped, {SERVER} is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("barrier.svg").display().to_string();
    let (lines, code) = run(&server, &picture);
    assert_eq!(code, Some(0), "{lines:#?}");

    for title in ["Every node runs", FROZEN] {
        for node in NODES {
            let [accepted, refused, before, after, accepted_after] = row(&lines, title, node)[..] else {
                panic!("{title}, {node}: {lines:#?}")
            };
            assert!(milliseconds(accepted) < 0.0, "{title}, {node}: {lines:#?}");
            if title == FROZEN {
                let frozen = title.starts_with(node);
                assert_eq!(
                    milliseconds(refused) > 0.0,
                    frozen,
                    "the others refuse while it is waited for: {lines:#?}"
                );
            }
            for asked in [before, after] {
                assert!(asked.parse::<u32>().unwrap() > 10, "{title}, {node}: {lines:#?}");
            }
            assert_eq!(accepted_after, "0", "{title}, {node}: {lines:#?}");
        }
    }
    let receipts: Vec<&String> = lines.iter().filter(|line| line.contains("Receipt:")).collect();
    assert!(
        receipts[0].contains("refused by 6 of 6 nodes") && receipts[0].contains(" 0 lost"),
        "{receipts:?}"
    );
    assert!(!receipts[1].contains(" 0 lost"), "the frozen node cannot have confirmed: {receipts:?}");

    let read = Command::new("python3").args(["-c", LANES, &picture]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let lanes: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(lanes, serde_json::json!([NODES, NODES]));
}
