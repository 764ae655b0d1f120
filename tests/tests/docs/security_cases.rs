//! Each case of bad input and attack that is numbered has a test of its own, named after its number.

use std::collections::BTreeSet;
use std::path::Path;

use crate::root;

/// The cases of what there is. 40 is that of webhooks, of which Nexus sends none.
const CASES: [std::ops::RangeInclusive<u32>; 2] = [1..=39, 41..=42];

fn names(folder: &Path, found: &mut Vec<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            names(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let tests = text.split("#[test]").skip(1).filter_map(|test| test.split_once("fn "));
            found.extend(tests.filter_map(|(_, test)| test.split('(').next().map(str::to_owned)));
        }
    }
}

#[test]
fn every_numbered_case_has_a_test_of_its_own() {
    let mut found = Vec::new();
    for folder in ["domain", "infrastructure", "projections", "validator", "api", "cli", "tests"] {
        names(&root().join(folder), &mut found);
    }
    let combined: Vec<_> = found.iter().filter(|name| name.starts_with("cases_")).collect();
    assert!(combined.is_empty(), "one test for several cases: {combined:?}");
    let number = |name: &String| name.strip_prefix("case_")?.split('_').next()?.parse::<u32>().ok();
    let held: BTreeSet<u32> = found.iter().filter_map(number).collect();
    let without: Vec<u32> = CASES.into_iter().flatten().filter(|case| !held.contains(case)).collect();
    assert!(without.is_empty(), "no test is named after case {without:?}");
}
