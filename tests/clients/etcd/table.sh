#!/usr/bin/env bash
# One table: what is registered at a node by any API is at the others, in DNS and in every API; it is renewed at any of them, and
# leaves and lapses everywhere. Usage: table.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig
tags='{"az":"a","region":"r","instance_id":"i"}'

by_native() { register web native '{"address":"10.0.0.1","port":80}'; }
native_leaves() { deregister web native; }
by_lyft() { call -X POST "$http/v1/registration/web" -d ip=10.0.0.2 -d port=80 -d revision=abc -d "tags=$tags"; }
lyft_leaves() { call -X DELETE "$http/v1/registration/web/10.0.0.2"; }
by_consul() { call -X PUT "$http/v1/agent/service/register" --data '{"Name":"web","ID":"web-3","Address":"10.0.0.3","Port":80}'; }
consul_leaves() { call -X PUT "$http/v1/agent/service/deregister/web-3"; }
by_minos() { call -X POST "$http/microservices/web" --data '{"address":"10.0.0.4","port":80,"endpoints":[["GET","/"]]}'; }
minos_leaves() { call -X DELETE "$http/microservices/web"; }
by_catalog() {
    call -X PUT "$http/v1/catalog/register" \
        --data '{"Node":"db","Address":"10.0.0.5","Service":{"Service":"web","ID":"web-5","Port":80}}'
}
catalog_leaves() { call -X PUT "$http/v1/catalog/deregister" --data '{"Node":"db","ServiceID":"web-5"}'; }

line() { sort | paste -sd' '; }
of_native() { get "$1" "/v1/hosts/web?passing" | jq -r '.hosts[].addresses[0]' | line; }
of_lyft() { get "$1" /v1/registration/web | jq -r '.hosts[].ip_address' | line; }
of_consul() {
    get "$1" "/v1/health/service/web?passing" |
        jq -r '.[] | if .Service.Address == "" then .Node.Address else .Service.Address end' | line
}
of_catalog() {
    get "$1" /v1/catalog/service/web | jq -r '.[] | if .ServiceAddress == "" then .Address else .ServiceAddress end' | line
}
of_minos() { get "$1" /endpoints | jq -r '.[] | select(.name == "web" and .status) | .address' | line; }
of_kubernetes() { get "$1" /api/v1/namespaces/default/endpoints/web | jq -r '.subsets[]?.addresses[]?.ip' | line; }
of_envoy() {
    curl -s "${node_urls[$1]}/v3/discovery:endpoints" --data '{"resource_names":["web"]}' |
        jq -r '.resources[]?.endpoints[]?.lb_endpoints[]?.endpoint.address.socket_address.address' | line
}
of_prometheus() { get "$1" "/v1/prometheus/sd?service=web&passing" | jq -r '.[].targets[]' | sed 's/:.*//' | line; }
of_srv() {
    dig @127.0.0.1 -p "${node_ports[$1]}" +tcp +noall +additional web.service.local SRV | awk '{ print $5 }' | line
}

# Every API of every node gives these addresses. $1 what happened, $2 the addresses.
all_find() {
    local number api
    all_show "$1" 3 web.service.local "$2"
    for number in "${!node_pids[@]}"; do
        for api in srv native lyft consul catalog minos kubernetes envoy prometheus; do
            eventually "$1: $api of node $number" 2 "$2" "of_$api" "$number"
        done
    done
    tables_equal "$1" 3
}

