//! `nexus-bench-memory KEYS`: counts what a look-up table of so many keys takes, and what accepting them allocates.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nexus_bench::keys::{self, Population};
use nexus_bench::memory::Counted;
use nexus_bench::{Failure, output};
use nexus_domain::verification::Question;
use nexus_infrastructure::dialects;
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};

fn main() -> ExitCode {
    match count() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::progress(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<(), Failure> {
    let keys = std::env::args().nth(1).ok_or("say how many keys")?.parse()?;
    let population = Population::new(keys)?;
    let dialects = Arc::new(dialects::load(None)?);
    let before = resident()?;
    let mut validator = None;
    let filled = allocation_counter::measure(|| {
        let filling = validator.insert(Validator::new(dialects));
        filling.apply(population.entries(), 1);
    });
    let resident = resident()? - before;
    let validator = validator.ok_or("no table was made")?;

    let required = [keys::SCOPE.to_owned()];
    let ip = keys::ADDRESS.parse()?;
    let question = Question {
        environment: Some("live"),
        method: Some("GET"),
        ip: Some(ip),
        required_scopes: &required,
        ..Question::default()
    };
    let texts = keys::presented(keys);
    let lease = Lease::new();
    lease.extend(LENGTH);
    let sight = lease.holds(Duration::ZERO).ok_or("the lease does not hold")?.into();
    let accept = || {
        keys::each(&texts)
            .filter(|secret| {
                let decided = validator.verify_credential(&sight, None, secret, &question, keys::BEGINNING);
                decided.is_ok_and(|decision| decision.outcome.is_ok())
            })
            .count()
    };
    // The first round sets up what a thread keeps.
    if accept() != keys as usize {
        return Err("not all keys were accepted".into());
    }
    let accepting = allocation_counter::measure(|| {
        accept();
    });
    output::json(&Counted { bytes: filled.bytes_current, resident, allocations: accepting.count_total })?;
    Ok(())
}

/// Bytes of this process in memory.
fn resident() -> Result<i64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: i64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
