#!/usr/bin/env bash
# Keys in the form of SkyDNS, which CoreDNS reads in etcd and other programs write: rollcall gives the answers that a real CoreDNS
# gives for the same keys, at the same etcd. Usage: skydns.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig

put() {
    ctl put "$@" >"$work/put" 2>&1 || fail "etcdctl put $*" "$(cat "$work/put")"
}

start_coredns() {
    coredns=
    # A part of the test only, so that the rest goes on without.
    if ! (find_coredns_etcd) >"$work/coredns-build" 2>&1; then
        skip "answers are not compared with those of CoreDNS: $(tail -n 3 "$work/coredns-build")"
        return
    fi
    find_coredns_etcd
    free_port && coredns=$port
    cat >"$work/Corefile" <<CONF
service.local:$port {
    bind 127.0.0.1
    errors
    etcd service.local {
        path /skydns
        endpoint $endpoint
    }
}
CONF
    spawn coredns "$program" -conf "$work/Corefile"
    eventually "CoreDNS answers" 10 "10.0.0.1" answer "$coredns" x1.web.service.local A
}

answer() {
    dig @127.0.0.1 -p "$1" +short +tcp +tries=1 +time=2 "$2" "$3" | sort | paste -sd' '
}

# Of each SRV record at port $1 the port, the priority and the address of the target: what the targets are called differs.
targets() {
    local number priority target
    dig @127.0.0.1 -p "$1" +short +tcp +tries=1 +time=2 "$2" SRV | while read -r priority _ number target; do
        echo "$number $priority $(answer "$1" "$target" A)$(answer "$1" "$target" AAAA)"
    done | sort | paste -sd,
}

# $1 title, $2 name, $3 type, $4 the answer of both.
both_say() {
    [ -z "$coredns" ] || same "$1: CoreDNS" "$4" "$(answer "$coredns" "$2" "$3")"
    eventually "$1: rollcall" 3 "$4" answer "${node_ports[1]}" "$2" "$3"
}

try_forms() {
    put /skydns/local/service/web/x1 '{"host":"10.0.0.1","port":8080}'
    eventually "$1: a key is a host" 3 10.0.0.1 addresses_at 1 web.service.local
    start_coredns
    put /skydns/local/service/web/x2 '{"host":"10.0.0.2","port":8081}'
    both_say "$1: two keys" web.service.local A "10.0.0.1 10.0.0.2"
    put /skydns/local/service/web/rack/x3 '{"host":"10.0.0.3","port":8082}'
    both_say "$1: a key further below" web.service.local A "10.0.0.1 10.0.0.2 10.0.0.3"
    put /skydns/local/service/solo '{"host":"10.0.1.1","port":9090}'
    both_say "$1: a key with the name of a service" solo.service.local A "10.0.1.1"
    put /skydns/local/service/six/a '{"host":"fd00::1","port":80}'
    both_say "$1: IPv6" six.service.local AAAA "fd00::1"
    both_say "$1: IPv6 has no A" six.service.local A ""
    put /skydns/local/service/bare/a '{"host":"10.0.2.1"}'
    both_say "$1: no port" bare.service.local A "10.0.2.1"
    # As external-dns writes them.
    put /skydns/local/service/ext/2b4a6c08 '{"host":"10.0.3.1","text":"\"heritage=external-dns\"","ttl":60,"targetstrip":1}'
    both_say "$1: of external-dns" ext.service.local A "10.0.3.1"
    put /skydns/local/service/prio/a '{"host":"10.0.4.1","port":80,"priority":10,"weight":30}'
    put /skydns/local/service/prio/b '{"host":"10.0.4.2","port":81,"priority":20,"weight":70}'
    both_say "$1: priorities" prio.service.local A "10.0.4.1 10.0.4.2"
    same "$1: SRV, priorities" "80 10 10.0.4.1,81 20 10.0.4.2" "$(targets "${node_ports[1]}" prio.service.local)"
    same "$1: SRV by the name of a service" "8080,8081,8082" \
        "$(dig @127.0.0.1 -p "${node_ports[1]}" +short +tcp _web._tcp.service.local SRV | cut -d' ' -f3 | sort | paste -sd,)"
    if [ -n "$coredns" ]; then
        for name in web solo six prio; do
            same "$1: SRV of $name, ports and addresses" \
                "$(targets "$coredns" "$name.service.local" | sed -E 's/(^|,)([0-9]+) [0-9]+/\1\2/g')" \
                "$(targets "${node_ports[1]}" "$name.service.local" | sed -E 's/(^|,)([0-9]+) [0-9]+/\1\2/g')"
        done
        same "$1: SRV of prio, priorities" "$(targets "$coredns" prio.service.local)" "$(targets "${node_ports[1]}" prio.service.local)"
    fi
    same "$1: in Consul's API" "10.0.0.1 10.0.0.2 10.0.0.3" \
        "$(get 1 '/v1/health/service/web?passing' | jq -r '.[].Service.Address' | sort | paste -sd' ')"
}

try_ends() {
    local lease
    put /skydns/local/service/web/x2 '{"host":"10.0.0.9","port":8081}'
    both_say "$1: a key that says something else" web.service.local A "10.0.0.1 10.0.0.3 10.0.0.9"
    ctl del /skydns/local/service/web/rack/x3 >/dev/null
    both_say "$1: a key that is deleted" web.service.local A "10.0.0.1 10.0.0.9"
    lease=$(ctl lease grant 3 | sed -E 's/^lease ([0-9a-f]+) .*/\1/')
    put --lease="$lease" /skydns/local/service/short/a '{"host":"10.0.5.1","port":80}'
    both_say "$1: a key with a lease" short.service.local A "10.0.5.1"
    eventually "$1: the lease has ended" 10 "" addresses_at 1 short.service.local
    ctl del --prefix /skydns/ >/dev/null
    for name in web solo six bare ext prio; do
        both_say "$1: $name is deleted" $name.service.local A ""
    done
}

[ $# -gt 0 ] || set -- 3.5
for version in "$@"; do
    find_etcd "$version"
    start_etcd 1
    start_nodes 2
    try_forms "$version"
    try_ends "$version"
    tables_equal "$version" 3
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
