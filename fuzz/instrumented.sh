#!/usr/bin/env bash
# What cargo calls instead of rustc: our own packages are compiled with libFuzzer's instrumentation, and those of others as anywhere
# else, so that they need not be built twice. The flags are those of `cargo fuzz --sanitizer none`, which stable compilers take.
set -euo pipefail

case ${CARGO_PKG_NAME-} in
nexus-*)
    exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*)
    exec "$@"
    ;;
esac
