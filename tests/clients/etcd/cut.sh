#!/usr/bin/env bash
# Servers are cut off from etcd while hosts that beat there change, lapse, leave and come back elsewhere. When they are back, hosts
# that are well are there as they were last, and others are not. Usage: cut.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig python3
passers=() passer_ports=() beating=()

# Starts node $1 behind something that can be ended.
start_cuttable() {
    local direct=$endpoints
    let_by "$1"
    endpoints=http://127.0.0.1:${passer_ports[$1]}
    start_node "$1"
    endpoints=$direct
}

# Lets node $1 have etcd, again or for the first time.
let_by() {
    start_passer passer.py ${passer_ports[$1]:+"${passer_ports[$1]}"}
    passers[$1]=$passer passer_ports[$1]=$passer_port
}

cut_off() {
    kill -KILL "${passers[$1]}"
    wait "${passers[$1]}" 2>/dev/null || true
    eventually "$title: node $1 is cut off" 15 "200 degraded" degraded_at "$1"
}

bring_back() {
    let_by "$1"
    eventually "$title: node $1 is back" 15 "200 " degraded_at "$1"
}

# The host beats at node $1, three times a second.
beat_at() {
    while sleep 0.3; do
        curl -s -o /dev/null --max-time 5 -X POST "${node_urls[$1]}/v1/hosts/web/a/renew" || true
    done &
    beating+=($!)
    children+=($!)
}

# The host has address $1, as node 1 is told.
register_host() {
    use_node 1
    register web a "{\"address\":\"$1\",\"port\":80,\"ttl\":\"5s\"}"
}

# Starts two nodes or $1, with the host among so many others that nothing is kept past its lease; it beats at all but the first.
begin() {
    local number
    start_etcd 1
    start_node 1
    for number in $(seq 2 "$1"); do
        start_cuttable "$number"
    done
    use_node 1
    for number in $(seq 9); do
        register web "other$number" "{\"address\":\"10.0.1.$number\",\"port\":80}"
    done
    others=$(seq -f 10.0.1.%g -s' ' 9)
    register_host 10.0.0.1
    all_show "$title: registered" 3 web.service.local "10.0.0.1 $others"
    for number in $(seq 2 "$1"); do
        beat_at "$number"
    done
}

# Node 1 hears nothing of the host for as long as its lease.
lapse() {
    eventually "$title: it has lapsed at node 1" 20 "$others" addresses_at 1 web.service.local
}

# More happens than one message of a watch tells of.
crowd() {
    local number
    for number in $(seq 1200); do
        printf 'next\nsilent\noutput=/dev/null\nrequest=PUT\nurl="%s"\ndata="%s"\n' "${node_urls[1]}/v1/hosts/crowd/c" \
            "{\\\"address\\\":\\\"10.0.2.1\\\",\\\"port\\\":$number}"
    done | curl -K - || fail "$title: a crowd" "curl: $?"
}

# All have this now, and when another lease has passed.
finish_with() {
    all_show "$title" 3 web.service.local "$1"
    tables_equal "$title" 3
    sleep 6
    all_show "$title: later" 0 web.service.local "$1"
    tables_equal "$title: later" 0
    nodes_are_well
    for beater in "${beating[@]}"; do
        kill "$beater"
        wait "$beater" 2>/dev/null || true
    done
    beating=() passer_ports=()
    stop_nodes
    stop_etcd
}

for version in "${@:-3.5}"; do
    find_etcd "$version"

    title="$version: it changes and lapses"
    begin 2
    cut_off 2
    register_host 10.0.0.2
    lapse
    bring_back 2
    finish_with "10.0.0.2 $others"

    title="$version: it lapses and comes back elsewhere"
    begin 2
    cut_off 2
    lapse
    register_host 10.0.0.1
    beat_at 1
    bring_back 2
    finish_with "10.0.0.1 $others"

    title="$version: it lapses, and after a crowd it changes and lapses"
    begin 2
    cut_off 2
    lapse
    crowd
    register_host 10.0.0.2
    lapse
    bring_back 2
    finish_with "10.0.0.2 $others"

    title="$version: it lapses, and after a crowd it comes back and leaves"
    begin 2
    cut_off 2
    lapse
    crowd
    register_host 10.0.0.2
    deregister web a
    bring_back 2
    finish_with "$others"

    title="$version: two are cut off"
    begin 3
    cut_off 2
    cut_off 3
    register_host 10.0.0.2
    lapse
    bring_back 2
    bring_back 3
    finish_with "10.0.0.2 $others"
done
conclude
