//! `nexus-bench`: measures Nexus against baselines on the same machine in the same run. See `bench/README.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexus_bench::run()
}
