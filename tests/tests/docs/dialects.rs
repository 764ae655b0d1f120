//! `docs/dialects.md`: every row of the products' pages is there, its tests are, and its commands do what they say.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{Dev, programs, root};

/// The rows of each product: their letter, and how many there are.
const ROWS: [(&str, char, u32); 5] = [
    ("nexus", 'N', 10),
    ("nexusgpt", 'G', 10),
    ("nexpay", 'P', 6),
    ("nexuscommerce", 'C', 9),
    ("nexuscore", 'K', 8),
];

/// Those whose command is to be refused.
const REFUSED: [&str; 1] = ["C6"];

struct Row {
    dialect: String,
    id: String,
    commands: Vec<String>,
    /// What stands between backquotes where the tests are.
    held_by: Vec<String>,
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    let mut dialect = String::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            dialect = title.trim_matches('`').to_owned();
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, _, commands, tests] = cells[..] else { continue };
        if id != "row" {
            let is_one = |text: &String| ["nexus ", "curl "].iter().any(|program| text.starts_with(program));
            let commands = quoted(commands).into_iter().filter(is_one).collect();
            rows.push(Row { dialect: dialect.clone(), id: id.to_owned(), commands, held_by: quoted(tests) });
        }
    }
    rows
}

#[test]
fn every_row_is_there_and_in_its_order() {
    let listed: Vec<(String, String)> = rows().into_iter().map(|row| (row.dialect, row.id)).collect();
    let of = |(dialect, letter, most): (&str, char, u32)| {
        let dialect = dialect.to_owned();
        (1..=most).map(move |number| (dialect.clone(), format!("{letter}{number}"))).collect::<Vec<_>>()
    };
    assert_eq!(listed, ROWS.into_iter().flat_map(of).collect::<Vec<_>>());
}

/// The file of a test that is named `file::test` or `folder::file::test`, from the folder of the product's tests.
fn file_of(test: &str) -> Option<(std::path::PathBuf, String)> {
    let (modules, name) = test.rsplit_once("::")?;
    let product = root().join("tests/tests/product");
    let path = format!("{}.rs", modules.replace("::", "/"));
    [product.join("dialects").join(&path), product.join(path)]
        .into_iter()
        .find(|file| file.exists())
        .map(|file| (file, name.to_owned()))
}

/// Every row names tests that there are, and every test that is named after a row is there.
#[test]
fn the_rows_and_their_tests_belong_together() {
    let rows = rows();
    for Row { id, held_by, .. } in &rows {
        assert!(!held_by.is_empty(), "{id} names no test");
        for held in held_by {
            if held.contains("::") {
                let (file, name) = file_of(held).unwrap_or_else(|| panic!("{id}: no file has {held}"));
                let tests = std::fs::read_to_string(&file).unwrap();
                assert!(tests.contains(&format!("fn {name}()")), "{id}: {} has no {name}", file.display());
            } else {
                let place = root().join(held.split('*').next().unwrap());
                let folder = if held.contains('*') { place.parent().unwrap().to_owned() } else { place };
                assert!(folder.exists(), "{id}: there is no {held}");
            }
        }
    }
    let numbered = regex::Regex::new(r"fn (([ngpck])(\d+)_\w+)\(\)").unwrap();
    let mut folders = vec![root().join("tests/tests/product")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for test in numbered.captures_iter(&text) {
                    let id = format!("{}{}", test[2].to_uppercase(), &test[3]);
                    let row = rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row {id}"));
                    let named = row.held_by.iter().any(|held| held.ends_with(&format!("::{}", &test[1])));
                    assert!(named, "{} is not in row {id}", &test[1]);
                }
            }
        }
    }
}

/// A shell as the page's reader has it, in one tenant.
struct Reader<'a> {
    dev: &'a Dev,
    dialect: &'a str,
    variables: BTreeMap<&'static str, String>,
}

impl<'a> Reader<'a> {
    /// With a key, and what else the dialect's commands are about.
    fn of(dev: &'a Dev, dialect: &'a str) -> Self {
        let mut reader = Self { dev, dialect, variables: BTreeMap::new() };
        let mut create = "nexus keys create --name Row".to_owned();
        if dialect == "nexusgpt" {
            reader.keep("AGENT", "nexus agents create --name Row", "/id");
            reader.keep("INTEGRATION", "nexus integrations create --name Row --agent $AGENT", "/id");
            create.push_str(" --integration $INTEGRATION");
        }
        let key = reader.json(&create);
        for (name, place) in [("KEY", "/key/id"), ("SECRET", "/secret")] {
            reader.variables.insert(name, text(&key, place));
        }
        if dialect == "nexus" {
            reader.keep("TEST_KEY", "nexus keys create --name Row --environment test", "/secret");
        }
        if dialect == "nexuscore" {
            let client = reader.json("nexus clients create --name Row --type server");
            for (name, place) in [("CLIENT_ID", "/client_id"), ("CLIENT_SECRET", "/client_secret")] {
                reader.variables.insert(name, text(&client, place));
            }
            let given = "curl -sf $NEXUS_URL/oauth/token -d grant_type=client_credentials -d client_id=$CLIENT_ID -d client_secret=$CLIENT_SECRET";
            assert!(reader.run(given).status.success());
            reader.keep("TOKEN", "nexus tokens list", "/data/0/id");
        }
        reader
    }

    fn keep(&mut self, name: &'static str, command: &str, place: &str) {
        let value = text(&self.json(command), place);
        self.variables.insert(name, value);
    }

    fn json(&self, command: &str) -> Value {
        let output = self.run(&format!("{command} --output json"));
        assert!(output.status.success(), "{command}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn run(&self, command: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("timeout")
            .args(["--kill-after=5", "60", "bash", "-uc", command])
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("NEXUS_URL", self.dev.announcement["url"].as_str().unwrap())
            .env("NEXUS_TOKEN", self.dev.announcement["admin_token"].as_str().unwrap())
            .env("NEXUS_TENANT", self.dev.demo_tenant(self.dialect))
            .envs(&self.variables)
            .output()
            .unwrap()
    }
}

fn text(value: &Value, place: &str) -> String {
    value.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("no {place} in {value}")).to_owned()
}

#[test]
fn every_command_of_a_row_does_what_the_row_says() {
    let dev = Dev::start();
    for Row { dialect, id, commands, .. } in rows() {
        assert!(!commands.is_empty() || id == "K8", "{id} has no command");
        let reader = Reader::of(&dev, &dialect);
        for command in commands {
            let output = reader.run(&command);
            let refused = REFUSED.contains(&id.as_str());
            assert_eq!(output.status.code(), Some(i32::from(refused)), "{id}: `{command}`: {output:?}");
            // That a list is empty stands on stderr.
            let shown = [output.stdout.as_slice(), &output.stderr].concat();
            assert!(!shown.is_empty(), "{id}: `{command}` shows nothing");
        }
    }
}
