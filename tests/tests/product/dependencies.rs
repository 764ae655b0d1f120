//! Dependencies point inwards: nothing that decides knows what stores, transports or renders.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_of_the_workspace_depend_inwards_alone() {
    let allowed = BTreeMap::from([
        ("nexus-domain", vec![]),
        ("nexus-infrastructure", vec!["nexus-domain"]),
        ("nexus-projections", vec!["nexus-domain", "nexus-infrastructure"]),
        ("nexus-validator", vec!["nexus-domain"]),
        ("nexus-api", vec!["nexus-domain", "nexus-infrastructure", "nexus-projections", "nexus-validator"]),
    ]);
    let metadata = metadata(&["--no-deps"]);
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(allowed) = allowed.get(package["name"].as_str().unwrap()) else { continue };
        seen.insert(package["name"].as_str().unwrap());
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let inward = allowed.contains(&name) || !name.starts_with("nexus");
            assert!(inward || dependency["kind"] == "dev", "{} depends on {name}", package["name"]);
        }
    }
    assert_eq!(seen.len(), allowed.len(), "{seen:?}");
}

/// The names of everything that is linked into a crate, without what its tests and build scripts alone use.
fn linked_into(metadata: &Value, root: &str) -> BTreeSet<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeMap<&str, &str> = packages
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let root = names.iter().find(|(_, name)| **name == root).unwrap().0;
    let (mut reached, mut next) = (BTreeSet::new(), vec![*root]);
    while let Some(id) = next.pop() {
        if !reached.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            if dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()) {
                next.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    reached.into_iter().map(|id| names[id].to_owned()).collect()
}

#[test]
fn what_decides_links_neither_a_database_nor_a_web_server() {
    let metadata = metadata(&[]);
    let barred = |name: &str| {
        let store = name.starts_with("sqlx") || name == "postgres-es" || name == "sqlite-es";
        store
            || name.starts_with("actix")
            || name == "lapin"
            || name == "ureq"
            || name == "nexus-infrastructure"
    };
    for root in ["nexus-domain", "nexus-validator"] {
        let linked = linked_into(&metadata, root);
        assert!(linked.contains("serde"), "the graph is read: {linked:?}");
        for name in &linked {
            assert!(!barred(name), "{root} links {name}");
        }
    }
}

#[test]
fn the_domain_itself_uses_no_runtime() {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap();
    let domain = packages.iter().find(|package| package["name"] == "nexus-domain").unwrap();
    for dependency in
        domain["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null())
    {
        let name = dependency["name"].as_str().unwrap();
        let runtime = ["tokio", "async-std", "futures", "getrandom", "rand"].contains(&name);
        assert!(!runtime, "the domain depends on {name}");
    }
}
