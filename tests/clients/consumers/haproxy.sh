#!/usr/bin/env bash
# HAProxy whose servers are the SRV records of a service: `server-template` fills its slots, and empties them when
# hosts leave.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need haproxy curl

start_haproxy() {
    free_port
    cat >"$work/haproxy.cfg" <<CONF
global
    stats socket ipv4@127.0.0.1:$port level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
resolvers rollcall
    nameserver udp 127.0.0.1:$dns_port
    accepted_payload_size 8192
    timeout resolve 300ms
    timeout retry 300ms
    hold valid 300ms
    hold obsolete 300ms
    hold nx 300ms
resolvers rollcall-tcp
    nameserver tcp tcp@127.0.0.1:$dns_port
    accepted_payload_size 8192
    timeout resolve 300ms
    timeout retry 300ms
    hold valid 300ms
    hold obsolete 300ms
    hold nx 300ms
backend ports
    server-template web 10 _http._tcp.web.service.local resolvers rollcall resolve-prefer ipv4 init-addr none
backend addresses
    server-template web 10 web.service.local:80 resolvers rollcall resolve-prefer ipv4 init-addr none
backend six
    server-template web 10 _http._tcp.six.service.local resolvers rollcall resolve-prefer ipv6 init-addr none
backend kubernetes
    server-template web 10 _http._tcp.web.default.svc.cluster.local resolvers rollcall init-addr none
backend some
    server-template some 20 _http._tcp.some.service.local resolvers rollcall init-addr none
backend many
    server-template many 70 _http._tcp.many.service.local resolvers rollcall-tcp init-addr none
backend cut
    server-template cut 70 _http._tcp.many.service.local resolvers rollcall init-addr none
CONF
    haproxy -c -f "$work/haproxy.cfg" >"$work/check" 2>&1 || fail "haproxy takes its configuration" "$(cat "$work/check")"
    spawn haproxy haproxy -db -f "$work/haproxy.cfg"
}

# What the administration socket says to a command.
administer() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    echo "$1" >&3
    timeout 2 cat <&3
    exec 3>&-
}

# The address and port of each slot of a backend that is in use (srv_op_state is 2), sorted.
slots() {
    administer "show servers state $1" | awk '$5 != "-" && $6 == 2 { print $5 ":" $19 }' |
        sort | paste -sd' '
}

# The same with the weight of each.
weights() {
    administer "show servers state $1" | awk '$5 != "-" && $6 == 2 { print $5 ":" $8 }' | sort | paste -sd' '
}

how_many() {
    slots "$1" | wc -w
}

# A set that is cut over UDP is used as it comes, so its part must be the same each time: else connections are torn for
# nothing.
cut_sets_stay() {
    local before after=
    for _ in $(seq 1 50); do
        before=$after
        after=$(slots cut)
        [ -n "$after" ] && [ "$before" = "$after" ] && break
        sleep 0.1
    done
    sleep 1.5
    same "haproxy keeps the slots of a set that is cut" "$after" "$(slots cut)"
    if [ -n "$after" ]; then pass; else fail "haproxy uses a set that is cut"; fi
}

start_server ROLLCALL_RECORD_TTL=1s ROLLCALL_NEGATIVE_TTL=1s ROLLCALL_SRV_SUBSET=stable \
    ROLLCALL_SRV_WEIGHT_SCALE=256
register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}]}'
register web web-2 '{"address":"10.0.0.2","weight":10,"ports":[{"name":"http","port":8082}]}'
register web web-3 '{"address":"10.0.0.3","ports":[{"name":"http","port":8083},{"name":"admin","port":9000}]}'
register six six-1 '{"addresses":["fd00::1:1"],"ports":[{"name":"http","port":8084}]}'
register_many some 15 10.3.0
register_many many 60 10.2.0
start_haproxy

three="10.0.0.1:8081 10.0.0.2:8082 10.0.0.3:8083"
eventually "haproxy fills slots by SRV" 10 "$three" slots ports
eventually "haproxy takes weights from SRV" 5 "10.0.0.1:1 10.0.0.2:10 10.0.0.3:1" weights ports
eventually "haproxy fills slots by A" 5 "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80" slots addresses
eventually "haproxy fills slots by SRV and AAAA" 5 "fd00::1:1:8084" slots six
eventually "haproxy fills slots by SRV of cluster.local" 5 "$three" slots kubernetes
eventually "haproxy fills 15 slots" 5 15 how_many some
eventually "haproxy fills 60 slots over TCP" 5 60 how_many many
cut_sets_stay

report web web-2 critical
eventually "haproxy empties the slot of a critical host" 5 "10.0.0.1:8081 10.0.0.3:8083" slots ports
deregister web web-3
eventually "haproxy empties the slot of a host that was deregistered" 5 "10.0.0.1:8081" slots ports
eventually "haproxy empties it by A as well" 5 "10.0.0.1:80" slots addresses
report web web-2 passing
register web web-4 '{"address":"10.0.0.4","ports":[{"name":"http","port":8084}]}'
eventually "haproxy fills them again" 5 "10.0.0.1:8081 10.0.0.2:8082 10.0.0.4:8084" slots ports
for id in web-1 web-2 web-4; do
    deregister web $id
done
eventually "haproxy empties them all" 5 "" slots ports
same "haproxy keeps the slots of others" 15 "$(how_many some)"
conclude
