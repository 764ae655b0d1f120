//! A history is told once more: the tables that are built from the log anew are those that grew with it.

use std::collections::BTreeMap;

use nexus_tests::{Client, Node, Options, Tenant, eventually, stores, verify};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::load::Numbers;

const PROJECTIONS: [&str; 5] = ["tenant_list", "key_list", "credential_lookup", "audit_trail", "usage"];
const STEPS: usize = 400;

/// Rows as JSON, by the name of the table without its build.
type Tables = BTreeMap<String, Vec<String>>;

#[test]
fn projections_that_are_built_anew_equal_the_live_ones_row_by_row() {
    for store in stores() {
        let mut node = Node::serve(&store, &Options::default().set("usage.window", "\"1s\""));
        live(&node.admin());
        assert!(node.stop().success());
        let node = check_read_models(node, store.url());
        for name in PROJECTIONS {
            let done = node.run(&["projections", "rebuild", name]);
            assert_eq!(done.code, Some(0), "{done:?}");
        }
        let node = check_read_models(node, store.url());
        let mut node = kill_amid_rebuilds(node);
        assert!(node.stop().success());
        drop(check_read_models(node, store.url()));
    }
}

/// Ends the node if it runs, and compares its read models with those that its next start builds from the log. Gives the
/// node, running.
pub(crate) fn check_read_models(mut node: Node, url: &str) -> Node {
    if node.process().is_running() {
        assert!(node.stop().success());
    }
    // The last uses came into the log when it ended. Without a request there are no more events from here on.
    let (node, live) = tables(node, url);
    check_something_is_there(&live);
    forget_projections(url);
    let mut node = node.start_again();
    assert!(node.stop().success());
    let (node, anew) = tables(node, url);
    compare(&live, &anew);
    node.start_again()
}

/// Begins to rebuild everything, kills the node at once, and starts it until the rebuilds are done.
fn kill_amid_rebuilds(mut node: Node) -> Node {
    for name in PROJECTIONS {
        let begun = node.admin().post(&format!("/v1/projections/{name}/rebuild"), &json!({}));
        assert_eq!(begun.status, 202, "{begun:?}");
    }
    node.kill();
    let node = node.start_again();
    eventually("the rebuilds are finished", || {
        let all = node.admin().get("/v1/projections").expect(200).json()["data"].clone();
        let done = |one: &Value| one["rebuilding"].is_null() && one["error"].is_null();
        all.as_array().expect("projections").iter().all(done).then_some(())
    });
    node
}

/// A scripted life of some tenants: the same commands in every run.
fn live(client: &Client) {
    let mut numbers = Numbers::seeded(7);
    let tenants = ["nexus", "nexuscommerce", "nexpay"]
        .map(|dialect| (dialect, client.post("/v1/tenants", &json!({"name": dialect, "dialect": dialect}))))
        .into_iter()
        .filter(|(_, answer)| answer.status == 201)
        .map(|(dialect, answer)| Tenant {
            id: answer.json()["id"].as_str().expect("an id").to_owned(),
            dialect: dialect.to_owned(),
        })
        .collect::<Vec<_>>();
    assert!(tenants.len() >= 3, "several dialects are served");
    let mut keys: Vec<(usize, String, String)> = Vec::new();
    for step in 0..STEPS {
        let chosen = numbers.below(keys.len().max(1) as u64) as usize;
        match (numbers.below(20), keys.get(chosen).cloned()) {
            (0..6, _) | (_, None) => {
                let tenant = numbers.below(tenants.len() as u64) as usize;
                let mut body = json!({"name": format!("Key {step}")});
                if step % 7 == 0 {
                    body["expires_in"] = json!("1s");
                }
                let answer = client.post(&tenants[tenant].path("/keys"), &body);
                // Some lifetimes are not offered everywhere, and one dialect has a quota.
                assert!(matches!(answer.status, 201 | 400 | 409), "{answer:?}");
                if answer.status == 201 {
                    let text = |value: &Value| value.as_str().expect("a text").to_owned();
                    let answer = answer.json();
                    keys.push((tenant, text(&answer["key"]["id"]), text(&answer["secret"])));
                }
            }
            (6..16, Some((_, _, secret))) => {
                let _verdict = verify(client, &secret);
            }
            (16, Some((tenant, key, _))) => {
                let _changed =
                    tenants[tenant].keys(client).change(&key, &json!({"name": format!("Changed {step}")}));
            }
            (17, Some((tenant, key, _))) => {
                let rotated = tenants[tenant].keys(client).rotate(&key, &json!({}));
                if rotated.status == 200 {
                    keys[chosen].2 = rotated.json()["secret"].as_str().expect("a secret").to_owned();
                }
            }
            (18, Some((tenant, key, _))) => {
                assert_eq!(tenants[tenant].keys(client).revoke(&key).status, 200);
            }
            (_, Some((tenant, ..))) => {
                let path = |rest| tenants[tenant].path(rest);
                let answers = ["/suspend", "/resume"].map(|rest| client.post(&path(rest), &json!({})).status);
                assert_eq!(answers, [200, 200]);
            }
        }
        if step % 5 == 0 {
            assert_eq!(verify(client, "nx_live_nobody"), "MALFORMED");
        }
    }
    // The last short-lived key ends, and that is put on record.
    std::thread::sleep(std::time::Duration::from_millis(2500));
}

