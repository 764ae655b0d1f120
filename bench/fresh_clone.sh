#!/usr/bin/env bash
# Seconds from a fresh clone, with an empty registry cache, to the first answer of `cargo run --release -- dev`.
# Takes minutes, some gigabytes in TMPDIR, and the network. The toolchain itself is not downloaded anew.
set -euo pipefail
source_repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/nexus-fresh.XXXXXX")
pid=

clean_up() {
    if [[ -n $pid ]]; then
        kill -TERM -- "-$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "bench: $*" >&2; }

seconds_since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }'; }

# Registry mirrors and proxies of this machine's configuration still count; what they gave before does not.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$folder/cargo"
[[ ! -f $cargo_home/config.toml ]] || cp "$cargo_home/config.toml" "$folder/cargo/"
export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_HOME=$folder/cargo CARGO_TARGET_DIR=$folder/target
export CARGO_TERM_COLOR=never

began=$(date +%s.%N)
git clone --quiet --no-local "$source_repository" "$folder/nexus"
cd "$folder/nexus"
# A process group of its own, so that cargo and the server end together.
set -m
cargo run --release --locked -- dev --ephemeral --port 0 --output json </dev/null \
    >"$folder/ready" 2>"$folder/log" &
pid=$!
set +m
compiled=
until [[ -s $folder/ready ]]; do
    kill -0 "$pid" 2>/dev/null || { tail -n 40 "$folder/log" >&2; say "it ended by itself"; exit 1; }
    if [[ -z $compiled ]] && grep -q 'Finished' "$folder/log"; then compiled=$(seconds_since "$began"); fi
    sleep 0.1
done
url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$folder/ready")
curl --silent --show-error --fail "$url/healthz" >/dev/null
say "$(nproc) processors, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
printf 'first answer after %s s, of which clone, download and build %s s\n' \
    "$(seconds_since "$began")" "${compiled:-nearly all}"
