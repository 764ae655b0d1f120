#!/usr/bin/env bash
# A revocation is a barrier: two API nodes and four validators under load, one of them frozen, and a picture of it.
# `examples/barrier/run.sh [--svg FILE]`, see README.md beside it.
#
# Uses target/release/nexus (cargo build --release), or the program that NEXUS_BIN names. Starts a PostgreSQL of its own, or
# makes a database of its own on the server that NEXUS_TEST_DATABASE_URL names. Leaves nothing behind but the picture.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/services.sh
source "$here/../../tests/services.sh"
say() { printf '%s\n' "barrier: $*" >&2; }

driver=
database=

sql() { "$psql" "$NEXUS_TEST_DATABASE_URL" -qtAc "$1" >/dev/null; }

clean_up() {
    # The driver ends the nodes, and they let go of the database.
    [[ -z $driver ]] || kill -TERM "$driver" 2>/dev/null || true
    [[ -z $driver ]] || wait "$driver" || true
    [[ -z $database ]] || sql "drop database if exists $database with (force)" || true
    stop_services
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The server's address with another database.
with_database() {
    local address=${NEXUS_TEST_DATABASE_URL%%\?*} options authority
    options=${NEXUS_TEST_DATABASE_URL#"$address"}
    authority=${address#*://}
    echo "${address%%://*}://${authority%%/*}/$1$options"
}

program=${NEXUS_BIN:-$here/../../target/release/nexus}
[[ -x $program ]] || fail "there is no $program: run cargo build --release, or set NEXUS_BIN"
programs=$(postgres_programs)
psql=$(command -v psql || echo "$programs/psql")
[[ -x $psql ]] || fail "install postgresql, or psql for the server of NEXUS_TEST_DATABASE_URL"

services_folder=$(mktemp -d "${TMPDIR:-/tmp}/nexus-barrier.XXXXXX")
chmod 755 "$services_folder"
if [[ -z ${NEXUS_TEST_DATABASE_URL:-} ]]; then
    [[ -n $programs ]] || fail "install postgresql, or set NEXUS_TEST_DATABASE_URL to a server that may be used for tests"
    start_postgres "$programs" "$(free_ports 1)"
fi
name=nexus_barrier_$$_$RANDOM
sql "create database $name"
database=$name

# In the background, so that a signal is heeded at once.
NEXUS_BIN=$program python3 "$here/barrier.py" \
    --database "$(with_database "$database")" --data "$services_folder/nodes" "$@" &
driver=$!
outcome=0
wait "$driver" || outcome=$?
driver=
exit "$outcome"
