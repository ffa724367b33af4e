#!/usr/bin/env bash
# What it costs: how long until a host registered at one node is in the DNS of another, with many hosts in the table; and what the
# heartbeats of many hosts are to etcd: no revision, and few requests. Usage: figures.sh [HOSTS [BEATING [SECONDS]]]
#
# Without arguments as many as a debug build takes in a minute. The figures that count are of a release build:
#
#     ROLLCALL=target/release/rollcall tests/clients/etcd/figures.sh 100000 10000 30
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig python3
hosts=${1:-4000} beating=${2:-2000} seconds=${3:-12}
# As each host beats every ten seconds.
allowed=$((beating * 12 / 100))
find_etcd 3.5
start_etcd 1
start_nodes 3
nodes=()
for number in 1 2 3; do
    nodes+=("${node_urls[$number]#http://}/${node_ports[$number]}")
done

start=$SECONDS
python3 "$here/figures.py" fill "$hosts" "$beating" "${nodes[@]}" >"$work/fill" 2>&1 || fail "hosts were not registered" "$(tail -n 3 "$work/fill")"
tables_equal "$hosts hosts" 60
echo "    $hosts hosts were registered in $((SECONDS - start)) s: $(cat "$work/fill")"

python3 "$here/figures.py" visible 300 "${nodes[@]}" >"$work/visible" 2>&1 || fail "hosts were not seen" "$(tail -n 3 "$work/visible")"
echo "    registered at one node, in DNS at another: $(cat "$work/visible")"
found=$(sed -E 's/.*p99 ([0-9.]+) ms.*/\1/' "$work/visible")
if awk -v found="$found" 'BEGIN { exit !(found <= 50) }'; then pass; else fail "in DNS at another node: p99 is $found ms"; fi

# Until the last of the renewals that registration was.
sleep 3
revision=$(etcd_revision)
requests=$(etcd_metric grpc_server_msg_received_total)
python3 "$here/figures.py" beat "$beating" "$seconds" "${nodes[@]}" >"$work/beat" 2>&1 || fail "heartbeats were refused" "$(tail -n 3 "$work/beat")"
requests=$((($(etcd_metric grpc_server_msg_received_total) - requests) / seconds))
echo "    $beating hosts beat every 10 s: $(cat "$work/beat"); $requests requests a second at etcd"
same "the revision of etcd does not move by heartbeats" "$revision" "$(etcd_revision)"
if [ "$requests" -le "$allowed" ]; then pass; else fail "heartbeats of $beating hosts: $requests requests a second, not $allowed"; fi
tables_equal "after the heartbeats" 3
for number in 1 2 3; do
    same "no host has lapsed at node $number" "$hosts" "$(get "$number" /v1/digest | jq .hosts)"
done
for number in 1 2 3; do
    echo "    node $number: $(awk '/VmRSS/ { printf "%d MB", $2 / 1024 }' "/proc/${node_pids[$number]}/status")"
done
nodes_are_well
conclude
