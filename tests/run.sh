#!/usr/bin/env bash
# The one test command: `tests/run.sh [ARGUMENTS OF cargo test…]`, such as `tests/run.sh -p nexus-domain` or `tests/run.sh revoke`.
#
# Starts a private PostgreSQL and RabbitMQ, builds, runs every test, and leaves nothing behind. On Debian, as root, it
# installs what is missing; elsewhere it says what to install. NEXUS_TEST_DATABASE_URL and NEXUS_TEST_AMQP_URL, when
# set, name servers to use instead. NEXUS_TEST_LIMIT is the most seconds that the tests may take (3600).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/services.sh
source tests/services.sh

trap stop_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

target=${CARGO_TARGET_DIR:-$PWD/target}
limit=${NEXUS_TEST_LIMIT:-3600}
export NEXUS_TEST_RESULTS=$target/test-results.log

install_packages
prepare_python "$target/test-python"
prepare_node "$PWD/tests/node"
build_sdk

# Binaries, examples and tests together: the cross-crate tests start the debug `nexus` and an example, and built alone these
# would get other features of shared dependencies and compile them twice.
say "building"
run_in_group build TERM - timeout --kill-after=30 "$limit" cargo build --workspace --bins --examples --tests --locked
wait "$started_pid"

start_services

# cargo would ignore `-p` beside `--workspace`.
packages=(--workspace)
for argument in "$@"; do
    case $argument in
        --) break ;;
        -p* | --package | --package=*) packages=() ;;
    esac
done

say "running"
outcome=0
# shellcheck disable=SC2016 # the inner shell expands these
run_in_group tests TERM - timeout --kill-after=30 "$limit" bash -o pipefail -c \
    'cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$NEXUS_TEST_RESULTS"' tests "${packages[@]}" "$@"
wait "$started_pid" || outcome=$?
[[ $outcome -ne 124 ]] || say "stopped after $limit s"

# cargo reports each test program by itself; this is the sum.
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$NEXUS_TEST_RESULTS"
exit "$outcome"
