#!/usr/bin/env bash
# etcd goes away: DNS and reads go on and say so, heartbeats are taken, writes are refused at once; then it is back. Also: it is
# compacted while a node sleeps, it hangs, and it is restarted without its data. Usage: outage.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig kdig

# The codes of extended errors (RFC 8914) in an answer of node $1.
errors_at() {
    kdig @127.0.0.1 -p "${node_ports[$1]}" +edns +retry=0 +timeout=2 "$2" A | sed -nE 's/.*EDE: ([0-9]+).*/\1/p' | paste -sd' '
}

# $1 title; the rest are curl's arguments. Prints the status; Retry-After must be there, and the answer within half a second.
refused() {
    local title=$1 found
    shift
    found=$(curl -s -D "$work/headers" -o "$work/refusal" --max-time 10 -w '%{http_code} %{time_total}' "$@" || true)
    same "$title" 503 "${found% *}"
    if awk -v took="${found#* }" 'BEGIN { exit !(took < 0.5) }'; then pass; else fail "$title: at once" "${found#* } s"; fi
    if grep -qi '^retry-after: *[0-9]' "$work/headers"; then pass; else fail "$title: Retry-After" "$(cat "$work/headers" "$work/refusal")"; fi
}

beat() {
    curl -s -o "$work/beat" -w '%{http_code}' --max-time 5 -X POST "${node_urls[$1]}/v1/hosts/$2/$3/renew"
}

writes_work() {
    curl -s -o /dev/null -w '%{http_code}' --max-time 5 -X PUT "${node_urls[$1]}/v1/hosts/later/node-$1" --data '{"address":"10.8.0.1","port":80}' |
        sed 's/20[01]/yes/'
}

try_outage() {
    local number
    use_node 1
    register web a '{"address":"10.0.0.1","port":80,"ttl":"10s"}'
    register web b '{"address":"10.0.0.2","port":80}'
    all_show "$1" 3 web.service.local "10.0.0.1 10.0.0.2"
    for number in 1 2 3; do
        same "$1: no extended error at node $number" "" "$(errors_at "$number" web.service.local)"
        same "$1: node $number is ready" "200 " "$(degraded_at "$number")"
    done
    kill_member 1
    sleep 3
    for number in 1 2 3; do
        eventually "$1: etcd is away: /readyz of node $number" 10 "200 degraded" degraded_at "$number"
        eventually "$1: etcd is away: EDE 3 at node $number" 5 3 errors_at "$number" web.service.local
        same "$1: etcd is away: DNS of node $number" "10.0.0.1 10.0.0.2" "$(addresses_at "$number" web.service.local)"
        same "$1: etcd is away: a name that is not there" NXDOMAIN \
            "$(dig @127.0.0.1 -p "${node_ports[$number]}" +tcp none.service.local | sed -nE 's/.* status: ([A-Z]+),.*/\1/p')"
        refused "$1: etcd is away: register at node $number" -X PUT "${node_urls[$number]}/v1/hosts/new/a" --data '{"address":"10.0.0.3","port":80}'
        refused "$1: etcd is away: deregister at node $number" -X DELETE "${node_urls[$number]}/v1/hosts/web/b"
        refused "$1: etcd is away: Consul's register at node $number" -X PUT "${node_urls[$number]}/v1/agent/service/register" \
            --data '{"Name":"new","ID":"c","Address":"10.0.0.3","Port":80}'
        refused "$1: etcd is away: Lyft's register at node $number" -X POST "${node_urls[$number]}/v1/registration/new" \
            -d ip=10.0.0.4 -d port=80 -d revision=r -d 'tags={"az":"a","region":"r","instance_id":"i"}'
        same "$1: etcd is away: a heartbeat at node $number" 200 "$(beat "$number" web a)"
        same "$1: etcd is away: a heartbeat of nobody at node $number" 404 "$(beat "$number" web z)"
        same "$1: etcd is away: Consul's list of node $number" 2 "$(get "$number" '/v1/health/service/web?passing' | jq length)"
    done
    # Longer than the lease.
    sleep 12
    all_show "$1: etcd is away for longer than a lease" 0 web.service.local "10.0.0.1 10.0.0.2"
    same "$1: what was refused is not there" "" "$(addresses_at 1 new.service.local)"
    start_member 1
    for number in 1 2 3; do
        eventually "$1: etcd is back: writes at node $number" 10 yes writes_work "$number"
    done
    all_show "$1: etcd is back" 0 web.service.local "10.0.0.1 10.0.0.2"
    for number in 1 2 3; do
        eventually "$1: etcd is back: node $number is ready" 5 "200 " degraded_at "$number"
        eventually "$1: etcd is back: no extended error at node $number" 5 "" errors_at "$number" web.service.local
    done
    tables_equal "$1: etcd is back" 3
    all_show "$1: nobody renews a" 25 web.service.local "10.0.0.2"
    tables_equal "$1: a has lapsed" 3
}