fn check_something_is_there(tables: &Tables) {
    for name in PROJECTIONS {
        let rows: usize =
            tables.iter().filter(|(table, _)| table.starts_with(name)).map(|(_, rows)| rows.len()).sum();
        assert!(rows > 0, "{name} has rows: {:?}", tables.keys());
    }
}

fn compare(live: &Tables, anew: &Tables) {
    assert_eq!(live.keys().collect::<Vec<_>>(), anew.keys().collect::<Vec<_>>());
    for (table, rows) in live {
        let others = &anew[table];
        let differs = rows.iter().zip(others).find(|(live, anew)| live != anew);
        assert!(differs.is_none(), "{table} differs between live and built anew: {differs:#?}");
        assert_eq!(rows.len(), others.len(), "rows of {table}, live and built anew");
    }
}

/// All tables of all projections, sorted, once they show the whole log. The node has ended, and is started for
/// that.
fn tables(node: Node, url: &str) -> (Node, Tables) {
    let mut node = node.start_again();
    eventually("the read models show the whole log", || {
        let log = if is_postgres(url) { "events" } else { "event_log" };
        let head = format!("SELECT max(position) FROM {log}");
        let behind = texts(url, &format!("SELECT name FROM projection WHERE checkpoint < ({head})"));
        behind.is_empty().then_some(())
    });
    assert!(node.stop().success());
    let mut tables = Tables::new();
    for (table, base) in names(url) {
        let mut rows = rows(url, &table);
        rows.sort();
        let before = tables.insert(base, rows);
        assert!(before.is_none(), "there is one build: {table}");
    }
    (node, tables)
}

/// Drops what the projections have made of the log, which they then make anew.
fn forget_projections(url: &str) {
    for (table, _) in names(url) {
        texts(url, &format!("DROP TABLE {table}"));
    }
    texts(url, "DELETE FROM projection");
}

/// Tables of projections, with and without the build in their names: `key_list_used_v1000001`, `key_list_used`.
fn names(url: &str) -> Vec<(String, String)> {
    let catalog = if is_postgres(url) {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    let build = |table: &str| {
        let (base, build) = table.rsplit_once("_v")?;
        build.bytes().all(|byte| byte.is_ascii_digit()).then(|| (table.to_owned(), base.to_owned()))
    };
    texts(url, catalog).iter().filter_map(|table| build(table)).collect()
}

fn rows(url: &str, table: &str) -> Vec<String> {
    if is_postgres(url) {
        return texts(url, &format!("SELECT to_jsonb(t)::text FROM {table} t"));
    }
    let columns = texts(url, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', quote({column})")).collect();
    texts(url, &format!("SELECT json_object({}) FROM {table}", pairs.join(", ")))
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres")
}

/// The first column of each row.
fn texts(url: &str, query: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if is_postgres(url) {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        } else {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
    })
}