# Registers at the first node by each API, and lets each leave at the last.
try_registrars() {
    local registrars=(native lyft consul minos catalog) expected=() number last=${#node_pids[@]}
    for number in "${!registrars[@]}"; do
        use_node 1
        "by_${registrars[$number]}"
        expected+=("10.0.0.$((number + 1))")
        all_show "$1: ${registrars[$number]} registers" 3 web.service.local "${expected[*]}"
    done
    all_find "$1: all are registered" "${expected[*]}"
    use_node "$last"
    for number in "${!registrars[@]}"; do
        "${registrars[$number]}_leaves"
        unset "expected[$number]"
        all_show "$1: ${registrars[$number]} leaves at node $last" 3 web.service.local "${expected[*]:-}"
    done
    all_find "$1: all have left" ""
}

# What is said of a host at one node counts at all.
try_health() {
    use_node 1
    register mood a '{"address":"10.3.0.1","port":80}'
    register mood b '{"address":"10.3.0.2","port":80}'
    all_show "$1: health" 3 mood.service.local "10.3.0.1 10.3.0.2"
    use_node 2
    report mood a critical
    all_show "$1: critical at node 2" 3 mood.service.local 10.3.0.2
    use_node 3
    report mood a passing
    call -X PUT "$http/v1/hosts/mood/b/drain" --data '{"enable":true}'
    all_show "$1: draining at node 3" 3 mood.service.local 10.3.0.1
    deregister mood a && deregister mood b
    all_show "$1: mood is over" 3 mood.service.local ""
    tables_equal "$1: mood is over" 3
}

# Two hosts: one is renewed, at another node than that of its registration, and one is not.
try_leases() {
    local beats
    use_node 1
    register lease kept '{"address":"10.4.0.1","port":80,"ttl":"4s"}'
    register lease left '{"address":"10.4.0.2","port":80,"ttl":"4s"}'
    all_show "$1: leases" 3 lease.service.local "10.4.0.1 10.4.0.2"
    for beats in $(seq 10); do
        call -X POST "${node_urls[$((beats % 2 + 2))]}/v1/hosts/lease/kept/renew"
        sleep 1
    done
    all_show "$1: one lapsed, one was renewed elsewhere" 3 lease.service.local 10.4.0.1
    all_show "$1: none was renewed" 12 lease.service.local ""
    tables_equal "$1: leases are over" 3
    use_node 3
    same "$1: a renewal after the end" 404 "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$http/v1/hosts/lease/kept/renew")"
}

# Two nodes that write one host at once lose nothing: each of many writes is the last for a while.
try_races() {
    local number round
    use_node 1
    register race a '{"address":"10.5.0.1","port":80,"weight":1}'
    all_show "$1: race" 3 race.service.local 10.5.0.1
    for round in $(seq 20); do
        for number in 1 2 3; do
            curl -s -o "$work/race-$number" -w '%{http_code}\n' -X PUT "${node_urls[$number]}/v1/hosts/race/$number-$round" \
                --data "{\"address\":\"10.5.$number.$round\",\"port\":80}" >>"$work/race-statuses" &
            races[number]=$!
            curl -s -o /dev/null -w '%{http_code}\n' -X PUT "${node_urls[$number]}/v1/hosts/race/a/weight" \
                --data "{\"weight\":$((round * 10 + number))}" >>"$work/race-statuses" &
            races[number + 3]=$!
        done
        wait "${races[@]}"
    done
    same "$1: every write was taken" "120" "$(grep -c '^20[01]$' "$work/race-statuses")"
    tables_equal "$1: after the race" 3
    for number in 1 2 3; do
        same "$1: hosts after the race at node $number" 61 "$(get "$number" /v1/hosts/race | jq '.hosts | length')"
    done
    rm -f "$work/race-statuses"
}

