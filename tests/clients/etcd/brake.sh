#!/usr/bin/env bash
# Hosts that fall silent together, on one table: what one node decides holds at all of them. It is kept everywhere, also at a
# node that starts then; it is renewed, deregistered or let go at any. Usage: brake.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig

status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }

# Hosts that beat no more. $1 the service, $2 how many, $3 the second part of their addresses, $4 the TTL.
crowd() {
    local place
    for place in $(seq "$2"); do
        use_node $((place % 3 + 1))
        register "$1" "h$place" "{\"address\":\"10.$3.0.$place\",\"port\":80,\"ttl\":\"$4\"}"
    done
}

addresses_of() { seq "$2" | sed "s/^/10.$1.0./" | sort | paste -sd' '; }
held_at() { get "$1" "/v1/brake" | jq "[.held[] | select(.service == \"$2\")] | length"; }

# Every node keeps so many of a service before $2 s are over. $1 title, $3 the service, $4 how many.
all_keep() {
    local number
    for number in "${!node_pids[@]}"; do
        eventually "$1: kept at node $number" "$2" "$4" held_at "$number" "$3"
    done
}

# Ten hosts are cut off: none leaves. Then each way out of it, at one node, counts at all.
try_crowd() {
    local all number
    all=$(addresses_of 1 10)
    crowd crowd 10 1 4s
    all_show "$1: ten hosts" 3 crowd.service.local "$all"
    all_keep "$1: ten fell silent" 15 crowd 10
    all_show "$1: ten fell silent" 1 crowd.service.local "$all"
    tables_equal "$1: ten are kept" 3
    same "$1: they stand in etcd" 10 "$(ctl get --prefix /rollcall/v1/rows/crowd/ | grep -c '^{"kept_ms":')"
    start_node 4
    all_keep "$1: a node has started" 2 crowd 10
    all_show "$1: a node has started" 2 crowd.service.local "$all"
    tables_equal "$1: a node has started" 3
    for number in 1 2 3 4; do
        call -X POST "${node_urls[$number]}/v1/hosts/crowd/h$number/renew"
        same "$1: renewed at node $number" 200 "$(status -X POST "${node_urls[$number]}/v1/hosts/crowd/h$number/renew")"
    done
    all_keep "$1: four are renewed" 3 crowd 6
    call -X PUT "${node_urls[2]}/v1/hosts/crowd/h5" --data '{"address":"10.1.0.55","port":80,"ttl":"4s"}'
    call -X PUT "${node_urls[3]}/v1/hosts/crowd/h6/drain" --data '{"enable":true}'
    call -X DELETE "${node_urls[1]}/v1/hosts/crowd/h7"
    all_keep "$1: one registered anew, one was deregistered" 3 crowd 4
    all_show "$1: one moved, one is drained, one is gone" 2 crowd.service.local \
        "10.1.0.1 10.1.0.10 10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.55 10.1.0.8 10.1.0.9"
    tables_equal "$1: some are back" 3
    same "$1: an operator lets go" '{"released":4}' "$(curl -s -X POST "${node_urls[2]}/v1/brake/release?service=crowd")"
    all_keep "$1: they were let go" 4 crowd 0
    tables_equal "$1: they were let go" 3
    stop_one 4
}

stop_one() {
    kill "${node_pids[$1]}"
    end_of "${node_pids[$1]}"
    unset "node_pids[$1]" "node_urls[$1]" "node_ports[$1]"
}

# One host of ten dies: it leaves, everywhere, and soon.
try_one() {
    local place beats
    crowd one 10 2 4s
    for beats in 1 2 3 4 5 6; do
        for place in $(seq 2 10); do
            call -X POST "${node_urls[$((place % 3 + 1))]}/v1/hosts/one/h$place/renew"
        done
        sleep 1
    done
    all_show "$1: one has died" 3 one.service.local "$(addresses_of 2 10 | tr ' ' '\n' | grep -vx 10.2.0.1 | paste -sd' ')"
    all_keep "$1: one has died" 1 one 0
    tables_equal "$1: one has died" 3
    for place in $(seq 2 10); do
        deregister one "h$place"
    done
}

# Of two hosts both are kept where two are a mass: etcd ends the first lease before anybody sees the second end.
try_pair() {
    crowd pair 2 3 4s
    all_keep "$1: two fell silent" 15 pair 2
    all_show "$1: two fell silent" 1 pair.service.local "10.3.0.1 10.3.0.2"
    all_show "$1: their cap" 16 pair.service.local ""
    all_keep "$1: their cap" 2 pair 0
    tables_equal "$1: their cap" 3
}

# A cut that is over: hosts come back one after the other, and none is thrown out because another one is back. A host without
# a lease beside them says nothing about them.
try_return() {
    local place
    crowd return 10 5 3s
    use_node 1
    register return static '{"address":"10.5.0.99","port":80}'
    all_keep "$1: a cut" 15 return 10
    sleep 6
    all_keep "$1: a cut of more than two TTLs" 1 return 10
    for place in $(seq 10); do
        same "$1: host $place is back" 200 "$(status -X POST "${node_urls[$((place % 3 + 1))]}/v1/hosts/return/h$place/renew")"
        sleep 0.25
    done
    for place in $(seq 10); do
        deregister return "h$place"
    done
    deregister return static
}

# Whoever decides is gone in the moment when it should.
try_gone() {
    crowd gone 6 4 4s
    sleep 1
    kill_node 3
    unset "node_pids[3]" "node_urls[3]" "node_ports[3]"
    all_keep "$1: a node has died" 15 gone 6
    tables_equal "$1: a node has died" 3
    start_node 3
    all_keep "$1: it is back" 2 gone 6
    all_keep "$1: the cap" 20 gone 0
    all_show "$1: the cap" 2 gone.service.local ""
    tables_equal "$1: the cap" 3
}

[ $# -gt 0 ] || set -- 3.5
for version in "$@"; do
    find_etcd "$version"
    start_etcd 1
    settings=(ROLLCALL_BRAKE_SERVICES="pair least=2,crowd cap=10,return cap=10" ROLLCALL_BRAKE_TABLE_SHARE=100)
    for number in 1 2 3; do
        start_node "$number" "${settings[@]}"
    done
    try_one "$version"
    try_pair "$version"
    try_return "$version"
    try_crowd "$version"
    [ "$version" != "$1" ] || try_gone "$version"
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
