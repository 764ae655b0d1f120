//! A history is told once more: the tables that are built from the log anew are those that grew with it.

use std::collections::BTreeMap;

use nexus_tests::{Client, Node, Options, Store, Tenant, stores, verify};
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
        let grown = tables(&store);
        check_something_is_there(&grown);

        // Without a request there is no event: the log is the same at the next stop.
        forget_projections(&store);
        let mut node = node.start_again();
        assert!(node.stop().success());
        compare(&store, "live and built anew", &grown, &tables(&store));

        let mut node = node.start_again();
        for name in PROJECTIONS {
            let done = node.run(&["projections", "rebuild", name]);
            assert_eq!(done.code, Some(0), "{done:?}");
        }
        assert!(node.stop().success());
        let rebuilt = tables(&store);
        forget_projections(&store);
        let mut node = node.start_again();
        assert!(node.stop().success());
        compare(&store, "rebuilt by command and built anew", &rebuilt, &tables(&store));
    }
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
                let _changed = tenants[tenant].keys(client).change(&key, &json!({"name": format!("Changed {step}")}));
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
        let rows: usize = tables.iter().filter(|(table, _)| table.starts_with(name)).map(|(_, rows)| rows.len()).sum();
        assert!(rows > 0, "{name} has rows: {:?}", tables.keys());
    }
}

fn compare(store: &Store, what: &str, one: &Tables, other: &Tables) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (table, rows) in one {
        let others = &other[table];
        let differs = rows.iter().zip(others).find(|(one, other)| one != other);
        assert!(differs.is_none(), "{store:?}, {what}: {table} differs in {differs:#?}");
        assert_eq!(rows.len(), others.len(), "{store:?}, {what}: rows of {table}");
    }
}

/// All tables of all projections, sorted.
fn tables(store: &Store) -> Tables {
    let mut tables = Tables::new();
    for (table, base) in names(store) {
        let mut rows = rows(store, &table);
        rows.sort();
        let before = tables.insert(base, rows);
        assert!(before.is_none(), "there is one build: {table}");
    }
    tables
}

/// Drops what the projections have made of the log, which they then make anew.
fn forget_projections(store: &Store) {
    for (table, _) in names(store) {
        store.execute(&format!("DROP TABLE {table}"));
    }
    store.execute("DELETE FROM projection");
}

/// Tables of projections, with and without the build in their names: `key_list_used_v1000001`, `key_list_used`.
fn names(store: &Store) -> Vec<(String, String)> {
    let catalog = if store.is_postgres() {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    let build = |table: &str| {
        let (base, build) = table.rsplit_once("_v")?;
        build.bytes().all(|byte| byte.is_ascii_digit()).then(|| (table.to_owned(), base.to_owned()))
    };
    texts(store, catalog).iter().filter_map(|table| build(table)).collect()
}

fn rows(store: &Store, table: &str) -> Vec<String> {
    if store.is_postgres() {
        return texts(store, &format!("SELECT to_jsonb(t)::text FROM {table} t"));
    }
    let columns = texts(store, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', {column}")).collect();
    texts(store, &format!("SELECT json_object({}) FROM {table}", pairs.join(", ")))
}

/// The first column of each row.
fn texts(store: &Store, query: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if store.is_postgres() {
            let mut connection = PgConnection::connect(store.url()).await.unwrap();
            let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        } else {
            let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
            let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
    })
}
