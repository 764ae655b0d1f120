//! A start that cannot succeed ends with status 1 and one line that says what to do.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nexus_domain::credential::{RANDOM_BYTES, Secret};
use nexus_tests::command::{self, Finished};
use nexus_tests::{Node, Options, Store, stores};

/// Starts a node that must not come up, and gives the line that says why.
fn refused(store: &Store, toml: &str) -> String {
    let config = store.folder().join("wrong.toml");
    std::fs::write(&config, toml).unwrap();
    line_of(&command::run(command::command().arg("serve").arg("--config").arg(&config)))
}

fn line_of(finished: &Finished) -> String {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    let [line] = finished.stderr.as_slice() else { panic!("one line, not {:#?}", finished.stderr) };
    assert!(line.starts_with("error: ") && !line.contains("panicked"), "{line}");
    line.clone()
}

fn usual(store: &Store) -> Options {
    Options::default().over(store, &store.folder().join("node"))
}

#[test]
fn wrong_toml_is_named_with_its_line() {
    let store = Store::sqlite();
    let line = refused(&store, "[server]\nlisten = \n");
    assert!(line.contains("wrong.toml:2"), "{line}");
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let store = Store::sqlite();
    for (name, nearest) in [
        ("server.lisen", "listen"),
        ("database.max_conections", "max_connections"),
        ("usage.windw", "window"),
    ] {
        let line = refused(&store, &usual(&store).set(name, "\"1s\"").toml());
        assert!(
            line.contains(&format!("did you mean `{nearest}`")) || line.contains(&format!(".{nearest}`?")),
            "{line}"
        );
        assert!(line.contains("wrong.toml:"), "{line}");
    }
    let line = refused(&store, &(usual(&store).toml() + "[sever]\nlisten = \"127.0.0.1:0\"\n"));
    assert!(line.contains("server"), "{line}");
    let config = store.folder().join("right.toml");
    std::fs::write(&config, usual(&store).toml()).unwrap();
    let by_variable = command::run(
        command::command()
            .env("NEXUS__SERVER__LISEN", "127.0.0.1:0")
            .arg("serve")
            .arg("--config")
            .arg(&config),
    );
    assert!(line_of(&by_variable).contains("LISTEN"), "{by_variable:?}");
}

#[test]
fn a_missing_configuration_and_a_missing_database_say_what_to_do() {
    let absent = command::run(command::command().args(["serve", "--config", "/nonexistent/nexus.toml"]));
    assert!(line_of(&absent).contains("nexus.example.toml"), "{absent:?}");
    let nothing = command::run(command::command().arg("serve"));
    assert!(line_of(&nothing).contains("NEXUS__DATABASE__URL"), "{nothing:?}");
}

#[test]
fn a_validating_node_that_cannot_start_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("validator.toml");
    let start = || line_of(&command::run(command::command().args(["validator", "--config"]).arg(&config)));
    let line = start();
    assert!(line.contains("copy validator.example.toml"), "{line}");

    let no_certificate = folder.path().join("no.crt");
    std::fs::write(&no_certificate, "no certificate").unwrap();
    let credential = Secret::mint("nxm_", &[1; RANDOM_BYTES]);
    let usual = Options::default()
        .set("server.listen", "\"127.0.0.1:0\"")
        // The port for discarding, where nobody listens.
        .set("control.urls", "[\"http://127.0.0.1:9\"]")
        .set("control.credential", &format!("{:?}", credential.expose()))
        .set("node.data", &format!("{:?}", folder.path().join("data")));
    for (key, value, says) in [
        ("control.credential", "\"nxm_…\"".to_owned(), "make one with `nexus nodes create`"),
        ("node.dialects", "[]".to_owned(), "node.dialects: name one or more"),
        ("control.ca", format!("{no_certificate:?}"), "no.crt cannot be used for TLS"),
        (
            "server.tls",
            format!("{{certificate = {no_certificate:?}, key = {no_certificate:?}}}"),
            "check `server.tls`",
        ),
    ] {
        std::fs::write(&config, usual.clone().set(key, &value).toml()).unwrap();
        let line = start();
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let store = Store::sqlite();
    // Bound and never listened to by a database: the port is certainly nobody's.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("\"postgres://nexus:hunter2@127.0.0.1:{port}/nexus\"");
    let line = refused(&store, &usual(&store).set("database.url", &url).toml());
    assert!(line.contains(&port.to_string()) && !line.contains("hunter2"), "{line}");
}

#[test]
fn another_master_key_than_the_database_s_is_refused() {
    let store = Store::sqlite();
    Node::serve(&store, &Options::default()).stop();
    let elsewhere = store.folder().join("elsewhere.key");
    let options = usual(&store).set("security.master_key_file", &format!("{elsewhere:?}"));
    let line = refused(&store, &options.toml());
    assert!(line.contains("elsewhere.key does not exist") && !elsewhere.exists(), "{line}");
    std::fs::write(&elsewhere, format!("{}=\n", "A".repeat(43))).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    let line = refused(&store, &options.toml());
    assert!(line.contains("is not the master key"), "{line}");
}

#[test]
fn a_busy_port_is_named() {
    let store = Store::sqlite();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let line = refused(&store, &usual(&store).set("server.listen", &format!("\"{address}\"")).toml());
    assert!(line.contains(&address) && line.contains("server.listen"), "{line}");
    let dev = command::run(
        command::command().args(["dev", "--ephemeral", "--port"]).arg(address.rsplit(':').next().unwrap()),
    );
    assert!(line_of(&dev).contains("in use"), "{dev:?}");
}

#[test]
fn an_unwritable_data_folder_is_named() {
    let store = Store::sqlite();
    let folder = store.folder().join("closed");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    // The superuser may write everywhere; a file where a folder should be stops it as well.
    let file = folder.join("file");
    let data = if std::fs::write(&file, "").is_ok() { file } else { folder };
    let quoted = |path: &Path| format!("\"{}\"", path.join("node").display());
    let line = refused(&store, &usual(&store).set("node.data", &quoted(&data)).toml());
    assert!(line.contains(&data.display().to_string()), "{line}");
    let database = format!("\"sqlite://{}\"", data.join("nexus.db").display());
    let line = refused(&store, &usual(&store).set("database.url", &database).toml());
    assert!(line.contains(&data.display().to_string()), "{line}");
    let line = refused(&store, &usual(&store).set("security.master_key_file", &quoted(&data)).toml());
    assert!(line.contains(&data.display().to_string()), "{line}");
}

#[test]
fn a_newer_schema_is_left_alone() {
    for store in stores() {
        let _migrated = Node::serve(&store, &Options::default()).stop();
        store.execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        );
        let line = refused(&store, &usual(&store).toml());
        assert!(line.contains("9999") && line.contains("newer"), "{store:?}: {line}");
        assert_eq!(store.number("SELECT COUNT(*) FROM _sqlx_migrations WHERE version = 9999"), 1);
    }
}

#[test]
fn an_older_schema_without_leave_to_migrate_names_the_command() {
    for store in stores() {
        let line = refused(&store, &usual(&store).set("database.migrate", "false").toml());
        assert!(line.contains("nexus db migrate"), "{store:?}: {line}");
        let config = store.folder().join("wrong.toml");
        let migrated = command::run(command::command().args(["db", "migrate", "--config"]).arg(&config));
        assert_eq!(migrated.code, Some(0), "{migrated:?}");
        let _up = Node::serve(&store, &Options::default().set("database.migrate", "false"));
    }
}
