#!/usr/bin/env bash
# Runs fuzz targets, as many at once as there are processors: `fuzz/run.sh [TARGET…]`, all of them where none is named, for
# FUZZ_SECONDS each, 60 where it is not set. Ends with 1 where one of them found something.
#
# Needs the stable toolchain and a C++ compiler, and neither a nightly one nor cargo-fuzz: `instrumented.sh` says how. Seeds are in
# fuzz/seeds and in dialects; what a run learns beyond them goes to fuzz/corpus and what it finds to fuzz/artifacts, neither of
# which is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

command -v c++ >/dev/null || {
    echo "fuzz: not run: libFuzzer is built from its source, and there is no C++ compiler; install g++ or clang" >&2
    exit 2
}
seconds=${FUZZ_SECONDS:-60}
targets=("$@")
if [[ $# -eq 0 ]]; then
    mapfile -t targets < <(find fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)
fi

# The folder of the other builds, whose crates of others are taken over.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target} RUSTC_WRAPPER=$PWD/instrumented.sh CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
cargo build --locked --bins

run() {
    local target=$1 seeds=("seeds/$1")
    if [[ $target == dialect_file ]]; then
        seeds=(../dialects ../domain/dialects)
    fi
    mkdir -p "corpus/$target" "artifacts/$target"
    # What hangs is told by libFuzzer itself; the outer limit is for what stops it from telling.
    if timeout --kill-after=10 $((seconds + 120)) "$CARGO_TARGET_DIR/debug/$target" "corpus/$target" "${seeds[@]}" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=8192 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"artifacts/$target.log" 2>&1; then
        printf 'fuzz: %-14s %s inputs, nothing found\n' "$target" \
            "$(sed -n 's/^stat::number_of_executed_units: //p' "artifacts/$target.log")"
    else
        printf 'fuzz: %s failed; fuzz/artifacts/%s.log:\n' "$target" "$target"
        tail -n 30 "artifacts/$target.log"
        return 1
    fi
}
export -f run
export seconds
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'set -euo pipefail; run {}'