# etcd forgets all that was before now.
compact() {
    ctl compact "$(etcd_revision)" >"$work/compact" 2>&1 || fail "etcd cannot be compacted" "$(cat "$work/compact")"
}

# A node sleeps while hosts come and go, and etcd forgets what happened.
try_compaction() {
    local number
    use_node 2
    register sleep a '{"address":"10.1.0.1","port":80}'
    register sleep b '{"address":"10.1.0.2","port":80}'
    all_show "$1: before the sleep" 3 sleep.service.local "10.1.0.1 10.1.0.2"
    kill -STOP "${node_pids[1]}"
    deregister sleep a
    for number in $(seq 3 20); do
        register sleep "h$number" "{\"address\":\"10.1.0.$number\",\"port\":80}"
    done
    compact
    # So long that etcd has given up what it has for the sleeper.
    sleep 4
    for number in $(seq 3 15); do
        deregister sleep "h$number"
    done
    compact
    kill -CONT "${node_pids[1]}"
    all_show "$1: after the compaction" 5 sleep.service.local "10.1.0.16 10.1.0.17 10.1.0.18 10.1.0.19 10.1.0.2 10.1.0.20"
    tables_equal "$1: after the compaction" 3
}

# The same with etcd restarted, so that the watch has to begin anew at a revision that is no more.
try_compaction_and_restart() {
    use_node 2
    kill_member 1
    start_member 1
    # It may have been back before the node saw that it was away.
    sleep 2
    eventually "$1: restarted" 10 yes writes_work 2
    kill -STOP "${node_pids[1]}"
    register again a '{"address":"10.2.0.1","port":80}'
    deregister sleep b
    compact
    kill_member 1
    start_member 1
    sleep 1
    kill -CONT "${node_pids[1]}"
    all_show "$1: compacted and restarted" 10 again.service.local 10.2.0.1
    tables_equal "$1: compacted and restarted" 5
}

# A connection on which nothing comes any more.
try_hang() {
    kill -STOP "${etcd_pids[1]}"
    eventually "$1: etcd hangs: node 1 sees it" 15 "200 degraded" degraded_at 1
    refused "$1: etcd hangs: register" -X PUT "${node_urls[1]}/v1/hosts/new/a" --data '{"address":"10.0.0.3","port":80}'
    all_show "$1: etcd hangs" 0 again.service.local 10.2.0.1
    kill -CONT "${etcd_pids[1]}"
    eventually "$1: etcd goes on: writes" 10 yes writes_work 1
    tables_equal "$1: etcd goes on" 5
}

# A node that starts while etcd is away waits, and says neither yes nor no.
try_start_without() {
    kill_member 1
    kill_node 3
    env -i HOME="$work" ROLLCALL_ETCD_ENDPOINTS="$endpoints" "$ROLLCALL" serve --store etcd --http "127.0.0.1:${node_urls[3]##*:}" \
        --dns "127.0.0.1:${node_ports[3]}" >"$work/out-3" 2>"$work/node-3.log" </dev/null &
    node_pids[3]=$!
    sleep 2
    if kill -0 "${node_pids[3]}"; then pass; else fail "$1: a start without etcd" "$(tail -n 5 "$work/node-3.log")"; fi
    found=$(dig @127.0.0.1 -p "${node_ports[3]}" +tries=1 +time=1 again.service.local | sed -nE 's/.* status: ([A-Z]+),.*/\1/p')
    case $found in
    SERVFAIL | "") pass ;;
    *) fail "$1: DNS before the table is there" "$found" ;;
    esac
    found=$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "${node_urls[3]}/readyz" || true)
    case $found in
    503 | 000) pass ;;
    *) fail "$1: /readyz before the table is there" "$found" ;;
    esac
    start_member 1
    eventually "$1: a start without etcd, which comes" 15 10.2.0.1 addresses_at 3 again.service.local
    tables_equal "$1: a start without etcd, which comes" 5
}

