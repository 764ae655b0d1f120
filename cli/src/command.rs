//! The command line as a whole: what there is, and which module does it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum, ValueHint};

use crate::failure::Failure;
use crate::output;
use crate::server::{DevOptions, StartFailure};
use crate::{
    agents, audit, clients, completions, integrations, jwt_secrets, keys, members, nodes, projections,
    server, tenants, tokens, verify,
};

const FIRST_STEPS: &str = "\
First steps:
  nexus dev                                   everything in one process, with demo tenants
  export NEXUS_TOKEN=… NEXUS_TENANT=…         the management credential and a tenant, as it prints them
  nexus tenants list
  nexus keys create --name CI                 prints the secret, once
  nexus verify -                              paste a credential, read the verdict

Environment:
  NEXUS_URL     address of the server          http://127.0.0.1:8080 where absent
  NEXUS_TOKEN   management credential
  NEXUS_TENANT  tenant of `nexus keys …`, `nexus members …`, `nexus integrations …` and `nexus agents …`

Exit codes: 0 done, 1 refused or failed (one line why on stderr), 2 wrong usage.";

/// API credentials: issue, verify, rotate and revoke them, and know what happened
///
/// Nexus keeps every change to a credential as an event that is never altered, and answers from that log whether a
/// credential may do something, who changed it and what it could do at any time.
#[derive(Parser)]
#[command(name = "nexus", version, after_help = FIRST_STEPS, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(DevArgs),
    Serve(ServeArgs),
    Validator(ValidatorArgs),
    Tenants(tenants::TenantsArgs),
    Keys(keys::KeysArgs),
    Clients(clients::ClientsArgs),
    Tokens(tokens::TokensArgs),
    Members(members::MembersArgs),
    Integrations(integrations::IntegrationsArgs),
    Agents(agents::AgentsArgs),
    JwtSecrets(jwt_secrets::JwtSecretsArgs),
    Verify(verify::VerifyArgs),
    Audit(audit::AuditArgs),
    Nodes(nodes::NodesArgs),
    Projections(projections::ProjectionsArgs),
    Db(DbArgs),
    Admin(AdminArgs),
    Completions(completions::CompletionsArgs),
}

