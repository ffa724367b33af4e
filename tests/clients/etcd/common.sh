# shellcheck shell=bash
# What the scripts beside this file share, on top of ../clients.sh: real members of etcd, and nodes of rollcall on them. To be
# sourced, by a script that works alone as well as called by ../etcd.sh.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried, as an etcd cannot be had here.

source "$(dirname "${BASH_SOURCE[0]}")/../clients.sh"
source "$(dirname "${BASH_SOURCE[0]}")/../programs.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=etcd
etcd_flags=() etcd_scheme=http etcd_pids=() etcd_commands=()
node_pids=() node_urls=() node_ports=()

# Nothing stays asleep.
finish() {
    local child
    for child in "${node_pids[@]}" "${etcd_pids[@]}" "${children[@]}"; do
        kill -CONT "$child" 2>/dev/null || true
        kill "$child" 2>/dev/null || true
    done
    for child in "${node_pids[@]}" "${etcd_pids[@]}" "${children[@]}"; do
        end_of "$child"
    done
    rm -rf "$work"
}

# ---- etcd ----

# Starts an etcd of as many members as $1 says, on free ports; `etcd_flags` are added to the flags of each, `etcd_scheme` is
# http or https. Sets `endpoints`, and `endpoint` to the first of them. Needs find_etcd.
start_etcd() {
    local number peers=() clients=() cluster=
    for number in $(seq "$1"); do
        free_port && peers[number]=http://127.0.0.1:$port
        free_port && clients[number]=$etcd_scheme://127.0.0.1:$port
        cluster+=${cluster:+,}m$number=${peers[number]}
    done
    rm -rf "$work"/etcd-*
    for number in $(seq "$1"); do
        etcd_commands[number]="--name m$number --data-dir $work/etcd-$number --initial-cluster $cluster
            --listen-peer-urls ${peers[number]} --initial-advertise-peer-urls ${peers[number]}
            --listen-client-urls ${clients[number]} --advertise-client-urls ${clients[number]}"
        start_member "$number"
    done
    endpoint=${clients[1]}
    endpoints=$(IFS=, && echo "${clients[*]}")
    for _ in $(seq 100); do
        ctl endpoint health >"$work/health" 2>&1 && return
        sleep 0.1
    done
    give_up "etcd did not start: $(tail -n 3 "$work/health" "$work/etcd-1.log")"
}

# Starts a member, with what it had before.
start_member() {
    # shellcheck disable=SC2086
    "$etcd" ${etcd_commands[$1]} "${etcd_flags[@]}" >>"$work/etcd-$1.log" 2>&1 </dev/null &
    etcd_pids[$1]=$!
}

# Ends a member at once, as kill -9 does.
kill_member() {
    kill -KILL "${etcd_pids[$1]}"
    wait "${etcd_pids[$1]}" 2>/dev/null || true
}

stop_etcd() {
    local number
    for number in "${!etcd_pids[@]}"; do
        kill_member "$number"
    done
    etcd_pids=()
}

# Starts the program $1 of this folder before the etcd, on the port $2 or any. Sets `passer` to its process and `passer_port`.
start_passer() {
    python3 "$here/$1" "$endpoint" "${@:2}" >"$work/passer" 2>"$work/passer.log" &
    passer=$!
    children+=("$passer")
    for _ in $(seq 50); do
        passer_port=$(cat "$work/passer")
        [ -z "$passer_port" ] || return 0
        sleep 0.1
    done
    give_up "$1 did not start: $(cat "$work/passer.log")"
}

# etcdctl of the same version. `etcdctl_flags` are added.
etcdctl_flags=()
ctl() {
    ETCDCTL_API=3 "$etcdctl" --endpoints "$endpoints" --dial-timeout 2s --command-timeout 5s "${etcdctl_flags[@]}" "$@"
}

etcd_revision() {
    ctl get none -w json | sed -E 's/.*"revision":([0-9]+).*/\1/'
}

# A number of etcd's /metrics: the sum of the lines that begin with $1.
etcd_metric() {
    curl -s "$endpoint/metrics" | awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { printf "%d", sum }'
}

# ---- nodes ----

# Starts a node on that etcd. $1 is its number, then variables. Sets node_urls, node_ports and node_pids of the number.
start_node() {
    local number=$1
    shift
    log=$work/node-$number.log start_server ROLLCALL_NODE_NAME="node-$number" ROLLCALL_ETCD_ENDPOINTS="$endpoints" \
        ROLLCALL_MINOS_CHECK=none ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s "$@"
    node_urls[number]=$http node_ports[number]=$dns_port node_pids[number]=$server
    server=
}

start_nodes() {
    local number
    for number in $(seq "$1"); do
        start_node "$number"
    done
}

kill_node() {
    kill -KILL "${node_pids[$1]}"
    wait "${node_pids[$1]}" 2>/dev/null || true
}

stop_nodes() {
    local number
    for number in "${!node_pids[@]}"; do
        kill "${node_pids[$number]}" 2>/dev/null || true
        end_of "${node_pids[$number]}"
    done
    node_pids=() node_urls=() node_ports=()
}

# Makes a node the one whom call, register and the like talk to.
use_node() {
    http=${node_urls[$1]}
    dns_port=${node_ports[$1]}
    dns_address=127.0.0.1
}

# ---- what nodes say ----

# The addresses that node $1 has for a name, sorted, on one line.
addresses_at() {
    dig @127.0.0.1 -p "${node_ports[$1]}" +short +tcp +tries=1 +time=2 "$2" A | sort | paste -sd' '
}

# The SRV records that node $1 has for a name: priority, weight, port and target.
records_at() {
    dig @127.0.0.1 -p "${node_ports[$1]}" +short +tcp +tries=1 +time=2 "$2" SRV | sort | paste -sd,
}

get() {
    curl -s --max-time 5 "${node_urls[$1]}$2"
}

# Every node gives these addresses for a name before $2 s are over. $1 title, $3 the name, $4 the addresses.
all_show() {
    local number
    for number in "${!node_pids[@]}"; do
        eventually "$1: DNS of node $number" "$2" "$4" addresses_at "$number" "$3"
    done
}

digests() {
    local number
    for number in "${!node_pids[@]}"; do
        get "$number" /v1/digest | jq -r '"\(.hosts) \(.digest)"' || echo "node $number has none"
    done | sort -u
}

# All nodes have one digest before $2 s are over. $1 title.
tables_equal() {
    local start=$SECONDS found
    while found=$(digests) && [ "$(wc -l <<<"$found")" -ne 1 ] || ! grep -Eq '^[0-9]+ [0-9a-f]+$' <<<"$found"; do
        if [ $((SECONDS - start)) -gt "$2" ]; then
            fail "$1: tables are not equal" "$found"
            return
        fi
        sleep 0.1
    done
    pass
}

# The status of /readyz of node $1, and whether it says that it is degraded.
degraded_at() {
    curl -s -o "$work/ready" -w '%{http_code} ' "${node_urls[$1]}/readyz"
    grep -o degraded "$work/ready" | head -n 1
}

# A number of the metrics of node $1: the sum of the lines that begin with $2.
metric_at() {
    get "$1" /metrics | awk -v name="$2" 'index($0, name) == 1 { sum += $NF } END { printf "%d", sum }'
}

# Whether the nodes are there still, and none has panicked.
nodes_are_well() {
    local number
    for number in "${!node_pids[@]}"; do
        if kill -0 "${node_pids[$number]}" 2>/dev/null && ! grep -q panicked "$work/node-$number.log"; then
            pass
        else
            fail "node $number is not well" "$(tail -n 5 "$work/node-$number.log")"
        fi
    done
}