# What node $1 says to a GET of $2: the status, and Retry-After where there is one.
told_at() {
    curl -s -D "$work/headers" -o "$work/told" --max-time 5 -w '%{http_code}' "${node_urls[$1]}$2" || true
    sed -nE 's/^retry-after: *([0-9]+).*/ again \1/pi' "$work/headers"
}

# Past max_stale nothing is shown, by no API, and the node is not ready; a heartbeat is taken.
try_max_stale() {
    local path
    kill_node 2
    start_node 2 ROLLCALL_MAX_STALE=3s
    use_node 2
    register old a '{"address":"10.3.0.1","port":80,"ttl":"30s"}'
    all_show "$1: before" 3 old.service.local 10.3.0.1
    kill_member 1
    eventually "$1: too old" 12 "503 again 1" told_at 2 /v1/hosts/old
    for path in /v1/hosts /v1/services /v1/registration/old /v1/health/service/old /v1/catalog/services /v1/agent/services /endpoints \
        /api/v1/services /v1/prometheus/sd /v1/digest; do
        same "$1: too old: $path" "503 again 1" "$(told_at 2 "$path")"
    done
    same "$1: too old: /readyz" 503 "$(told_at 2 /readyz)"
    same "$1: too old: why" yes "$(jq -r '.conditions.table | if test("older than max_stale.*etcd") then "yes" else . end' "$work/told")"
    same "$1: too old: DNS" SERVFAIL "$(dig @127.0.0.1 -p "${node_ports[2]}" +tcp old.service.local | sed -nE 's/.* status: ([A-Z]+),.*/\1/p')"
    same "$1: too old: a heartbeat" 200 "$(beat 2 old a)"
    same "$1: a node that may show it for ever" "200" "$(told_at 1 /v1/hosts/old)"
    start_member 1
    eventually "$1: back" 10 200 told_at 2 /v1/hosts/old
    eventually "$1: back: /readyz" 5 200 told_at 2 /readyz
    eventually "$1: back: DNS" 5 10.3.0.1 addresses_at 2 old.service.local
    tables_equal "$1" 5
    kill_node 2
    start_node 2
}

# Of three members one may hang or die, and nobody notices.
try_members() {
    local member
    use_node 1
    register many a '{"address":"10.7.0.1","port":80,"ttl":"5s"}'
    for member in 1 2 3; do
        kill_member "$member"
        eventually "$1: without member $member: writes" 8 yes writes_work 1
        eventually "$1: without member $member: a heartbeat" 3 200 beat 2 many a
        all_show "$1: without member $member" 3 many.service.local 10.7.0.1
        start_member "$member"
        sleep 1
        kill -STOP "${etcd_pids[$member]}"
        eventually "$1: member $member hangs: writes" 10 yes writes_work 2
        eventually "$1: member $member hangs: a heartbeat" 3 200 beat 3 many a
        kill -CONT "${etcd_pids[$member]}"
        sleep 1
        eventually "$1: a heartbeat" 3 200 beat 1 many a
    done
    tables_equal "$1" 5
}

[ $# -gt 0 ] || set -- 3.5
for version in "$@"; do
    find_etcd "$version"
    start_etcd 1
    start_nodes 3
    try_outage "$version"
    try_compaction "$version"
    try_compaction_and_restart "$version"
    try_hang "$version"
    try_start_without "$version"
    try_max_stale "$version: max_stale"
    nodes_are_well
    stop_nodes
    stop_etcd
    start_etcd 3
    start_nodes 3
    try_members "$version, three members"
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
