#!/usr/bin/env bash
# A node is cut off while a host that beats there changes elsewhere, and then seems to be dead to all others. When it is back the
# host is there again, as it was last. Usage: cut.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig python3

# The host beats at node 2 until a command prints something: $1 title, $2 seconds, $3 what, then the command.
beat_until() {
    local start=$SECONDS title=$1 limit=$2 wanted=$3 beat
    shift 3
    while [ "$("$@")" != "$wanted" ]; do
        if [ $((SECONDS - start)) -gt "$limit" ]; then
            fail "$title" "$("$@") instead of $wanted"
            return
        fi
        beat=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -X POST "${node_urls[2]}/v1/hosts/web/a/renew")
        [ "$beat" = 200 ] || fail "$title: a heartbeat" "$beat"
        sleep 0.3
    done
    pass
}

for version in "${@:-3.5}"; do
    find_etcd "$version"
    start_etcd 1
    start_node 1
    start_passer passer.py
    direct=$endpoints
    endpoints=http://127.0.0.1:$passer_port
    start_node 2
    endpoints=$direct
    # One of several, so that nothing is kept past its lease.
    use_node 2
    register web a '{"address":"10.0.0.1","port":80,"ttl":"5s"}'
    for number in 1 2 3 4 5 6 7 8 9; do
        register web "other$number" "{\"address\":\"10.0.1.$number\",\"port\":80}"
    done
    others=$(seq -f 10.0.1.%g -s' ' 9)
    all_show "$version: registered" 3 web.service.local "10.0.0.1 $others"
    kill -KILL "$passer"
    wait "$passer" 2>/dev/null || true
    beat_until "$version: node 2 is cut off" 15 "200 degraded" degraded_at 2
    use_node 1
    register web a '{"address":"10.0.0.2","port":80,"ttl":"5s"}'
    beat_until "$version: it beats at node 2 only" 20 "$others" addresses_at 1 web.service.local
    same "$version: node 2 knows no better" "10.0.0.1 $others" "$(addresses_at 2 web.service.local)"
    start_passer passer.py "$passer_port"
    beat_until "$version: node 2 is back" 10 "200 " degraded_at 2
    all_show "$version: as it was last" 3 web.service.local "10.0.0.2 $others"
    tables_equal "$version" 3
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