impl Cli {
    /// Reads the command line, and ends the program where it makes no sense. A variable that is set to nothing is as good as
    /// absent: scripts and Compose files leave one out that way.
    pub(crate) fn read() -> Self {
        let matches = without_empty_variables(Self::command()).try_get_matches().unwrap_or_else(|mut error| {
            forget_variables(&mut error);
            let unnamed = std::env::var_os("NEXUS_TENANT").is_none_or(|tenant| tenant.is_empty());
            if unnamed
                && error.kind() == ErrorKind::MissingRequiredArgument
                && error.to_string().contains("--tenant <")
            {
                // A variable that is not set is no argument that clap could name.
                let _unwritten = error.print();
                output::note("NEXUS_TENANT may name the tenant instead; `nexus tenants list` shows those that there are.");
                std::process::exit(error.exit_code());
            }
            let words: Vec<String> =
                std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            suggest(&mut error, &words);
            error.exit()
        });
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`], which knows its exit code.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Dev(args) => served(server::dev(args.options())),
            Command::Serve(args) => served(server::serve(args.config.path())),
            Command::Validator(args) => served(server::validator(args.config.path())),
            Command::Tenants(args) => tenants::run(&args),
            Command::Keys(args) => keys::run(&args),
            Command::Clients(args) => clients::run(&args),
            Command::Tokens(args) => tokens::run(&args),
            Command::Members(args) => members::run(&args),
            Command::Integrations(args) => integrations::run(&args),
            Command::Agents(args) => agents::run(&args),
            Command::JwtSecrets(args) => jwt_secrets::run(&args),
            Command::Verify(args) => verify::run(&args),
            Command::Audit(args) => audit::run(&args),
            Command::Nodes(args) => nodes::run(&args),
            Command::Projections(args) => projections::run(&args),
            Command::Db(DbArgs { command: DbCommand::Migrate(config) }) => {
                served(server::migrate(config.path()))
            }
            Command::Db(DbArgs { command: DbCommand::Status(config) }) => {
                served(server::status(config.path()))
            }
            Command::Admin(AdminArgs { command: AdminCommand::Credential(args) }) => {
                let json = args.output == Announcement::Json;
                served(server::admin_credential(args.config.path(), &args.name, json))
            }
            Command::Completions(args) => completions::run(&args),
        }
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&'static str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Writes the usage in an error as who typed nothing would read it: to clap, what a variable set was typed, and what was typed
/// stands there as if it had to be.
fn forget_variables(error: &mut clap::Error) {
    let command = without_variables(Cli::command());
    let anew = command.try_get_matches_from(std::env::args_os()).err();
    if let Some(usage) = anew.as_ref().and_then(|anew| anew.get(ContextKind::Usage)) {
        error.insert(ContextKind::Usage, usage.clone());
    }
}

fn without_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.env(None::<&'static str>)).mut_subcommands(without_variables)
}

/// What other programs call what is done here. Of several commands, the first that there is beside the others is meant.
const OTHER_WORDS: &[(&str, &[&str])] = &[
    ("add", &["create"]),
    ("delete", &["revoke", "suspend", "remove"]),
    ("describe", &["show"]),
    ("disable", &["restrict", "revoke", "suspend"]),
    ("edit", &["change", "rename"]),
    ("enable", &["release", "resume"]),
    ("find", &["search", "list"]),
    ("generate", &["create"]),
    ("get", &["show", "list", "search"]),
    ("info", &["show", "status"]),
    ("invite", &["create"]),
    ("issue", &["create"]),
    ("logs", &["requests", "search"]),
    ("ls", &["list", "search", "status"]),
    ("modify", &["change", "rename"]),
    ("new", &["create"]),
    ("passwd", &["set-password"]),
    ("password", &["set-password"]),
    ("remove", &["revoke", "suspend"]),
    ("rename", &["change"]),
    ("renew", &["rotate"]),
    ("rm", &["revoke", "suspend", "remove"]),
    ("roll", &["rotate"]),
    ("set", &["change", "rename"]),
    ("stats", &["usage"]),
    ("status", &["list"]),
    ("unsuspend", &["resume"]),
    ("update", &["change", "rename"]),
    ("view", &["show"]),
];

/// Names the command that was meant where another program's word was typed for it.
fn suggest(error: &mut clap::Error, words: &[String]) {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    // The commands beside which it was looked for.
    let root = Cli::command();
    let mut group = &root;
    for word in words.iter().take_while(|word| *word != typed) {
        group = group.find_subcommand(word).unwrap_or(group);
    }
    let meant = OTHER_WORDS
        .iter()
        .find(|(word, _)| word == typed)
        .and_then(|(_, commands)| commands.iter().find(|name| group.find_subcommand(name).is_some()));
    if let Some(name) = meant {
        let suggested = ContextValue::Strings(vec![(*name).to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, suggested);
    }
}

fn served(work: impl Future<Output = Result<(), StartFailure>>) -> Result<(), Failure> {
    server::block_on(work).map_err(|failure| Failure::Refused(failure.to_string()))
}

/// How a server command says what it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Announcement {
    /// For people
    Text,
    /// One line of JSON, for scripts
    Json,
}

/// Which configuration.
#[derive(Args)]
struct Configured {
    /// The configuration; NEXUS__SECTION__KEY variables alone where absent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

impl Configured {
    fn path(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// Run everything in one process, to try it and to develop against it
///
/// Starts on SQLite with an in-process bus, a validating node, one demo tenant per dialect, a management credential and a
/// member to sign in as, and prints where to go and how to sign in. Not for production: see `nexus serve`.
///
/// Variables NEXUS__SECTION__KEY configure it as they do `nexus serve` (`nexus.example.toml` explains each), such as
/// NEXUS__LOG__LEVEL=debug; where it listens and keeps its data is for the options alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus dev
  nexus dev --ephemeral --port 0
  NEXUS__DIALECTS__PATH=dialects nexus dev --ephemeral
  nexus dev --output json > dev.json &            then: jq -r .admin_token dev.json")]
struct DevArgs {
    /// Folder for the database and keys; made where absent
    #[arg(long, value_name = "DIR", default_value = "nexus-dev", value_hint = ValueHint::DirPath)]
    data: PathBuf,

    /// Port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Keep nothing: a fresh store that is gone when the program ends
    #[arg(long, conflicts_with = "data")]
    ephemeral: bool,

    /// With json, the first line of stdout is an object with url, admin_token, dashboard and tenants, when it is ready to serve
    #[arg(long, value_enum, default_value_t = Announcement::Text)]
    output: Announcement,
}

impl DevArgs {
    fn options(self) -> DevOptions {
        let Self { data, port, ephemeral, output } = self;
        DevOptions { data, port, ephemeral, json: output == Announcement::Json }
    }
}

/// Run an API node on PostgreSQL and RabbitMQ
///
/// Reads a TOML file; `nexus.example.toml` explains every value. Each one can be overridden by a variable
/// NEXUS__SECTION__KEY, such as NEXUS__DATABASE__URL. Ctrl-C and SIGTERM drain: what was accepted is finished.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus serve --config nexus.toml
  NEXUS__SERVER__LISTEN=0.0.0.0:8080 nexus serve --config nexus.toml")]
struct ServeArgs {
    #[command(flatten)]
    config: Configured,
}

/// Run a validating node: it answers whether credentials may do something, from memory
///
/// It follows the API nodes that its configuration names and needs no database; `nexus nodes create` makes the credential that
/// it needs, and `validator.example.toml` explains every setting. It answers from memory only while it has the right to, which it
/// is given for three seconds at a time: a node that is cut off refuses with UNAVAILABLE instead of accepting what was revoked
/// meanwhile.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus validator --config validator.toml
  NEXUS__CONTROL__CREDENTIAL=$(cat credential) nexus validator --config validator.toml")]
struct ValidatorArgs {
    #[command(flatten)]
    config: Configured,
}

/// Look after the database
#[derive(Args)]
struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Subcommand)]
enum DbCommand {
    /// Bring the database to this program's schema
    ///
    /// Also done at every start, unless the configuration says otherwise. Running it twice does nothing, and nodes of
    /// the version before go on working meanwhile.
    #[command(after_help = "Example:\n  nexus db migrate --config nexus.toml")]
    Migrate(Configured),

    /// Say whether the database has this program's schema; exits with 1 where it has not
    #[command(after_help = "Example:\n  nexus db status --config nexus.toml")]
    Status(Configured),
}

/// First start and recovery, straight in the database
#[derive(Args)]
struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Subcommand)]
enum AdminCommand {
    Credential(CredentialArgs),
}

/// Make a management credential without having one
///
/// For the first start, and for when the last credential is lost. Whoever can read the configuration and write to the
/// database can do this; it is on record in the audit log like everything else.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus admin credential --config nexus.toml
  export NEXUS_TOKEN=$(nexus admin credential --config nexus.toml --output json | jq -r .admin_token)")]
struct CredentialArgs {
    #[command(flatten)]
    config: Configured,

    /// What it is for, as the audit log shows it
    #[arg(long, default_value = "admin")]
    name: String,

    /// With json, prints {"admin_token":"…"}
    #[arg(long, value_enum, default_value_t = Announcement::Text)]
    output: Announcement,
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no description");
            for arg in
                command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
            {
                assert!(arg.get_help().is_some(), "{path} {} has no description", arg.get_id());
            }
            if command.get_subcommands().next().is_none() {
                assert!(command.get_after_help().is_some(), "{path} has no example");
            }
            command.get_subcommands().for_each(|inner| check(inner, &path));
        }
        check(&Cli::command(), "");
    }

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    const TENANT: &str = "3714240b-2e06-4c35-8856-ccc1c096323e";
    const KEY: &str = "key_00000000000000000123456789abcdef";

    #[test]
    fn what_the_documentation_shows_can_be_typed() {
        for line in [
            "nexus dev --data D --port 9000 --output json",
            "nexus dev --ephemeral",
            "nexus serve --config nexus.toml",
            "nexus db migrate --config F",
            "nexus db status --config F",
            "nexus admin credential --config F --name ops --output json",
            "nexus tenants create --name N --dialect nexus",
            "nexus tenants --output json list",
            "nexus --help-is-not-needed-for completions bash",
            "nexus projections --url http://h:1 rebuild credential_lookup",
            "nexus validator --config validator.toml",
            "nexus nodes create edge-1 --output json",
            "nexus nodes create N --dialect nexus --dialect nexpay,nexuscore --expires-in 90d --allow-ip 10.0.0.0/8",
            "nexus nodes list --output json",
            "nexus jwt-secrets create --name N --environment test --scope a --scope b --secret-file F --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus jwt-secrets rotate jws00000000000000000123456789abcdef --grace 0 --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus jwt-secrets revoke jws00000000000000000123456789abcdef --reason compromised --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus nodes revoke key_00000000000000000123456789abcdef --reason unused --note N",
            "nexus members create a@example.com --role admin --without-password --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus members list --all --tenant 3714240b-2e06-4c35-8856-ccc1c096323e --output json",
            "nexus members remove mem_00000000000000000123456789abcdef --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus members set-password mem_00000000000000000123456789abcdef --tenant 3714240b-2e06-4c35-8856-ccc1c096323e",
            "nexus verify - --dialect nexus --scope a:b --scope c --method get --ip ::1 --environment live --restrict brand=acme",
            "nexus audit search --actor a --from 2026-01-01 --q x --limit 5 --output json",
            "nexus audit export --format csv --output-file F",
            "nexus audit export --format csv --output audit.csv",
        ] {
            let line = line.replace("--help-is-not-needed-for ", "");
            assert!(parse(&line).is_ok(), "{line}: {}", parse(&line).err().unwrap());
        }
        for line in [
            "create --name N --type publishable --environment live --scope a --scope b --expires-in 30d --allow-ip 10.0.0.0/8 --restrict brand=acme",
            "list --status revoked --all --token T",
            "show KEY --output json",
            "change KEY --clear-expiry --name M",
            "rotate KEY --grace 24h",
            "revoke KEY --reason compromised --note N",
            "usage KEY --from 2026-01-01 --to 2026-01-02T00:00:00Z --step 1h",
            "requests KEY --limit 10",
        ] {
            let line = format!("nexus keys {line} --tenant {TENANT}").replace("KEY", KEY);
            assert!(parse(&line).is_ok(), "{line}: {}", parse(&line).err().unwrap());
        }
    }

    #[test]
    fn other_programs_words_lead_to_the_commands() {
        for (line, meant) in [
            ("nexus keys update", "change"),
            ("nexus keys edit KEY --name A", "change"),
            ("nexus keys --output json delete", "revoke"),
            ("nexus keys remove", "revoke"),
            ("nexus keys get", "show"),
            ("nexus keys ls", "list"),
            ("nexus keys new", "create"),
            ("nexus keys add", "create"),
            ("nexus tenants update", "rename"),
            ("nexus tenants delete", "suspend"),
            ("nexus tenants get", "show"),
            ("nexus tenants ls", "list"),
            ("nexus tenants add", "create"),
            ("nexus audit get", "search"),
            ("nexus projections ls", "status"),
            ("nexus members delete", "remove"),
            ("nexus members invite", "create"),
            ("nexus members passwd", "set-password"),
            ("nexus nodes new", "create"),
            ("nexus nodes ls", "list"),
            ("nexus nodes get", "list"),
            ("nexus nodes status", "list"),
            ("nexus nodes delete", "revoke"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let mut error = Cli::try_parse_from(&words).err().unwrap();
            suggest(&mut error, &words);
            let said = error.to_string();
            assert!(said.contains(&format!("tip: a similar subcommand exists: '{meant}'")), "{line}: {said}");
        }
        for (word, commands) in OTHER_WORDS {
            let groups: Vec<clap::Command> = Cli::command().get_subcommands().cloned().collect();
            let exists = |name: &str| groups.iter().any(|group| group.find_subcommand(name).is_some());
            assert!(commands.iter().all(|name| exists(name)), "{word}: {commands:?}");
        }
    }

    #[test]
    fn wrong_usage_is_told_before_anything_is_sent() {
        for (line, kind) in [
            (
                "create --name N --expires-in 30d --expires-at 2027-01-01T00:00:00Z",
                ErrorKind::ArgumentConflict,
            ),
            ("create --name N --expires-in soon", ErrorKind::ValueValidation),
            ("create --name N --allow-ip 10.0.0.0/33", ErrorKind::ValueValidation),
            ("create --name N --allow-ip 10.0.0.1/8", ErrorKind::ValueValidation),
            ("create --name N --restrict brand", ErrorKind::ValueValidation),
            ("create", ErrorKind::MissingRequiredArgument),
            ("change KEY", ErrorKind::MissingRequiredArgument),
            ("change KEY --clear-expiry --expires-in 1d", ErrorKind::ArgumentConflict),
            ("revoke KEY --reason whim", ErrorKind::InvalidValue),
            ("show ../../tenants", ErrorKind::ValueValidation),
            ("list --limit 0", ErrorKind::ValueValidation),
        ] {
            let line = format!("nexus keys {line} --tenant {TENANT}").replace("KEY", KEY);
            let error = parse(&line).err().unwrap_or_else(|| panic!("{line} was accepted"));
            assert_eq!(error.kind(), kind, "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(parse("nexus projections rebuild ../x").is_err());
        assert!(parse("nexus audit export --output json").is_err());
        assert!(parse("nexus dev --ephemeral --data D").is_err());
    }
}
