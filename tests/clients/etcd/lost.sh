#!/usr/bin/env bash
# Answers of etcd get lost: each transaction arrives, its answer does not, and so it is asked again. Usage: lost.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig python3

rows() {
    ctl get --prefix --keys-only /rollcall/v1/rows/ | grep -c .
}

for version in "${@:-3.5}"; do
    find_etcd "$version"
    start_etcd 1
    start_passer lost.py
    direct=$endpoints
    endpoints=http://127.0.0.1:$passer_port
    start_node 1
    start_node 2
    endpoints=$direct
    use_node 1
    register web a '{"address":"10.0.0.1","port":80,"ttl":"60s"}'
    register web b '{"address":"10.0.0.2","port":80,"ttl":"60s"}'
    register web c '{"address":"10.0.0.3","port":80}'
    all_show "$version: registered" 3 web.service.local "10.0.0.1 10.0.0.2 10.0.0.3"
    # Another lease for each.
    use_node 2
    register web a '{"address":"10.0.0.1","port":81,"ttl":"90s"}'
    register web b '{"address":"10.0.0.2","port":81,"ttl":"90s"}'
    # A lease that is taken back ends at once, and its row with it.
    sleep 1
    same "$version: rows in etcd" 3 "$(rows)"
    all_show "$version: registered again" 0 web.service.local "10.0.0.1 10.0.0.2 10.0.0.3"
    tables_equal "$version" 3
    # Whether the host was there when it was asked to go, nobody knows.
    found=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -X DELETE "$http/v1/hosts/web/b")
    case $found in
    204 | 404) pass ;;
    *) fail "$version: deregistered" "$found" ;;
    esac
    all_show "$version: one is gone" 3 web.service.local "10.0.0.1 10.0.0.3"
    tables_equal "$version: one is gone" 3
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
