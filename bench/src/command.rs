//! The command line: which measurements are made, and how big.

use std::process::ExitCode;

use clap::Parser;

use crate::http::{Asked, Route};
use crate::report::{self, Row};
use crate::sizes::Sizes;
use crate::{
    Failure, append, barrier, http, introspect, issue, memory, node, output, rebuild, start, store, tokens,
    verify,
};

/// Measures Nexus against baselines on this machine and prints one table.
#[derive(Debug, Parser)]
#[command(name = "nexus-bench")]
struct Arguments {
    /// Small sizes, to see that the measurements work.
    #[arg(long)]
    quick: bool,
    /// Workers of the web servers that are measured.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Parts of names; without any, everything is measured.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measurement {
    Append,
    Verify,
    Tokens,
    Memory,
    Http(Asked, Route),
    Rebuild { postgres: bool },
    Start,
    Barrier,
    Revocations,
    NodeStart,
    Issue,
    IssueProvider,
    Introspect,
}

impl Measurement {
    const ALL: [Self; 17] = [
        Self::Append,
        Self::Verify,
        Self::Tokens,
        Self::Memory,
        Self::Http(Asked::ApiNode, Route::Verify),
        Self::Http(Asked::ApiNode, Route::ForwardAuth),
        Self::Rebuild { postgres: true },
        Self::Rebuild { postgres: false },
        Self::Start,
        Self::Barrier,
        Self::Http(Asked::ValidatingNode, Route::Verify),
        Self::Http(Asked::ValidatingNode, Route::ForwardAuth),
        Self::Revocations,
        Self::NodeStart,
        Self::Issue,
        Self::IssueProvider,
        Self::Introspect,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Verify => "in-process-verify",
            Self::Tokens => "jwt-verify",
            Self::Memory => "memory",
            Self::Http(Asked::ApiNode, Route::Verify) => "http-verify",
            Self::Http(Asked::ApiNode, Route::ForwardAuth) => "http-forward-auth",
            Self::Http(Asked::ValidatingNode, Route::Verify) => "node-verify",
            Self::Http(Asked::ValidatingNode, Route::ForwardAuth) => "node-forward-auth",
            Self::Rebuild { postgres: true } => "rebuild-postgresql",
            Self::Rebuild { postgres: false } => "rebuild-sqlite",
            Self::Start => "start",
            Self::Barrier => "barrier",
            Self::Revocations => "node-revocations",
            Self::NodeStart => "node-start",
            Self::Issue => "token-issue",
            Self::IssueProvider => "token-issue-provider",
            Self::Introspect => "introspect",
        }
    }

    const fn needs_postgres(self) -> bool {
        matches!(
            self,
            Self::Append
                | Self::Rebuild { postgres: true }
                | Self::Issue
                | Self::IssueProvider
                | Self::Introspect
        )
    }

    async fn make(self, sizes: &Sizes) -> Result<Vec<Row>, Failure> {
        match self {
            Self::Append => append::measure(sizes).await,
            Self::Verify => verify::measure(sizes).await,
            Self::Tokens => tokens::measure(sizes).await,
            Self::Memory => memory::measure(sizes),
            Self::Http(asked, route) => http::measure(sizes, asked, route).await,
            Self::Rebuild { postgres } => rebuild::measure(sizes, postgres).await,
            Self::Start => start::measure(sizes).await,
            Self::Barrier => barrier::measure(sizes).await,
            Self::Revocations => node::under_revocations(sizes).await,
            Self::NodeStart => node::start(sizes).await,
            Self::Issue => issue::against_signing(sizes).await,
            Self::IssueProvider => issue::against_provider(sizes).await,
            Self::Introspect => introspect::measure(sizes).await,
        }
    }
}

/// The program.
#[must_use]
pub fn run() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (first, second) = (arguments.next(), arguments.next());
    let outcome = match first.as_deref() {
        Some(http::BARE_SERVER) => actix_web::rt::System::new().block_on(http::serve_bare()),
        Some(barrier::BARE_FAN_OUT) => {
            let workers = second.and_then(|workers| workers.parse().ok()).unwrap_or(1);
            actix_web::rt::System::new().block_on(barrier::serve_bare(workers))
        }
        _ => measure(&Arguments::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::progress(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Makes the measurements one after the other. One that fails does not keep the others from the table.
fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let sizes = if arguments.quick { Sizes::quick } else { Sizes::full }(arguments.workers);
    let wanted = |measurement: &Measurement| {
        arguments.names.is_empty() || arguments.names.iter().any(|part| measurement.name().contains(part))
    };
    let chosen: Vec<Measurement> = Measurement::ALL.into_iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names = Measurement::ALL.map(Measurement::name).join(", ");
        return Err(format!("nothing has such a name; there are {names}").into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for measurement in chosen {
        let name = measurement.name();
        if measurement.needs_postgres() && !store::has_postgres() {
            output::progress(&format!("{name}: left out, there is no PostgreSQL server"));
            continue;
        }
        output::progress(name);
        match runtime.block_on(measurement.make(&sizes)) {
            Ok(more) => rows.extend(more),
            Err(failure) => {
                output::progress(&format!("{name}: {failure}"));
                failed.push(name);
            }
        }
    }
    output::line(&report::table(&rows));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("could not be measured: {}", failed.join(", ")).into())
    }
}
