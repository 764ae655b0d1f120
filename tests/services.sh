# Private PostgreSQL and RabbitMQ servers for one test run; sourced by run.sh, which calls `start_services` and
# traps `stop_services`. Everything listens on loopback at ports the kernel chose and lives in one temporary folder,
# so that runs do not meet each other or a server that is already on the machine.
# shellcheck shell=bash

services_folder=
# "name pid signal", in the order in which they started.
services_started=()

say() { printf '%s\n' "tests: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# PostgreSQL refuses to run as root; everything else runs as whoever called.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then
        setpriv --reuid postgres --regid postgres --init-groups "$@"
    else
        "$@"
    fi
}

# The newest installed server: Debian keeps its programs out of PATH, one folder a version.
postgres_programs() {
    local newest
    newest=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    [[ -n $newest ]] || newest=$(command -v initdb || true)
    [[ -z $newest ]] || dirname "$(readlink -f "$newest")"
}

# Debian's /usr/sbin/rabbitmq-server changes user and folder before it starts the real one, which would lose our settings.
rabbitmq_program() {
    if [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
        echo /usr/lib/rabbitmq/bin/rabbitmq-server
    else
        command -v rabbitmq-server || true
    fi
}

nginx_program() {
    command -v nginx || { [[ ! -x /usr/sbin/nginx ]] || echo /usr/sbin/nginx; }
}

missing_packages() {
    local missing=()
    [[ -n ${NEXUS_TEST_DATABASE_URL:-} || -n $(postgres_programs) ]] || missing+=(postgresql)
    [[ -n ${NEXUS_TEST_AMQP_URL:-} || -n $(rabbitmq_program) ]] || missing+=(rabbitmq-server)
    [[ -n $(nginx_program) ]] || missing+=(nginx)
    command -v pebble >/dev/null || missing+=(pebble)
    command -v curl >/dev/null || missing+=(curl)
    command -v jq >/dev/null || missing+=(jq)
    command -v openssl >/dev/null || missing+=(openssl)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    echo "${missing[*]}"
}

install_packages() {
    local missing policy=/usr/sbin/policy-rc.d
    missing=$(missing_packages)
    [[ -n $missing ]] || return 0
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "install $missing, or set NEXUS_TEST_DATABASE_URL and NEXUS_TEST_AMQP_URL to servers that may be filled with test data"
    fi
    say "installing $missing"
    # The packages would start their servers on the usual ports; nobody here wants those.
    if [[ ! -e $policy ]]; then
        services_policy=$policy
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 apt-get -qq -o DPkg::Lock::Timeout=120 update >/dev/null
    # shellcheck disable=SC2086 # the names are words
    timeout 900 apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install $missing </dev/null >/dev/null
    remove_policy
}

services_policy=
remove_policy() {
    [[ -z $services_policy ]] || rm -f "$services_policy"
    services_policy=
}

# prepare_python FOLDER: a virtual environment with the AMQP client that the consumer example uses, the OAuth clients of the tests,
# and the SDK of this tree with what its tests and lints need.
prepare_python() {
    local folder=$1 sdk=$PWD/sdk/python
    local others=('pika==1.3.2' 'requests-oauthlib==2.0.0' 'PyJWT==2.15.1' 'cryptography==50.0.2')
    if ! { echo "$sdk" "${others[@]}" && cat "$sdk/pyproject.toml"; } | cmp -s - "$folder/prepared"; then
        say "making a Python environment in $folder"
        rm -rf "$folder"
        python3 -m venv "$folder"
        timeout 600 "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
            "${others[@]}" --editable "$sdk[dev]" </dev/null
        { echo "$sdk" "${others[@]}" && cat "$sdk/pyproject.toml"; } >"$folder/prepared"
    fi
    export NEXUS_TEST_PYTHON=$folder/bin/python
}

# prepare_node FOLDER: exactly what a Node project's lock file names. No package's own scripts are run.
prepare_node() {
    local folder=$1
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/prepared"; then
        say "bringing what $folder needs"
        (cd "$folder" && timeout 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >/dev/null)
        cp "$folder/package-lock.json" "$folder/node_modules/prepared"
    fi
    NEXUS_TEST_NODE=$(command -v node)
    export NEXUS_TEST_NODE
}

# The packages of sdk/node as they are published: the tests use those.
build_sdk() {
    prepare_node "$PWD/sdk/node"
    (cd sdk/node && timeout 300 npm run --silent build </dev/null)
}

# Held open together until all are chosen, so that no port comes twice.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(server.getsockname()[1] for server in held))
PYTHON
}

# run_in_group NAME SIGNAL LOG COMMAND…: starts the command in a process group of its own, so that Ctrl-C reaches this
# script alone, which then ends what it started in the right order. Its pid is in `started_pid`.
run_in_group() {
    local name=$1 signal=$2 log=$3
    shift 3
    set -m
    if [[ $log == - ]]; then
        "$@" </dev/null &
    else
        "$@" </dev/null >"$log" 2>&1 &
    fi
    started_pid=$!
    set +m
    services_started+=("$name $started_pid $signal")
}

# A pid that the system has given to somebody else since is not one of this shell's running jobs.
still_running() { [[ $'\n'$(jobs -rp)$'\n' == *$'\n'"$1"$'\n'* ]]; }

