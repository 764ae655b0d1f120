#!/usr/bin/env bash
# Measures Nexus against baselines and prints one table: bench/run.sh [--quick] [--workers N] [NAME…]
# Brings its own PostgreSQL unless NEXUS_TEST_DATABASE_URL names a server. See bench/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/services.sh
source tests/services.sh
say() { printf '%s\n' "bench: $*" >&2; }

trap stop_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if command -v node >/dev/null && command -v npm >/dev/null; then
    # As for everything that comes from a registry: nothing of it is run to install it.
    (cd bench/oidc-provider && timeout 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >/dev/null) ||
        say "oidc-provider cannot be installed: what needs it is left out"
else
    say "there is no Node or no npm: what needs oidc-provider is left out"
fi

cargo build --release --locked -p nexus -p nexus-bench

if [[ -z ${NEXUS_TEST_DATABASE_URL:-} ]]; then
    programs=$(postgres_programs)
    if [[ -n $programs ]]; then
        services_folder=$(mktemp -d "${TMPDIR:-/tmp}/nexus-bench.XXXXXX")
        chmod 755 "$services_folder"
        start_postgres "$programs" "$(free_ports 1)"
    else
        say "PostgreSQL is not installed: what needs it is left out"
    fi
fi

say "$(nproc) processors, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
"${CARGO_TARGET_DIR:-target}/release/nexus-bench" "$@"