# What one node is asked for stands, also where another one thinks that it is so already.
try_no_change() {
    local round lost=0
    use_node 1
    register back a '{"address":"10.7.0.1","port":80}'
    all_show "$1: a host" 3 back.service.local 10.7.0.1
    for round in $(seq 60); do
        curl -s -o /dev/null -X PUT "${node_urls[2]}/v1/hosts/back/a/weight" --data '{"weight":9}'
        curl -s -o /dev/null -X PUT "${node_urls[1]}/v1/hosts/back/a/weight" --data '{"weight":1}'
        [ "$(get 1 /v1/hosts/back | jq '.hosts[0].weight')" = 1 ] || lost=$((lost + 1))
    done
    same "$1: nothing is lost of what was said last" 0 "$lost"
    deregister back a
    lost=0
    for round in $(seq 60); do
        curl -s -o /dev/null -X PUT "${node_urls[1]}/v1/hosts/back/b$round" --data '{"address":"10.7.0.2","port":80,"ttl":"60s"}'
        [ "$(curl -s -o /dev/null -w '%{http_code}' -X POST "${node_urls[2]}/v1/hosts/back/b$round/renew")" = 200 ] || lost=$((lost + 1))
    done
    same "$1: whoever registered at one is known at the other" 0 "$lost"
    for round in $(seq 60); do curl -s -o /dev/null -X DELETE "${node_urls[3]}/v1/hosts/back/b$round"; done
}

# The table is etcd's: a node alone that starts again has it, and so has one that comes later.
try_restart() {
    use_node 1
    register stays a '{"address":"10.6.0.1","port":80,"ttl":"30s"}'
    register stays b '{"address":"10.6.0.2","port":80}'
    all_show "$1: before the end" 3 stays.service.local "10.6.0.1 10.6.0.2"
    kill_node 1
    start_node 1
    same "$1: at once after kill -9" "10.6.0.1 10.6.0.2" "$(addresses_at 1 stays.service.local)"
    tables_equal "$1: after kill -9" 3
    stop_nodes
    start_nodes 3
    all_show "$1: all nodes are new" 1 stays.service.local "10.6.0.1 10.6.0.2"
    tables_equal "$1: all nodes are new" 3
}

# The keys below /services/ of a service.
shown_as() {
    ctl get --prefix --keys-only "/services/$1/" | grep . | paste -sd' '
}

# What is shown to other programs of hosts without a lease, when somebody deletes their rows by hand; and how odd names are.
try_by_hand() {
    use_node 1
    register hand a '{"address":"10.6.1.1","port":80}'
    register hand b '{"address":"10.6.1.2","port":80}'
    ctl put /services/hand/c '{"host":"10.6.1.3","port":80}' >/dev/null
    all_show "$1: before it is deleted by hand" 3 hand.service.local "10.6.1.1 10.6.1.2 10.6.1.3"
    same "$1: all are shown" "/services/hand/a /services/hand/b /services/hand/c" "$(shown_as hand)"
    ctl del /rollcall/v1/rows/hand/native/a >/dev/null
    eventually "$1: what was shown of it is gone, the others are there" 5 "/services/hand/b /services/hand/c" shown_as hand
    all_show "$1: so is the host" 5 hand.service.local "10.6.1.2 10.6.1.3"
    stop_nodes
    ctl del /rollcall/v1/rows/hand/native/b >/dev/null
    start_nodes 3
    eventually "$1: also where nobody saw it go" 5 /services/hand/c shown_as hand
    use_node 2
    call -X PUT "$http/v1/agent/service/register" --data '{"Name":"o d%","ID":"x/y:1 z","Address":"10.6.1.4","Port":80}'
    same "$1: odd names are shown by one rule" "/services/o d%25/x%2Fy:1 z" "$(shown_as 'o d%25')"
    call -X PUT "$http/v1/agent/service/deregister/x%2Fy:1%20z"
    eventually "$1: and taken away" 3 "" shown_as 'o d%25'
    tables_equal "$1" 3
}

[ $# -gt 0 ] || set -- 3.5 3.4
for version in "$@"; do
    find_etcd "$version"
    start_etcd 1
    if [ "$version" = "$1" ]; then
        start_node 1
        try_registrars "$version, one node"
        stop_nodes
    fi
    start_nodes 3
    try_registrars "$version, three nodes"
    try_leases "$version"
    if [ "$version" = "$1" ]; then
        try_health "$version"
        try_races "$version"
        try_no_change "$version"
        try_restart "$version"
        try_by_hand "$version, by hand"
    fi
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