# wait_until SECONDS NAME PID LOG COMMAND…
wait_until() {
    local deadline=$((SECONDS + $1)) name=$2 pid=$3 log=$4
    shift 4
    until "$@" >/dev/null 2>&1; do
        if ! still_running "$pid" || ((SECONDS >= deadline)); then
            tail -n 40 "$log" >&2 || true
            fail "$name did not become ready; the end of its log is above"
        fi
        sleep 0.2
    done
}

start_postgres() {
    local programs=$1 port=$2 data=$services_folder/postgres log=$services_folder/postgres.log
    install -d -m 700 "$data"
    [[ $EUID -ne 0 ]] || chown postgres: "$data"
    # The programs complain when they cannot return to the folder they were called in.
    (cd / && as_postgres "$programs/initdb" -D "$data" -U postgres --auth=trust -E UTF8 --locale=C >"$log" 2>&1) ||
        { tail -n 20 "$log" >&2; fail "initdb failed; the end of its output is above"; }
    # fsync stays on: the tests promise durability. No Unix socket: its folder would have to belong to somebody.
    run_in_group postgres INT "$log" as_postgres_server "$programs" "$data" "$port"
    wait_until 60 PostgreSQL "$started_pid" "$log" \
        "$programs/psql" "postgres://postgres@127.0.0.1:$port/postgres" -qtAc 'select 1'
    export NEXUS_TEST_DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
}

as_postgres_server() {
    local programs=$1 data=$2 port=$3 server
    server=("$programs/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
        -c max_connections=300 -c fsync=on -c shared_buffers=128MB)
    cd /
    # `exec`, so that the pid that is remembered is the server's own.
    if [[ $EUID -eq 0 ]]; then
        exec setpriv --reuid postgres --regid postgres --init-groups "${server[@]}"
    fi
    exec "${server[@]}"
}

start_rabbitmq() {
    local program=$1 port=$2 distribution_port=$3 epmd_port=$4
    local folder=$services_folder/rabbitmq log=$services_folder/rabbitmq.log
    install -d -m 700 "$folder"
    echo '[].' >"$folder/enabled_plugins"
    : >"$folder/rabbitmq-env.conf"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'disk_free_limit.absolute = 50MB' >"$folder/rabbitmq.conf"
    # Started here, because a node starts its own as a daemon that outlives it and cannot be told from others'.
    run_in_group epmd TERM "$services_folder/epmd.log" epmd -address 127.0.0.1 -port "$epmd_port"
    run_in_group rabbitmq TERM "$log" rabbitmq_node "$program" "$folder" "$distribution_port" "$epmd_port"
    wait_until 120 RabbitMQ "$started_pid" "$log" timeout 5 bash -c \
        "exec 3<>/dev/tcp/127.0.0.1/$port && printf 'AMQP\\0\\0\\11\\1' >&3 && [[ -n \$(head -c 1 <&3 | od -An -tx1) ]]"
    export NEXUS_TEST_AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f
}

rabbitmq_node() {
    local program=$1 folder=$2
    export HOME=$folder ERL_EPMD_PORT=$4 ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME=nexus-test@localhost RABBITMQ_DIST_PORT=$3
    export RABBITMQ_MNESIA_BASE=$folder/data RABBITMQ_LOG_BASE=$folder/log RABBITMQ_PID_FILE=$folder/pid
    export RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf RABBITMQ_ADVANCED_CONFIG_FILE=$folder/advanced.config
    export RABBITMQ_CONF_ENV_FILE=$folder/rabbitmq-env.conf RABBITMQ_ENABLED_PLUGINS_FILE=$folder/enabled_plugins
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}'
    # With input allowed, its script becomes the server instead of waiting for it, and signals arrive; `-noinput` then
    # keeps the Erlang shell away.
    export RABBITMQ_ALLOW_INPUT=1
    cd "$folder" && exec "$program" -noinput
}

start_services() {
    local postgres rabbitmq ports
    postgres=$(postgres_programs)
    rabbitmq=$(rabbitmq_program)
    services_folder=$(mktemp -d "${TMPDIR:-/tmp}/nexus-tests.XXXXXX")
    chmod 755 "$services_folder"
    read -r -a ports <<<"$(free_ports 4)"
    [[ -n ${NEXUS_TEST_DATABASE_URL:-} ]] || start_postgres "$postgres" "${ports[0]}"
    [[ -n ${NEXUS_TEST_AMQP_URL:-} ]] || start_rabbitmq "$rabbitmq" "${ports[1]}" "${ports[2]}" "${ports[3]}"
    # For tests that start, freeze and kill servers of their own. Empty where only a URL was given: those tests say so.
    export NEXUS_TEST_PG_BIN=$postgres NEXUS_TEST_RABBITMQ_SERVER=$rabbitmq
    NEXUS_TEST_NGINX=$(nginx_program)
    export NEXUS_TEST_NGINX
    say "PostgreSQL at $NEXUS_TEST_DATABASE_URL, RabbitMQ at ${NEXUS_TEST_AMQP_URL##*@}"
}

# Newest first; each gets its signal, 20 s, and then SIGKILL for what is left of its group. Only what this script started.
stop_services() {
    local index pid signal deadline
    for ((index = ${#services_started[@]} - 1; index >= 0; index--)); do
        read -r _ pid signal <<<"${services_started[index]}"
        ! still_running "$pid" || kill -s "$signal" "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 20))
        while still_running "$pid" && ((SECONDS < deadline)); do sleep 0.1; done
        kill -KILL -- "-$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    services_started=()
    remove_policy
    [[ -z $services_folder ]] || rm -rf "$services_folder"
    services_folder=
}
