//! `nexus-bench`: measures Nexus against baselines on the same machine in the same run. See `bench/README.md`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The allocator of `nexus`, so that no baseline has a slower one.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nexus_bench::run()
}
